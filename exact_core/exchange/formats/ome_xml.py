"""Regions of interest of OME-XML, alone or in the description of an OME-TIFF.

The name of a ROI is the label (the text of its first shape, where it has no name), the text of its shape the text, its
key-value pairs are attributes. Coordinates are pixels of the image in the file, from the outer corner; where that image
has another size than ours, as a smaller copy has, they are scaled and it is said. Polygons of one ROI are a
multi-polygon; OME has no holes, so ours are polygons that the ROI's description names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage, Format, ReadContext, ReadShape, Ring
from exact_core.exchange.extras import Element, completed, uuid_of
from exact_core.exchange.formats.ome_shapes import DRAWN, Drawn, OmeElement, drawn
from exact_core.exchange.formats.ome_writing import MARK, write_ome
from exact_core.exchange.hole_finding import as_one
from exact_core.exchange.numbers import read_object, read_value
from exact_core.exchange.refusing import refuse
from exact_core.exchange.xml_reading import Attributes, XmlHandler, elements_at_start, read_whole_xml, read_xml

TOLERANCE = 1e-3
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(slots=True)
class _Facts:
    """What stands elsewhere in the file: images, whose ROIs are whose, and key-value pairs."""

    images: dict[str, dict[str, str]] = field(default_factory=dict)
    image_of_roi: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, dict[str, object]] = field(default_factory=dict)


class _FactFinder(XmlHandler[None]):
    """Finds everything but the shapes."""

    what = "OME-XML"
    roots = frozenset({"OME"})

    def __init__(self) -> None:
        super().__init__()
        self.facts = _Facts()
        self._image = ""
        self._map = ""
        self._key: str | None = None

    def start(self, name: str, attributes: Attributes) -> bool | None:
        if name == "Image":
            self._image = attributes.get("ID", str(len(self.facts.images)))
            self.facts.images[self._image] = {"Name": attributes.get("Name", "")}
        elif name == "Pixels" and self._image:
            self.facts.images[self._image] |= {key: attributes.get(key, "") for key in ("SizeX", "SizeY")}
        elif name == "ROIRef" and self._image:
            self.facts.image_of_roi[attributes.get("ID", "")] = self._image
        elif name == "MapAnnotation":
            self._map = attributes.get("ID", "")
        elif name == "M" and self._map:
            self._key = attributes.get("K", "")
            return True
        return None

    def end(self, name: str, text: str) -> None:
        if name == "M" and self._key is not None:
            self.facts.pairs.setdefault(self._map, {})[self._key] = read_value(text)
            self._key = None
        elif name == "Image":
            self._image = ""
        elif name == "MapAnnotation":
            self._map = ""


class _Rois(XmlHandler[ReadShape]):
    """Finds ROIs and makes annotations of them."""

    what = "OME-XML"
    roots = frozenset({"OME"})

    def __init__(self, facts: _Facts, context: ReadContext) -> None:
        super().__init__()
        self._facts = facts
        self._context = context
        self._roi: Attributes | None = None
        self._count = 0
        self._line = 0
        self._open: OmeElement | None = None
        self._around: Attributes = {}
        self._drawn: list[Drawn] = []
        self._pairs: dict[str, object] = {}
        self._description = ""
        self._wrong = False

    def start(self, name: str, attributes: Attributes) -> bool | None:
        if name == "ROI":
            self._roi, self._drawn, self._pairs, self._description, self._wrong = attributes, [], {}, "", False
            self._count += 1
            self._line = self.line
        elif self._roi is None:
            return None
        elif name == "Shape":
            self._around = attributes
        elif name in DRAWN and self._open is None:
            place = f"ROI {self._count}, shape {len(self._drawn) + 1} (line {self.line})"
            self._open = OmeElement(name, {**self._around, **attributes}, place)
        elif name in ("Transform", "AffineTransform") and self._open is not None:
            self._open.matrix = attributes
        elif name == "BinData" and self._open is not None:
            self._open.data = attributes
            return True
        elif name == "AnnotationRef":
            self._pairs |= self._facts.pairs.get(attributes.get("ID", ""), {})
        return name == "Description" and self._open is None

    def end(self, name: str, text: str) -> None:
        if self._roi is None:
            return
        if name == "ROI":
            self.found.extend(self._annotations(self._roi))
            self._roi = None
        elif name == "Description" and self._open is None:
            self._description = text
        elif name == "BinData" and self._open is not None:
            self._open.encoded = text
        elif name == "Shape":
            self._around = {}
        elif self._open is not None and name == self._open.name:
            try:
                found = drawn(self._open, self._context.report)
                self._drawn += [found] if found else []
            except Invalid as error:
                self._wrong = True
                refuse(self._context.report, self._open.place, error.message)
            self._open = None

    def _annotations(self, roi: Attributes) -> Iterator[ReadShape]:
        if not self._drawn:
            if not self._wrong:
                self._context.report.lose("ROIs without a shape: left out")
            return
        place = f"ROI {self._count} (line {self._line})"
        text, _, noted = self._description.rpartition(MARK)
        extras = read_object(noted) if noted.startswith("{") else {}
        named = roi.get("Name", "").strip()
        image, ours, scale = self._image_of(roi.get("ID", ""))
        for index, one in enumerate(self._together(extras)):
            label = named or one.text.strip() or "ROI"
            found = ReadShape(
                place=place if len(self._drawn) == 1 or index == 0 else f"{place}, shape {index + 1}",
                label=label,
                shape=one.shape,
                rings=[ring * scale for ring in one.rings] if scale is not None else one.rings,
                holes=one.holes,
                image=image,
                frame=one.frame,
                uuid=uuid_of(roi.get("ID", "").rpartition(":")[2]) if index == 0 else None,
                text=(one.text if named else "") or (text if extras else self._description).strip(),
                attributes=self._pairs,
                color=one.color,
            )
            yield completed(Element(found, extras), ours, TOLERANCE)

    def _together(self, extras: dict[str, object]) -> list[Drawn]:
        """The shapes of a ROI that are one annotation: our holes, and polygons of one plane."""
        first = self._drawn[0]
        if len(self._drawn) == 1:
            return self._drawn
        plain = all(each.shape is Shape.POLYGON and each.frame == first.frame for each in self._drawn)
        if not plain:
            return self._drawn
        rings = [ring for each in self._drawn for ring in each.rings]
        marked = extras.get("holes")
        if isinstance(marked, list) and 0 not in marked and len(rings) == len(self._drawn):
            holes = [index in marked for index in range(len(rings))]
            kind = Shape.POLYGON if sum(holes) == len(rings) - 1 else Shape.MULTI_POLYGON
            return [replace(first, shape=kind, rings=rings, holes=holes)]
        if extras:
            return [replace(first, shape=Shape.MULTI_POLYGON, rings=rings, holes=[False] * len(rings))]
        return [replace(first, **as_one([(each.rings, each.holes) for each in self._drawn]))]

    def _image_of(self, roi: str) -> tuple[str | None, ExchangeImage | None, Ring | None]:
        """The name of the image that a ROI lies on, ours of that name, and what scales the file's pixels to ours."""
        images = self._facts.images
        key = self._facts.image_of_roi.get(roi) or (next(iter(images)) if len(images) == 1 else None)
        if key is None:
            return None, self._context.only_image, None
        facts = images[key]
        name = facts["Name"] or None
        ours = self._context.only_image or next(
            (each for each in self._context.images if name and name in (each.name, each.file_name)), None
        )
        sizes = facts.get("SizeX", ""), facts.get("SizeY", "")
        if ours is None or not all(size.isdigit() and 0 < int(size) < 2**31 for size in sizes):
            return name, ours, None
        theirs = np.array([int(size) for size in sizes], np.float64)
        factor: Ring = np.array([ours.width, ours.height]) / theirs
        if (factor == 1).all():
            return name, ours, None
        size = f"{ours.name} has {ours.width} × {ours.height}"
        seen = f"The file is about an image of {sizes[0]} × {sizes[1]} pixels, {size}"
        off = float(np.abs(theirs * factor.mean() - [ours.width, ours.height]).max())
        if off > max(2.0, float(2 * factor.max()), 0.005 * max(ours.width, ours.height)):
            raise Invalid(f"{seen}: that is another image or a part of it.")
        self._context.report.warn(f"{seen}: shapes were scaled by {factor[0]:.6g} and {factor[1]:.6g}.")
        return name, ours, factor


def sniff(head: bytes, file_name: str) -> int:
    if head.startswith(_TIFF):
        if file_name.lower().endswith((".ome.tif", ".ome.tiff", ".ome.tf2", ".ome.tf8", ".ome.btf")):
            return 95
        return 90 if b"<OME " in head and b"openmicroscopy.org/Schemas" in head else 0
    elements = elements_at_start(head, 1)
    return 100 if elements and elements[0][0] == "OME" else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    stream.seek(0)
    facts = _FactFinder()
    if stream.read(4) in _TIFF:
        text = _description_of(stream)
        list(read_whole_xml(text, facts))
        yield from read_whole_xml(text, _Rois(facts.facts, context))
        return
    stream.seek(0)
    list(read_xml(stream, facts))
    stream.seek(0)
    yield from read_xml(stream, _Rois(facts.facts, context))


def _description_of(stream: BinaryIO) -> bytes:
    """The OME-XML in the first page of a TIFF file."""
    import struct

    import tifffile

    stream.seek(0)
    try:
        with tifffile.TiffFile(stream) as file:
            text = file.pages.first.description
    except (
        tifffile.TiffFileError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        OverflowError,
        struct.error,
        OSError,
    ) as error:
        raise Invalid(f"The OME-TIFF file cannot be read as TIFF: {error}.") from None
    if "<OME" not in text[:4096]:
        raise Invalid("The TIFF file has no OME-XML in its first page, so it has no regions of interest to read.")
    return str(text).encode()


FORMAT = Format(
    name="ome-xml",
    title="OME-XML ROI",
    extension=".ome.xml",
    media_type="application/xml",
    one_image=False,
    sniff=sniff,
    read=read,
    write=write_ome,
)
