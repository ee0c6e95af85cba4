"""What plugins contribute: frozen values that the contribution hooks return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from exact_core.api.markers import Scope

if TYPE_CHECKING:
    from datetime import datetime

    from fastapi import APIRouter
    from pydantic import BaseModel
    from sqlalchemy import ColumnElement, MetaData

    from exact_core.api.annotations import AnnotationReader
    from exact_core.api.images import ImageInfo


class Role(StrEnum):
    """A role in one image set; each includes the rights of those before it."""

    VIEWER = "viewer"
    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"
    MANAGER = "manager"


class Shape(StrEnum):
    """How an annotation is drawn."""

    POINT = "point"
    BOX = "box"
    ELLIPSE = "ellipse"
    LINE = "line"
    POLYLINE = "polyline"
    POLYGON = "polygon"
    ROTATED_BOX = "rotated_box"
    MULTI_POLYGON = "multi_polygon"
    IMAGE = "image"
    """A label of the whole image, or of one frame of it."""

    ABSENT = "absent"
    """Says that what the type names does not occur in the image, or in the frame."""

    @property
    def number(self) -> int:
        """Its number in storage and in binary views, from 1."""
        return _SHAPE_NUMBERS[self]

    @property
    def is_label(self) -> bool:
        """Whether it has no vertices and says something of the whole image or frame."""
        return self in (Shape.IMAGE, Shape.ABSENT)

    @classmethod
    def from_number(cls, number: int) -> Shape:
        """The shape that a number stands for; raises ``ValueError`` for none."""
        try:
            return _SHAPES[number]
        except KeyError:
            raise ValueError(f"{number} is no shape") from None


_SHAPE_NUMBERS = {shape: number for number, shape in enumerate(Shape, start=1)}
_SHAPES = {number: shape for shape, number in _SHAPE_NUMBERS.items()}


class Slot(StrEnum):
    """A place of a page where plugins show panels and tools."""

    VIEWER_LEFT = "viewer.left"
    VIEWER_RIGHT = "viewer.right"
    VIEWER_BOTTOM = "viewer.bottom"
    VIEWER_TOOLBAR = "viewer.toolbar"
    ANNOTATION_DETAIL = "annotation.detail"
    IMAGE_SET_TAB = "image-set.tab"
    IMAGE_SET_SETTINGS = "image-set.settings"
    ADMIN_TAB = "admin.tab"


class Priority(IntEnum):
    """How well a driver reads a file; the highest is tried first."""

    NATIVE = 100
    """Made for this very format, with its own tiles."""

    GOOD = 80
    ORDINARY = 60
    BASIC = 40
    FALLBACK = 20
    LAST = 0


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What a plugin is, and how it is switched on.

    Attributes:
        title: What people read, at most 60 characters.
        summary: One sentence.
        settings: Pydantic model of its settings per image set: a default for every field, ``extra="forbid"``.
        settings_version: Raised when stored settings must be migrated.
        migrate_settings: Turns settings stored under an older version into the current form.
        requires: Names of plugins that must be on in the same image set.
        suggests_products: Names of products for which it is offered, never switched on unasked.
        default_enabled: Whether it is on in image sets that say nothing about it.
    """

    title: str
    summary: str = ""
    settings: type[BaseModel] | None = None
    settings_version: int = 1
    migrate_settings: Callable[[dict[str, object], int], dict[str, object]] | None = None
    requires: tuple[str, ...] = ()
    suggests_products: tuple[str, ...] = ()
    default_enabled: bool = False


@dataclass(frozen=True, slots=True)
class PluginRouter:
    """HTTP routes of a plugin; the core forces the prefix and the checks.

    Attributes:
        router: A FastAPI router without prefix.
        scope: ``IMAGE_SET`` puts it below ``/api/v2/image-sets/{image_set_id}/plugins/<name>``, for members of the
            set and only while the plugin is on there; ``INSTANCE`` below ``/api/v2/plugins/<name>``, for everybody
            who is logged in.
    """

    router: APIRouter
    scope: Scope = Scope.IMAGE_SET


@dataclass(frozen=True, slots=True)
class PluginSchema:
    """Tables of a plugin.

    Attributes:
        metadata: The MetaData of its ``plugin_base``.
        migrations: Dotted name of the package that holds its Alembic revisions.
    """

    metadata: MetaData
    migrations: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel that the page shows; the browser module fills it.

    Attributes:
        id: ``<plugin>.<name>``.
        title: Its heading.
        slot: Where it is shown.
        order: Small numbers come first.
    """

    id: str
    title: str
    slot: Slot
    order: int = 100


@dataclass(frozen=True, slots=True)
class Tool:
    """A button of the viewer's toolbar.

    Attributes:
        id: ``<plugin>.<name>``.
        title: What the button says to readers and on hover.
        icon: File name of an SVG below the plugin's ``static`` folder; its shape is drawn in the colour of the button.
        key: Keyboard shortcut such as ``g`` or ``shift+g``; refused when another has it.
    """

    id: str
    title: str
    icon: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Frontend:
    """The browser side of a plugin, below the ``static`` folder of its package.

    Attributes:
        entry: ES module whose default export is ``activate(ctx)``.
        styles: Style sheets.
        panels: Panels that it fills.
        tools: Toolbar buttons that it answers.
    """

    entry: str = "index.js"
    styles: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = ()
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """A right of a plugin's own, granted to roles; the core alone decides.

    Attributes:
        name: ``<plugin>.<verb>``.
        title: What administrators read.
        granted_to: Roles that have it.
    """

    name: str
    title: str
    granted_to: tuple[Role, ...] = (Role.MANAGER,)


@dataclass(frozen=True, slots=True)
class JobType:
    """A kind of background work.

    Attributes:
        name: Its name; the full one is ``<plugin>.<name>``.
        title: What people read in the list of jobs.
        run: Dotted text ``package.module:function``, imported by the worker only; called with one ``JobContext``.
        params: Pydantic model of its parameters.
        gpu: Whether only workers with a GPU may take it.
        is_portable: Whether its function works without the database: it calls no ``read``, ``write`` and ``plugin`` of
            its context. Only such work is given to remote workers, and to environments of a plugin's own.
        memory_mib: Most memory that it may take where it runs in a process of its own; 0 is the worker's limit.
        seconds: After how long it is ended; 0 is the worker's limit.
        network: Whether it may reach the network where it runs in a process of its own.
    """

    name: str
    title: str
    run: str
    params: type[BaseModel] | None = None
    gpu: bool = False
    is_portable: bool = False
    memory_mib: int = 0
    seconds: int = 0
    network: bool = False


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """A driver that says it can read a file.

    Attributes:
        driver: Name in the stevedore namespace ``exact.image_sources``.
        priority: How well.
    """

    driver: str
    priority: int = Priority.ORDINARY


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure about an image or a field of view.

    Attributes:
        id: ``<plugin>.<name>``.
        label: What people read.
        value: The figure; None when it cannot be said, and then ``note`` says why.
        unit: Its unit, if any.
        note: A remark or warning to show beside it.
        maximum: The end of its scale, if it has one.
    """

    id: str
    label: str
    value: float | int | str | None
    unit: str = ""
    note: str = ""
    maximum: float | None = None


class OverlayPlace(StrEnum):
    """Where an overlay is drawn."""

    VIEWER = "viewer"
    NAVIGATOR = "navigator"


@dataclass(frozen=True, slots=True)
class Overlay:
    """A picture drawn over the slide.

    Attributes:
        id: ``<plugin>.<name>``.
        title: What people read in the list of layers.
        url: Address below the plugin's image-set routes, without a leading slash: one picture that is stretched
            over the whole image, or a template with ``{level}``, ``{column}`` and ``{row}`` for tiles.
        places: Where it is drawn.
        opacity: 0 to 1, to start with.
        is_shown: Whether it is drawn before the user asks for it.
    """

    id: str
    title: str
    url: str
    places: Sequence[OverlayPlace] = (OverlayPlace.VIEWER,)
    opacity: float = 0.6
    is_shown: bool = False

    @property
    def is_tiled(self) -> bool:
        """Whether the address is a template for tiles."""
        return "{column}" in self.url and "{row}" in self.url


class SearchKind(StrEnum):
    """How the values of a search field are written and compared."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    """A point in time: the expression gives a ``DateTime(timezone=True)``."""


@dataclass(frozen=True, slots=True)
class SearchRow:
    """The annotation that a search looks at, as columns for the plugin's own SQL.

    Attributes:
        annotation_id: Its permanent identity.
        image_id: The image that carries it.
        type_id: Its annotation type.
        author_id: Who drew it; null when an import or a model did.
    """

    annotation_id: ColumnElement[int]
    image_id: ColumnElement[int]
    type_id: ColumnElement[int]
    author_id: ColumnElement[int | None]


ImageValue: TypeAlias = "str | float | bool | datetime | None"
"""What an image is searched by; a time knows its zone."""


@dataclass(frozen=True, slots=True)
class SearchField:
    """Something of a plugin's that annotations can be searched for, as in ``media.sound:yes``.

    Either an expression that differs from annotation to annotation, or a value that all of an image share. The
    expression is SQL that both databases understand, over the plugin's own tables and the given columns; a
    subquery of its own, such as ``exists().where(Sound.annotation_id == row.annotation_id)``, is best. Who may see
    the annotation was decided before.

    Attributes:
        name: ``<plugin>.<word>``, what people type.
        kind: How its values are written.
        expression: Gives the SQL expression for a row, under the plugin's settings in the image set; called while a
            query is compiled.
        image_value: Gives the value of an image instead, worked out from what the person who searches may see; None
            for an image that has no value. Called once per searched image, so it answers in milliseconds.
        title: What people read; the name when it is empty.
        description: What it means, in a sentence.
        values: Values to offer while somebody types.
    """

    name: str
    kind: SearchKind
    expression: Callable[[SearchRow, BaseModel | None], ColumnElement[Any]] | None = None
    title: str = ""
    description: str = ""
    values: tuple[str, ...] = ()
    image_value: Callable[[AnnotationReader, ImageInfo, BaseModel | None], ImageValue] | None = None


class ArtefactKind(StrEnum):
    """What a file that is kept with a version is."""

    METRICS = "metrics"
    MODEL = "model"
    PREDICTION = "prediction"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file to keep with a version of an image set.

    Attributes:
        name: Its file name, ``coverage.json``.
        content: All of it; a hook gives small files, large ones are attached later through the API.
        kind: What it is.
        media_type: Of the content.
        description: One line for readers.
    """

    name: str
    content: bytes
    kind: ArtefactKind = ArtefactKind.FILE
    media_type: str = "application/octet-stream"
    description: str = ""
