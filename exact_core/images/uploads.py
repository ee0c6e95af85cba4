"""Files on their way in: a row per file, its bytes in ``uploads/<key>``, received in pieces that survive a crash.

What counts as received is what the row says: it is raised only after the bytes were forced to the disk, and whatever
lies beyond is cut off before the next piece is written.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, ExactError, Invalid, NotFound, TooLarge
from exact_core.auth.rights import Right, Rights
from exact_core.images.naming import clean_private_name, clean_relative_path
from exact_core.storage.models import Image, Upload, now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.services import Services

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: one web process only, then nobody else can write
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

FOLDER = "uploads"
SYNC_BYTES = 32 * 1024 * 1024
_MOST_OPEN_UPLOADS = 20_000
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_KEPT_HASHES = 256
_MOST_LISTED = 1000


class StorageFull(ExactError):
    """There is no room for the file; what was received so far is kept for when there is."""

    status = 507
    code = "storage-full"


class UploadBusy(ExactError):
    """Another connection is sending to the same upload."""

    status = 423
    code = "upload-busy"


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What a client announces."""

    image_set_id: int
    name: str
    size_bytes: int
    relative_path: str = ""
    group_key: str = ""


@dataclass(frozen=True, slots=True)
class UploadState:
    """How far an upload is."""

    id: int
    key: str
    image_set_id: int
    name: str
    group_key: str
    relative_path: str
    size_bytes: int
    received_bytes: int
    outcome: str
    image_id: int | None
    expires_at: datetime

    @property
    def is_complete(self) -> bool:
        """Whether every byte is there."""
        return self.received_bytes == self.size_bytes


class Uploads:
    """Creates, receives and ends uploads of one instance."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hashes: OrderedDict[str, tuple[int, Any]] = OrderedDict()

    def create(self, actor: Actor, new: NewUpload) -> UploadState:
        """Check that the file may come, and give it a key."""
        settings = self._services.settings
        if new.size_bytes < 0:
            raise Invalid("Upload-Length must not be negative.")
        if new.size_bytes == 0:
            raise Invalid("The file is empty; there is nothing to show.")
        if new.size_bytes > settings.max_upload_bytes:
            raise TooLarge(
                f"The file has {_size(new.size_bytes)}; this server takes at most {_size(settings.max_upload_bytes)}. "
                "Copy it to the server and use 'exact import', or ask the administrator (EXACT_MAX_UPLOAD_BYTES)."
            )
        if len(new.group_key) > 64:
            raise Invalid("The group key has more than 64 characters.")
        relative = clean_relative_path(new.relative_path) if new.relative_path else ""
        if new.group_key and not relative:
            raise Invalid("A file of a group needs its relative_path.")
        with self._services.database.write() as session:
            Rights(session).require(actor, Right.UPLOAD, new.image_set_id)
            self._require_room(session, new)
            self._require_new_path(session, actor, new, relative)
            upload = Upload(
                key=secrets.token_hex(16),
                image_set_id=new.image_set_id,
                user_id=actor.user_id,
                group_key=new.group_key,
                relative_path=relative,
                name=clean_private_name(new.name),
                size_bytes=new.size_bytes,
            )
            session.add(upload)
            session.flush()
            self._services.blobs.folder(FOLDER)
            try:
                self.part_path(upload.key).touch(mode=0o600, exist_ok=False)
            except OSError as error:
                raise _as_full(error) from error
            return self.describe(upload)

    def state(self, actor: Actor, key: str) -> UploadState:
        """How far an upload of this actor is."""
        with self._services.database.read() as session:
            return self.describe(_own(session, actor, key))

    def group(self, actor: Actor, group_key: str) -> list[UploadState]:
        """The actor's uploads of one group, oldest first."""
        with self._services.database.read() as session:
            rows = session.scalars(
                select(Upload).where(Upload.user_id == actor.user_id, Upload.group_key == group_key).order_by(Upload.id)
            )
            return [self.describe(row) for row in rows]

    def remove(self, actor: Actor, key: str) -> None:
        """Give an upload up and delete what came of it."""
        with self._services.database.write() as session:
            upload = _own(session, actor, key)
            if upload.outcome:
                raise Conflict("The upload is finished; delete the image instead.")
            session.delete(upload)
        self.part_path(key).unlink(missing_ok=True)
        self._hashes.pop(key, None)

    @contextmanager
    def receiving(self, actor: Actor, key: str, offset: int) -> Iterator[Piece]:
        """Take the next bytes of an upload; nobody else can meanwhile."""
        state = self.state(actor, key)
        with self._services.database.read() as session:
            Rights(session).require(actor, Right.UPLOAD, state.image_set_id)
        try:
            file = self.part_path(key).open("r+b", buffering=0)
        except FileNotFoundError:
            raise self._gone(state, offset) from None
        with file:
            _lock(file.fileno())
            state = self.state(actor, key)  # another connection may have sent more before we had the lock
            if offset != state.received_bytes:
                raise Conflict(
                    f"The server has {state.received_bytes} bytes of this file; send the rest, not from {offset}."
                )
            try:
                os.ftruncate(file.fileno(), state.received_bytes)
                os.lseek(file.fileno(), state.received_bytes, os.SEEK_SET)
            except OSError as error:
                raise _as_full(error) from error
            piece = Piece(self, state, file.fileno(), self._hash_at(key, state.received_bytes))
            try:
                yield piece
            finally:
                piece.keep()

    @contextmanager
    def locked(self, keys: Sequence[str]) -> Iterator[None]:
        """Keep others from sending to these uploads or finishing them."""
        with ExitStack() as stack:
            for key in keys:
                try:
                    file = stack.enter_context(self.part_path(key).open("r+b"))
                except FileNotFoundError:
                    continue  # somebody finished it; the caller looks at the row again
                _lock(file.fileno())
            yield

    def part_path(self, key: str) -> Path:
        """Where the bytes of an upload lie."""
        return self._services.blobs.path(f"{FOLDER}/{key}")

    def known_checksum(self, state: UploadState) -> str:
        """The SHA-256, when this process saw every byte; else empty."""
        at, digest = self._hashes.get(state.key, (-1, None))
        return str(digest.hexdigest()) if at == state.size_bytes and digest is not None else ""

    def _hash_at(self, key: str, offset: int) -> Any:
        if offset == 0:
            return hashlib.sha256()
        at, digest = self._hashes.get(key, (-1, None))
        return digest.copy() if at == offset and digest is not None else None

    def _keep(self, key: str, received: int, digest: Any) -> None:
        with self._services.database.write() as session:
            session.execute(update(Upload).where(Upload.key == key).values(received_bytes=received, updated_at=now()))
        if digest is not None:
            self._hashes[key] = (received, digest.copy())
            self._hashes.move_to_end(key)
            while len(self._hashes) > _KEPT_HASHES:
                self._hashes.popitem(last=False)

    def _require_room(self, session: Session, new: NewUpload) -> None:
        settings = self._services.settings
        outstanding = session.scalar(
            select(func.coalesce(func.sum(Upload.size_bytes - Upload.received_bytes), 0)).where(Upload.outcome == "")
        )
        try:
            free = self._services.blobs.free_bytes()
        except OSError as error:
            raise StorageFull("The disk of the data folder cannot be reached; tell the administrator.") from error
        free -= int(outstanding or 0) + settings.free_space_mib * 1024 * 1024
        if new.size_bytes > free:
            raise StorageFull(
                f"The server's disk has room for {_size(max(free, 0))} more, and the file has {_size(new.size_bytes)}. "
                "Delete images that are no longer needed, or ask the administrator for more space."
            )
        if settings.image_set_quota_bytes:
            stored = session.scalar(
                select(func.coalesce(func.sum(Image.size_bytes), 0)).where(
                    Image.image_set_id == new.image_set_id, Image.is_external.is_(False)
                )
            )
            coming = session.scalar(
                select(func.coalesce(func.sum(Upload.size_bytes), 0)).where(
                    Upload.image_set_id == new.image_set_id, Upload.outcome == ""
                )
            )
            left = settings.image_set_quota_bytes - int(stored or 0) - int(coming or 0)
            if new.size_bytes > left:
                raise StorageFull(
                    f"The image set may store {_size(settings.image_set_quota_bytes)}, of which {_size(max(left, 0))} "
                    f"are left; the file has {_size(new.size_bytes)}."
                )

    def _require_new_path(self, session: Session, actor: Actor, new: NewUpload, relative: str) -> None:
        open_uploads = Upload.user_id == actor.user_id, Upload.outcome == ""
        count = session.scalar(select(func.count()).select_from(Upload).where(*open_uploads)) or 0
        if count >= _MOST_OPEN_UPLOADS:
            raise TooLarge(f"You have {count} unfinished uploads; finish or cancel some first.")
        if not new.group_key:
            return
        same = session.scalar(
            select(Upload.id).where(
                *open_uploads,
                Upload.group_key == new.group_key,
                func.lower(Upload.relative_path) == func.lower(relative),
            )
        )
        if same is not None:
            raise Conflict(
                "The folder already has a file of this name, perhaps in other capitals; "
                "one of the two would replace the other."
            )

    def _gone(self, state: UploadState, offset: int) -> ExactError:
        if state.outcome or state.is_complete:
            return Conflict(f"The file is complete with {state.size_bytes} bytes; nothing can be added at {offset}.")
        return NotFound("What was received of this upload is no longer there; start it again.")

    def describe(self, upload: Upload) -> UploadState:
        """An upload's row as a value."""
        return UploadState(
            id=upload.id,
            key=upload.key,
            image_set_id=upload.image_set_id,
            name=upload.name,
            group_key=upload.group_key,
            relative_path=upload.relative_path,
            size_bytes=upload.size_bytes,
            received_bytes=upload.received_bytes,
            outcome=upload.outcome,
            image_id=upload.image_id,
            expires_at=upload.updated_at + timedelta(days=self._services.settings.upload_days),
        )


class Piece:
    """The bytes of one request on their way to the disk."""

    def __init__(self, uploads: Uploads, state: UploadState, descriptor: int, digest: Any) -> None:
        self._uploads = uploads
        self._state = state
        self._descriptor = descriptor
        self._digest = digest
        self._kept = self.received = state.received_bytes

    @property
    def is_complete(self) -> bool:
        """Whether the last byte is written."""
        return self.received == self._state.size_bytes

    def write(self, data: bytes) -> None:
        """Append bytes; refuses more than was announced."""
        if self.received + len(data) > self._state.size_bytes:
            raise TooLarge(
                f"More bytes came than the announced {self._state.size_bytes}; nothing of the rest was kept."
            )
        view = memoryview(data)
        try:
            while view:
                written = os.write(self._descriptor, view)
                if self._digest is not None:
                    self._digest.update(view[:written])
                self.received += written
                view = view[written:]
        except OSError as error:
            raise _as_full(error) from error
        if self.received - self._kept >= SYNC_BYTES:
            self.keep()

    def keep(self) -> None:
        """Force what came to the disk, and say so in the row."""
        if self.received == self._kept:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _as_full(error) from error
        self._uploads._keep(self._state.key, self.received, self._digest)
        self._kept = self.received


def unfinished_uploads(
    uploads: Uploads, session: Session, actor: Actor, image_set_id: int | None = None
) -> list[UploadState]:
    """The actor's own uploads that are not images yet, oldest first."""
    query = select(Upload).where(Upload.user_id == actor.user_id, Upload.outcome == "")
    if image_set_id is not None:
        query = query.where(Upload.image_set_id == image_set_id)
    return [uploads.describe(row) for row in session.scalars(query.order_by(Upload.id).limit(_MOST_LISTED))]


def remove_stale_uploads(services: Services) -> int:
    """Remove uploads that nobody continued for days, and parts without a row; returns how many."""
    limit = now() - timedelta(days=services.settings.upload_days)
    with services.database.write() as session:
        stale = session.scalars(select(Upload).where(Upload.updated_at < limit)).all()
        keys = [upload.key for upload in stale]
        halves = [f"images/{upload.image_set_id}/{upload.key}" for upload in stale if not upload.outcome]
        for upload in stale:
            session.delete(upload)
    for half in halves:  # of a finish that was cut off before its rows were written
        services.blobs.remove(half)
    folder = services.blobs.folder(FOLDER)
    with services.database.read() as session:
        known = set(session.scalars(select(Upload.key)))
    count = 0
    for path in folder.iterdir():
        if path.name in known:
            continue
        if path.name in keys or path.stat().st_mtime < limit.timestamp():
            path.unlink(missing_ok=True)
            count += 1
    if count:
        logger.info("Removed %s uploads that nobody finished.", count)
    return count


def _own(session: Session, actor: Actor, key: str) -> Upload:
    upload = session.scalar(select(Upload).where(Upload.key == key, Upload.user_id == actor.user_id))
    if upload is None:
        raise NotFound("There is no such upload of yours; it may have expired. Start it again.")
    return upload


def _lock(descriptor: int) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UploadBusy(
            "Another connection is sending this file; wait until it ends, then ask for the offset."
        ) from None


def _as_full(error: OSError) -> ExactError | OSError:
    if error.errno in _FULL:
        return StorageFull(
            "The server's disk is full. What was received is kept; "
            "sending can go on when the administrator has made room."
        )
    return error


def _size(count: int) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count = count / 1000  # type: ignore[assignment]
    raise AssertionError("the last unit takes every size")
