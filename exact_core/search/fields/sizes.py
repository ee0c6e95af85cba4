"""How large a shape is: area and length exactly, width and height of its bounding box.

Areas of polygons are not stored, so that drawing stays fast. The bounding box decides most rows in the database, and
the outlines of the rest are measured while they are read.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Double, and_, case, cast, false, or_

from exact_core.annotations.scope import ROWS
from exact_core.api.contributions import Shape
from exact_core.search import measures
from exact_core.search.conditions import Always, Batch, Checked, Condition, Decided, Flags
from exact_core.search.field import ORDERED, Build, Field, FieldKind, Use, unknown_yet, word_of, wrong
from exact_core.search.matching import Interval, Quantity, quantity
from exact_core.search.syntax import Op, Value

_LENGTHS = {"um": 1.0, "mm": 1e3, "cm": 1e4, "nm": 1e-3}  # in micrometres
_AREAS = {f"{unit}2": size * size for unit, size in _LENGTHS.items()}
_NO_SCALE = "without a known resolution: sizes in micrometres fit nothing there"

_WITH_AREA = ROWS.c.shape.in_([shape.number for shape in measures.AREAS])
_WITH_LENGTH = ROWS.c.shape.in_([shape.number for shape in (*measures.AREAS, *measures.LINES)])
_CORNERED = ROWS.c.shape.in_([Shape.BOX.number, Shape.ELLIPSE.number])
_IS_BOX = ROWS.c.shape == Shape.BOX.number


def _extent(low: str, high: str) -> ColumnElement[float]:
    return cast(ROWS.c[high], Double) - cast(ROWS.c[low], Double)


_WIDTH, _HEIGHT = _extent("x0", "x1"), _extent("y0", "y1")


def _area(use: Use, op: Op, value: Value) -> Condition:
    wanted = _wanted(use, op, value, _AREAS, "px2")
    if not isinstance(wanted, Interval):
        return wanted
    # No shape is larger than its bounding box; boxes are exactly as large, and ellipses a known part of it.
    most = _WIDTH * _HEIGHT
    bound = case((ROWS.c.shape == Shape.ELLIPSE.number, most * (math.pi / 4)), else_=most)
    fits = wanted.holds(bound)
    may_reach = Interval(wanted.low, has_low=wanted.has_low).holds(bound) if math.isfinite(wanted.low) else None
    maybe = _all(_WITH_AREA, may_reach, or_(~_CORNERED, fits))
    surely = _all(_WITH_AREA, fits, None if math.isinf(wanted.low) else _CORNERED)

    def check(batch: Batch) -> Flags:
        has = _has_shape(batch, measures.AREAS)
        return np.asarray(has & wanted.holds(_kept(batch, "areas", lambda: measures.areas(batch.outlines))))

    return Checked(check, maybe, surely)


def _length(use: Use, op: Op, value: Value) -> Condition:
    wanted = _wanted(use, op, value, _LENGTHS, "px")
    if not isinstance(wanted, Interval):
        return wanted
    scale_x, scale_y = _in_pixels(use, value, "px") or (1.0, 1.0)
    wide, high = _WIDTH * scale_x, _HEIGHT * scale_y
    least = _least_length(wide, high)
    fits_box = and_(_IS_BOX, wanted.holds((wide + high) * 2))
    below = None
    if math.isfinite(wanted.high):
        below = Interval(high=wanted.high, has_high=wanted.has_high).holds(least)
    maybe = _all(_WITH_LENGTH, below, or_(~_IS_BOX, fits_box))
    surely = fits_box
    if math.isinf(wanted.high):
        surely = or_(fits_box, and_(_WITH_LENGTH, ~_IS_BOX, least > wanted.low))

    def check(batch: Batch) -> Flags:
        has = _has_shape(batch, (*measures.AREAS, *measures.LINES))
        key = ("lengths", scale_x, scale_y)
        along = _kept(batch, key, lambda: measures.lengths(batch.outlines, scale_x, scale_y))
        return np.asarray(has & wanted.holds(along))

    return Checked(check, maybe, surely)


def _least_length(wide: ColumnElement[float], high: ColumnElement[float]) -> ColumnElement[float]:
    """No line is shorter than its bounding box is long, and a closed outline goes there and back again.

    Parts of a multi-polygon can lie far apart, and the formula for ellipses is wrong by one in two thousand. The last
    digits of a sum of steps are not those of one subtraction.
    """
    longer = case((wide > high, wide), else_=high)
    of_parts = (ROWS.c.shape == Shape.MULTI_POLYGON.number, longer * 0.0)
    return case(of_parts, (_WITH_AREA, longer * 1.99), else_=longer * (1 - 1e-9))


def _side(column: ColumnElement[float], axis: int) -> Build:
    """Width or height of the bounding box; labels of the whole image have none."""

    def build(use: Use, op: Op, value: Value) -> Condition:
        wanted = _wanted(use, op, value, _LENGTHS, "px")
        if not isinstance(wanted, Interval):
            return wanted
        scale = (_in_pixels(use, value, "px") or (1.0, 1.0))[axis]
        return Decided(and_(ROWS.c.shape != Shape.IMAGE.number, wanted.holds(column * scale)))

    return build


def _wanted(use: Use, op: Op, value: Value, units: dict[str, float], pixels: str) -> Interval | Condition:
    """The interval in micrometres, or in pixels when that is the unit; areas always in square pixels."""
    number = _number(value, units, pixels)
    if use.image is None:
        return unknown_yet()
    interval = number.interval(op, exact=False)
    if number.unit == pixels:
        return interval
    if use.image.scale is None:
        use.asked.notes.setdefault(_NO_SCALE, set()).add(use.image.id)
        return Always(False)
    interval = interval.scaled(units[number.unit or next(iter(units))])
    across, down = use.image.scale
    return interval.scaled(1 / (across * down)) if pixels == "px2" else interval


def _in_pixels(use: Use, value: Value, pixels: str) -> tuple[float, float] | None:
    """The size of a pixel in the unit that lengths are compared in; None when that is the pixel."""
    number = _number(value, _LENGTHS, pixels)
    return None if number.unit == pixels or use.image is None else use.image.scale


def _number(value: Value, units: dict[str, float], pixels: str) -> Quantity:
    word = word_of(value, "a number")
    number = quantity(word)
    if number is None:
        raise wrong(value, "a number is expected here")
    if number.unit and number.unit != pixels and number.unit not in units:
        named = ", ".join(_spoken(unit) for unit in (*units, pixels))
        raise wrong(value, f"the unit {number.unit!r} is not known here; there are {named}")
    return number


def _spoken(unit: str) -> str:
    return unit.replace("um", "µm").replace("2", "²")


def _has_shape(batch: Batch, shapes: tuple[Shape, ...]) -> Flags:
    return np.isin(batch.shapes, [shape.number for shape in shapes])


def _kept(batch: Batch, key: Any, make: Any) -> Any:
    if key not in batch.derived:
        batch.derived[key] = make()
    return batch.derived[key]


def _all(*parts: ColumnElement[bool] | None) -> ColumnElement[bool]:
    given = [part for part in parts if part is not None]
    return and_(*given) if given else false()


FIELDS = (
    Field(
        "size", "Size", FieldKind.AREA, _area, ORDERED, "Its area in µm², or with px² in pixels; holes do not count.",
        "size>50",
    ),
    Field("area", "Area", FieldKind.AREA, _area, ORDERED, "The same as size.", "area<=20µm²"),
    Field(
        "length", "Length", FieldKind.LENGTH, _length, ORDERED,
        "The length of a line, or the perimeter of an area, in µm, or with px in pixels.", "length>100",
    ),
    Field("width", "Width", FieldKind.LENGTH, _side(_WIDTH, 0), ORDERED, "Of its bounding box.", "width>10µm"),
    Field("height", "Height", FieldKind.LENGTH, _side(_HEIGHT, 1), ORDERED, "Of its bounding box.", "height<50px"),
)  # fmt: skip
