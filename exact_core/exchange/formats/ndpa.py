"""Hamamatsu NDP.view's ``.ndpa``.

Coordinates are nanometres from the centre of the glass slide, y downwards. The scan's centre lies off it by the slide's
``XOffsetFromSlideCentre``; where the image does not tell, 0 is assumed and said. The title is the label, the details
are the text; our object stands in the last line of the details, after ``[exact]``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.colors import read_color
from exact_core.exchange.document import (
    ExchangeImage,
    ExportDocument,
    Format,
    ReadContext,
    ReadShape,
    Report,
    Ring,
    WrittenShape,
)
from exact_core.exchange.extras import Element, extras_of, joined, part_extras
from exact_core.exchange.numbers import compact, number, read_object
from exact_core.exchange.outlines import (
    box_outline,
    ellipse_outline,
    image_outline,
    is_rectangle,
    upright_box,
    without_closing,
)
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.slide_properties import image_of_file, slide_number
from exact_core.exchange.xml_reading import Attributes, XmlHandler, elements_at_start, read_xml
from exact_core.exchange.xml_writing import XmlWriter

MARK = "[exact] "
_LEAVES = ("title", "details", "coordformat", "x", "y", "radius", "x1", "y1", "x2", "y2", "closed", "specialtype")


@dataclass(frozen=True, slots=True)
class _Slide:
    """Where the pixels of a scan lie on the glass, in nanometres."""

    center: Ring
    """Of the scan, in pixels."""
    offset: Ring
    nanometres: Ring
    """Of a pixel."""

    @classmethod
    def of(cls, image: ExchangeImage, report: Report) -> _Slide:
        if not image.mpp_x or not image.mpp_y:
            raise Invalid(
                f"NDPA counts in nanometres, and the resolution of {image.name} is not known: set its µm per pixel."
            )
        offsets = [slide_number(image, f"hamamatsu.{axis}OffsetFromSlideCentre") for axis in "XY"]
        if None in offsets:
            report.warn(
                "Where the scan lies on the glass is not known (XOffsetFromSlideCentre): its centre was taken for the "
                "slide's, so shapes may be shifted against NDP.view."
            )
        return cls(
            np.array([image.width / 2, image.height / 2]),
            np.array([0.0 if None in offsets else offset for offset in offsets], np.float64),
            np.array([image.mpp_x * 1000, image.mpp_y * 1000]),
        )

    def pixels(self, places: Ring) -> Ring:
        """Level-0 pixels of places on the glass."""
        found: Ring = (places - self.offset) / self.nanometres + self.center
        return found

    def places(self, pixels: Ring) -> Ring:
        """Places on the glass of level-0 pixels, in whole nanometres."""
        found: Ring = np.rint((pixels - self.center) * self.nanometres + self.offset)
        return found

    @property
    def tolerance(self) -> float:
        """How far rounding to nanometres may move a vertex, in pixels, with a margin."""
        return max(0.01, float(2 / self.nanometres.min()))


class _States(XmlHandler[Element]):
    """Finds the annotations of view states."""

    what = "NDPA"

    def __init__(self, image: ExchangeImage, report: Report) -> None:
        super().__init__()
        self._image = image
        self._report = report
        self._slide: _Slide | None = None
        self._state: dict[str, str] = {}
        self._annotation: Attributes | None = None
        self._values: dict[str, str] = {}
        self._in_point = False
        self._points = array("d")
        self._pair: dict[str, float] = {}
        self._id = ""
        self._line = 0

    def start(self, name: str, attributes: Attributes) -> bool | None:
        if name == "ndpviewstate":
            self._state, self._id, self._line = {}, attributes.get("id", "?"), self.line
        elif name == "annotation":
            self._annotation, self._values, self._points = attributes, {}, array("d")
        elif name == "point":
            self._in_point, self._pair = True, {}
        return name in _LEAVES

    def end(self, name: str, text: str) -> None:
        if self._in_point:
            if name in ("x", "y"):
                place = f"{self._place}, point {len(self._points) // 2 + 1}"
                self._pair[name] = number(text.strip(), name, place)
            elif name == "point":
                place = f"{self._place}, point {len(self._points) // 2 + 1}"
                for axis in "xy":
                    if axis not in self._pair:
                        raise Invalid(f"{place} has no {axis}.")
                    self._points.append(self._pair[axis])
                self._in_point = False
        elif name == "annotation" and self._annotation is not None:
            self._finish(self._annotation)
            self._annotation = None
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
            self._slide = _Slide.of(self._image, self._report)
        return self._slide.pixels(places)


def sniff(head: bytes, _file_name: str) -> int:
    elements = elements_at_start(head)
    if not elements or elements[0][0] != "annotations":
        return 0
    return 100 if any(name == "ndpviewstate" for name, _ in elements) else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    image = image_of_file(context, "NDPA")
    stream.seek(0)
    tolerance = _Slide.of(image, Report()).tolerance if image.mpp_x and image.mpp_y else 0.01
    return joined(read_xml(stream, _States(image, context.report)), image, context.report, tolerance)


def write(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    image = document.images[0]
    slide = _Slide.of(image, report)
    out = XmlWriter(stream, report)
    out.raw('<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<annotations>\n')
    count = 0
    for shape in document.shapes(image):
        _tell(shape, report)
        rings = level0_rings(shape.geometry) or [image_outline(image.width, image.height)]
        for index, ring in enumerate(rings):
            hole = index > 0 and shape.geometry.ring_holes[index]
            drawn, native = _element(shape, ring, slide, out)
            if shape.geometry.shape is Shape.ELLIPSE and not native:
                report.lose("ellipses: NDPA has circles only, others are drawn as polygons that only EXACT reads back")
            left_out = ("text", "shape") if native else ("text",)
            extras = part_extras(shape, index, hole) if index else extras_of(shape, leave_out=left_out)
            details = (f"{shape.text}\n" if shape.text and not index else "") + MARK + compact(extras)
            x, y = slide.places((ring.min(axis=0) + ring.max(axis=0)) / 2).astype(np.int64).tolist()
            count += 1
            title = out.text(f"{shape.type.name}_hole" if hole else shape.type.name)
            out.raw(
                f'  <ndpviewstate id="{count}">\n    <title>{title}</title>\n'
                f"    <details>{out.text(details)}</details>\n    <coordformat>nanometers</coordformat>\n"
                f"    <lens>20</lens>\n    <x>{x}</x>\n    <y>{y}</y>\n    <z>0</z>\n    <showtitle>0</showtitle>\n"
                "    <showhistogram>0</showhistogram>\n    <showlineprofile>0</showlineprofile>\n"
                f"    {drawn}\n  </ndpviewstate>\n"
            )
    out.raw("</annotations>\n")
    out.flush()


def _element(shape: WrittenShape, ring: Ring, slide: _Slide, out: XmlWriter) -> tuple[str, bool]:
    """The ``annotation`` element of a ring, and whether it says on its own what shape it is."""
    kind = shape.geometry.shape
    color = f"color={out.quoted(shape.type.color)}"
    places = slide.places(ring)
    if kind is Shape.POINT:
        x, y = places[0].astype(np.int64).tolist()
        pin = "<icon>pinred</icon><stricon>iconpinred</stricon>"
        return f'<annotation type="pin" displayname="AnnotatePin" {color}><x>{x}</x><y>{y}</y>{pin}</annotation>', True
    if kind is Shape.LINE:
        (x1, y1), (x2, y2) = places.astype(np.int64).tolist()
        ends = f"<x1>{x1}</x1><y1>{y1}</y1><x2>{x2}</x2><y2>{y2}</y2>"
        return f'<annotation type="linearmeasure" displayname="AnnotateRuler" {color}>{ends}</annotation>', True
    if kind is Shape.ELLIPSE:
        wide, high = (places[1] - places[0]).tolist()
        if wide == high and wide % 2 == 0:
            x, y = ((places[0] + places[1]) / 2).astype(np.int64).tolist()
            circle = f"<x>{x}</x><y>{y}</y><radius>{int(wide) // 2}</radius><measuretype>0</measuretype>"
            return f'<annotation type="circle" displayname="AnnotateCircle" {color}>{circle}</annotation>', True
        places = slide.places(ellipse_outline(ring))
    is_box = kind in (Shape.BOX, Shape.IMAGE)
    if is_box:
        places = slide.places(box_outline(ring))
    points = "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in places.astype(np.int64).tolist())
    if kind is Shape.POLYLINE:
        head = '<annotation type="freehandline" displayname="AnnotateFreehandLine"'
        return f"{head} {color}><closed>0</closed><pointlist>{points}</pointlist></annotation>", True
    head = f'<annotation type="freehand" displayname="{"AnnotateRectangle" if is_box else "AnnotateFreehand"}"'
    special = "<specialtype>rectangle</specialtype>" if is_box else ""
    body = f"<measuretype>0</measuretype><closed>1</closed><pointlist>{points}</pointlist>{special}"
    return f"{head} {color}>{body}</annotation>", kind in (Shape.BOX, Shape.POLYGON)


def _tell(shape: WrittenShape, report: Report) -> None:
    kind = shape.geometry.shape
    if any(shape.geometry.ring_holes):
        report.lose("holes: annotations of their own, titled *_hole, which only EXACT cuts out again")
    if kind is Shape.MULTI_POLYGON:
        report.lose("multi-polygons: written as separate annotations, which only EXACT joins again")
    elif kind is Shape.ROTATED_BOX:
        report.lose("rotated boxes: drawn as polygons, which only EXACT reads back as boxes")
    elif kind is Shape.IMAGE:
        report.lose("labels of the whole image: drawn as a rectangle around it")
    if shape.attributes:
        report.lose("attributes: in the details, where only EXACT reads them back")
    if shape.frame.z >= 0 or shape.frame.t >= 0 or shape.frame.c >= 0:
        report.lose("planes of stacks: in the details, where only EXACT reads them back")


FORMAT = Format(
    name="ndpa",
    title="Hamamatsu NDPA",
    extension=".ndpa",
    media_type="application/xml",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write,
)
