"""ASAP's XML.

The group is the label; an annotation without one has the label ``None``, as ASAP writes it. Vertices are level-0 pixels
from the outer corner, as here. A name is the text, unless it is one that ASAP makes up. Annotations of a group
``X_hole`` are holes in those of a group ``X``. Our ``Exact`` attribute holds what ASAP has no place for; ASAP reads
files with it, and drops it when it saves them.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
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
from exact_core.exchange.extras import Element, extras_of, joined, label_of, part_extras, tell_labels
from exact_core.exchange.hole_finding import with_holes
from exact_core.exchange.numbers import compact, number, read_object, spelled, whole
from exact_core.exchange.outlines import (
    box_outline,
    ellipse_outline,
    image_outline,
    is_rectangle,
    upright_box,
    without_closing,
)
from exact_core.exchange.refusing import refuse
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.slide_properties import likely_image
from exact_core.exchange.xml_reading import PIECE, Attributes, XmlHandler, elements_at_start, read_xml
from exact_core.exchange.xml_writing import XmlWriter

TOLERANCE = 1e-3
HOLE = "_hole"
_MADE_UP = re.compile(r"Annotation \d+")
_HOLE_GROUP = re.compile(rb"""_hole\s*["']""")
_WRITTEN_TYPES = {
    Shape.POINT: "Dot",
    Shape.BOX: "Rectangle",
    Shape.IMAGE: "Rectangle",
    Shape.ABSENT: "Rectangle",
    Shape.LINE: "Measurement",
    Shape.POLYLINE: "PointSet",
}


class _Annotations(XmlHandler[Element]):
    """Finds annotations; the label of a hole is still that of its group."""

    what = "ASAP XML"
    roots = frozenset({"ASAP_Annotations", "Annotations"})

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._annotation: Attributes | None = None
        self._count = 0
        self._line = 0
        self._coordinates = array("d")
        self._order = array("q")
        self._wrong = ""

    def start(self, name: str, attributes: Attributes) -> bool | None:
        if name == "Coordinate" and self._annotation is not None:
            place = f"{self._place}, coordinate {len(self._order) + 1}"
            try:
                x, y = (number(attributes.get(axis), axis, place) for axis in "XY")
                order = attributes.get("Order")
                self._order.append(len(self._order) if order is None else _order(order, place))
                self._coordinates.extend((x, y))
            except Invalid as error:
                self._wrong = self._wrong or error.message
        elif name == "Annotation":
            self._annotation = attributes
            self._count += 1
            self._line = self.line
            self._coordinates, self._order, self._wrong = array("d"), array("q"), ""
        return None

    def end(self, name: str, text: str) -> None:
        if name == "Annotation" and self._annotation is not None:
            self._finish(self._annotation)
            self._annotation = None

    @property
    def _place(self) -> str:
        return f"annotation {self._count} (line {self._line})"

    def _finish(self, annotation: Attributes) -> None:
        if self._wrong:
            refuse(self._report, self._place, self._wrong)
            return
        ring = np.array(self._coordinates, np.float64).reshape(-1, 2)
        order = np.array(self._order)
        if (np.diff(order) < 0).any():
            ring = ring[np.argsort(order, kind="stable")]
        if not len(ring):
            self._report.lose("annotations without coordinates: left out")
            return
        extras = read_object(annotation.get("Exact", ""))
        kind = annotation.get("Type", "").strip().lower()
        name = annotation.get("Name", "")
        if kind == "spline":
            self._report.warn("Splines were read as polygons through their points, as ASAP fills them in masks.")
        shape, ring = _shape_of(kind, ring)
        found = ReadShape(
            place=self._place,
            label=annotation.get("PartOfGroup", "") or "None",
            shape=shape,
            rings=[ring],
            text="" if _MADE_UP.fullmatch(name) else name,
            color=read_color(annotation.get("Color")),
        )
        if kind == "pointset" and extras.get("shape") != Shape.POLYLINE:
            for index, point in enumerate(ring):
                place = f"{self._place}, coordinate {index + 1}"
                one = ReadShape(place, found.label, Shape.POINT, [point[None]], text=found.text, color=found.color)
                self.found.append(Element(one))
            return
        self.found.append(Element(found, extras))


def _order(text: str, place: str) -> int:
    order = whole(text, "Order", place)
    if not 0 <= order < 2**31:
        raise Invalid(f"{place}: Order is {order}; it counts coordinates from 0.")
    return order


def _shape_of(kind: str, ring: Ring) -> tuple[Shape, Ring]:
    if kind == "dot" or len(ring) == 1:
        return Shape.POINT, ring[:1]
    if kind == "rectangle":
        box = upright_box(ring)
        if box is not None:
            return Shape.BOX, box
        return (Shape.ROTATED_BOX if is_rectangle(ring) else Shape.POLYGON), without_closing(ring)
    if kind == "measurement":
        return (Shape.LINE if len(ring) == 2 else Shape.POLYLINE), ring
    if kind == "pointset":
        return Shape.POLYLINE, ring
    return Shape.POLYGON, without_closing(ring)


def sniff(head: bytes, _file_name: str) -> int:
    elements = elements_at_start(head)
    if not elements:
        return 0
    if elements[0][0] == "ASAP_Annotations":
        return 100
    of_asap = any(name == "Annotation" and "PartOfGroup" in found for name, found in elements)
    return 100 if of_asap and elements[0][0] == "Annotations" else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    groups = _groups_with_holes(stream)
    held: dict[str, list[Element]] = defaultdict(list)
    stream.seek(0)

    def passing() -> Iterator[Element]:
        for element in read_xml(stream, _Annotations(context.report)):
            label = element.shape.label
            is_hole = element.extras.get("hole") or (not element.extras and label.removesuffix(HOLE) in groups)
            base = label.removesuffix(HOLE) if is_hole else label
            if base in groups:
                held[base].append(element)
            else:
                yield element

    yield from joined(passing(), likely_image(context), context.report, TOLERANCE)
    # Only groups with holes that name no outline are in memory at once.
    for base, elements in held.items():
        loose = [each.shape for each in elements if each.shape.label != base and not each.extras.get("part")]
        rest = [each for each in elements if each.shape.label == base or each.extras.get("part")]
        yield from with_holes(
            list(joined(rest, likely_image(context), context.report, TOLERANCE)), loose, context.report
        )


def _groups_with_holes(stream: BinaryIO) -> set[str]:
    """Groups with a second group of their name and ``_hole`` whose annotations do not say whose hole they are."""
    stream.seek(0)
    overlap = b""
    for piece in iter(partial(stream.read, PIECE), b""):
        if _HOLE_GROUP.search(overlap + piece) or b"\0" in piece:
            break
        overlap = piece[-64:]
    else:
        return set()
    stream.seek(0)
    groups, loose = set(), set()
    for element in read_xml(stream, _Annotations(Report())):
        label = element.shape.label
        groups.add(label)
        if label.endswith(HOLE) and not element.extras:
            loose.add(label.removesuffix(HOLE))
    return groups & loose


def write(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    image = document.images[0]
    out = XmlWriter(stream, report)
    out.raw('<?xml version="1.0"?>\n<ASAP_Annotations>\n\t<Annotations>\n')
    groups = {each.name: each.color for each in document.types}
    count = 0
    for shape in document.shapes(image):
        _tell(shape, report)
        name = shape.text or f"Annotation {count}"
        native = shape.geometry.shape in (Shape.POINT, Shape.BOX, Shape.LINE, Shape.POLYGON)
        left_out = [
            *(("text",) if shape.text and not _MADE_UP.fullmatch(shape.text) else ()),
            *(("shape",) if native else ()),
        ]
        kind = _WRITTEN_TYPES.get(shape.geometry.shape, "Polygon")
        for index, ring in enumerate(_rings(shape, image)):
            hole = index > 0 and shape.geometry.ring_holes[index]
            extras = part_extras(shape, index, hole) if index else extras_of(shape, leave_out=left_out)
            group = label_of(shape) + (HOLE if hole else "")
            groups.setdefault(group, shape.type.color)
            color = out.quoted(shape.type.color)
            out.raw(
                f"\t\t<Annotation Name={out.quoted(name)} Type={out.quoted(kind)} PartOfGroup={out.quoted(group)} "
                f"Color={color} Exact={out.quoted(compact(extras))}>\n\t\t\t<Coordinates>\n"
            )
            for order, (x, y) in enumerate(ring.tolist()):
                out.raw(f'\t\t\t\t<Coordinate Order="{order}" X="{spelled(x)}" Y="{spelled(y)}" />\n')
            out.raw("\t\t\t</Coordinates>\n\t\t</Annotation>\n")
        count += 1
    out.raw("\t</Annotations>\n\t<AnnotationGroups>\n")
    for name, color in groups.items():
        if name != "None":
            out.raw(
                f'\t\t<Group Name={out.quoted(name)} PartOfGroup="None" Color={out.quoted(color)}>\n'
                "\t\t\t<Attributes />\n\t\t</Group>\n"
            )
    out.raw("\t</AnnotationGroups>\n</ASAP_Annotations>\n")
    out.flush()
    if count:
        report.warn(
            "ASAP drops identities, authors and attributes when it saves the file; until then EXACT reads them."
        )


def _rings(shape: WrittenShape, image: ExchangeImage) -> list[Ring]:
    rings = level0_rings(shape.geometry)
    if shape.geometry.shape.is_label:
        return [image_outline(image.width, image.height)]
    if shape.geometry.shape is Shape.BOX:
        return [box_outline(rings[0])]
    return [ellipse_outline(rings[0])] if shape.geometry.shape is Shape.ELLIPSE else rings


def _tell(shape: WrittenShape, report: Report) -> None:
    kind = shape.geometry.shape
    if any(shape.geometry.ring_holes):
        report.lose("holes: polygons of a group of their own, *_hole, which only EXACT cuts out again")
    if kind is Shape.MULTI_POLYGON:
        report.lose("multi-polygons: written as separate polygons, which only EXACT joins again")
    elif kind is Shape.ELLIPSE:
        report.lose("ellipses: drawn as polygons, which only EXACT reads back as ellipses")
    elif kind is Shape.ROTATED_BOX:
        report.lose("rotated boxes: drawn as polygons, which only EXACT reads back as boxes")
    elif kind is Shape.POLYLINE:
        report.lose("polylines: written as sets of points, which only EXACT reads back as polylines")
    tell_labels(shape, report)
    if shape.attributes:
        report.lose("attributes: only EXACT reads them back")
    if shape.frame.z >= 0 or shape.frame.t >= 0 or shape.frame.c >= 0:
        report.lose("planes of stacks: only EXACT reads them back")


FORMAT = Format(
    name="asap-xml",
    title="ASAP XML",
    extension=".xml",
    media_type="application/xml",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write,
)
