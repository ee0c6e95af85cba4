"""Removing what nobody needs: files of models that were deleted long ago, and what broken uploads left."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from exact_core.models import places
from exact_core.storage.models import Model, now

if TYPE_CHECKING:
    from exact_core.services import Services

_UNFINISHED = timedelta(days=1)
"""After this time nobody is still sending a model, or putting one into its place."""

_IDENTITY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def remove_stale(services: Services) -> int:
    """Remove such files; how many folders and archives went."""
    return _purge(services) + _remove_left(services)


def _purge(services: Services) -> int:
    limit = now() - timedelta(days=services.settings.trash_days)
    with services.database.write() as session:
        old = select(Model).where(Model.deleted_at < limit, Model.purged_at.is_(None), Model.sha256 != "")
        gone = [model.uuid for model in session.scalars(old)]
        for model in session.scalars(old):
            model.purged_at = now()
    for uuid in gone:
        services.blobs.remove(places.home_of(uuid))
    return len(gone)


def _remove_left(services: Services) -> int:
    limit = (now() - _UNFINISHED).timestamp()
    with services.database.read() as session:
        kept = set(session.scalars(select(Model.uuid).where(Model.purged_at.is_(None))))
    count = 0
    for folder in (places.INCOMING, places.FOLDER):
        for path in services.blobs.folder(folder).iterdir():
            is_model = folder == places.FOLDER and (path.name in kept or not _IDENTITY.fullmatch(path.name))
            stale = path / places.ARCHIVE if is_model else path
            if stale.exists() and stale.stat().st_mtime < limit:
                services.blobs.remove(services.blobs.relative(stale))
                count += 1
    return count
