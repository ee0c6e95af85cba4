"""Reading Darwin JSON, 2.0 and the one before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadContext, ReadShape, Report, Ring
from exact_core.exchange.extras import Element, completed
from exact_core.exchange.hole_finding import nested
from exact_core.exchange.json_stream import members, parsed
from exact_core.exchange.outlines import turned_ellipse

TOLERANCE = 1e-6

_UNKNOWN = {
    "skeleton": "skeletons",
    "cuboid": "cuboids",
    "eye": "eyes",
    "raster_layer": "masks (raster layers)",
    "mask": "masks (raster layers)",
    "graph": "graphs",
    "table": "tables",
    "simple_table": "tables",
    "string": "strings",
    "frames": "annotations of films",
}
"""Kinds of annotations that have no counterpart here; they are told and left out."""


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    """The shapes of a file; an annotation that cannot be read is refused by its number."""
    name, size = _item(stream)
    for key, number, text in members(stream):
        if key != "annotations" or number is None:
            continue
        place = f"annotation {number}"
        try:
            annotation = parsed(text)
            if not isinstance(annotation, dict):
                raise Invalid("It is no annotation.")
            found = _shape(annotation, place, context.report)
        except Invalid as error:
            context.report.refuse(place, error.message)
            continue
        if found is not None:
            yield replace(found, image=name, image_size=size)


def _item(stream: BinaryIO) -> tuple[str | None, tuple[int, int] | None]:
    """Name and size of the image, wherever they stand in the file."""
    for key, number, text in members(stream):
        if key not in ("item", "image") or number is not None or not text:
            continue
        item = parsed(text)
        if not isinstance(item, dict):
            break
        slots = item.get("slots")
        slot = slots[0] if isinstance(slots, list) and slots and isinstance(slots[0], dict) else item
        name = item.get("name") or item.get("original_filename") or item.get("filename")
        width, height = slot.get("width"), slot.get("height")
        size = None
        if isinstance(width, int) and isinstance(height, int) and 0 < min(width, height) <= max(width, height) < 2**31:
            size = width, height
        return (str(name) if name else None), size
    return None, None


def _shape(annotation: Mapping[str, Any], place: str, report: Report) -> ReadShape | None:
    exact = annotation.get("exact")
    exact = exact if isinstance(exact, dict) else {}
    drawn = _drawn(annotation, exact)
    if drawn is None:
        kind = next((words for key, words in _UNKNOWN.items() if key in annotation), "annotations of unknown kinds")
        report.lose(f"{kind}: there is no such annotation here; left out")
        return None
    if annotation.get("attributes") or annotation.get("properties"):
        report.lose("attributes and properties of V7: they belong to its own classes")
    shape, rings, holes = drawn
    inference = annotation.get("inference")
    score = inference.get("confidence") if isinstance(inference, dict) else None
    identity = annotation.get("id")
    found = ReadShape(
        place,
        str(annotation.get("name") or ""),
        shape,
        rings,
        holes,
        uuid=identity if isinstance(identity, str) else None,
        text=_text(annotation.get("text")),
        author=_author(annotation),
        score=float(score) if isinstance(score, int | float) and 0 <= score <= 1 else None,
    )
    return completed(Element(found, exact), None, TOLERANCE)


def _drawn(annotation: Mapping[str, Any], exact: Mapping[str, Any]) -> tuple[Shape, list[Ring], list[bool]] | None:
    polygon = annotation.get("polygon") or annotation.get("complex_polygon")
    if isinstance(polygon, dict):
        return _polygon(polygon, exact)
    if isinstance(ellipse := annotation.get("ellipse"), dict):
        return _ellipse(ellipse)
    if isinstance(line := annotation.get("line"), dict):
        path = _path(line.get("path"))
        return (Shape.LINE if len(path) == 2 else Shape.POLYLINE), [path], [False]
    if isinstance(keypoint := annotation.get("keypoint"), dict):
        return Shape.POINT, [_path([keypoint])], [False]
    if "tag" in annotation:
        return Shape.IMAGE, [], []
    if any(key in annotation for key in _UNKNOWN):
        return None
    if isinstance(box := annotation.get("bounding_box"), dict):
        x, y, width, height = (_number(box.get(key)) for key in "xywh")
        return Shape.BOX, [np.array([[x, y], [x + width, y + height]])], [False]
    return None


def _polygon(polygon: Mapping[str, Any], exact: Mapping[str, Any]) -> tuple[Shape, list[Ring], list[bool]]:
    """Outlines and holes; where only rings are told, one inside of another is a hole in it."""
    found = polygon.get("paths")
    if isinstance(found, list):
        paths = [_path(path) for path in found]
    else:
        paths = [_path(path) for path in [polygon.get("path"), *(polygon.get("additional_paths") or [])]]
        if len(paths) == 1 and isinstance(polygon.get("path"), list) and isinstance(polygon["path"][0], list):
            paths = [_path(path) for path in polygon["path"]]
    if not paths:
        raise Invalid("Its polygon is empty.")
    flags = exact.get("holes")
    if isinstance(flags, list) and len(flags) == len(paths) and not flags[0]:
        holes = [bool(flag) for flag in flags]
        rings = paths
    else:
        rings, holes = nested(paths) if len(paths) > 1 else (paths, [False])
    return (Shape.POLYGON if holes.count(False) == 1 else Shape.MULTI_POLYGON), rings, holes


def _ellipse(ellipse: Mapping[str, Any]) -> tuple[Shape, list[Ring], list[bool]]:
    center, radius = ellipse.get("center"), ellipse.get("radius")
    if not isinstance(center, dict) or not isinstance(radius, dict):
        raise Invalid("Its ellipse has no center or no radius.")
    middle = np.array([_number(center.get("x")), _number(center.get("y"))])
    x, y = _number(radius.get("x")), _number(radius.get("y"))
    angle = _number(ellipse.get("angle") or 0.0)
    if angle % math.pi == 0:
        half = np.array([x, y])
        return Shape.ELLIPSE, [np.stack([middle - half, middle + half])], [False]
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    return Shape.POLYGON, [turned_ellipse(middle, along * x, across * y)], [False]


def _path(value: Any) -> Ring:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise Invalid("A path of it is no list of points.")
    if not all(isinstance(point, dict) for point in value):
        raise Invalid("A point of it is no x and y.")
    return np.array([[_number(point.get("x")), _number(point.get("y"))] for point in value])


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Invalid("One of its numbers is missing or not finite.")
    return float(value)


def _text(value: Any) -> str:
    return str(value.get("text") or "") if isinstance(value, dict) else str(value or "")


def _author(annotation: Mapping[str, Any]) -> str:
    people = annotation.get("annotators")
    person = people[0] if isinstance(people, list) and people else None
    return str(person.get("full_name") or person.get("email") or "") if isinstance(person, dict) else ""
