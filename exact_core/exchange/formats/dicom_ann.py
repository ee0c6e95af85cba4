"""DICOM Microscopy Bulk Simple Annotations.

A group of annotations is a label. Two-dimensional coordinates count pixels of the slide's level 0 from its outer
corner, as here; three-dimensional ones are millimetres on the slide and need to know where the image lies on it.
Measurements are attributes. DICOM's polygons have no holes: ours are polygons of a group ``X_hole``. A private element
of each group holds what the standard has no place for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import (
    ExchangeImage,
    Format,
    ReadContext,
    ReadShape,
    Report,
    Ring,
)
from exact_core.exchange.extras import Element, Extras, completed, with_ring
from exact_core.exchange.formats import dicom_objects as dicom
from exact_core.exchange.formats.dicom_ann_writing import write_annotations
from exact_core.exchange.numbers import read_object
from exact_core.exchange.outlines import is_rectangle, turned_ellipse, upright_box
from exact_core.exchange.refusing import refuse
from exact_core.exchange.slide_properties import image_of_file, likely_image, slide_property

WHAT = "DICOM annotations"
TOLERANCE = 0.01


def sniff(head: bytes, _file_name: str) -> int:
    return 100 if dicom.object_class(head) == dicom.ANNOTATIONS else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    highdicom, _ = dicom.packages()
    dicom.require_class(stream, (dicom.ANNOTATIONS,), WHAT)
    with dicom.telling(WHAT):
        found = highdicom.ann.annread(stream)
        to_pixels = _coordinates(found, context)
        kind = str(found.AnnotationCoordinateType)
        groups = [_Read(group, kind, number) for number, group in enumerate(found.AnnotationGroupSequence, 1)]
    holes: dict[tuple[int, int], list[Ring]] = {}
    for group in groups:
        for index, owner in group.holes():
            holes.setdefault(owner, []).append(to_pixels(group.data[index]))
    for group in groups:
        if not group.is_holes:
            yield from _shapes(group, to_pixels, holes, context)


def _coordinates(found: Any, context: ReadContext) -> Any:
    """What turns the file's coordinates into level-0 pixels."""
    kind = str(found.AnnotationCoordinateType)
    image = context.only_image or (image_of_file(context, WHAT) if kind == "3D" else None)
    _check_reference(found, context.only_image, context.report)
    if kind == "2D":
        if str(found.get("PixelOriginInterpretation", "VOLUME")) != "VOLUME":
            raise Invalid("The coordinates of the DICOM annotations start at single frames (tiles), not at the slide.")
        return lambda data: np.asarray(data[:, :2], np.float64)
    assert image is not None
    position = dicom.slide_position(image)
    if position is None or not image.mpp_x or not image.mpp_y:
        raise Invalid(
            "The coordinates of the DICOM annotations are millimetres on the slide, and it is not known where on it "
            f"{image.name} lies. Save them with two-dimensional coordinates (pixels)."
        )
    highdicom, _ = dicom.packages()
    spacing = (image.mpp_y / 1000, image.mpp_x / 1000)
    transform = highdicom.spatial.ReferenceToImageTransformer(position[0], position[1], spacing)
    return lambda data: np.asarray(transform(np.asarray(data, np.float64))[:, :2], np.float64)


def _check_reference(found: Any, image: ExchangeImage | None, report: Report) -> None:
    """Tell when the file refers to another image than ours."""
    ours = slide_property(image, "dicom.SOPInstanceUID") if image is not None else None
    theirs = {str(each.ReferencedSOPInstanceUID) for each in found.get("ReferencedImageSequence", [])}
    if ours and theirs and ours not in theirs:
        report.warn(
            "The annotations refer to another DICOM object than level 0 of this slide; if it is a smaller level, their "
            "places are wrong."
        )


class _Read:
    """A group of the file with its coordinates."""

    def __init__(self, group: Any, coordinate_type: str, number: int) -> None:
        self.number = number
        self.place = f"annotation group {number}"
        self.label = str(group.AnnotationGroupLabel)
        self.kind = str(group.GraphicType)
        self.color = dicom.color_of_lab(group.get("RecommendedDisplayCIELabValue"))
        count = int(group.NumberOfAnnotations)
        self.data: Sequence[Ring] = group.get_graphic_data(coordinate_type) if count else []
        if len(self.data) != count or any(not len(each) for each in self.data[:1]):
            raise Invalid(f"{self.place.capitalize()} says {count} annotations and has {len(self.data)}.")
        self.measured = self._measurements(group) if count else []
        ours = read_object(dicom.noted(group))
        rows = ours.get("rows")
        fits = isinstance(rows, list) and len(rows) == count and all(isinstance(each, dict) for each in rows)
        self.rows: list[Extras] = rows if fits and isinstance(rows, list) else [{} for _ in range(count)]
        self.is_holes = fits and bool(ours.get("holes"))
        if fits and isinstance(ours.get("label"), str):
            self.label = ours["label"]

    def _measurements(self, group: Any) -> list[tuple[str, Any, str]]:
        names, values, units = group.get_measurements()
        columns = zip(names, values.T, units, strict=True)
        return [(name.meaning, column, unit.meaning) for name, column, unit in columns]

    def holes(self) -> Iterator[tuple[int, tuple[int, int]]]:
        """The index of each hole and the group and index of the polygon that it belongs to."""
        for index, row in enumerate(self.rows if self.is_holes else ()):
            owner = row.get("in")
            if isinstance(owner, list) and len(owner) == 2 and all(isinstance(each, int) for each in owner):
                yield index, (owner[0], owner[1])

    def attributes(self, index: int) -> dict[str, Any]:
        """The measurements of one annotation."""
        return {name: float(values[index]) for name, values, _ in self.measured if np.isfinite(values[index])}


def _shapes(
    group: _Read, to_pixels: Any, holes: dict[tuple[int, int], list[Ring]], context: ReadContext
) -> Iterator[ReadShape]:
    report, image = context.report, likely_image(context)
    for name, _, unit in group.measured:
        if not any("attributes" in row for row in group.rows[:1]):
            report.warn(f"Measurements of {group.label!r}: {name} is in {unit}.")
    waiting: ReadShape | None = None
    for index in range(len(group.data)):
        extras = group.rows[index]
        place = f"{group.place}, annotation {index + 1}"
        ring = to_pixels(group.data[index])
        if not np.isfinite(ring).all():
            refuse(report, place, f"{place} has a coordinate that is not finite (NaN or infinity).")
            continue
        shape, ring = _shape_of(group.kind, ring, report)
        found = ReadShape(place, group.label, shape, [ring], attributes=group.attributes(index), color=group.color)
        if extras.get("part") and waiting is not None and waiting.uuid == extras.get("uuid"):
            waiting = with_ring(waiting, ring, hole=False)
        else:
            if waiting is not None:
                yield waiting
            waiting = completed(Element(found, extras), image, TOLERANCE)
        for hole in holes.get((group.number, index), ()):
            waiting = with_ring(waiting, hole, hole=True)
    if waiting is not None:
        yield waiting


def _shape_of(kind: str, ring: Ring, report: Report) -> tuple[Shape, Ring]:
    if kind == "POINT":
        return Shape.POINT, ring
    if kind == "RECTANGLE":
        box = upright_box(ring, 1e-3)
        if box is not None:
            return Shape.BOX, box
        return (Shape.ROTATED_BOX if is_rectangle(ring) else Shape.POLYGON), ring
    if kind == "ELLIPSE":
        if len(ring) != 4:
            raise Invalid("An ellipse of the DICOM annotations does not have the four ends of its axes.")
        center, along, across = ring.mean(axis=0), (ring[1] - ring[0]) / 2, (ring[3] - ring[2]) / 2
        if min(np.abs(along)) <= 1e-3 and min(np.abs(across)) <= 1e-3:
            return Shape.ELLIPSE, np.stack([ring.min(axis=0), ring.max(axis=0)])
        report.lose("turned ellipses: read as polygons")
        return Shape.POLYGON, turned_ellipse(center, along, across)
    if kind == "POLYLINE":
        return (Shape.LINE if len(ring) == 2 else Shape.POLYLINE), ring
    return Shape.POLYGON, ring


FORMAT = Format(
    name="dicom-ann",
    title="DICOM Microscopy Bulk Simple Annotations",
    extension=".dcm",
    media_type="application/dicom",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write_annotations,
)
