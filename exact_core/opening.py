"""Opens the parts of an instance. Nothing of the web framework is imported: commands and workers do without it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from exact_core.activation.starting import make_kernel
from exact_core.annotations.reader import ScopedReader
from exact_core.auth.snapshot import AccessSnapshot
from exact_core.jobs.queue import JobQueue
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.blobs import Blobs
from exact_core.storage.database import Database
from exact_core.tiles.decode_pool import DecodePool
from exact_core.tiles.thumbnails import Thumbnails

if TYPE_CHECKING:
    from exact_core.api.annotations import AnnotationReader
    from exact_core.api.context import Actor
    from exact_core.kernel.discovery import Candidate


def open_services(settings: Settings, candidates: Iterable[Candidate] | None = None) -> Services:
    """Open the parts of an instance: for the web server, workers and commands alike.

    Nothing is started: no thread, no process. The application's lifespan does that for those who serve.
    """
    database = Database(settings.effective_database_url)
    jobs = JobQueue(settings.data_dir, settings.job_engine)
    kernel = make_kernel(settings, database, jobs, candidates)
    blobs, decoder = Blobs(settings.data_dir), DecodePool.from_settings(settings)
    return Services(
        settings=settings,
        database=database,
        blobs=blobs,
        kernel=kernel,
        snapshot=AccessSnapshot(database, settings, kernel),
        decoder=decoder,
        jobs=jobs,
        annotation_reader=_reader,
        thumbnails=Thumbnails(database, blobs, decoder),
    )


def _reader(session: Session, actor: Actor) -> AnnotationReader:
    return ScopedReader(session, actor)


def close_services(services: Services) -> None:
    """Close what ``open_services`` opened."""
    services.decoder.close()
    services.jobs.close()
    services.database.dispose()
