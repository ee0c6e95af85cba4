"""Making the kernel of an instance: its settings, its database, its built-in parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from exact_core.activation.store import DatabaseActivationStore, DatabaseFaultStore
from exact_core.api.context import PluginContext
from exact_core.kernel.kernel import Kernel
from exact_core.kernel.loader import Choice
from exact_core.storage.database import Database
from exact_core.storage.models import now

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from exact_core.api.contributions import PluginSchema
    from exact_core.jobs.queue import JobQueue
    from exact_core.kernel.discovery import Candidate
    from exact_core.settings import Settings

BUILTINS: Mapping[str, str] = MappingProxyType(
    {
        "core.detectors": "exact_core.detectors.builtin:BuiltinModels",
        "core.openslide": "exact_core.tiles.builtin:OpenSlideMatcher",
        "core.picture": "exact_core.tiles.builtin:PictureMatcher",
    }
)
"""Parts of the core that register through the same door as plugins."""


def make_kernel(
    settings: Settings,
    database: Database,
    jobs: JobQueue | None = None,
    candidates: Iterable[Candidate] | None = None,
) -> Kernel:
    """Load the plugins of an instance; never raises because of one of them.

    Args:
        settings: The instance's settings.
        database: Its database; the core's tables need not exist yet.
        jobs: Where plugins ask for work; None where nothing is served.
        candidates: Use these plugins instead of what is installed.
    """
    kernel = Kernel(
        choice=Choice(settings.plugins, settings.disabled_plugins, settings.safe_mode),
        builtins=BUILTINS,
        candidates=candidates,
        pending=lambda name, schema: pending_migration(database, name, schema),
        activation_store=DatabaseActivationStore(database),
        fault_store=DatabaseFaultStore(database),
        context_for=None if jobs is None else lambda name: _context(name, settings.data_dir, database, jobs, kernel),
    )
    database.on_epoch(kernel.activation.expire)
    return kernel


def pending_migration(database: Database, name: str, schema: PluginSchema) -> str:
    """Why the tables of a plugin cannot be used; empty when they can."""
    from exact_core.storage import migrate  # takes longer to import than all else that starts, and few need it

    if _is_missing(database):
        return "there is no database yet; run: exact db upgrade"
    found = migrate.status(database, [migrate.plugin_schema(name, schema.metadata, schema.migrations)])[-1]
    if found.state == "current":
        return ""
    at = f"its tables are at revision {found.current}" if found.current else "its tables do not exist yet"
    return f"{at}; {found.reason}{', then restart the server' if found.state == 'pending' else ''}"


def _is_missing(database: Database) -> bool:
    from pathlib import Path

    place = make_url(database.url)
    return database.dialect == "sqlite" and not (place.database and Path(place.database).exists())


def _context(name: str, data_dir: Path, database: Database, jobs: JobQueue, kernel: Kernel) -> PluginContext:
    def settings_for(image_set_id: int) -> BaseModel | None:
        return kernel.activation.of(image_set_id).settings.get(name)

    return PluginContext(
        name,
        plugin_files(data_dir, name),
        logging.getLogger(f"exact.plugins.{name}"),
        now,
        settings_for,
        database.read,
        database.write,
        _enqueue_for(name, jobs),
    )


def plugin_files(data_dir: Path, name: str) -> Path:
    """The folder that belongs to a plugin."""
    return data_dir / "plugins" / name


def _enqueue_for(plugin: str, jobs: JobQueue) -> Callable[..., int]:
    def enqueue(
        session: Session,
        job_type: str,
        *,
        owner_id: int | None = None,
        image_set_id: int | None = None,
        image_id: int | None = None,
        params: Mapping[str, object] | None = None,
        once: bool = False,
        priority: int = 0,
        gpu: bool = False,
        seconds: int = 0,
    ) -> int:
        job = jobs.enqueue(
            session,
            f"{plugin}.{job_type}",
            owner=owner_id,
            image_set_id=image_set_id,
            image_id=image_id,
            params=params or {},
            once=once,
            priority=priority,
            gpu=gpu,
            seconds=seconds,
        )
        return job.id

    return enqueue
