"""Annotations as exchange formats see them: streams of plain values, independent of the database.

Frame of reference everywhere: continuous level-0 pixels of the image, x right, y down; ``(0, 0)`` is the outer corner
of the upper left pixel, so an image of width ``w`` reaches from 0 to ``w``, and a box around the pixels 10 to 19 goes
from 10 to 20. A format with another frame (micrometres, y upwards, counting from 1, pixel centres) converts in its
module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.geometry import Geometry
from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

MOST_REFUSALS = 200
"""Refused shapes that a report names one by one; the others are counted."""

Ring = NDArray[np.float64]
"""Vertices of one ring, ``(n, 2)``; a closed ring may or may not repeat its first vertex."""


@dataclass(frozen=True, slots=True)
class ExchangeImage:
    """An image that annotations lie on. ``mpp_x``, ``mpp_y`` are micrometres per level-0 pixel.

    ``file_name`` is the original name, which may identify a patient: empty unless the actor has the right to it.
    ``properties`` are what the slide's own file says, named as OpenSlide names it; they may be read when looked at.
    """

    id: int
    name: str
    width: int
    height: int
    mpp_x: float | None = None
    mpp_y: float | None = None
    size_z: int = 1
    size_t: int = 1
    size_c: int = 1
    file_name: str = ""
    properties: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ExchangeType:
    """An annotation type; ``color`` is ``#rrggbb``, ``shapes`` the allowed ones."""

    id: int
    name: str
    product: str
    color: str
    shapes: tuple[Shape, ...]
    attributes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenShape:
    """An annotation on its way out."""

    id: int
    uuid: str
    type: ExchangeType
    geometry: Geometry
    frame: Frame
    text: str
    attributes: Mapping[str, Any]
    author: str
    claimed_author: str
    created_at: datetime
    edited_at: datetime
    verification: str = ""  # accepted, rejected, dubious; outdated when only a former state was judged; else empty


@dataclass(frozen=True, slots=True)
class ReadShape:
    """An annotation on its way in, as the file says; the import checks and rounds it.

    Attributes:
        place: Where in the file it stands, for messages: ``feature 17``, ``line 4``.
        label: Name of the annotation type in the file.
        shape: What it is drawn as.
        rings: Vertices, in the document's frame of reference; none for a label of the whole image.
        holes: For each ring whether it is a hole in the outline before it.
        image: Name of the image as the file says; None when the file does not name one.
        frame: Where in a stack; None for the default.
        uuid: Its identity, when the file has one that is a UUID.
        author: Who drew it, as the file says.
        score: Confidence of a model, 0 to 1.
        image_size: Width and height of the image as the file says; what was drawn on a smaller copy is enlarged.
    """

    place: str
    label: str
    shape: Shape
    rings: Sequence[Ring]
    holes: Sequence[bool] = (False,)
    image: str | None = None
    frame: Frame | None = None
    uuid: str | None = None
    text: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    author: str = ""
    score: float | None = None
    color: str | None = None
    image_size: tuple[int, int] | None = None


class Report:
    """What was not carried over, in words, and how often: shown after every import and export.

    Attributes:
        losses: Words, and how often.
        warnings: What was recognised about the file as a whole.
        refused: Place and reason of the first shapes that cannot be kept.
        refused_count: Of all of them.
    """

    def __init__(self, *, skip_bad: bool = False) -> None:
        self.losses: Counter[str] = Counter()
        self.warnings: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self.refused_count = 0
        self._skip_bad = skip_bad

    @classmethod
    def of_json(cls, kept: Mapping[str, Any], *, skip_bad: bool = False) -> Report:
        """What ``to_json`` gave."""
        report = cls(skip_bad=skip_bad)
        report.losses = Counter({line["what"]: line["count"] for line in kept["losses"]})
        report.warnings = list(kept["warnings"])
        report.refused = [(line["place"], line["reason"]) for line in kept["refused"]]
        report.refused_count = kept["refused_count"]
        return report

    @property
    def skips_bad(self) -> bool:
        """Whether shapes that cannot be kept are left out, instead of refusing all."""
        return self._skip_bad

    def lose(self, what: str) -> None:
        """Count a loss: ``"attributes: YOLO has none"``. The same words are one line with a number."""
        self.losses[what] += 1

    def warn(self, text: str) -> None:
        """Tell something recognised about the file as a whole: ``"the y axis points up; it was turned"``."""
        if text not in self.warnings:
            self.warnings.append(text)

    def refuse(self, place: str, reason: str) -> None:
        """Leave out a shape that cannot be kept, and go on; raises where one bad shape refuses the whole file."""
        if not self._skip_bad:
            raise Invalid(f"{place}: {reason}")
        self.refused_count += 1
        if len(self.refused) < MOST_REFUSALS:
            self.refused.append((place, reason))

    def to_json(self) -> dict[str, Any]:
        """The form that the API and ``--json`` answer."""
        losses = [{"what": what, "count": count} for what, count in self.losses.most_common()]
        refused = [{"place": place, "reason": reason} for place, reason in self.refused]
        return {
            "losses": losses,
            "warnings": list(self.warnings),
            "refused": refused,
            "refused_count": self.refused_count,
        }


class ExportDocument(Protocol):
    """What is exported; every iterator is made anew each time it is asked for and reads in constant memory."""

    @property
    def title(self) -> str:
        """What it is called: the image set's name."""

    @property
    def images(self) -> Sequence[ExchangeImage]:
        """The images, with or without annotations."""

    @property
    def types(self) -> Sequence[ExchangeType]:
        """Every type that a shape can have."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Where it comes from: image set, version, revision, content hash. Never the time of the export: the same
        version gives the same bytes."""

    def shapes(self, image: ExchangeImage) -> Iterator[WrittenShape]:
        """The annotations of one image, always in the same order."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader may need to know: the images that the import is for, the types there are, and the report."""

    images: Sequence[ExchangeImage]
    types: Sequence[ExchangeType]
    report: Report
    file_name: str = ""

    @property
    def only_image(self) -> ExchangeImage | None:
        """The image, where the import is for one."""
        return self.images[0] if len(self.images) == 1 else None


@dataclass(frozen=True, slots=True)
class Format:
    """One exchange format.

    Attributes:
        name: What people type: ``geojson``.
        title: What people read: ``GeoJSON (QuPath)``.
        extension: Of the files that are written, with its dot.
        media_type: Of the files that are written.
        one_image: Whether a file holds annotations of one image only; several images make an archive of files.
        sniff: ``sniff(head, file_name)`` says from 0 (no) to 100 (certainly) whether a file is of this format; ``head``
            is its first 64 KiB.
        read: Yields shapes in constant memory as far as the format allows; raises ``Invalid`` that names the place.
            The stream can seek.
        write: Writes all images of the document (one, when ``one_image``) and tells the report what is lost. The
            stream can neither seek nor be read.
        sniff_members: As ``sniff``, for ZIP archives, from the names of the files inside; ``read`` is then given the
            whole archive. None for formats that are single files, several of which may come in one archive.
        plugin: Which plugin brings it; empty for the core's own.
        has_verification: Whether written files say what of each shape was verified.
    """

    name: str
    title: str
    extension: str
    media_type: str
    one_image: bool
    sniff: Callable[[bytes, str], int]
    read: Callable[[BinaryIO, ReadContext], Iterator[ReadShape]] | None
    write: Callable[[ExportDocument, BinaryIO, Report], None] | None
    sniff_members: Callable[[Sequence[str]], int] | None = None
    plugin: str = ""
    has_verification: bool = False
