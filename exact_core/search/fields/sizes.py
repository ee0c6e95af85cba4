"""How large a shape is: area and length exactly, width and height of its bounding box.

Areas of polygons are not stored, so that drawing stays fast. The bounding box decides most rows in the database, and
the outlines of the rest are measured while they are read. The stored box is rounded outward to whole pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Double, and_, case, cast, literal

from exact_core.annotations.measures import Measures, extents, measure
from exact_core.annotations.scope import ROWS
from exact_core.api.contributions import Shape
from exact_core.search.conditions import Always, Batch, Check, Checked, Condition, Flags
from exact_core.search.field import ORDERED, Build, Field, FieldKind, Use, unknown_yet, word_of, wrong
from exact_core.search.matching import Interval, Quantity, quantity
from exact_core.search.syntax import Op, Value

_LENGTHS = {"um": 1.0, "mm": 1e3, "cm": 1e4, "nm": 1e-3}  # in micrometres
_AREAS = {f"{unit}2": size * size for unit, size in _LENGTHS.items()}
_NO_SCALE = "without a known resolution: sizes in micrometres fit nothing there"

AREAS = (Shape.BOX, Shape.ELLIPSE, Shape.POLYGON, Shape.ROTATED_BOX, Shape.MULTI_POLYGON)
"""Shapes that have an area."""

_LINES = (Shape.LINE, Shape.POLYLINE)
_WITH_AREA = ROWS.c.shape.in_([shape.number for shape in AREAS])
_WITH_LENGTH = ROWS.c.shape.in_([shape.number for shape in (*AREAS, *_LINES)])
_WITH_PLACE = ROWS.c.shape.not_in([shape.number for shape in Shape if shape.is_label])
_ENDLESS = 1e300
_CORNERED = ROWS.c.shape.in_([Shape.BOX.number, Shape.ELLIPSE.number])
_IS_BOX = ROWS.c.shape == Shape.BOX.number


def _extent(low: str, high: str) -> ColumnElement[float]:
    return cast(ROWS.c[high], Double) - cast(ROWS.c[low], Double)


_WIDTH, _HEIGHT = _extent("x0", "x1"), _extent("y0", "y1")
_SLACK = 3.0
"""A stored box is at most so many pixels wider than its shape: less than one on either side, and one where a shape at
the edge of the image was made to count inside of it."""


def _at_least(extent: ColumnElement[float]) -> ColumnElement[float]:
    return case((extent > _SLACK, extent - _SLACK), else_=literal(0.0))


def _area(use: Use, op: Op, value: Value) -> Condition:
    wanted = _wanted(use, op, value, _AREAS, "px2")
    if not isinstance(wanted, Interval):
        return wanted
    # No shape is larger than its bounding box; boxes are about as large, and ellipses a known part of it.
    part = case((ROWS.c.shape == Shape.ELLIPSE.number, literal(math.pi / 4)), else_=literal(1.0))
    most = _WIDTH * _HEIGHT * part
    least = case((_CORNERED, _at_least(_WIDTH) * _at_least(_HEIGHT) * part), else_=literal(0.0))

    def check(batch: Batch) -> Flags:
        areas = _kept(batch, "areas", lambda: measure(batch.outlines).area)
        return np.asarray(_has_shape(batch, AREAS) & wanted.holds(areas))

    return _between(_WITH_AREA, wanted, least, most, check)


def _length(use: Use, op: Op, value: Value) -> Condition:
    wanted = _wanted(use, op, value, _LENGTHS, "px")
    if not isinstance(wanted, Interval):
        return wanted
    scale_x, scale_y = _in_pixels(use, value, "px") or (1.0, 1.0)
    wide, high = _at_least(_WIDTH) * scale_x, _at_least(_HEIGHT) * scale_y
    longer = case((wide > high, wide), else_=high)
    # No line is shorter than its bounding box is long, and a closed outline goes there and back again. Parts of a
    # multi-polygon can lie far apart. The last digits of a sum of steps are not those of one subtraction.
    least = case(
        (ROWS.c.shape == Shape.MULTI_POLYGON.number, literal(0.0)),
        (_IS_BOX, (wide + high) * (2 - 1e-9)),
        (_WITH_AREA, longer * 1.99),
        else_=longer * (1 - 1e-9),
    )
    most = case((_IS_BOX, (_WIDTH * scale_x + _HEIGHT * scale_y) * (2 + 1e-9)), else_=literal(_ENDLESS))

    def check(batch: Batch) -> Flags:
        key = ("lengths", scale_x, scale_y)
        along = _kept(batch, key, lambda: _lengths(measure(batch.outlines, scale_x, scale_y)))
        return np.asarray(_has_shape(batch, (*AREAS, *_LINES)) & wanted.holds(along))

    return _between(_WITH_LENGTH, wanted, least, most, check)


def _lengths(found: Measures) -> NDArray[np.float64]:
    """The length of lines and the perimeter of areas; each shape has one of them."""
    return found.length + found.perimeter


def _side(column: ColumnElement[float], axis: int) -> Build:
    """The width or height of a shape; labels of the whole image have none."""

    def build(use: Use, op: Op, value: Value) -> Condition:
        wanted = _wanted(use, op, value, _LENGTHS, "px")
        if not isinstance(wanted, Interval):
            return wanted
        scale = (_in_pixels(use, value, "px") or (1.0, 1.0))[axis]

        def check(batch: Batch) -> Flags:
            sides = _kept(batch, "sides", lambda: extents(batch.outlines))
            return np.asarray(~batch.are_labels & wanted.holds(sides[:, axis] * scale))

        return _between(_WITH_PLACE, wanted, _at_least(column) * scale, column * scale, check)

    return build


def _between(
    has: ColumnElement[bool], wanted: Interval, least: ColumnElement[float], most: ColumnElement[float], check: Check
) -> Condition:
    """Shapes of a kind with a size in an interval, when two columns say between what the size lies."""
    above = Interval(low=wanted.low, has_low=wanted.has_low)
    below = Interval(high=wanted.high, has_high=wanted.has_high)
    maybe, surely = [has], [has]
    if math.isfinite(wanted.low):
        maybe.append(above.holds(most))
        surely.append(above.holds(least))
    if math.isfinite(wanted.high):
        maybe.append(below.holds(least))
        surely.append(below.holds(most))
    return Checked(check, and_(*maybe), and_(*surely))


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
    Field(
        "width", "Width", FieldKind.LENGTH, _side(_WIDTH, 0), ORDERED,
        "From its leftmost to its rightmost point.", "width>10µm",
    ),
    Field(
        "height", "Height", FieldKind.LENGTH, _side(_HEIGHT, 1), ORDERED,
        "From its highest to its lowest point.", "height<50px",
    ),
)  # fmt: skip
