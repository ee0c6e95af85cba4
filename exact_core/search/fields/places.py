"""Where a shape lies: inside of a drawn area or an annotation of a class, or near to a point or a class.

A shape lies where the middle of its bounding box lies, as everywhere in the platform; how near it is, is measured from
its outline. Labels of the whole image lie nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, false

from exact_core.annotations.geometry import INT32_MAX, INT32_MIN, Box
from exact_core.annotations.measures import to_shapely_many
from exact_core.annotations.packing import Columns, unpack_many
from exact_core.annotations.scope import ROWS
from exact_core.annotations.sharing import middle
from exact_core.annotations.streaming import stream
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.search.conditions import Always, Batch, Checked, Condition, Decided, Flags, opposite, together
from exact_core.search.field import EQUAL, Asked, Field, FieldKind, SearchedImage, Use, unknown_yet, wrong
from exact_core.search.fields.labels import known_types
from exact_core.search.fields.sizes import AREAS
from exact_core.search.matching import quantity
from exact_core.search.syntax import Call, Op, Value, Word

MAX_REGIONS = 50_000
"""Most annotations that others are compared with."""

_SHAPE_CALLS = "polygon(x,y,x,y,x,y), box(x,y,x,y) or circle(x,y,50um)"
_ON_IMAGE = ROWS.c.shape.not_in([shape.number for shape in Shape if shape.is_label])
_LENGTHS = {"um": 1.0, "mm": 1e3, "cm": 1e4, "nm": 1e-3}
_NO_SCALE = "without a known resolution: distances in micrometres fit nothing there"


@dataclass(frozen=True, slots=True, eq=False)
class _Regions:
    """Annotations that others are compared with, in the unit of the comparison."""

    ids: NDArray[np.int64]
    shapes: NDArray[Any]
    tree: shapely.STRtree
    bounds: NDArray[np.float64]  # x0, y0, x1, y1 around all of them


def _inside(use: Use, op: Op, value: Value) -> Condition:
    """Shapes whose middle lies in an area."""
    if isinstance(value, Word):
        return _in_class(use, op, value)
    area = _area_of(use, value)
    if use.image is None:
        return unknown_yet()
    if area is None:
        return _without_scale(use)
    scale = _scale(use.image) if value.name == "circle" and _unit_of(value) else (1.0, 1.0)
    x0, y0, x1, y1 = area.bounds
    box = _box(x0 / scale[0], y0 / scale[1], x1 / scale[0], y1 / scale[1])
    if value.name == "box":
        row = ROWS.c
        x, y = middle(row.x0, row.x1), middle(row.y0, row.y1)
        lies = and_(_ON_IMAGE, x >= math.ceil(x0), x <= math.floor(x1), y >= math.ceil(y0), y <= math.floor(y1))
        return Decided(lies, box=box)
    shapely.prepare(area)

    def check(batch: Batch) -> Flags:
        centres = shapely.points(batch.centres.astype(np.float64) * scale)
        return np.asarray(~batch.are_labels & shapely.intersects(area, centres))

    return Checked(check, and_(_ON_IMAGE, *_meets(box)), false(), box)


def _outside(use: Use, op: Op, value: Value) -> Condition:
    """Shapes that lie somewhere, but not in an area."""
    return together(Decided(_ON_IMAGE), opposite(_inside(use, op, value)))


def _in_class(use: Use, op: Op, word: Word) -> Condition:
    """Shapes whose middle lies in another annotation of a class."""
    types = use.asked.names.tree.with_descendants(known_types(use.asked, op, word))
    if use.image is None:
        return unknown_yet()
    regions = _regions(use.asked, use.image, types, word, (1.0, 1.0), only_areas=True)
    if regions is None:
        return Always(False)
    box = _box(*regions.bounds)

    def check(batch: Batch) -> Flags:
        centres = shapely.points(batch.centres.astype(np.float64))
        pairs = regions.tree.query(centres, predicate="intersects")
        return ~batch.are_labels & _has_other(batch, regions, pairs)

    return Checked(check, and_(_ON_IMAGE, *_meets(box)), false(), box)


def _near(use: Use, op: Op, value: Value) -> Condition:
    """Shapes whose outline is at most so far from a point, or from another annotation of a class."""
    if not isinstance(value, Call) or value.name or len(value.arguments) not in (2, 3):
        raise wrong(value, 'a place is expected here: (x,y,200um) or ("Class",50um)')
    distance, unit = _distance(value.arguments[-1])
    if len(value.arguments) == 2:
        types = use.asked.names.tree.with_descendants(known_types(use.asked, op, value.arguments[0]))
    else:
        x, y = (_coordinate(word) for word in value.arguments[:2])
    if use.image is None:
        return unknown_yet()
    if unit != "px" and use.image.scale is None:
        return _without_scale(use)
    scale = (1.0, 1.0) if unit == "px" else _scale(use.image)
    if len(value.arguments) == 2:
        regions = _regions(use.asked, use.image, types, value.arguments[0], scale, only_areas=False)
        if regions is None:
            return Always(False)
        return _near_regions(regions, distance, scale)
    return _near_point(x * scale[0], y * scale[1], distance, scale)


def _near_point(x: float, y: float, distance: float, scale: tuple[float, float]) -> Condition:
    reach_x, reach_y = distance / scale[0], distance / scale[1]
    px, py = x / scale[0], y / scale[1]
    box = _box(px - reach_x, py - reach_y, px + reach_x, py + reach_y)
    point = shapely.Point(x, y)

    def check(batch: Batch) -> Flags:
        far = shapely.distance(_scaled(batch, scale), point)
        return np.asarray(~batch.are_labels & (np.nan_to_num(far, nan=np.inf) <= distance))

    return Checked(check, and_(_ON_IMAGE, *_meets(box)), false(), box)


def _near_regions(regions: _Regions, distance: float, scale: tuple[float, float]) -> Condition:
    x0, y0, x1, y1 = regions.bounds
    box = _box(
        (x0 - distance) / scale[0], (y0 - distance) / scale[1], (x1 + distance) / scale[0], (y1 + distance) / scale[1]
    )

    def check(batch: Batch) -> Flags:
        pairs = regions.tree.query(_scaled(batch, scale), predicate="dwithin", distance=distance)
        return ~batch.are_labels & _has_other(batch, regions, pairs)

    return Checked(check, and_(_ON_IMAGE, *_meets(box)), false(), box)


def _has_other(batch: Batch, regions: _Regions, pairs: NDArray[np.int64]) -> Flags:
    """Which rows have a partner among the regions that is not the row itself."""
    row, region = pairs
    others = row[batch.ids[row] != regions.ids[region]]
    answer = np.zeros(len(batch), bool)
    answer[others] = True
    return answer


def _scaled(batch: Batch, scale: tuple[float, float]) -> NDArray[Any]:
    key = ("outlines", scale)
    if key not in batch.derived:
        batch.derived[key] = _outlines(batch.outlines, scale)
    made: NDArray[Any] = batch.derived[key]
    return made


def _outlines(columns: Columns, scale: tuple[float, float]) -> NDArray[Any]:
    """Shapes in pixels, or in micrometres with the size of a pixel."""
    found: NDArray[Any] = to_shapely_many(columns)
    if scale != (1.0, 1.0):
        found = shapely.transform(found, lambda xy: xy * scale)
    return found


def _regions(
    asked: Asked, image: SearchedImage, types: frozenset[int], word: Value, scale: tuple[float, float], *,
    only_areas: bool,
) -> _Regions | None:  # fmt: skip
    """The annotations of these types on an image, as far as the actor may see them; None when there are none."""
    key = ("regions", image.id, types, scale, only_areas)
    if key not in asked.kept:
        asked.kept[key] = _read_regions(asked, image, types, word, scale, only_areas=only_areas)
    found: _Regions | None = asked.kept[key]
    return found


def _read_regions(
    asked: Asked, image: SearchedImage, types: frozenset[int], word: Value, scale: tuple[float, float], *,
    only_areas: bool,
) -> _Regions | None:  # fmt: skip
    wanted = ROWS.c.shape.in_([shape.number for shape in AREAS]) if only_areas else _ON_IMAGE
    ids: list[int] = []
    packed: list[bytes] = []
    for each in stream(asked.session, image.scope, type_ids=sorted(types), conditions=[wanted]):
        ids.append(each.id)
        packed.append(each.packed)
        if len(ids) > MAX_REGIONS:
            name = image.scope.image.name
            raise Invalid(f"{name} has more than {MAX_REGIONS:,} annotations of {word}; too many to compare with.")
    if not ids:
        return None
    shapes = _outlines(unpack_many(packed), scale)
    return _Regions(np.array(ids, np.int64), shapes, shapely.STRtree(shapes), shapely.total_bounds(shapes))


def _area_of(use: Use, value: Call) -> Any:
    """The area that a call describes; None when its unit means nothing on the image."""
    numbers = value.arguments
    if value.name == "polygon":
        points = _pairs(value, numbers)
        if len(points) < 3:
            raise wrong(value, "a polygon has at least 3 vertices: polygon(x,y,x,y,x,y)")
        area = shapely.Polygon(points)
        return area if area.is_valid else shapely.make_valid(area)
    if value.name == "box" and len(numbers) == 4:
        (ax, ay), (bx, by) = _pairs(value, numbers)
        return shapely.box(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
    if value.name == "circle" and len(numbers) == 3:
        x, y = (_coordinate(word) for word in numbers[:2])
        radius, unit = _distance(numbers[2])
        if use.image is None:
            return shapely.Point(x, y)
        if unit != "px" and use.image.scale is None:
            return None
        scale = (1.0, 1.0) if unit == "px" else _scale(use.image)
        centre = shapely.Point(x * scale[0], y * scale[1])
        return centre.buffer(radius, quad_segs=64) if radius > 0 else centre
    raise wrong(value, f"an area is a class or one of {_SHAPE_CALLS}")


def _unit_of(value: Call) -> bool:
    """Whether the radius of a circle is in micrometres."""
    return _distance(value.arguments[2])[1] != "px"


def _pairs(value: Call, words: Sequence[Word]) -> list[tuple[float, float]]:
    if len(words) % 2:
        raise wrong(value, "coordinates come in pairs: x,y")
    numbers = [_coordinate(word) for word in words]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _coordinate(word: Word) -> float:
    number = quantity(word)
    if number is None or number.unit not in ("", "px") or abs(number.value) > INT32_MAX:
        raise wrong(word, "a coordinate is a number of pixels")
    return number.value


def _distance(word: Word) -> tuple[float, str]:
    """A distance in micrometres or pixels, and which of the two."""
    number = quantity(word)
    if number is None or number.value < 0:
        raise wrong(word, "a distance is expected here, such as 200um or 50px")
    if number.unit == "px":
        return min(number.value, float(INT32_MAX)), "px"
    if number.unit and number.unit not in _LENGTHS:
        raise wrong(word, f"the unit {number.unit!r} is not known here; there are µm, mm, cm, nm, px")
    return min(number.value * _LENGTHS.get(number.unit, 1.0), float(INT32_MAX)), "um"


def _scale(image: SearchedImage) -> tuple[float, float]:
    assert image.scale is not None
    return image.scale


def _without_scale(use: Use) -> Condition:
    assert use.image is not None
    use.asked.notes.setdefault(_NO_SCALE, set()).add(use.image.id)
    return Always(False)


def _box(x0: float, y0: float, x1: float, y1: float) -> Box:
    """Whole pixels around a rectangle, within what a column can hold."""
    low = (max(math.floor(value) - 1, INT32_MIN) for value in (x0, y0))
    high = (min(math.ceil(value) + 1, INT32_MAX) for value in (x1, y1))
    return Box(*(min(value, INT32_MAX) for value in low), *(max(value, INT32_MIN) for value in high))


def _meets(box: Box) -> list[ColumnElement[bool]]:
    """Rows whose bounding box meets a rectangle."""
    row = ROWS.c
    return [row.x0 <= box.x1, row.x1 >= box.x0, row.y0 <= box.y1, row.y1 >= box.y0]


FIELDS = (
    Field(
        "inside", "Inside", FieldKind.PLACE, _inside, EQUAL,
        f"Its middle lies in an annotation of a class, or in {_SHAPE_CALLS}.", 'inside:"Tumour"',
        lambda asked: sorted(asked.names.spellings, key=str.casefold),
    ),
    Field(
        "in", "In", FieldKind.PLACE, _inside, EQUAL, "The same as inside.", 'in:"Tumour"',
        lambda asked: sorted(asked.names.spellings, key=str.casefold),
    ),
    Field(
        "outside", "Outside", FieldKind.PLACE, _outside, EQUAL, "Its middle lies in none of these.",
        "outside:box(0,0,500,500)", lambda asked: sorted(asked.names.spellings, key=str.casefold),
    ),
    Field(
        "near", "Near", FieldKind.PLACE, _near, EQUAL,
        "Its outline is at most so far from a point, or from another annotation of a class.", "near:(1200,800,200um)",
    ),
)  # fmt: skip
