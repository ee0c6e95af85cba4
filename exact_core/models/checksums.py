"""Checksums of the files of a model: how they are written, and what they say of the whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from exact_core.api.errors import Invalid

_BLOCK = 4 * 1024 * 1024
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\r\n]+)")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        name: Its name in the folder, with ``/``.
        size: In bytes.
        sha256: Of its content, hexadecimal.
    """

    name: str
    size: int
    sha256: str


def checksum_list(files: Sequence[ModelFile]) -> bytes:
    """The canonical ``SHA256SUMS``: lines ``<sha256>  <name>``, sorted by name; ``sha256sum -c`` reads it."""
    return "".join(f"{each.sha256}  {each.name}\n" for each in sorted(files, key=lambda each: each.name)).encode()


def file_of(path: Path, name: str) -> ModelFile:
    """Size and checksum of a file, read in blocks."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        for block in blocks_of(file):
            digest.update(block)
            size += len(block)
    return ModelFile(name, size, digest.hexdigest())


def blocks_of(file: IO[bytes], size: int = _BLOCK) -> Iterator[bytes]:
    """The content of a file, block after block."""
    while block := file.read(size):
        yield block


def told_checksums(path: Path, name: str) -> dict[str, str]:
    """What a ``SHA256SUMS`` says, by file.

    Raises:
        Invalid: A line is none of ``sha256sum``, or a file is named twice.
    """
    told: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in told:
            why = "is not '<sha256>  <name>'" if match is None else f"names {match[2][:100]} again"
            raise Invalid(f"{name}, line {number}: it {why}; sha256sum writes such files.")
        told[match[2]] = match[1]
    return told


def read_text(path: Path) -> str:
    """A file in UTF-8.

    Raises:
        Invalid: It is not.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path.name} is not UTF-8 text, at byte {error.start}; save it as UTF-8.") from None
