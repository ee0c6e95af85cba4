"""Reading COCO: polygons, masks as run-length codes, boxes; images and categories may stand behind the annotations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage, ReadContext, ReadShape, Report, Ring
from exact_core.exchange.extras import Element, completed
from exact_core.exchange.json_stream import list_items, members, outline, parsed
from exact_core.exchange.outlines import upright_box
from exact_core.exchange.rle import decoded, regions_of

TOLERANCE = 1e-6

_LOOKED_AT = 5_000
_OUTSIDE = 0.05  # of the boxes that were looked at
_BEYOND = 0.02  # of boxes at the edge reach a little out of their image


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of the file."""

    name: str
    width: int
    height: int


@dataclass(slots=True)
class _Head:
    """Images and categories of the file, by their numbers."""

    images: dict[Any, _Image] = field(default_factory=dict)
    categories: dict[Any, str] = field(default_factory=dict)
    has_corners: bool = False
    """Whether boxes are two corners, as some data sets write them."""


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    """The shapes of a file; an annotation that cannot be read is refused by its number."""
    head = _Head()
    is_list = outline(stream).is_list
    if not is_list:
        _read_head(stream, head)
        _look_at_boxes(stream, head, context.report)
    for number, text in enumerate(_annotations(stream, is_list)):
        place = f"annotation {number}"
        try:
            annotation = parsed(text)
            if not isinstance(annotation, dict):
                raise Invalid("It is no annotation.")
            yield _shape(annotation, place, head, context)
        except Invalid as error:
            context.report.refuse(place, error.message)


def _annotations(stream: BinaryIO, is_list: bool) -> Iterator[bytes]:
    if is_list:
        return list_items(stream)
    return (text for key, item, text in members(stream) if key == "annotations" and item is not None)


def _read_head(stream: BinaryIO, head: _Head) -> None:
    for key, item, text in members(stream):
        if item is None or key not in ("images", "categories"):
            continue
        value = parsed(text)
        if not isinstance(value, dict) or not isinstance(value.get("id"), int | str):
            raise Invalid(f"Item {item} of the file's {key} has no id.")
        if key == "images":
            name = str(value.get("file_name") or value.get("name") or value["id"])
            head.images[value["id"]] = _Image(name, _whole(value.get("width")), _whole(value.get("height")))
        else:
            head.categories[value["id"]] = str(value.get("name") or value["id"])


def _look_at_boxes(stream: BinaryIO, head: _Head, report: Report) -> None:
    """Find out whether boxes are corners: then, and not before, they lie in their images."""
    seen = outside = beyond = 0
    for text in islice(_annotations(stream, False), _LOOKED_AT):
        try:
            annotation = parsed(text)
        except Invalid:
            continue
        if not isinstance(annotation, dict) or annotation.get("segmentation"):
            continue
        box, image = _numbers(annotation.get("bbox")), head.images.get(annotation.get("image_id"))
        if len(box) != 4 or image is None or not image.width:
            continue
        a, b, c, d = box
        if not (a < c and b < d):
            return
        seen += 1
        beyond += c > image.width or d > image.height
        outside += a + c > image.width + 1 or b + d > image.height + 1
    if outside > seen * _OUTSIDE and beyond <= seen * _BEYOND:
        head.has_corners = True
        report.warn("its boxes are two corners, not a corner with width and height as COCO says; read as such")


def _shape(annotation: Mapping[str, Any], place: str, head: _Head, context: ReadContext) -> ReadShape:
    image = head.images.get(annotation.get("image_id"))
    image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
    if image_id is None:
        raise Invalid("It does not say to which image it belongs.")
    if head.images and image is None:
        raise Invalid(f"It belongs to the image {image_id!r}, which is not in the file.")
    label = head.categories.get(category_id)
    if label is None:
        if category_id is None or head.categories:
            raise Invalid(f"It is of the category {category_id!r}, which is not in the file.")
        label = str(category_id)
    shape, rings, holes = _drawn(annotation, head, context.report)
    if annotation.get("iscrowd") and "exact" not in annotation:
        context.report.lose("crowds (iscrowd): kept as one shape each")
    exact = annotation.get("exact")
    found = ReadShape(
        place,
        label,
        shape,
        rings,
        holes,
        image=image.name if image else str(image_id),
        attributes=_attributes(annotation, context.report),
        score=_score(annotation.get("score")),
        image_size=(image.width, image.height) if image and image.width and image.height else None,
    )
    size = ExchangeImage(0, "", image.width, image.height) if image else None
    return completed(Element(found, exact if isinstance(exact, dict) else {}), size, TOLERANCE)


def _drawn(annotation: Mapping[str, Any], head: _Head, report: Report) -> tuple[Shape, list[Ring], list[bool]]:
    segmentation = annotation.get("segmentation")
    box = _numbers(annotation.get("bbox"))
    keypoints = annotation.get("keypoints")
    if keypoints:
        points = _numbers(keypoints)
        if not segmentation and len(points) == 3 and box[2:] in ([0, 0], []):
            return Shape.POINT, [np.array([points[:2]])], [False]
        report.lose("keypoints: an annotation here is one shape, without named points")
    if isinstance(segmentation, dict):
        return _mask(segmentation)
    if segmentation:
        return _polygons(segmentation)
    if len(box) != 4:
        raise Invalid("It has neither a segmentation nor a box of four numbers.")
    left, top, width, height = box
    corners = np.array([[left, top], [width, height] if head.has_corners else [left + width, top + height]])
    turned = _rotation(annotation)
    if turned:
        return Shape.ROTATED_BOX, [_turned(corners, turned)], [False]
    return Shape.BOX, [corners], [False]


def _polygons(segmentation: Any) -> tuple[Shape, list[Ring], list[bool]]:
    """Polygons as lists of numbers; some programs write a single one without the list around it."""
    if not isinstance(segmentation, list):
        raise Invalid("Its segmentation is neither polygons nor a mask.")
    lists = [segmentation] if isinstance(segmentation[0], int | float) else segmentation
    rings = []
    for each in lists:
        numbers = _numbers(each)
        if len(numbers) < 6 or len(numbers) % 2:
            raise Invalid(f"A polygon of its segmentation has {len(numbers)} numbers; it needs pairs, three at least.")
        rings.append(np.array(numbers, np.float64).reshape(-1, 2))
    if len(rings) > 1:
        return Shape.MULTI_POLYGON, rings, [False] * len(rings)
    corners = upright_box(rings[0])
    return (Shape.POLYGON, rings, [False]) if corners is None else (Shape.BOX, [corners], [False])


def _mask(segmentation: Mapping[str, Any]) -> tuple[Shape, list[Ring], list[bool]]:
    size = segmentation.get("size")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(each, int) and each < 2**31 for each in size):
        raise Invalid("The mask of its segmentation has no size.")
    rings: list[Ring] = []
    holes: list[bool] = []
    for outline_, inner in regions_of(decoded(segmentation.get("counts")), size[1], size[0]):
        rings += [outline_, *inner]
        holes += [False, *[True] * len(inner)]
    return (Shape.POLYGON if holes.count(False) == 1 else Shape.MULTI_POLYGON), rings, holes


def _rotation(annotation: Mapping[str, Any]) -> float:
    """Degrees clockwise about the middle, as CVAT writes them."""
    attributes = annotation.get("attributes")
    value = attributes.get("rotation") if isinstance(attributes, dict) else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _turned(corners: Ring, degrees: float) -> Ring:
    (x0, y0), (x1, y1) = corners
    middle = np.array([x0 + x1, y0 + y1]) / 2
    along = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    across = np.array([-along[1], along[0]])
    half = np.array([x1 - x0, y1 - y0]) / 2
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return np.array([middle + a * half[0] * along + b * half[1] * across for a, b in signs])


def _attributes(annotation: Mapping[str, Any], report: Report) -> dict[str, Any]:
    given = annotation.get("attributes")
    if not isinstance(given, dict):
        return {}
    found = {}
    for name, value in given.items():
        if name == "rotation":
            continue
        if isinstance(value, str | int | float):
            found[str(name)] = value
        elif value is not None:
            report.lose("nested attributes: an annotation's attributes are single values")
    return found


def _numbers(value: Any) -> list[float]:
    """A list of finite numbers; an empty one when there is none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, int | float) for each in value):
        raise Invalid("Some of its numbers are none.")
    if not all(map(math.isfinite, value)):
        raise Invalid("Some of its numbers are not finite.")
    return value


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) and 0 < value < 2**31 else 0


def _score(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None
