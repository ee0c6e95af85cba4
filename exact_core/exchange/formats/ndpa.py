"""Hamamatsu NDP.view's ``.ndpa``.

Coordinates are nanometres from the centre of the glass slide, y downwards. The scan's centre lies off it by the slide's
``XOffsetFromSlideCentre``; where the image does not tell, 0 is assumed and said. The title is the label, the details
are the text; our object stands in the last line of the details, after ``[exact]``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.colors import read_color
from exact_core.exchange.document import (
    ExchangeImage,
    Format,
    ReadContext,
    ReadShape,
    Report,
    Ring,
)
from exact_core.exchange.extras import Element, joined
from exact_core.exchange.formats.ndpa_writing import MARK, Slide, write_ndpa
from exact_core.exchange.numbers import number, read_object
from exact_core.exchange.outlines import (
    is_rectangle,
    upright_box,
    without_closing,
)
from exact_core.exchange.refusing import refuse
from exact_core.exchange.slide_properties import image_of_file
from exact_core.exchange.xml_reading import Attributes, XmlHandler, elements_at_start, read_xml

_LEAVES = ("title", "details", "coordformat", "x", "y", "radius", "x1", "y1", "x2", "y2", "closed", "specialtype")


class _States(XmlHandler[Element]):
    """Finds the annotations of view states."""

    what = "NDPA"
    roots = frozenset({"annotations"})

    def __init__(self, image: ExchangeImage, report: Report) -> None:
        super().__init__()
        self._image = image
        self._report = report
        self._slide: Slide | None = None
        self._state: dict[str, str] = {}
        self._annotation: Attributes | None = None
        self._values: dict[str, str] = {}
        self._in_point = False
        self._points = array("d")
        self._pair: dict[str, float] = {}
        self._id = ""
        self._line = 0
        self._wrong = ""

    def start(self, name: str, attributes: Attributes) -> bool | None:
        if name == "ndpviewstate":
            self._state, self._id, self._line = {}, attributes.get("id", "?"), self.line
        elif name == "annotation":
            self._annotation, self._values, self._points = attributes, {}, array("d")
        elif name == "point":
            self._in_point, self._pair = True, {}
        return name in _LEAVES

    def end(self, name: str, text: str) -> None:
        try:
            self._end(name, text)
        except Invalid as error:
            self._wrong = self._wrong or error.message
        if name == "annotation":
            if self._wrong:
                refuse(self._report, self._place, self._wrong)
            self._annotation, self._wrong = None, ""

    def _end(self, name: str, text: str) -> None:
        if self._in_point:
            place = f"{self._place}, point {len(self._points) // 2 + 1}"
            if name in ("x", "y"):
                self._pair[name] = number(text.strip(), name, place)
            elif name == "point":
                self._in_point = False
                if len(self._pair) < 2:
                    raise Invalid(f"{place} has no {'y' if 'x' in self._pair else 'x'}.")
                self._points.extend((self._pair["x"], self._pair["y"]))
        elif name == "annotation" and self._annotation is not None:
            if not self._wrong:
                self._finish(self._annotation)
        elif name in _LEAVES:
            (self._state if self._annotation is None else self._values)[name] = text

    @property
    def _place(self) -> str:
        return f"view state {self._id} (line {self._line})"

    def _numbers(self, *names: str) -> list[float]:
        return [number(self._values.get(name, "").strip() or None, name, self._place) for name in names]

    def _finish(self, annotation: Attributes) -> None:
        kind = annotation.get("type", "").strip().lower()
        shape, places = self._drawn(kind, annotation)
        if shape is None:
            self._report.lose(f"annotations of the kind {kind or 'unknown'}: left out")
            return
        if not len(places):
            self._report.lose("annotations without points: left out")
            return
        ring = self._pixels(places)
        if shape is Shape.POLYGON:
            ring = without_closing(ring)
            if self._is_rectangle(annotation):
                box = upright_box(ring, tolerance=0.02)
                shape = Shape.ROTATED_BOX if is_rectangle(ring) else shape
                shape, ring = (shape, ring) if box is None else (Shape.BOX, box)
        details, _, ours = self._state.get("details", "").rpartition(MARK)
        if not ours.startswith("{"):
            details, ours = self._state.get("details", ""), ""
        found = ReadShape(
            place=self._place,
            label=self._state.get("title", "").strip() or kind,
            shape=shape,
            rings=[ring],
            text=details.removesuffix("\n"),
            color=read_color(annotation.get("color")),
        )
        self.found.append(Element(found, read_object(ours)))

    def _drawn(self, kind: str, annotation: Attributes) -> tuple[Shape | None, Ring]:
        if kind == "circle":
            x, y, radius = self._numbers("x", "y", "radius")
            return Shape.ELLIPSE, np.array([[x - abs(radius), y - abs(radius)], [x + abs(radius), y + abs(radius)]])
        if kind in ("pin", "point", "text"):
            return Shape.POINT, np.array([self._numbers("x", "y")])
        if kind in ("linearmeasure", "pointer", "ruler", "arrow", "line"):
            return Shape.LINE, np.array(self._numbers("x1", "y1", "x2", "y2")).reshape(2, 2)
        points = np.array(self._points, np.float64).reshape(-1, 2)
        if kind == "freehandline" or (kind == "freehand" and self._values.get("closed", "1").strip() == "0"):
            return Shape.POLYLINE, points
        return (Shape.POLYGON if kind in ("freehand", "polygon", "rectangle") else None), points

    def _is_rectangle(self, annotation: Attributes) -> bool:
        special = self._values.get("specialtype", "") or annotation.get("specialtype", "")
        return special.strip().lower() == "rectangle" or annotation.get("displayname") == "AnnotateRectangle"

    def _pixels(self, places: Ring) -> Ring:
        unit = self._state.get("coordformat", "").strip().lower() or "nanometers"
        if unit in ("pixels", "pixel"):
            return places
        if not unit.startswith("nanomet"):
            raise Invalid(f"{self._place} counts in {unit[:40]!r}; NDPA counts in nanometers.")
        if self._slide is None:
            self._slide = Slide.of(self._image, self._report)
        return self._slide.pixels(places)


def sniff(head: bytes, file_name: str) -> int:
    elements = elements_at_start(head)
    if not elements or elements[0][0] != "annotations":
        return 0
    if len(elements) == 1:
        return 95 if file_name.lower().endswith(".ndpa") else 0
    return 100 if elements[1][0] == "ndpviewstate" else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    image = image_of_file(context, "NDPA")
    stream.seek(0)
    tolerance = Slide.of(image, Report()).tolerance if image.mpp_x and image.mpp_y else 0.01
    return joined(read_xml(stream, _States(image, context.report)), image, context.report, tolerance)


FORMAT = Format(
    name="ndpa",
    title="Hamamatsu NDPA",
    extension=".ndpa",
    media_type="application/xml",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write_ndpa,
)
