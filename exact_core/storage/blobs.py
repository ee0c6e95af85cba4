"""Files of the instance: everything below the data folder, and nothing outside of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from exact_core.api.errors import Invalid

_CHUNK = 1024 * 1024


class Blobs:
    """Turns paths kept in the database into files, and writes files so that half of one is never seen."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()

    def path(self, relative: str) -> Path:
        """The file of a path relative to the data folder; refuses what would leave the folder."""
        parts = PurePosixPath(relative).parts
        if not parts or relative.startswith("/") or "\\" in relative or "\0" in relative or ".." in parts:
            raise Invalid(f"{relative!r} is not a path inside the data folder.")
        path = self.root.joinpath(*parts)
        if not path.resolve().is_relative_to(self.root):
            raise Invalid(f"{relative!r} leads out of the data folder.")
        return path

    def resolve(self, stored: str) -> Path:
        """The file that a row names: relative to the data folder, or absolute when it is used in place."""
        return Path(stored) if Path(stored).is_absolute() else self.path(stored)

    def relative(self, path: Path) -> str:
        """The form of a path below the data folder that the database keeps."""
        try:
            return path.resolve().relative_to(self.root).as_posix()
        except ValueError:
            raise Invalid(f"{path} is not inside the data folder {self.root}.") from None

    def folder(self, relative: str) -> Path:
        """A folder below the data folder, made when it is missing."""
        path = self.path(relative)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, relative: str, content: bytes | BinaryIO) -> Path:
        """Write a whole file or nothing: readers see the old content until the new one is complete on disk."""
        target = self.path(relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.replacing(target) as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                shutil.copyfileobj(content, file, _CHUNK)
        return target

    @contextmanager
    def replacing(self, target: Path) -> Iterator[BinaryIO]:
        """A file that takes the place of ``target`` when the block succeeds and vanishes when it raises."""
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def temporary_folder(self, purpose: str) -> Iterator[Path]:
        """A folder on the same file system, for work in progress, removed afterwards."""
        path = Path(tempfile.mkdtemp(dir=self.folder("temporary"), prefix=f"{purpose}-"))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def remove(self, relative: str) -> None:
        """Delete a file or folder below the data folder; absent is fine."""
        path = self.path(relative)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Room left on the disk of the data folder."""
        return shutil.disk_usage(self.root).free
