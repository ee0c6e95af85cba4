"""Writing DICOM bulk annotations: a group for each type and kind of drawing, holes in groups of their own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.exchange.document import (
    ExchangeImage,
    ExchangeType,
    ExportDocument,
    Report,
    Ring,
    WrittenShape,
)
from exact_core.exchange.extras import Extras, extras_of
from exact_core.exchange.formats import dicom_objects as dicom
from exact_core.exchange.outlines import box_outline, image_outline
from exact_core.exchange.rings import level0_rings

HOLE = "_hole"
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


@dataclass(slots=True)
class _Group:
    """Annotations of one type and one kind of drawing, on their way out."""

    type: ExchangeType
    kind: str
    is_holes: bool
    rings: list[Ring] = field(default_factory=list)
    rows: list[Extras] = field(default_factory=list)
    measured: dict[str, dict[int, float]] = field(default_factory=dict)


def write_annotations(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    """Write one image."""
    highdicom, _ = dicom.packages()
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
    dicom.save(made, stream)


def _gathered(document: ExportDocument, image: ExchangeImage, report: Report) -> tuple[list[_Group], datetime]:
    found: dict[tuple[int, bool, str], _Group] = {}
    newest = datetime(1970, 1, 1, tzinfo=UTC)
    owners: list[tuple[Extras, _Group, int]] = []
    for shape in document.shapes(image):
        newest = max(newest, shape.edited_at.astimezone(UTC))
        if shape.geometry.shape is Shape.ABSENT:
            report.lose("what is absent: DICOM would show it as there; left out")
            continue
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
