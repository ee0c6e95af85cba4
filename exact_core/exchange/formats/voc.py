"""Pascal VOC: one XML file per image with upright boxes.

VOC counts pixels from 1, and a box holds both of its corner pixels: what covers the pixels 10 to 19 here goes from 11
to 20 there. What VOC has no place for stands in an element ``exact`` of each object, which other programs ignore.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
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
from exact_core.exchange.extras import Element, completed, extras_of
from exact_core.exchange.numbers import compact, number, read_object, spelled
from exact_core.exchange.polygons import bounds_of
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.xml_reading import Attributes, XmlHandler, elements_at_start, read_xml
from exact_core.exchange.xml_writing import XmlWriter

_NAME = "Pascal VOC"
_TOLERANCE = 1e-6
_KEPT = frozenset({"filename", "name", "width", "height", "exact", "angle", "cx", "cy", "w", "h"})
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def sniff(head: bytes, _file_name: str) -> int:
    """Whether a file is VOC's: an annotation with a filename, a size or objects."""
    if b"<annotation" not in head:
        return 0
    elements = [name for name, _ in elements_at_start(head)]
    if not elements or elements[0] != "annotation":
        return 0
    known = {"folder", "filename", "size", "object", "segmented", "source"} & set(elements)
    return 95 if len(known) > 1 else 0


class _Handler(XmlHandler[ReadShape]):
    """Makes a shape of each object."""

    what = _NAME
    roots = frozenset({"annotation"})

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._path: list[str] = []
        self._file = ""
        self._size: dict[str, str] = {}
        self._object: dict[str, str] = {}
        self._polygon: dict[str, str] = {}
        self._count = 0

    def start(self, name: str, _attributes: Attributes) -> bool:
        """Text is kept of leaves only."""
        self._path.append(name)
        if name == "object" and len(self._path) == 2:
            self._object, self._polygon = {}, {}
        return name in _KEPT or name in _CORNERS or "polygon" in self._path

    def end(self, name: str, text: str) -> None:
        """An object is complete at its end; those inside of its parts are not looked at."""
        path, text = self._path, text.strip()
        self._path = path[:-1]
        if path == ["annotation", "filename"]:
            self._file = text
        elif path[:2] == ["annotation", "size"] and len(path) == 3:
            self._size[name] = text
        elif path[:2] == ["annotation", "object"]:
            if path[2:3] == ["polygon"] and len(path) == 4:
                self._polygon[name] = text
            elif len(path) == 3 or (path[2:3] in (["bndbox"], ["robndbox"]) and len(path) == 4):
                self._object.setdefault(name, text)
            elif len(path) == 2:
                self._finish()

    def _finish(self) -> None:
        place = f"object {self._count}"
        self._count += 1
        try:
            self.found.append(self._shape(place))
        except Invalid as error:
            self._report.refuse(place, error.message)

    def _shape(self, place: str) -> ReadShape:
        shape, ring = self._drawn(place)
        size = self._image_size()
        found = ReadShape(place, self._object.get("name", ""), shape, [ring], image=self._file or None, image_size=size)
        image = ExchangeImage(0, "", *size) if size else None
        return completed(Element(found, read_object(self._object.get("exact", ""))), image, _TOLERANCE)

    def _drawn(self, place: str) -> tuple[Shape, Ring]:
        if self._polygon:
            count = len(self._polygon) // 2
            pairs = [[self._number(self._polygon, f"{axis}{index}", place) for axis in "xy"] for index in
                     range(1, count + 1)]  # fmt: skip
            return Shape.POLYGON, np.array(pairs) - 0.5
        if "cx" in self._object:
            return Shape.ROTATED_BOX, self._turned(place)
        left, top, right, bottom = (self._number(self._object, name, place) for name in _CORNERS)
        if left > right or top > bottom:
            raise Invalid("Its corners are in the wrong order.")
        return Shape.BOX, np.array([[left - 1, top - 1], [right, bottom]])

    def _turned(self, place: str) -> Ring:
        """A box turned about its middle, as roLabelImg writes it."""
        x, y, width, height = (self._number(self._object, name, place) for name in ("cx", "cy", "w", "h"))
        angle = self._number(self._object, "angle", place)
        along = np.array([math.cos(angle), math.sin(angle)])
        across = np.array([-along[1], along[0]])
        signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        return np.array([[x, y] + a * width / 2 * along + b * height / 2 * across for a, b in signs]) - 0.5

    @staticmethod
    def _number(values: dict[str, str], name: str, place: str) -> float:
        return number(values.get(name), name, place)

    def _image_size(self) -> tuple[int, int] | None:
        width, height = self._size.get("width", ""), self._size.get("height", "")
        if width.isdecimal() and height.isdecimal() and len(width) < 10 and len(height) < 10:
            return (int(width), int(height)) if int(width) and int(height) else None
        return None


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    """The shapes of a file."""
    stream.seek(0)
    return read_xml(stream, _Handler(context.report))


def write(document: ExportDocument, target: BinaryIO, report: Report) -> None:
    """Write the annotations of one image."""
    (image,) = document.images
    xml = XmlWriter(target, report)
    name = xml.text(image.file_name or image.name)
    xml.raw(f"<annotation>\n\t<folder>{xml.text(document.title)}</folder>\n\t<filename>{name}</filename>\n")
    xml.raw(f"\t<source>\n\t\t<database>EXACT</database>\n\t\t<annotation>{xml.text(_origin(document))}</annotation>\n")
    xml.raw(f"\t</source>\n\t<size>\n\t\t<width>{image.width}</width>\n\t\t<height>{image.height}</height>\n")
    xml.raw("\t\t<depth>3</depth>\n\t</size>\n\t<segmented>0</segmented>\n")
    for shape in document.shapes(image):
        box = _box(shape, image, report)
        if box is None:
            continue
        xml.raw(f"\t<object>\n\t\t<name>{xml.text(shape.type.name)}</name>\n\t\t<pose>Unspecified</pose>\n")
        xml.raw("\t\t<truncated>0</truncated>\n\t\t<difficult>0</difficult>\n\t\t<bndbox>\n")
        for tag, value in zip(_CORNERS, box, strict=True):
            xml.raw(f"\t\t\t<{tag}>{spelled(value)}</{tag}>\n")
        xml.raw(f"\t\t</bndbox>\n\t\t<exact>{xml.text(compact(_extras(shape)))}</exact>\n\t</object>\n")
    xml.raw("</annotation>\n")
    xml.flush()


def _extras(shape: WrittenShape) -> dict[str, object]:
    """What VOC has no place for; the shape only where it is the box that stands there."""
    extras = extras_of(shape)
    if shape.geometry.shape not in (Shape.BOX, Shape.IMAGE):
        extras.pop("shape", None)
    return extras


def _origin(document: ExportDocument) -> str:
    return ", ".join(f"{name} {value}" for name, value in document.facts.items())


def _box(shape: WrittenShape, image: ExchangeImage, report: Report) -> tuple[float, float, float, float] | None:
    """The pixels of the bounding box, counted from 1; None for what has no extent."""
    form = shape.geometry.shape
    if form is Shape.ABSENT:
        report.lose(f"what is absent: {_NAME} would show it as there; left out")
        return None
    if form is Shape.IMAGE:
        report.lose(f"labels of the whole image: {_NAME} shows a box around the image")
        return 1, 1, image.width, image.height
    rings = level0_rings(shape.geometry)
    left, top, right, bottom = bounds_of(rings) if rings else (0.0, 0.0, 0.0, 0.0)
    if right <= left or bottom <= top:
        report.lose(f"points and straight lines: {_NAME} has boxes only; they are left out")
        return None
    if form is not Shape.BOX:
        report.lose(f"{form.value.replace('_', ' ')}: {_NAME} has boxes only; it is the box around it")
    return left + 1, top + 1, right, bottom


FORMAT = Format(
    name="voc",
    title="Pascal VOC",
    extension=".xml",
    media_type="application/xml",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write,
)
