"""DICOM Microscopy Bulk Simple Annotations.

A group of annotations is a label. Two-dimensional coordinates count pixels of the slide's level 0 from its outer
corner, as here; three-dimensional ones are millimetres on the slide and need to know where the image lies on it.
Measurements are attributes. DICOM's polygons have no holes: ours are polygons of a group ``X_hole``. A private element
of each group holds what the standard has no place for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import (
    ExchangeImage,
    ExchangeType,
    ExportDocument,
    Format,
    ReadContext,
    ReadShape,
    Report,
    Ring,
    WrittenShape,
)
from exact_core.exchange.extras import Element, Extras, completed, extras_of, with_ring
from exact_core.exchange.formats import dicom_objects as dicom
from exact_core.exchange.numbers import read_object
from exact_core.exchange.outlines import box_outline, image_outline, is_rectangle, turned_ellipse, upright_box
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.slide_properties import image_of_file, slide_property

WHAT = "DICOM annotations"
HOLE = "_hole"
TOLERANCE = 0.01
_ORDER = ("POINT", "RECTANGLE", "ELLIPSE", "POLYLINE", "POLYGON")
_KINDS = {
    Shape.POINT: "POINT",
    Shape.BOX: "RECTANGLE",
    Shape.ROTATED_BOX: "RECTANGLE",
    Shape.IMAGE: "RECTANGLE",
    Shape.ELLIPSE: "ELLIPSE",
    Shape.LINE: "POLYLINE",
    Shape.POLYLINE: "POLYLINE",
}


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
    report = context.report
    for name, _, unit in group.measured:
        if not any("attributes" in row for row in group.rows[:1]):
            report.warn(f"Measurements of {group.label!r}: {name} is in {unit}.")
    waiting: ReadShape | None = None
    for index in range(len(group.data)):
        extras = group.rows[index]
        place = f"{group.place}, annotation {index + 1}"
        ring = to_pixels(group.data[index])
        if not np.isfinite(ring).all():
            raise Invalid(f"{place} has a coordinate that is not finite (NaN or infinity).")
        shape, ring = _shape_of(group.kind, ring, report)
        found = ReadShape(place, group.label, shape, [ring], attributes=group.attributes(index), color=group.color)
        if extras.get("part") and waiting is not None and waiting.uuid == extras.get("uuid"):
            waiting = with_ring(waiting, ring, hole=False)
        else:
            if waiting is not None:
                yield waiting
            waiting = completed(Element(found, extras), context.only_image, TOLERANCE)
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


@dataclass(slots=True)
class _Group:
    """Annotations of one type and one kind of drawing, on their way out."""

    type: ExchangeType
    kind: str
    is_holes: bool
    rings: list[Ring] = field(default_factory=list)
    rows: list[Extras] = field(default_factory=list)
    measured: dict[str, dict[int, float]] = field(default_factory=dict)


def write(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    highdicom, pydicom = dicom.packages()
    image = document.images[0]
    groups, newest = _gathered(document, image, report)
    if not groups:
        report.warn(f"{image.name} has no annotations, and DICOM asks for at least one: other programs may refuse it.")
    digest = hashlib.sha256(dicom.facts_of(document).encode())
    made_groups = [_made(group, number, image, document, digest) for number, group in enumerate(groups, 1)]
    content = digest.hexdigest()
    made = highdicom.ann.MicroscopyBulkSimpleAnnotations(
        source_images=[dicom.source_image(image, document, report)],
        annotation_coordinate_type="2D",
        annotation_groups=made_groups,
        series_instance_uid=dicom.derived_uid("annotation series", dicom.facts_of(document), image.id, image.name),
        series_number=1,
        sop_instance_uid=dicom.derived_uid("annotations", image.id, image.name, content),
        instance_number=1,
        manufacturer="EXACT",
        manufacturer_model_name="EXACT",
        software_versions="2",
        device_serial_number="0",
        content_description=dicom.label_of(document.title),
        content_label="ANNOTATIONS",
        content_date=newest.date(),
        content_time=newest.time().replace(microsecond=0),
    )
    dicom.set_times(made, newest)
    pydicom.dcmwrite(stream, made, enforce_file_format=True)


def _gathered(document: ExportDocument, image: ExchangeImage, report: Report) -> tuple[list[_Group], datetime]:
    found: dict[tuple[int, bool, str], _Group] = {}
    newest = datetime(1970, 1, 1, tzinfo=UTC)
    owners: list[tuple[Extras, _Group, int]] = []
    for shape in document.shapes(image):
        newest = max(newest, shape.edited_at.astimezone(UTC))
        _tell(shape, report)
        kind = _KINDS.get(shape.geometry.shape, "POLYGON")
        native = shape.geometry.shape in (Shape.POINT, Shape.BOX, Shape.ELLIPSE, Shape.LINE, Shape.POLYGON)
        group = found.setdefault((shape.type.id, False, kind), _Group(shape.type, kind, is_holes=False))
        for index, ring in enumerate(level0_rings(shape.geometry) or [image_outline(image.width, image.height)]):
            if index and shape.geometry.ring_holes[index]:
                holes = found.setdefault((shape.type.id, True, kind), _Group(shape.type, kind, is_holes=True))
                row: Extras = {}
                owners.append((row, group, len(group.rings) - 1))
                holes.rings.append(ring)
                holes.rows.append(row)
                continue
            for name, value in () if index else shape.attributes.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    group.measured.setdefault(name, {})[len(group.rings)] = float(value)
                else:
                    report.lose("attributes that are no numbers: only EXACT reads them back")
            group.rings.append(_coordinates_of(shape.geometry.shape, ring))
            group.rows.append(
                {"uuid": shape.uuid, "part": index}
                if index
                else extras_of(shape, leave_out=("shape",) if native else ())
            )
    ordered = [found[key] for key in sorted(found, key=lambda key: (key[0], key[1], _ORDER.index(key[2])))]
    numbers = {id(group): number for number, group in enumerate(ordered, 1)}
    for row, group, index in owners:
        row["in"] = [numbers[id(group)], index]
    return ordered, newest


def _coordinates_of(shape: Shape, ring: Ring) -> Ring:
    if shape is Shape.BOX:
        return box_outline(ring)
    if shape is Shape.ELLIPSE:
        (x0, y0), (x1, y1) = ring.tolist()
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        wide, high = [[x0, y], [x1, y]], [[x, y0], [x, y1]]
        return np.array([*wide, *high] if x1 - x0 >= y1 - y0 else [*high, *wide])
    return ring


def _made(group: _Group, number: int, image: ExchangeImage, document: ExportDocument, digest: Any) -> Any:
    highdicom, _ = dicom.packages()
    name = group.type.name + (HOLE if group.is_holes else "")
    flat = np.concatenate(group.rings)
    exact = np.array_equal(flat.astype(np.float32), flat)
    rings = [ring.astype(np.float32) for ring in group.rings] if exact else group.rings
    measurements = [
        highdicom.ann.Measurements(dicom.code_of(each), _column(values, len(rings)), _no_unit())
        for each, values in sorted(group.measured.items())
    ]
    content: dict[str, Any] = {"label": name, "rows": group.rows, **({"holes": True} if group.is_holes else {})}
    made = highdicom.ann.AnnotationGroup(
        number=number,
        uid=dicom.derived_uid("group", dicom.facts_of(document), image.id, image.name, number, name, group.kind),
        label=dicom.label_of(name),
        annotated_property_category=dicom.category(),
        annotated_property_type=dicom.code_of(name),
        graphic_type=group.kind,
        graphic_data=rings,
        algorithm_type="MANUAL",
        measurements=measurements or None,
        display_color=dicom.lab_of(group.type.color),
    )
    dicom.note(made, content)
    digest.update(f"{name}\0{group.kind}\0{dicom.noted(made)}\0".encode())
    digest.update(np.cumsum([len(ring) for ring in rings]).tobytes())
    digest.update(flat.tobytes())
    return made


def _column(values: dict[int, float], count: int) -> Any:
    column = np.full(count, np.nan)
    column[list(values)] = list(values.values())
    return column


def _no_unit() -> Any:
    highdicom, _ = dicom.packages()
    return highdicom.sr.CodedConcept(value="1", scheme_designator="UCUM", meaning="no units")


def _tell(shape: WrittenShape, report: Report) -> None:
    kind = shape.geometry.shape
    if any(shape.geometry.ring_holes):
        report.lose("holes: polygons of a group of their own, *_hole, which only EXACT cuts out again")
    if kind is Shape.MULTI_POLYGON:
        report.lose("multi-polygons: written as separate polygons, which only EXACT joins again")
    elif kind is Shape.IMAGE:
        report.lose("labels of the whole image: drawn as a rectangle around it")
    if shape.text:
        report.lose("texts: in a private element, where only EXACT reads them back")
    if shape.frame.z >= 0 or shape.frame.t >= 0 or shape.frame.c >= 0:
        report.lose("planes of stacks: in a private element, where only EXACT reads them back")


FORMAT = Format(
    name="dicom-ann",
    title="DICOM Microscopy Bulk Simple Annotations",
    extension=".dcm",
    media_type="application/dicom",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write,
)
