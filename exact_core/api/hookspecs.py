"""Every hook of the platform: what plugins may implement, when it is called, and what happens when it fails.

All arguments are given by keyword; an implementation may take fewer. Hooks are ordinary functions that return
quickly: heavy work belongs into a job, heavy imports into the function that needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exact_core.api.markers import Policy, Scope, hookspec

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from exact_core.api.annotations import AnnotationReader, Region
    from exact_core.api.context import Actor, PluginContext
    from exact_core.api.contributions import (
        Artefact,
        Frontend,
        JobType,
        Overlay,
        Permission,
        PluginInfo,
        PluginRouter,
        PluginSchema,
        SearchField,
        SourceMatch,
        Statistic,
    )
    from exact_core.api.events import AnnotationChange, ImageChange, JobResult, VersionRecord
    from exact_core.api.exchange import Exporter, Importer
    from exact_core.api.images import ImageInfo, RenderedTile, TileRequest
    from exact_core.api.models import ModelCard

# ---------------------------------------------------------------------------
# Contribution: called once per plugin when the server starts
# ---------------------------------------------------------------------------


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_plugin_info() -> PluginInfo | None:
    """Say what the plugin is called, what its settings are and what it needs.

    Called once when the plugin is loaded, before any of its other hooks.

    Returns:
        A ``PluginInfo``; without it the title is the plugin's name, and there are no settings.

    Scope and failure:
        Every loaded plugin. One that raises, or answers something else, is not loaded; the list of plugins says why.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_routers() -> Sequence[PluginRouter] | None:
    """Add HTTP routes below the plugin's own address.

    Called once when the plugin is loaded; the OpenAPI description of the routes is built on trial.

    Returns:
        One ``PluginRouter`` for each scope that the plugin serves.

    Scope and failure:
        Every loaded plugin; routes of scope ``IMAGE_SET`` answer 404 where the plugin is off. A plugin whose routes
        cannot be described is not loaded. An error inside a route is answered as a 500 that names the plugin.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_schema() -> PluginSchema | None:
    """Name the tables of the plugin and the package of their migrations.

    Called once when the plugin is loaded.

    Returns:
        A ``PluginSchema`` whose tables start with the plugin's name, and whose foreign keys to the core cascade or
        null out. Deleting an annotation keeps its row, for undo and versions, until its image goes for good, and so do
        rows that refer to it: ``reader.seen`` tells which still show, and ``exact_annotations_changing`` hears of
        ``AnnotationAction.DELETED`` where something must go at once.

    Scope and failure:
        Every loaded plugin. One that breaks a rule is not loaded; one whose tables are not at the newest revision is
        loaded but cannot be switched on until ``exact db upgrade`` has run.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_frontend() -> Frontend | None:
    """Name the plugin's browser module, its styles, panels and tools.

    Called once when the plugin is loaded; the files must exist below ``static`` in the plugin's package.

    Returns:
        A ``Frontend``.

    Scope and failure:
        Every loaded plugin; pages load the module only in image sets where the plugin is on. A plugin whose files
        are missing is not loaded. A module that fails in the browser says so in its own panel.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_permissions() -> Sequence[Permission] | None:
    """Add rights of the plugin's own to the roles of image sets.

    Called once when the plugin is loaded. Grants are fixed: no code of a plugin decides about a right.

    Returns:
        Permissions named ``<plugin>.<verb>``.

    Scope and failure:
        Every loaded plugin. One that uses a foreign prefix, or a name twice, is not loaded.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_job_types() -> Sequence[JobType] | None:
    """Add kinds of background work.

    Called once when the plugin is loaded; the work itself is dotted text and is imported by the worker alone.

    Returns:
        Job types; their full names are ``<plugin>.<name>``.

    Scope and failure:
        Every loaded plugin; jobs of an image set run only while the plugin is on there. A plugin whose job types
        are not well-formed is not loaded. A job that raises ends as failed with its message.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.1")
def exact_models() -> Sequence[ModelCard] | None:
    """Add kinds of models.

    Called once when the plugin is loaded; the driver is named, and is imported by the worker alone.

    Returns:
        Cards; their full names are ``<plugin>.<name>``. Each becomes the job type ``<plugin>.predict_<name>``, and one
        that can be trained ``<plugin>.train_<name>`` too.

    Scope and failure:
        Every loaded plugin; models run only in image sets where the plugin is on. A plugin whose cards are not
        well-formed is not loaded. A driver that is missing or fails to import ends the job with the reason.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0", is_provisional=True)
def exact_importers() -> Sequence[Importer] | None:
    """Add formats of annotation files that can be imported.

    Called once when the plugin is loaded; the reading itself is dotted text and is imported when a file is read.

    Returns:
        Importers named ``<plugin>.<name>``.

    Scope and failure:
        Every loaded plugin; a format is offered only in image sets where the plugin is on. A plugin whose importers
        are not well-formed is not loaded. An error while a file is looked at or read ends the import, which changes
        nothing, and is recorded against the plugin.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0", is_provisional=True)
def exact_exporters() -> Sequence[Exporter] | None:
    """Add formats of annotation files that can be exported.

    Called once when the plugin is loaded; the writing itself is dotted text and is imported when a file is written.

    Returns:
        Exporters named ``<plugin>.<name>``. A format that can be read and written has the same name in both.

    Scope and failure:
        Every loaded plugin; a format is offered only in image sets where the plugin is on. A plugin whose exporters
        are not well-formed is not loaded. An error while a file is written ends the export and is recorded against the
        plugin. What a reader may not see, its exporter is not given.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_search_fields() -> Sequence[SearchField] | None:
    """Add fields that annotations can be searched for.

    Called once when the plugin is loaded; the expression of a field is asked for by each search that uses it.

    Returns:
        Fields named ``<plugin>.<word>``.

    Scope and failure:
        Every loaded plugin; searches know the fields in image sets where the plugin is on. One that uses a foreign
        prefix, or a name twice, is not loaded. An expression that fails is recorded, and the search says which plugin
        it was.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_cli(group: click.Group) -> None:
    """Add commands below ``exact <plugin>``.

    Called when somebody types ``exact <plugin>``, never for ``exact --help``.

    Args:
        group: The plugin's own click group.

    Scope and failure:
        The one plugin that is named. An error ends the command with a message that names the plugin.
    """


# ---------------------------------------------------------------------------
# Life of the server
# ---------------------------------------------------------------------------


@hookspec(policy=Policy.NOTIFY, scope=Scope.INSTANCE, since="1.0")
def exact_startup(context: PluginContext) -> None:
    """Tell the plugin that a process is about to serve, and hand it what it may reach.

    Called once per web and worker process, after all plugins are loaded and before the first request or job.

    Args:
        context: The plugin's own context; keep it for later.

    Scope and failure:
        Every loaded plugin. An exception is recorded against the plugin and the server starts.
    """


@hookspec(policy=Policy.NOTIFY, scope=Scope.INSTANCE, since="1.0", is_provisional=True)
def exact_shutdown(context: PluginContext) -> None:
    """Tell the plugin that the process ends.

    Called once per process, after the last request or job; a killed process does not call it.

    Args:
        context: The plugin's own context.

    Scope and failure:
        Every loaded plugin. An exception is recorded and the process ends all the same.
    """


# ---------------------------------------------------------------------------
# Images and tiles
# ---------------------------------------------------------------------------


@hookspec(policy=Policy.COLLECT, scope=Scope.INSTANCE, since="1.0")
def exact_image_sources(path: Path, head: bytes) -> SourceMatch | None:
    """Say whether one of the plugin's drivers can read a file.

    Called when a file arrives, before anything opens it; the best match is stored with the image and later opens
    ask nobody.

    Args:
        path: The file, or the folder of a format that has several files.
        head: Its first 4096 bytes; empty for a folder. Decide by these and by the name, open nothing.

    Returns:
        A ``SourceMatch`` that names a driver, or None.

    Scope and failure:
        Every loaded plugin. An exception is recorded and the plugin counts as not able to read the file.
    """


@hookspec(policy=Policy.CHAIN, scope=Scope.IMAGE_SET, since="1.0", is_provisional=True)
def exact_tile_rendered(tile: RenderedTile, request: TileRequest, settings: BaseModel | None) -> RenderedTile | None:
    """Change a tile before it is sent.

    Called for every tile that is not in the cache; the answer is cached under the plugin's version and settings.

    Args:
        tile: The encoded tile, as the plugins before left it.
        request: Which tile it is.
        settings: The plugin's settings in the image set.

    Returns:
        Another tile of the same size, or None to leave it as it is.

    Scope and failure:
        Plugins that are on in the image set. An exception is recorded and the tile is sent unchanged.
    """


@hookspec(policy=Policy.COLLECT, scope=Scope.IMAGE_SET, since="1.0")
def exact_overlays(image: ImageInfo, settings: BaseModel | None) -> Sequence[Overlay] | None:
    """Offer pictures to draw over the slide, in the viewer or in its overview map.

    Called when a page of the image is opened.

    Args:
        image: The image.
        settings: The plugin's settings in the image set.

    Returns:
        Overlays whose addresses lie below the plugin's image-set routes.

    Scope and failure:
        Plugins that are on in the image set. An exception is recorded and the page shows the other overlays.
    """


# ---------------------------------------------------------------------------
# Changes: inside the transaction, before the commit
# ---------------------------------------------------------------------------


@hookspec(policy=Policy.GUARD, scope=Scope.IMAGE_SET, since="1.0")
def exact_annotations_changing(
    session: Session, changes: Sequence[AnnotationChange], actor: Actor, settings: BaseModel | None
) -> None:
    """Look at changes to annotations before they are kept; raise ``Refused`` to stop them.

    Called once per unit of work and image set, with the changes already written but not committed.

    Args:
        session: The transaction's session, for the plugin's own rows too; it cannot be committed or rolled back.
        changes: What changes, oldest first.
        actor: Who changes it.
        settings: The plugin's settings in the image set.

    Scope and failure:
        Plugins that are on in the image set. ``Refused`` aborts the whole unit of work and the user reads the reason.
        Any other exception undoes only what this plugin wrote and is recorded; where the plugin is marked as
        required, the change is refused with 503 instead.
    """


@hookspec(policy=Policy.GUARD, scope=Scope.IMAGE_SET, since="1.0", is_provisional=True)
def exact_images_changing(
    session: Session, changes: Sequence[ImageChange], actor: Actor, settings: BaseModel | None
) -> None:
    """Look at changes to images before they are kept; raise ``Refused`` to stop them.

    Called once per unit of work and image set, with the changes already written but not committed.

    Args:
        session: The transaction's session, for the plugin's own rows too; it cannot be committed or rolled back.
        changes: What changes, oldest first.
        actor: Who changes it.
        settings: The plugin's settings in the image set.

    Scope and failure:
        Plugins that are on in the image set. ``Refused`` aborts the whole unit of work and the user reads the reason.
        Any other exception undoes only what this plugin wrote and is recorded; where the plugin is marked as
        required, the change is refused with 503 instead.
    """


@hookspec(policy=Policy.GUARD, scope=Scope.INSTANCE, since="1.0")
def exact_activation_changing(
    session: Session, image_set_id: int, enabled: bool, settings: BaseModel | None, actor: Actor
) -> None:
    """Look at the plugin's own switch, or its settings, in an image set before the change is kept.

    Called when the plugin is switched on or off, or its settings change there, inside the transaction.

    Args:
        session: The transaction's session; it cannot be committed or rolled back.
        image_set_id: The image set.
        enabled: Whether the plugin will be on.
        settings: The settings that it will have.
        actor: Who changes it.

    Scope and failure:
        Only the plugin that is being switched. ``Refused`` aborts the change and the user reads the reason. Any other
        exception undoes what the plugin wrote and is recorded, and the switch is made.
    """


@hookspec(policy=Policy.GUARD, scope=Scope.IMAGE_SET, since="1.0")
def exact_version_creating(
    session: Session, version: VersionRecord, reader: AnnotationReader, settings: BaseModel | None
) -> Sequence[Artefact] | None:
    """Keep files of the plugin with a version that is being made; raise ``Refused`` to stop it.

    Called inside the transaction that makes the version, while nobody can change the set's annotations: what the
    plugin reads now is what the version will show.

    Args:
        session: The transaction's session; it cannot be committed or rolled back.
        version: The version, whose content hash is not known yet.
        reader: Counts of everybody's annotations: of what the version will show.
        settings: The plugin's settings in the image set.

    Returns:
        Small files to keep with the version, or None.

    Scope and failure:
        Plugins that are on in the image set. ``Refused`` aborts the making and the user reads the reason. Any other
        exception undoes only what this plugin wrote, is recorded, and keeps none of its files; where the plugin is
        marked as required, the version is refused with 503 instead.
    """


# ---------------------------------------------------------------------------
# Events: after the commit
# ---------------------------------------------------------------------------


@hookspec(policy=Policy.NOTIFY, scope=Scope.IMAGE_SET, since="1.0")
def exact_annotations_changed(changes: Sequence[AnnotationChange]) -> None:
    """Tell the plugin that annotations of one image set have changed.

    Called once per committed unit of work and image set, after the commit, in the process that made the change.

    Args:
        changes: What changed, oldest first. Plain values; open a session to read more.

    Scope and failure:
        Plugins that are on in the image set. An exception is recorded and the others are still told. Told at most
        once: work that must not be lost belongs into a job that ``exact_annotations_changing`` adds.
    """


@hookspec(policy=Policy.NOTIFY, scope=Scope.IMAGE_SET, since="1.0", is_provisional=True)
def exact_images_changed(changes: Sequence[ImageChange]) -> None:
    """Tell the plugin that images of one image set have changed.

    Called once per committed unit of work and image set, after the commit, in the process that made the change.

    Args:
        changes: What changed, oldest first. Plain values; open a session to read more.

    Scope and failure:
        Plugins that are on in the image set. An exception is recorded and the others are still told.
    """


@hookspec(policy=Policy.NOTIFY, scope=Scope.IMAGE_SET, since="1.0", is_provisional=True)
def exact_version_created(version: VersionRecord) -> None:
    """Tell the plugin that a version of an image set was made.

    Called once per version, after the commit, in the process that made it. Its manifest is made later, by a job.

    Args:
        version: The version. Plain values; open a session to read more.

    Scope and failure:
        Plugins that are on in the image set. An exception is recorded and the others are still told.
    """


@hookspec(policy=Policy.NOTIFY, scope=Scope.IMAGE_SET, since="1.0", is_provisional=True)
def exact_job_finished(result: JobResult) -> None:
    """Tell the plugin that a background job of an image set has ended.

    Called in the worker process after the job's row says so. Jobs that belong to no image set are not told.

    Args:
        result: What the job was and how it ended.

    Scope and failure:
        Plugins that are on in the image set. An exception is recorded and the others are still told.
    """


# ---------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------


@hookspec(policy=Policy.COLLECT, scope=Scope.IMAGE_SET, since="1.0")
def exact_statistics(
    session: Session, region: Region, reader: AnnotationReader, settings: BaseModel | None
) -> Sequence[Statistic] | None:
    """Give figures about an image or a field of view.

    Called when somebody asks for the statistics of a region.

    Args:
        session: A session that only reads: the plugin's own tables, and facts of the core such as the scale,
            ``session.get(core.Image, region.image_id).mpp_x``.
        region: The image or the field of view.
        reader: Counts of the annotations that the asking user may see.
        settings: The plugin's settings in the image set.

    Returns:
        Figures to show, or None.

    Scope and failure:
        Plugins that are on in the image set. An exception is recorded and the other figures are shown.
    """
