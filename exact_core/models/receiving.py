"""Models as they arrive: streamed to disk, looked at beside the event loop, and removed when anything is wrong."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool

from exact_core.api.context import Actor
from exact_core.api.errors import Invalid
from exact_core.exchange.archives import is_archive
from exact_core.exchange.receiving import DiskFull, receive
from exact_core.models import places
from exact_core.models.archives import unpack
from exact_core.models.disguises import refuse_foreign
from exact_core.models.files import NAMES, ModelFolder, check_folder
from exact_core.models.keeping import Kept, NewModel, keep

if TYPE_CHECKING:
    from exact_core.services import Services

_ROOM_FOR_HEADERS = 1024 * 1024
_MAGIC_BYTES = 16
_ARCHIVE = "model.zip"


async def receive_model(
    services: Services, actor: Actor, new: NewModel, file_name: str, parts: AsyncIterator[bytes]
) -> Kept:
    """Take an archive that arrives in parts; nothing stays of one that is refused or breaks off.

    Args:
        services: The parts of the instance.
        actor: Who sends it; their right was checked.
        new: What is told of it.
        file_name: As the sender calls it; may be empty.
        parts: Its bytes.
    """
    folder = places.new_incoming()
    most = places.limits_of(services.settings).total + _ROOM_FOR_HEADERS
    await receive(services, f"{folder}/{_ARCHIVE}", _looked_at(file_name, parts), most)
    return await run_in_threadpool(_keep_archive, services, actor, new, folder)


def keep_archive(services: Services, actor: Actor, new: NewModel, archive: Path) -> Kept:
    """Take an archive of this machine, which stays where it is."""
    with archive.open("rb") as file:
        head = file.read(_MAGIC_BYTES)
    _refuse_other(archive.name, head)
    folder = places.new_incoming()
    with _incoming(services, folder) as place:
        unpack(archive, _fresh(place / "files"), places.limits_of(services.settings))
        return keep(services, actor, _checked(services, place / "files"), new)


def keep_folder(services: Services, actor: Actor, new: NewModel, folder: Path, *, from_job: bool = False) -> Kept:
    """Take a folder of this machine, which stays where it is; it is checked before and after it was copied."""
    limits = places.limits_of(services.settings)
    check_folder(folder, limits)
    with _incoming(services, places.new_incoming()) as place:
        target = _fresh(place / "files")
        for name in NAMES:
            if (folder / name).is_file():
                (target / name).parent.mkdir(exist_ok=True)
                _copy(folder / name, target / name)
        return keep(services, actor, _checked(services, target), new, from_job=from_job)


def _keep_archive(services: Services, actor: Actor, new: NewModel, relative: str) -> Kept:
    with _incoming(services, relative) as place:
        files = _fresh(place / "files")
        unpack(place / _ARCHIVE, files, places.limits_of(services.settings))
        (place / _ARCHIVE).unlink()
        return keep(services, actor, _checked(services, files), new)


@contextmanager
def _incoming(services: Services, relative: str) -> Iterator[Path]:
    """A folder for work in progress, removed afterwards."""
    place = services.blobs.folder(relative)
    try:
        yield place
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("The server's disk is full; an administrator can make room.") from None
        raise
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _checked(services: Services, folder: Path) -> ModelFolder:
    return check_folder(folder, places.limits_of(services.settings))


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target, follow_symlinks=False)
    with target.open("rb") as file:
        os.fsync(file.fileno())


async def _looked_at(file_name: str, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes; what is no archive is refused at its first ones, not after two gigabytes."""
    head = b""
    is_known = False
    async for part in parts:
        head += part
        if not is_known and len(head) < _MAGIC_BYTES:
            continue
        if not is_known:
            _refuse_other(file_name, head)
            is_known = True
        yield head
        head = b""
    if not is_known:
        _refuse_other(file_name, head)
        yield head


def _refuse_other(file_name: str, head: bytes) -> None:
    refuse_foreign(file_name, head[:_MAGIC_BYTES])
    if not is_archive(head):
        raise Invalid(
            f"{file_name[:100] or 'The file'} is not a ZIP archive. A model travels as an archive of its folder, which"
            " 'exact models export' and exact_sdk.ml.store write."
        )
