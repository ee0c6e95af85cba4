"""Aperio ImageScope's XML, and the dialect of HALO's ``.annotations`` files.

A layer (``Annotation``) is an annotation type: its name is the label, or its description where it has no name. Vertices
are level-0 pixels from the outer corner, as here. ``NegativeROA`` regions are holes in the outline around them. A
region's ``Text`` is the text; its ``Attribute`` elements are attributes, and one named ``exact`` is ours.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.colors import color_of_bgr
from exact_core.exchange.document import (
    Format,
    ReadContext,
    ReadShape,
    Report,
    Ring,
)
from exact_core.exchange.extras import Element, Extras, joined
from exact_core.exchange.formats.aperio_writing import write_aperio
from exact_core.exchange.hole_finding import with_holes
from exact_core.exchange.numbers import number, read_object, read_value
from exact_core.exchange.outlines import (
    corners_of,
    is_rectangle,
    upright_box,
    without_closing,
)
from exact_core.exchange.refusing import refuse
from exact_core.exchange.slide_properties import likely_image
from exact_core.exchange.xml_reading import PIECE, Attributes, XmlHandler, elements_at_start, read_xml

TOLERANCE = 1e-3
_NEGATIVE = re.compile(rb"""NegativeROA\s*=\s*["']\s*(?:1|[Tt]rue)""")
_RULERS = ("3", "4", "arrow", "ruler", "line")
_RECTANGLES, _ELLIPSES = ("1", "rectangle"), ("2", "ellipse")


class _Regions(XmlHandler[tuple[int, Element]]):
    """Finds regions, each with the number of its layer; a negative one has ``hole`` in its extras."""

    what = "Aperio XML"
    roots = frozenset({"Annotations"})

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._layer = 0
        self._layer_name = ""
        self._color: str | None = None
        self._headers: dict[str, str] = {}
        self._region: Attributes | None = None
        self._id = ""
        self._count = 0
        self._line = 0
        self._coordinates = array("d")
        self._values: dict[str, object] = {}
        self._extras: Extras = {}
        self._comment = ""
        self._wrong = ""

    def start(self, name: str, attributes: Attributes) -> bool | None:
        if name in ("Vertex", "V") and self._region is not None:
            try:
                self._coordinates.append(float(attributes["X"]))
                self._coordinates.append(float(attributes["Y"]))
            except (KeyError, ValueError):
                del self._coordinates[len(self._coordinates) // 2 * 2 :]
                self._read_strictly(attributes)
        elif name == "Region":
            self._region, self._values, self._extras, self._comment, self._wrong = attributes, {}, {}, "", ""
            self._coordinates = array("d")
            self._count += 1
            self._line = self.line
        elif name == "Annotation":
            self._layer += 1
            self._layer_name = attributes.get("Name", "").strip()
            self._color = color_of_bgr(attributes.get("LineColor", ""))
            self._headers = {}
            self._count = 0
            self._id = attributes.get("Id", "") or str(self._layer)
        elif name == "AttributeHeader":
            self._headers[attributes.get("Id", "")] = attributes.get("Name", "")
        elif name == "Attribute":
            self._attribute(attributes.get("Name", ""), attributes.get("Value", ""))
        return name == "Comments" and self._region is not None

    def end(self, name: str, text: str) -> None:
        if name == "Region":
            self._finish()
        elif name == "Comments":
            self._comment = text.strip()

    def _read_strictly(self, vertex: Attributes) -> None:
        """Read a vertex with decimal commas, or note what is wrong with it."""
        place = f"{self._place}, vertex {len(self._coordinates) // 2 + 1}"
        try:
            self._coordinates.extend([number(vertex.get(axis), axis, place) for axis in "XY"])
        except Invalid as error:
            self._wrong = self._wrong or error.message

    @property
    def _place(self) -> str:
        return f"layer {self._layer}, region {self._count} (line {self._line})"

    def _attribute(self, name: str, value: str) -> None:
        if self._region is None:
            if name.lower() in ("description", "name") and value.strip() and not self._layer_name:
                self._layer_name = value.strip()
        elif name == "exact":
            self._extras = read_object(value)
        elif value:
            self._values[self._headers.get(name) or name or "attribute"] = read_value(value)

    def _finish(self) -> None:
        region, self._region = self._region, None
        if region is None:
            return
        ring = without_closing(np.array(self._coordinates, np.float64).reshape(-1, 2))
        if not np.isfinite(ring).all():
            self._wrong = f"{self._place} has a coordinate that is not finite (NaN or infinity)."
        if self._wrong:
            refuse(self._report, self._place, self._wrong)
            return
        if not len(ring):
            self._report.lose("regions without vertices: left out")
            return
        shape, ring = _shape_of(region.get("Type", "0").strip().lower(), ring)
        found = ReadShape(
            place=self._place,
            label=self._layer_name or f"Layer {self._id}",
            shape=shape,
            rings=[ring],
            text=region.get("Text", "") or self._comment,
            attributes=self._values,
            color=self._color,
        )
        negative = region.get("NegativeROA", "0").strip().lower() in ("1", "true")
        if negative and not self._extras.get("part"):
            self._extras = {"hole": True}
        self.found.append((self._layer, Element(found, self._extras)))


def _shape_of(kind: str, ring: Ring) -> tuple[Shape, Ring]:
    """What a region of ImageScope's numbered, or HALO's named, type is."""
    if len(ring) == 1:
        return Shape.POINT, ring
    if kind in _ELLIPSES:
        return Shape.ELLIPSE, corners_of(ring)
    if kind in _RECTANGLES:
        box = corners_of(ring) if len(ring) == 2 else upright_box(ring)
        if box is not None:
            return Shape.BOX, box
        return (Shape.ROTATED_BOX if is_rectangle(ring) else Shape.POLYGON), ring
    if len(ring) == 2:
        return Shape.LINE, ring
    return (Shape.POLYLINE if kind in _RULERS else Shape.POLYGON), ring


def sniff(head: bytes, _file_name: str) -> int:
    elements = elements_at_start(head)
    if not elements or elements[0][0] != "Annotations":
        return 0
    names = {name for name, _ in elements}
    if names & {"Regions", "Region"}:
        return 100
    return 60 if any(name == "Annotation" and "LineColor" in found for name, found in elements) else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    layers = _layers_with_loose_holes(stream)
    stream.seek(0)
    regions = read_xml(stream, _Regions(context.report))
    for layer, group in groupby(regions, key=itemgetter(0)):
        elements = (element for _, element in group)
        if layer not in layers:
            yield from joined(elements, likely_image(context), context.report, TOLERANCE)
            continue
        # Only layers with holes that name no outline are in memory at once.
        held = list(elements)
        rest = [each for each in held if not _is_loose_hole(each)]
        shapes = list(joined(rest, likely_image(context), context.report, TOLERANCE))
        yield from with_holes(shapes, [each.shape for each in held if _is_loose_hole(each)], context.report)


def _is_loose_hole(element: Element) -> bool:
    return bool(element.extras.get("hole")) and not element.extras.get("part")


class _Holes(_Regions):
    """Finds layers with a hole that names no outline."""

    def _finish(self) -> None:
        if self._region is not None:
            negative = self._region.get("NegativeROA", "0").strip().lower() in ("1", "true")
            if negative and not self._extras.get("part"):
                self.layers.add(self._layer)
        self._region = None

    def __init__(self) -> None:
        super().__init__(Report())
        self.layers: set[int] = set()

    def start(self, name: str, attributes: Attributes) -> bool | None:
        return None if name in ("Vertex", "V") else super().start(name, attributes)


def _layers_with_loose_holes(stream: BinaryIO) -> set[int]:
    stream.seek(0)
    overlap = b""
    for piece in iter(partial(stream.read, PIECE), b""):
        if _NEGATIVE.search(overlap + piece) or b"\0" in piece:
            break
        overlap = piece[-64:]
    else:
        return set()
    stream.seek(0)
    handler = _Holes()
    for _ in read_xml(stream, handler):
        pass
    return handler.layers


FORMAT = Format(
    name="aperio-xml",
    title="Aperio ImageScope XML",
    extension=".xml",
    media_type="application/xml",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write_aperio,
)
