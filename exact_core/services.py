"""What request handlers, commands and jobs may reach: one value, made once by ``opening.open_services``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from exact_core.api.annotations import AnnotationReader
    from exact_core.api.context import Actor
    from exact_core.auth.snapshot import AccessSnapshot
    from exact_core.jobs.queue import JobQueue
    from exact_core.kernel import Kernel
    from exact_core.settings import Settings
    from exact_core.storage.blobs import Blobs
    from exact_core.storage.database import Database
    from exact_core.tiles.decode_pool import DecodePool
    from exact_core.tiles.thumbnails import Thumbnails


@dataclass(slots=True)
class Services:
    """The parts of a running instance."""

    settings: Settings
    database: Database
    blobs: Blobs
    kernel: Kernel
    snapshot: AccessSnapshot
    decoder: DecodePool
    jobs: JobQueue
    annotation_reader: Callable[[Session, Actor], AnnotationReader]  # annotations/reader.py: ScopedReader
    thumbnails: Thumbnails
