"""``/api/v2/system``: version, database and disk of the instance, for administrators."""

import os
import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from exact_core import __version__
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Forbidden
from exact_core.storage.models import Annotation, Image, ImageSet, Job, User

router = APIRouter(prefix="/api/v2/system", tags=["system"])

_STARTED = datetime.now(UTC)


class DiskOut(BaseModel):
    """The file system that holds the data folder."""

    path: str
    total_bytes: int
    free_bytes: int


class DatabaseOut(BaseModel):
    """The database."""

    engine: str = Field(description="sqlite or postgresql")
    version: str
    size_bytes: int
    revision: str = Field(description="The migration that it is at.")


class SystemOut(BaseModel):
    """One instance."""

    version: str
    python: str
    platform: str
    cpus: int
    started_at: datetime = Field(description="When this web process began.")
    database: DatabaseOut
    disk: DiskOut
    counts: dict[str, int]
    image_bytes: int = Field(description="Size of all images, those used in place included.")


@router.get("", summary="Read the state of the instance")
def read_system(request: Request, actor: CurrentActor, session: DbSession) -> SystemOut:
    """Version, database and disk."""
    if not actor.is_admin or "read" not in actor.scopes:
        raise Forbidden("Only administrators can read the state of the instance.")
    settings = services_of(request).settings
    usage = shutil.disk_usage(_existing(settings.data_dir))
    return SystemOut(
        version=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        started_at=_STARTED,
        database=_database(session),
        disk=DiskOut(path=str(settings.data_dir.resolve()), total_bytes=usage.total, free_bytes=usage.free),
        counts=_counts(session),
        image_bytes=session.scalar(select(func.coalesce(func.sum(Image.size_bytes), 0))) or 0,
    )


def _database(session: Session) -> DatabaseOut:
    engine = session.get_bind().dialect.name
    if engine == "sqlite":
        version = str(session.scalar(text("SELECT sqlite_version()")))
        pages = session.scalar(text("PRAGMA page_count")) or 0
        size = pages * (session.scalar(text("PRAGMA page_size")) or 0)
    else:
        version = str(session.scalar(text("SHOW server_version")))
        size = session.scalar(text("SELECT pg_database_size(current_database())")) or 0
    revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    return DatabaseOut(engine=engine, version=version.split()[0], size_bytes=int(size), revision=str(revision or ""))


def _counts(session: Session) -> dict[str, int]:
    counted = {
        "users": select(func.count()).select_from(User).where(User.is_active),
        "image_sets": select(func.count()).select_from(ImageSet).where(ImageSet.deleted_at.is_(None)),
        "images": select(func.count()).select_from(Image).where(Image.deleted_at.is_(None)),
        "annotations": select(func.count()).select_from(Annotation),
        "open_jobs": select(func.count()).select_from(Job).where(Job.state.in_(["queued", "running"])),
    }
    return {name: session.scalar(query) or 0 for name, query in counted.items()}


def _existing(path: Path) -> Path:
    """The nearest folder above that exists: the data folder may not have been made yet."""
    return next(each for each in (path.resolve(), *path.resolve().parents) if each.exists())
