"""What the kernel knows about each plugin: its state with a reason, and what it contributed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exact_core.api.contributions import (
        Frontend,
        JobType,
        Permission,
        PluginInfo,
        PluginRouter,
        PluginSchema,
        SearchField,
    )
    from exact_core.api.exchange import Exporter, Importer
    from exact_core.api.models import ModelCard

CORE_PREFIX = "core."
"""Names of built-in parts start with it; no plugin can take such a name."""


class State(StrEnum):
    """How far a plugin got while loading."""

    LOADED = "loaded"
    PENDING_MIGRATION = "pending_migration"
    BLOCKED = "blocked"
    CONFLICT = "conflict"
    INCOMPATIBLE = "incompatible"
    IMPORT_FAILED = "import_failed"
    INVALID = "invalid"

    @property
    def is_running(self) -> bool:
        """Whether the plugin's code takes part in this process."""
        return self in (State.LOADED, State.PENDING_MIGRATION)

    @property
    def is_healthy(self) -> bool:
        """Whether nothing needs an administrator's attention; blocking one is a decision, not a fault."""
        return self in (State.LOADED, State.BLOCKED)


@dataclass(frozen=True, slots=True)
class Contributions:
    """Everything that one plugin said in its contribution hooks, checked."""

    info: PluginInfo
    routers: tuple[PluginRouter, ...] = ()
    schema: PluginSchema | None = None
    frontend: Frontend | None = None
    permissions: tuple[Permission, ...] = ()
    job_types: tuple[JobType, ...] = ()
    importers: tuple[Importer, ...] = ()
    exporters: tuple[Exporter, ...] = ()
    search_fields: tuple[SearchField, ...] = ()
    models: tuple[ModelCard, ...] = ()


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One candidate and what became of it.

    Attributes:
        name: Name of its entry point.
        distribution: The installed distribution that brings it; empty for built-in parts.
        version: That distribution's version.
        state: How far it got.
        reason: Why it got no further, and what to do; empty when it is loaded.
        place: ``file:line`` of what to mend, when the reason lies in the plugin's source.
        warnings: What is not right, but harmless.
        module: Its module, when it was imported; a built-in part can be an object.
        contributions: What it contributed, when it got that far.
    """

    name: str
    distribution: str
    version: str
    state: State
    reason: str = ""
    warnings: tuple[str, ...] = ()
    module: object = field(default=None, repr=False)
    contributions: Contributions | None = field(default=None, repr=False)
    place: str = ""

    @property
    def is_builtin(self) -> bool:
        """Whether it is a part of the core that registered through the same door."""
        return self.name.startswith(CORE_PREFIX)

    @property
    def title(self) -> str:
        """What people read."""
        return self.contributions.info.title if self.contributions else self.name

    @property
    def static_folder(self) -> Path | None:
        """The ``static`` folder beside its module, whether or not it exists."""
        return static_folder_of(self.module)


def static_folder_of(module: object) -> Path | None:
    """The ``static`` folder beside a plugin's module, whether or not it exists."""
    file = getattr(module, "__file__", None)
    return Path(file).parent / "static" if file else None
