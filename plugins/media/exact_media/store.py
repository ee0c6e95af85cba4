"""Files of the plugin, by the hash of their content: written whole or not at all, removed when nothing needs them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio import to_thread
from starlette.requests import ClientDisconnect

from exact_core.api import Invalid, TooLarge, Unavailable
from exact_media.kinds import HEAD_BYTES, TAKEN, MediaType, sniff
from exact_media.probing import outline_of
from exact_media.settings import MEGABYTE

_AT_ONCE = 1024 * 1024
_ROOM_BYTES = 512 * 1024 * 1024
_FORGOTTEN_SECONDS = 24 * 3600


class Incoming:
    """A file on its way in: its type is decided by the first bytes, and it ends at the limit."""

    def __init__(self, path: Path, most: int) -> None:
        self.path = path
        self.size = 0
        self.type: MediaType | None = None
        self._most = most
        self._digest = hashlib.sha256()
        self._head = b""
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        """Add bytes; raises ``TooLarge`` or ``Invalid`` as soon as it is clear that the file cannot be kept."""
        self.size += len(data)
        if self.size > self._most:
            raise too_large(self._most)
        if self.type is None:
            self._head += data[: HEAD_BYTES - len(self._head)]
            if len(self._head) >= HEAD_BYTES:
                self._decide()
        self._digest.update(data)
        self._file.write(data)

    def finish(self) -> MediaType:
        """Bring everything to the disk; the type that the first bytes say."""
        if not self.size:
            raise Invalid("The file is empty.")
        if self.type is None:
            self._decide()
        assert self.type is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self.type

    @property
    def sha256(self) -> str:
        """Hash of what was written."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """End without keeping anything."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _decide(self) -> None:
        self.type, self._head = sniff(self._head), b""
        if self.type is None:
            raise Invalid(f"This is not a file that can be attached. Those are taken: {TAKEN}.")


class MediaStore:
    """The plugin's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, sha256: str) -> Path:
        """Where a content lies."""
        return self._folder / "files" / sha256[:2] / sha256

    @contextmanager
    def incoming(self, most: int) -> Iterator[Incoming]:
        """A file on its way in, which is gone after the block unless it was kept."""
        handle, name = tempfile.mkstemp(dir=self._temporary())
        os.close(handle)
        incoming = Incoming(Path(name), most)
        try:
            yield incoming
        finally:
            incoming.close()

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """A folder on the same disk, for work in progress, removed afterwards."""
        path = Path(tempfile.mkdtemp(dir=self._temporary()))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def keep(self, path: Path, sha256: str) -> None:
        """Put a finished file in its place; call it in the transaction that holds the row of this content."""
        target = self.path_of(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def remove(self, sha256: str) -> None:
        """Delete a content; absent is fine. Call it in the transaction that deletes its row."""
        self._outline(sha256).unlink(missing_ok=True)
        self.path_of(sha256).unlink(missing_ok=True)

    def outline(self, sha256: str) -> list[float]:
        """How loud a kept sound is along its length, looked at once."""
        kept = self._outline(sha256)
        if kept.exists():
            found: list[float] = json.loads(kept.read_bytes())
            return found
        found = outline_of(self.path_of(sha256))
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._temporary() / f"{sha256}-{secrets.token_hex(4)}"
        fresh.write_text(json.dumps(found))
        fresh.replace(kept)
        return found

    def require_room(self, size: int) -> None:
        """Refuse what would fill the disk."""
        if shutil.disk_usage(self._temporary()).free < size + _ROOM_BYTES:
            raise Unavailable("The server's disk is nearly full; an administrator must make room.")

    def tidy(self) -> None:
        """Remove what uploads and jobs of processes that were killed left behind."""
        folder = self._folder / "temporary"
        for path in folder.iterdir() if folder.exists() else ():
            if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _outline(self, sha256: str) -> Path:
        return self._folder / "outlines" / sha256[:2] / f"{sha256}.json"

    def _temporary(self) -> Path:
        path = self._folder / "temporary"
        path.mkdir(parents=True, exist_ok=True)
        return path


async def receive(incoming: Incoming, parts: AsyncIterator[bytes]) -> MediaType:
    """Write what arrives to the disk, without holding up other requests; the type of the whole."""
    waiting = bytearray()
    try:
        async for part in parts:
            waiting += part
            if len(waiting) >= _AT_ONCE:
                await to_thread.run_sync(incoming.write, bytes(waiting))
                waiting.clear()
    except ClientDisconnect:  # cancelled, or the connection broke: nobody's fault, and nobody reads the answer
        raise Invalid("The upload was broken off; nothing was attached.") from None
    if waiting:
        await to_thread.run_sync(incoming.write, bytes(waiting))
    return await to_thread.run_sync(incoming.finish)


def too_large(most: int) -> TooLarge:
    """The refusal of a file over the limit of its image set."""
    return TooLarge(
        f"The file is larger than {most // MEGABYTE:,} megabytes, the most that this image set takes; who manages it "
        "can change that in the settings of the plugin."
    )
