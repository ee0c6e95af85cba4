"""Annotations as importers and exporters of plugins see them: plain values, independent of the database.

Frame of reference: continuous level-0 pixels of the image, x right, y down; ``(0, 0)`` is the outer corner of the
upper left pixel, so an image of width ``w`` reaches from 0 to ``w``. A format with another frame (micrometres, y
upwards, counting from 1, centres of pixels) is converted by the plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from exact_core.api.contributions import Shape


@dataclass(frozen=True, slots=True)
class Importer:
    """A format of annotation files that a plugin reads.

    Attributes:
        name: ``<plugin>.<name>``, what people type.
        title: What people read.
        read: Dotted text ``package.module:function``, imported when a file is read. It is called with a binary stream
            that can seek and an ``ImportContext``, and yields :class:`ImportedShape` in constant memory.
        sniff: ``sniff(head, file_name)`` says from 0 (no) to 100 (certainly) whether a file is of this format;
            ``head`` is its first 64 KiB. Without it the format must be chosen.
    """

    name: str
    title: str
    read: str
    sniff: Callable[[bytes, str], int] | None = None


@dataclass(frozen=True, slots=True)
class Exporter:
    """A format of annotation files that a plugin writes.

    Attributes:
        name: ``<plugin>.<name>``, what people type.
        title: What people read.
        write: Dotted text ``package.module:function``, imported when a file is written. It is called with an
            ``ExportSource``, a binary stream that can neither seek nor be read, and a ``LossReport``. The same content
            must give the same bytes.
        extension: Of the files, with its dot.
        media_type: Of the files.
        one_image: Whether a file holds annotations of one image only; several images make an archive.
    """

    name: str
    title: str
    write: str
    extension: str
    media_type: str = "application/octet-stream"
    one_image: bool = False


@dataclass(frozen=True, slots=True)
class ImportedShape:
    """An annotation on its way in, as a file says; the core checks it.

    Attributes:
        place: Where in the file it stands, for messages: ``line 4``.
        label: Name of the annotation type in the file.
        shape: What it is drawn as.
        rings: Vertices of each ring, pairs of x and y; none for a label of the whole image.
        holes: For each ring whether it is a hole in the outline before it.
        image: Name of the image as the file says; None when it does not name one.
        frame: Where in a stack: z, t and c, -1 for all of an axis; None for the default.
        uuid: Its identity, when the file has one that is a UUID.
        text: Free text.
        attributes: Values by name.
        author: Who drew it, as the file says.
        score: Confidence of a model, 0 to 1.
        color: ``#rrggbb``.
    """

    place: str
    label: str
    shape: Shape
    rings: Sequence[Sequence[tuple[float, float]]] = ()
    holes: Sequence[bool] = ()
    image: str | None = None
    frame: tuple[int, int, int] | None = None
    uuid: str | None = None
    text: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    author: str = ""
    score: float | None = None
    color: str | None = None


@dataclass(frozen=True, slots=True)
class ExportedShape:
    """An annotation on its way out; see :class:`ImportedShape` for what it shares with that.

    Attributes:
        id: Its permanent number.
        uuid: Its identity.
        label: Name of its annotation type.
        product: Name of the type's product.
        color: Of the type, ``#rrggbb``.
        shape: What it is drawn as.
        rings: Vertices of each ring, pairs of x and y.
        holes: For each ring whether it is a hole in the outline before it.
        frame: z, t and c, -1 for all of an axis.
        text: Free text.
        attributes: Values by name.
        author: Who drew it; empty for one who is not to be named.
        created_at: When it was drawn.
        edited_at: When it was changed last.
    """

    id: int
    uuid: str
    label: str
    product: str
    color: str
    shape: Shape
    rings: Sequence[Sequence[tuple[float, float]]]
    holes: Sequence[bool]
    frame: tuple[int, int, int]
    text: str
    attributes: Mapping[str, Any]
    author: str
    created_at: datetime
    edited_at: datetime


@dataclass(frozen=True, slots=True)
class ExchangedImage:
    """An image of an import or export.

    Attributes:
        id: Its number.
        name: Its public name, or the original one for those with the right to it, who asked for it.
        width: In level-0 pixels.
        height: In level-0 pixels.
        mpp_x: Micrometres per level-0 pixel; None when not known.
        mpp_y: Micrometres per level-0 pixel; None when not known.
    """

    id: int
    name: str
    width: int
    height: int
    mpp_x: float | None = None
    mpp_y: float | None = None


class LossReport(Protocol):
    """What is not carried over; shown after every import and export."""

    def lose(self, what: str) -> None:
        """Count a loss: ``"attributes: the format has none"``. The same words are one line with a number."""

    def warn(self, text: str) -> None:
        """Tell something recognised about the file as a whole."""

    def refuse(self, place: str, reason: str) -> None:
        """Leave out a shape that cannot be kept; raises where one bad shape refuses the whole file."""


class ImportContext(Protocol):
    """What an importer may need to know."""

    @property
    def images(self) -> Sequence[ExchangedImage]:
        """The images that the import may be about."""

    @property
    def labels(self) -> Sequence[str]:
        """Names of the annotation types that there are."""

    @property
    def file_name(self) -> str:
        """What the file is called."""

    @property
    def report(self) -> LossReport:
        """What is lost."""


class ExportSource(Protocol):
    """What is exported, as the one who asked may see it; iterators are made anew each time."""

    @property
    def title(self) -> str:
        """Name of the image set."""

    @property
    def images(self) -> Sequence[ExchangedImage]:
        """The images, with or without annotations."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Where it comes from: image set, revision, version."""

    def shapes(self, image: ExchangedImage) -> Iterator[ExportedShape]:
        """The annotations of one image, always in the same order, in constant memory."""
