"""Files of annotations as they arrive, and files that nobody needs any more."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from exact_core.api.errors import ExactError, TooLarge
from exact_core.exchange import exports, imports
from exact_core.storage.models import AnnotationExport, AnnotationImport, now

if TYPE_CHECKING:
    from exact_core.services import Services

_SECONDS_WITHOUT_BYTES = 60.0
_LOOK_AT_DISK = 64 * 1024 * 1024


class DiskFull(ExactError):
    """The server has no room for a file."""

    status = 507
    code = "storage-full"


class TooSlow(ExactError):
    """No byte came for a while."""

    status = 408
    code = "upload-timeout"


async def receive(services: Services, relative: str, parts: AsyncIterator[bytes], most: int) -> int:
    """Write arriving bytes to a file below the data folder; its size. Half a file is removed."""
    place = services.blobs.path(relative)
    place.parent.mkdir(parents=True, exist_ok=True)
    size, looked = 0, -_LOOK_AT_DISK
    try:
        with place.open("xb") as file:
            while True:
                async with asyncio.timeout(_SECONDS_WITHOUT_BYTES):
                    part = await anext(aiter(parts), None)
                if part is None:
                    break
                size += len(part)
                if size > most:
                    raise TooLarge(f"The file is larger than {most:,} bytes, the most that this server takes.")
                if size - looked >= _LOOK_AT_DISK:
                    looked = size
                    _require_room(services)
                file.write(part)
    except BaseException as error:
        shutil.rmtree(place.parent, ignore_errors=True)
        if isinstance(error, TimeoutError):
            raise TooSlow(f"No byte came for {_SECONDS_WITHOUT_BYTES:g} seconds; send the file again.") from None
        raise
    return size


def remove_stale(services: Services) -> int:
    """Remove files of imports that nobody finished and of exports that nobody fetched for days; how many."""
    limit = now() - timedelta(days=services.settings.upload_days)
    folders: list[str] = []
    with services.database.write() as session:
        old = (AnnotationImport.created_at < limit, AnnotationImport.state.in_(("ready", "failed")))
        for waiting in session.scalars(select(AnnotationImport).where(*old)):
            folders.append(waiting.folder)
            session.delete(waiting)
        for written in session.scalars(select(AnnotationExport).where(AnnotationExport.created_at < limit)):
            session.delete(written)
    with services.database.read() as session:
        known = set(session.scalars(select(AnnotationImport.folder))) | set(
            session.scalars(select(AnnotationExport.path))
        )
    count = 0
    for place in (imports.FOLDER, exports.FOLDER):
        for path in services.blobs.folder(place).iterdir():
            relative = f"{place}/{path.name}"
            if relative in folders or (relative not in known and path.stat().st_mtime < limit.timestamp()):
                services.blobs.remove(relative)
                count += 1
    return count


def _require_room(services: Services) -> None:
    left = services.settings.free_space_mib * 1024 * 1024
    if services.blobs.free_bytes() < left:
        raise DiskFull("The server's disk is full; an administrator can make room.")
