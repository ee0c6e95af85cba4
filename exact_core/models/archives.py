"""Model folders as ZIP archives: unpacked within limits and only to known names, packed to the same bytes."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO, BinaryIO

from exact_core.api.errors import Invalid, TooLarge
from exact_core.models.checksums import blocks_of
from exact_core.models.disguises import CONVERT
from exact_core.models.files import NAMES, Limits, check_names

MEDIA_TYPE = "application/zip"

_BLOCK = 256 * 1024
_MOST_READ = 1024 * 1024
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_FOLDER_OF_NETWORK = "onnx/"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that an archive can hold
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


class _InSmallReads(BufferedReader):
    """Refuses one large read: zipfile takes the whole list of an archive at once, which may be as long as the file."""

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size if size is not None and 0 <= size <= _MOST_READ else _MOST_READ + 1)
        if len(content) > _MOST_READ:
            raise Invalid("The archive lists far more files than a model has; pack only the model's own files.")
        return content


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> None:
    """Unpack a model into an empty folder; afterwards :func:`exact_core.models.files.check_folder` looks at it.

    Args:
        archive: The ZIP file.
        folder: An empty folder, which gets the files; its content means nothing when this raises.
        limits: Most bytes.

    Raises:
        Invalid: It is no archive, is damaged or encrypted, or holds links, other names or a name twice.
        TooLarge: It unpacks to more than the limits, whether or not it says so.
    """
    limits = limits or Limits()
    try:
        with _InSmallReads(FileIO(archive)) as stream, zipfile.ZipFile(stream) as opened:
            members = _checked_members(opened, limits)
            left = limits.total
            for member in members:
                target = folder / member.filename
                target.parent.mkdir(exist_ok=True)
                with opened.open(member) as packed, target.open("xb") as file:
                    left -= _copy(packed, file, member.filename, min(left, limits.of(member.filename)))
    except _READ_ERRORS as error:
        raise Invalid(f"The archive cannot be read: {str(error)[:200]}. Pack the model again.") from None


def pack(folder: Path, target: BinaryIO) -> None:
    """Write a checked folder as an archive: the same files give the same bytes, on every machine.

    Nothing is compressed, since weights hardly shrink and every release of zlib makes other bytes.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in NAMES:
            path = folder / name
            if not path.is_file():
                continue
            facts = zipfile.ZipInfo(name, _EPOCH)
            facts.external_attr = (stat.S_IFREG | 0o644) << 16
            facts.create_system = 3  # Unix: the same wherever it is packed
            facts.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(facts, "w") as file:
                for block in blocks_of(source):
                    file.write(block)


def _checked_members(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    members = [each for each in archive.infolist() if each.filename != _FOLDER_OF_NETWORK]
    for each in members:
        _check_member(each)
    if any(each.filename.rpartition("/")[2] == "data.pkl" for each in members):
        raise Invalid(f"The archive holds data.pkl: weights as torch.save writes them, a Python pickle. {CONVERT}")
    check_names([each.filename for each in members])
    for each in members:
        if each.file_size > limits.of(each.filename):
            raise TooLarge(
                f"{each.filename} has {each.file_size:,} bytes; at most {limits.of(each.filename):,} are taken."
            )
    if sum(each.file_size for each in members) > limits.total:
        raise TooLarge(f"The archive unpacks to more than {limits.total:,} bytes, the most that is taken of a model.")
    return members


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    shown = repr(name[:100])
    if "\\" in name or "\0" in name or name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
        raise Invalid(f"The archive has a file {shown}, which would lie outside of the model. Pack the model again.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or name.endswith("/"):
        raise Invalid(
            f"{shown} in the archive is a link, a folder or a device; a model has plain files only."
            " Pack the files of the folder, not the folder."
        )
    if member.flag_bits & _ENCRYPTED:
        raise Invalid(f"{shown} in the archive is encrypted; pack the model without a password.")
    if member.compress_type not in _PACKINGS:
        raise Invalid(f"{shown} in the archive is packed in a rare way; use plain ZIP ('stored' or 'deflated').")


def _copy(packed: IO[bytes], file: BinaryIO, name: str, most: int) -> int:
    size = 0
    for block in blocks_of(packed, _BLOCK):
        size += len(block)
        if size > most:
            raise TooLarge(f"{name} unpacks to more than {most:,} bytes, the most that is taken.")
        file.write(block)
    file.flush()
    os.fsync(file.fileno())
    return size
