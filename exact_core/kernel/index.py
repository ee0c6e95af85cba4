"""What every plugin contributed, by kind; removing a plugin removes exactly what it brought."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from exact_core.api.contributions import (
        Frontend,
        JobType,
        Permission,
        PluginRouter,
        PluginSchema,
        SearchField,
    )
    from exact_core.api.exchange import Exporter, Importer
    from exact_core.api.models import ModelCard
    from exact_core.kernel.records import Contributions

_T = TypeVar("_T")


class ContributionIndex:
    """Contributions of the plugins that run, in their visible order, each with the plugin that brought it."""

    def __init__(self) -> None:
        self._of: dict[str, Contributions] = {}

    def add(self, plugin: str, contributions: Contributions) -> None:
        """Take in what a plugin contributed."""
        self._of[plugin] = contributions

    def remove(self, plugin: str) -> None:
        """Forget everything that a plugin contributed."""
        self._of.pop(plugin, None)

    def plugins(self) -> tuple[str, ...]:
        """The plugins that contributed, in their visible order."""
        return tuple(self._of)

    def routers(self) -> list[tuple[str, PluginRouter]]:
        """HTTP routes."""
        return self._pairs(lambda each: each.routers)

    def schemas(self) -> list[tuple[str, PluginSchema]]:
        """Tables and migrations."""
        return self._pairs(lambda each: (each.schema,) if each.schema else ())

    def frontends(self) -> list[tuple[str, Frontend]]:
        """Browser modules."""
        return self._pairs(lambda each: (each.frontend,) if each.frontend else ())

    def permissions(self) -> list[tuple[str, Permission]]:
        """Rights of plugins' own."""
        return self._pairs(lambda each: each.permissions)

    def permission(self, name: str) -> Permission | None:
        """The right of that full name, if a running plugin brought it."""
        return next((each for _, each in self.permissions() if each.name == name), None)

    def job_types(self) -> list[tuple[str, JobType]]:
        """Kinds of background work; the full name is ``<plugin>.<name>``."""
        return self._pairs(lambda each: each.job_types)

    def models(self) -> list[tuple[str, ModelCard]]:
        """Kinds of models; the full name is ``<plugin>.<name>``."""
        return self._pairs(lambda each: each.models)

    def importers(self) -> list[tuple[str, Importer]]:
        """Formats of annotation files that are read."""
        return self._pairs(lambda each: each.importers)

    def exporters(self) -> list[tuple[str, Exporter]]:
        """Formats of annotation files that are written."""
        return self._pairs(lambda each: each.exporters)

    def search_fields(self) -> list[tuple[str, SearchField]]:
        """What annotations can be searched for."""
        return self._pairs(lambda each: each.search_fields)

    def _pairs(self, kind: Callable[[Contributions], Iterable[_T]]) -> list[tuple[str, _T]]:
        return [(plugin, value) for plugin, each in self._of.items() for value in kind(each)]
