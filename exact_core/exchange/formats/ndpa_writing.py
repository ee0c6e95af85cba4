"""Writing Hamamatsu NDP.view's ``.ndpa``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import (
    ExchangeImage,
    ExportDocument,
    Report,
    Ring,
    WrittenShape,
)
from exact_core.exchange.extras import extras_of, label_of, part_extras, tell_labels
from exact_core.exchange.numbers import compact
from exact_core.exchange.outlines import (
    box_outline,
    ellipse_outline,
    image_outline,
)
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.slide_properties import slide_number
from exact_core.exchange.xml_writing import XmlWriter

MARK = "[exact] "
"""What our object in the details stands after."""


@dataclass(frozen=True, slots=True)
class Slide:
    """Where the pixels of a scan lie on the glass, in nanometres."""

    center: Ring
    """Of the scan, in pixels."""
    offset: Ring
    nanometres: Ring
    """Of a pixel."""

    @classmethod
    def of(cls, image: ExchangeImage, report: Report) -> Slide:
        """Of an image; tells when it has to assume where the scan lies, ``Invalid`` without a resolution."""
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


def write_ndpa(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    """Write one image."""
    image = document.images[0]
    slide = Slide.of(image, report)
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
            title = out.text(f"{shape.type.name}_hole" if hole else label_of(shape))
            out.raw(
                f'  <ndpviewstate id="{count}">\n    <title>{title}</title>\n'
                f"    <details>{out.text(details)}</details>\n    <coordformat>nanometers</coordformat>\n"
                f"    <lens>20</lens>\n    <x>{x}</x>\n    <y>{y}</y>\n    <z>0</z>\n    <showtitle>0</showtitle>\n"
                "    <showhistogram>0</showhistogram>\n    <showlineprofile>0</showlineprofile>\n"
                f"    {drawn}\n  </ndpviewstate>\n"
            )
    out.raw("</annotations>\n")
    out.flush()


def _element(shape: WrittenShape, ring: Ring, slide: Slide, out: XmlWriter) -> tuple[str, bool]:
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
    is_box = kind is Shape.BOX or kind.is_label
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
    tell_labels(shape, report)
    if shape.attributes:
        report.lose("attributes: in the details, where only EXACT reads them back")
    if shape.frame.z >= 0 or shape.frame.t >= 0 or shape.frame.c >= 0:
        report.lose("planes of stacks: in the details, where only EXACT reads them back")
