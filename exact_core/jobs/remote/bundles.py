"""Model folders on their way: lists of files with checksums, and archives that hold nothing but plain files."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from exact_core.api.errors import Invalid, TooLarge

MOST_FILES = 100
MOST_BYTES = 64 * 1024**3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,3}")
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file of a model: its path below the folder, its bytes, and their checksum."""

    name: str
    size: int
    sha256: str

    @classmethod
    def told(cls, value: Mapping[str, object]) -> BundledFile:
        """What the other side says of a file; ``Invalid`` when its name leads elsewhere."""
        name = str(value["name"])
        return cls(checked_name(name), int(str(value["size"])), str(value["sha256"]))


def checked_name(name: str) -> str:
    """The path of a file below its folder; ``Invalid`` when it is no plain one."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name[:100]!r} is not the name of a file of a model.")
    return name


def files_of(folder: Path) -> list[BundledFile]:
    """Every file of a folder, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [BundledFile(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of(path)) for path in paths]


def sha256_of(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(folder: Path, target: BinaryIO) -> None:
    """Write the files of a folder as an archive, not compressed: weights hardly shrink."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files_of(folder):
            archive.write(folder / file.name, checked_name(file.name))


def unpack(archive: Path, folder: Path) -> None:
    """Unpack what :func:`pack` wrote into an empty folder; whoever keeps the files checks what is in them.

    Raises:
        Invalid: It is no such archive: links, names that lead elsewhere, a name twice, packed or encrypted files.
        TooLarge: It holds too many files, or too much.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [each for each in opened.infolist() if not each.is_dir()]
            if len(members) > MOST_FILES or sum(each.file_size for each in members) > MOST_BYTES:
                raise TooLarge(f"A model has at most {MOST_FILES} files and {MOST_BYTES:,} bytes.")
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1:
                    raise Invalid(f"{member.filename[:100]!r} is packed or encrypted; archives of workers are neither.")
                target = folder / checked_name(member.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, FileExistsError) as error:
        raise Invalid(f"The archive of the model cannot be read: {str(error)[:200]}.") from None
