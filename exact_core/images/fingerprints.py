"""SHA-256 of files, and of images that are several files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

_CHUNK = 4 * 1024 * 1024


def file_checksum(path: Path, going_on: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file's bytes; ``going_on`` is told how many were read and may raise to stop."""
    digest = hashlib.sha256()
    read = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            read += len(chunk)
            if going_on is not None:
                going_on(read)
    return digest.hexdigest()


def group_checksum(checksums: Iterable[str]) -> str:
    """The checksum of an image of several files, whatever they are called: that of their sorted checksums."""
    ordered = sorted(checksums)
    if len(ordered) == 1:
        return ordered[0]
    return hashlib.sha256("\n".join(ordered).encode()).hexdigest()


def files_checksum(paths: Iterable[Path], going_on: Callable[[int], None] | None = None) -> str:
    """The checksum of an image that consists of these files."""
    return group_checksum(file_checksum(path, going_on) for path in paths)
