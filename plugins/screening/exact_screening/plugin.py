"""What the plugin adds to EXACT: routes, tables, a panel, rights, a guard of locked regions, and proof for versions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from exact_core.api import (
    AnnotationChange,
    Artefact,
    Frontend,
    Panel,
    Permission,
    PluginInfo,
    PluginRouter,
    PluginSchema,
    Role,
    Slot,
    Tool,
    VersionRecord,
    hookimpl,
)
from exact_screening import artefact, locks, routes
from exact_screening.settings import ScreeningSettings
from exact_screening.tables import METADATA

_WORKING = (Role.ANNOTATOR, Role.REVIEWER, Role.MANAGER)
_LEADING = (Role.REVIEWER, Role.MANAGER)


@hookimpl
def exact_plugin_info() -> PluginInfo:
    return PluginInfo(
        title="Screening",
        summary="Go through a slide field by field, come back to the same place, and prove what was seen.",
        settings=ScreeningSettings,
        suggests_products=("Mitosis", "Mitotic figure", "Mitosis count", "EIPH"),
    )


@hookimpl
def exact_routers() -> Sequence[PluginRouter]:
    return [PluginRouter(routes.router)]


@hookimpl
def exact_schema() -> PluginSchema:
    return PluginSchema(METADATA, "exact_screening.migrations")


@hookimpl
def exact_frontend() -> Frontend:
    return Frontend(
        entry="index.js",
        styles=("screening.css",),
        panels=(
            Panel("screening.main", "Screening", Slot.VIEWER_RIGHT, order=40),
            Panel("screening.progress", "Screening", Slot.IMAGE_SET_TAB, order=60),
        ),
        tools=(Tool("screening.toggle", "Screen this image", icon="screening.svg", key="shift+s"),),
    )


@hookimpl
def exact_permissions() -> Sequence[Permission]:
    return [
        Permission(routes.SCREEN, "Screen images field by field", _WORKING),
        Permission(routes.TEAM, "See how far others have screened", _LEADING),
        Permission(routes.LOCK, "Lock regions against changes of annotations", _LEADING),
    ]


@hookimpl
def exact_annotations_changing(session: Session, changes: Sequence[AnnotationChange]) -> None:
    locks.guard(session, changes)


@hookimpl
def exact_activation_changing(session: Session, image_set_id: int, enabled: bool) -> None:
    if not enabled:
        locks.require_none(session, image_set_id)


@hookimpl
def exact_version_creating(session: Session, version: VersionRecord) -> Sequence[Artefact]:
    found = artefact.of_version(session, version)
    return [found] if found else []
