"""The typed facade of hooks: one short method per hook, for completion, type checks and scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from exact_core.api.contributions import Artefact, Overlay, SourceMatch, Statistic
from exact_core.kernel.dispatch import Dispatcher, Personal

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from exact_core.api.annotations import AnnotationReader, Region
    from exact_core.api.context import Actor, PluginContext
    from exact_core.api.events import AnnotationChange, ImageChange, JobResult, VersionRecord
    from exact_core.api.images import ImageInfo, RenderedTile, TileRequest
    from exact_core.kernel.activation import Activation
    from exact_core.kernel.faults import FaultLog


class _OfImageSet(Protocol):
    @property
    def image_set_id(self) -> int: ...


_Change = TypeVar("_Change", bound=_OfImageSet)
_T = TypeVar("_T")


class Hooks:
    """What the core calls to let plugins take part."""

    def __init__(self, dispatcher: Dispatcher, activation: Activation, faults: FaultLog) -> None:
        self._dispatcher = dispatcher
        self._activation = activation
        self._faults = faults

    def cli(self, plugin: str, group: click.Group) -> None:
        """Let one plugin add its commands to its own group."""
        self._dispatcher.collect("exact_cli", {"group": group}, only=plugin)

    def startup(self, contexts: Mapping[str, PluginContext]) -> None:
        """Tell plugins that this process is about to serve."""
        self._dispatcher.notify("exact_startup", {}, personal=Personal("context", contexts))

    def shutdown(self, contexts: Mapping[str, PluginContext]) -> None:
        """Tell plugins that this process ends."""
        self._dispatcher.notify("exact_shutdown", {}, personal=Personal("context", contexts))

    def image_sources(self, path: Path, head: bytes) -> list[tuple[str, SourceMatch]]:
        """Drivers that say they can read a file, with the plugin that says so, best first."""
        answers = self._dispatcher.collect("exact_image_sources", {"path": path, "head": head})
        matches = [
            (plugin, match)
            for plugin, match in answers
            if self._is_right(plugin, "exact_image_sources", match, SourceMatch)
        ]
        return sorted(matches, key=lambda each: -each[1].priority)

    def tile_key(self, image_set_id: int) -> str:
        """A word that changes when tiles of the image set would, from memory; empty when no plugin changes them."""
        return self._activation.of(image_set_id).tile_key

    def tile_rendered(self, tile: RenderedTile, request: TileRequest) -> RenderedTile:
        """Let plugins change a tile."""
        activation = self._activation.of(request.image_set_id)
        arguments = {"tile": tile, "request": request}
        return cast("RenderedTile", self._dispatcher.chain("exact_tile_rendered", "tile", arguments, activation))

    def overlays(self, image: ImageInfo) -> list[tuple[str, Overlay]]:
        """Pictures that plugins offer to draw over an image."""
        activation = self._activation.of(image.image_set_id)
        answers = self._dispatcher.collect("exact_overlays", {"image": image}, activation)
        return [
            pair
            for pair in self._values("exact_overlays", answers, Overlay, image.image_set_id)
            if self._has_good_address(*pair, image.image_set_id)
        ]

    def hears_annotations(self, image_set_id: int) -> bool:
        """Whether a plugin that is on in the image set is told of changed annotations."""
        activation = self._activation.of(image_set_id)
        names = ("exact_annotations_changing", "exact_annotations_changed")
        return any(self._dispatcher.is_implemented(name, activation) for name in names)

    def annotations_changing(self, session: Session, changes: Sequence[AnnotationChange], actor: Actor) -> None:
        """Ask plugins inside the transaction; raises ``Refused``, or ``Unavailable`` for a required plugin."""
        self._changing("exact_annotations_changing", session, changes, actor)

    def images_changing(self, session: Session, changes: Sequence[ImageChange], actor: Actor) -> None:
        """Ask plugins inside the transaction; raises ``Refused``, or ``Unavailable`` for a required plugin."""
        self._changing("exact_images_changing", session, changes, actor)

    def activation_changing(
        self,
        plugin: str,
        session: Session,
        *,
        image_set_id: int,
        enabled: bool,
        settings: BaseModel | None,
        actor: Actor,
    ) -> None:
        """Ask the one plugin whose switch or settings change; raises ``Refused``."""
        arguments = {"image_set_id": image_set_id, "enabled": enabled, "settings": settings, "actor": actor}
        self._dispatcher.guard("exact_activation_changing", session, arguments, only=plugin)

    def version_creating(
        self, session: Session, version: VersionRecord, reader: AnnotationReader
    ) -> list[tuple[str, Artefact]]:
        """Ask plugins for files to keep with a version; raises ``Refused``, or ``Unavailable`` for a required one."""
        activation = self._activation.of(version.image_set_id)
        arguments = {"version": version, "reader": reader}
        answers = self._dispatcher.guard("exact_version_creating", session, arguments, activation)
        return list(self._values("exact_version_creating", answers, Artefact, version.image_set_id))

    def version_created(self, version: VersionRecord) -> None:
        """Tell plugins after the commit."""
        self._notify("exact_version_created", {"version": version}, version.image_set_id)

    def annotations_changed(self, changes: Sequence[AnnotationChange]) -> None:
        """Tell plugins after the commit."""
        for image_set_id, own in _by_image_set(changes):
            self._notify("exact_annotations_changed", {"changes": own}, image_set_id)

    def images_changed(self, changes: Sequence[ImageChange]) -> None:
        """Tell plugins after the commit."""
        for image_set_id, own in _by_image_set(changes):
            self._notify("exact_images_changed", {"changes": own}, image_set_id)

    def job_finished(self, result: JobResult) -> None:
        """Tell plugins that a job of an image set has ended."""
        if result.image_set_id is not None:
            self._notify("exact_job_finished", {"result": result}, result.image_set_id)

    def statistics(self, session: Session, region: Region, reader: AnnotationReader) -> list[tuple[str, Statistic]]:
        """Figures of plugins about a region."""
        activation = self._activation.of(region.image_set_id)
        arguments = {"session": session, "region": region, "reader": reader}
        answers = self._dispatcher.collect("exact_statistics", arguments, activation)
        return list(self._values("exact_statistics", answers, Statistic, region.image_set_id))

    def _changing(self, name: str, session: Session, changes: Sequence[_Change], actor: Actor) -> None:
        for image_set_id, own in _by_image_set(changes):
            activation = self._activation.of(image_set_id)
            self._dispatcher.guard(name, session, {"changes": own, "actor": actor}, activation)

    def _notify(self, name: str, arguments: Mapping[str, Any], image_set_id: int) -> None:
        self._dispatcher.notify(name, arguments, self._activation.of(image_set_id))

    def _values(
        self, name: str, answers: Sequence[tuple[str, Any]], kind: type[_T], image_set_id: int
    ) -> Iterator[tuple[str, _T]]:
        for plugin, answer in answers:
            values = answer if isinstance(answer, Sequence) else (answer,)
            for value in values:
                if self._is_right(plugin, name, value, kind, image_set_id):
                    yield plugin, value

    def _is_right(self, plugin: str, name: str, value: object, kind: type, image_set_id: int | None = None) -> bool:
        if isinstance(value, kind):
            return True
        wrong = TypeError(f"answered {type(value).__name__}, not {kind.__name__}")
        self._faults.record(plugin, name, wrong, image_set_id)
        return False

    def _has_good_address(self, plugin: str, overlay: Overlay, image_set_id: int) -> bool:
        bad = overlay.url.startswith(("/", "\\")) or ".." in overlay.url or ":" in overlay.url.partition("?")[0]
        if bad:
            wrong = ValueError(f"the address {overlay.url!r} of overlay {overlay.id!r} leaves the plugin's own routes")
            self._faults.record(plugin, "exact_overlays", wrong, image_set_id)
        return not bad


def _by_image_set(changes: Sequence[_Change]) -> list[tuple[int, tuple[_Change, ...]]]:
    """Changes of each image set, in their order; plugins hear only of sets where they are on."""
    grouped: dict[int, list[_Change]] = {}
    for change in changes:
        grouped.setdefault(change.image_set_id, []).append(change)
    return [(image_set_id, tuple(own)) for image_set_id, own in grouped.items()]
