"""What the plugin adds to EXACT; the work is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Sequence

import click
from sqlalchemy.orm import Session

from exact_core.api import (
    AnnotationReader,
    Artefact,
    Frontend,
    JobType,
    Panel,
    PluginContext,
    PluginInfo,
    PluginRouter,
    PluginSchema,
    SearchField,
    Slot,
    VersionRecord,
    hookimpl,
)
from exact_media import routes, search, versions
from exact_media.mapping import MapParams
from exact_media.settings import MediaSettings
from exact_media.store import MediaStore
from exact_media.tables import Base
from exact_media.transcoding import Conversion


@hookimpl
def exact_plugin_info() -> PluginInfo:
    return PluginInfo(
        title="Media",
        summary="Sounds, films and pictures attached to annotations and images, played in the viewer.",
        settings=MediaSettings,
        suggests_products=("Sounds", "Calls", "Bioacoustics"),
    )


@hookimpl
def exact_schema() -> PluginSchema:
    return PluginSchema(Base.metadata, "exact_media.migrations")


@hookimpl
def exact_routers() -> Sequence[PluginRouter]:
    return [PluginRouter(routes.router)]


@hookimpl
def exact_frontend() -> Frontend:
    panels = (
        Panel("media.image", "Media", Slot.VIEWER_RIGHT, order=60),
        Panel("media.set", "Media", Slot.IMAGE_SET_TAB, order=60),
        Panel("media.annotation", "Media of the shape", Slot.ANNOTATION_DETAIL, order=60),
    )
    return Frontend(entry="index.js", styles=("media.css",), panels=panels)


@hookimpl
def exact_job_types() -> Sequence[JobType]:
    return [
        JobType("convert", "Convert media for browsers", "exact_media.transcoding:run", Conversion),
        JobType("map", "Make a map of spectrograms", "exact_media.mapping:run", MapParams),
    ]


@hookimpl
def exact_cli(group: click.Group) -> None:
    from exact_media.commands import make_map

    group.add_command(make_map)


@hookimpl
def exact_search_fields() -> Sequence[SearchField]:
    return search.fields()


@hookimpl
def exact_version_creating(session: Session, version: VersionRecord, reader: AnnotationReader) -> Sequence[Artefact]:
    return versions.keep(session, version, reader)


@hookimpl
def exact_startup(context: PluginContext) -> None:
    MediaStore(context.files).tidy()
