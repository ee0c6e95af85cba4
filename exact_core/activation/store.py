"""What the kernel keeps in the database: switches of plugins per image set, and faults."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from exact_core.api.errors import Unavailable
from exact_core.kernel.activation import ActivationRow
from exact_core.kernel.faults import Fault
from exact_core.storage.database import Database
from exact_core.storage.epochs import EpochName, read_epochs
from exact_core.storage.models import ImageSet, ImageSetPlugin, PluginFault

EPOCH: EpochName = "activation"
KEPT_PER_PLUGIN = 300
"""Faults kept in the database for each plugin."""


class DatabaseActivationStore:
    """The switches as rows of ``image_set_plugin``, under the epoch ``activation``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def epoch(self) -> int:
        """The number that every change of a switch raises."""
        with self._database.read() as session:
            return read_epochs(session).get(EPOCH, 0)

    def rows(self, image_set_id: int) -> tuple[int, Sequence[ActivationRow]]:
        """The switches of an image set, and the epoch that they belong to."""
        with self._database.read() as session:
            return read_epochs(session).get(EPOCH, 0), activation_rows(session, image_set_id)


class DatabaseFaultStore:
    """The newest faults of each plugin as rows of ``plugin_fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, faults: Sequence[Fault]) -> None:
        """Keep faults, and forget the oldest of the plugins concerned beyond a few hundred."""
        try:
            with self._database.write() as session:
                wanted = {fault.image_set_id for fault in faults if fault.image_set_id is not None}
                known = set(session.scalars(select(ImageSet.id).where(ImageSet.id.in_(wanted)))) if wanted else set()
                session.add_all(_row(fault, known) for fault in faults)
                session.flush()
                for plugin in {fault.plugin for fault in faults}:
                    _trim(session, plugin)
        except SQLAlchemyError as error:
            raise Unavailable(f"The fault log cannot be written: {error}") from error


def activation_rows(session: Session, image_set_id: int) -> list[ActivationRow]:
    """The stored switches of an image set, by name."""
    statement = (
        select(ImageSetPlugin).where(ImageSetPlugin.image_set_id == image_set_id).order_by(ImageSetPlugin.plugin)
    )
    return [
        ActivationRow(row.plugin, row.enabled, row.required, row.settings, row.settings_version)
        for row in session.scalars(statement)
    ]


def recent_faults(session: Session, plugin: str | None = None, limit: int = 100) -> list[PluginFault]:
    """Stored faults, newest first."""
    statement = select(PluginFault).order_by(PluginFault.id.desc()).limit(limit)
    if plugin is not None:
        statement = statement.where(PluginFault.plugin == plugin)
    return list(session.scalars(statement))


def fault_counts(session: Session) -> dict[str, int]:
    """How many faults are kept of each plugin."""
    statement = select(PluginFault.plugin, func.count()).group_by(PluginFault.plugin)
    return dict(session.execute(statement).all())


def set_counts(session: Session) -> dict[str, int]:
    """In how many image sets each plugin was switched on; those in the bin do not count."""
    statement = (
        select(ImageSetPlugin.plugin, func.count())
        .join(ImageSet, ImageSet.id == ImageSetPlugin.image_set_id)
        .where(ImageSetPlugin.enabled, ImageSet.deleted_at.is_(None))
        .group_by(ImageSetPlugin.plugin)
    )
    return dict(session.execute(statement).all())


def _row(fault: Fault, known_sets: set[int]) -> PluginFault:
    return PluginFault(
        plugin=fault.plugin[:64],
        place=fault.place[:200],
        image_set_id=fault.image_set_id if fault.image_set_id in known_sets else None,
        message=fault.message.replace("\0", ""),  # PostgreSQL refuses text with NUL
        traceback=fault.traceback.replace("\0", ""),
        at=fault.at,
    )


def _trim(session: Session, plugin: str) -> None:
    of_plugin = PluginFault.plugin == plugin
    oldest_kept = session.scalar(
        select(PluginFault.id).where(of_plugin).order_by(PluginFault.id.desc()).offset(KEPT_PER_PLUGIN - 1).limit(1)
    )
    if oldest_kept is not None:
        session.execute(delete(PluginFault).where(of_plugin, PluginFault.id < oldest_kept))
