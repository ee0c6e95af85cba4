"""ZIP archives: written so that the same content gives the same bytes, read so that a bomb does not go off."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from exact_core.api.errors import Invalid, TooLarge

MAGIC = b"PK\x03\x04"
_EMPTY_MAGIC = b"PK\x05\x06"
MOST_MEMBERS = 100_000
_ALWAYS_ALLOWED = 256 * 1024 * 1024
_MOST_TIMES_LARGER = 200  # than the archive: labels of the same few words compress far
_BLOCK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that an archive can hold


def is_archive(head: bytes) -> bool:
    """Whether a file is a ZIP archive."""
    return head.startswith((MAGIC, _EMPTY_MAGIC))


class ArchiveWriter:
    """Writes an archive into a stream that need not seek."""

    def __init__(self, target: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6)

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._zip.close()

    @contextmanager
    def member(self, name: str) -> Iterator[BinaryIO]:
        """A file of the archive; one at a time."""
        facts = zipfile.ZipInfo(name, _EPOCH)
        facts.compress_type = zipfile.ZIP_DEFLATED
        facts.external_attr = 0o644 << 16
        with self._zip.open(facts, "w", force_zip64=True) as file:
            yield cast("BinaryIO", file)


class ArchiveReader:
    """Reads the files of an archive one at a time, within what may be unpacked of it altogether."""

    def __init__(self, stream: BinaryIO) -> None:
        stream.seek(0, 2)
        self._left = max(_ALWAYS_ALLOWED, stream.tell() * _MOST_TIMES_LARGER)
        stream.seek(0)
        try:
            self._zip = zipfile.ZipFile(stream)
            members = self._zip.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise Invalid(f"The archive cannot be read: {error}.") from None
        if len(members) > MOST_MEMBERS:
            raise TooLarge(f"The archive holds {len(members):,} files; at most {MOST_MEMBERS:,} are read.")
        self._members = {member.filename: member for member in members if _is_wanted(member)}

    @property
    def names(self) -> list[str]:
        """The files, in the archive's order, without folders and what operating systems add."""
        return list(self._members)

    def read(self, name: str, most: int = 16 * 1024 * 1024) -> bytes:
        """The content of a small file."""
        with self.opened(name) as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise TooLarge(f"{name} is larger than {most // 1_000_000} MB.")
        return content

    @contextmanager
    def opened(self, name: str, folder: Path | None = None) -> Iterator[BinaryIO]:
        """One file of the archive, unpacked to disk, so that it can seek."""
        with TemporaryFile(dir=folder) as file:
            try:
                with self._zip.open(self._members[name]) as packed:
                    while block := packed.read(_BLOCK):
                        self._left -= len(block)
                        if self._left < 0:
                            raise TooLarge("The archive unpacks to far more than its size; it was not read to its end.")
                        file.write(block)
            except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
                raise Invalid(f"{name} in the archive cannot be read: {error}.") from None
            file.seek(0)
            yield cast("BinaryIO", file)


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    return not member.is_dir() and bool(parts) and parts[0] != "__MACOSX" and not parts[-1].startswith(".")


def copied(source: BinaryIO, target: Path) -> None:
    """Keep a stream as a file."""
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
