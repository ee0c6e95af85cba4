"""Measures: against shapely, against formulas, and with the scale of each axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely

from exact_core.annotations.geometry import Geometry, parse
from exact_core.annotations.measures import (
    area,
    centroid,
    from_shapely,
    length,
    measure,
    perimeter,
    to_shapely,
    to_shapely_many,
)
from exact_core.annotations.packing import columns_of
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

WIDTH, HEIGHT = 100_000, 80_000


def shape(kind: str, *points: Any, **more: Any) -> Geometry:
    return parse(
        {"shape": kind, **({"points": [list(point) for point in points]} if points else {}), **more}, WIDTH, HEIGHT
    )


def fixed(kind: Shape, bits: int, *rings: Any, holes: tuple[bool, ...] = ()) -> Geometry:
    """A geometry whose vertices are units of ``2**-bits`` pixels."""
    arrays = [np.array(ring, np.int32) for ring in rings]
    return Geometry(
        kind, np.concatenate(arrays), tuple(map(len, arrays)), holes or tuple(i > 0 for i in range(len(arrays))), bits
    )


SQUARE = [[50_000, 50_000], [50_100, 50_000], [50_100, 50_100], [50_000, 50_100]]
HOLE = [[50_010, 50_010], [50_010, 50_030], [50_030, 50_030], [50_030, 50_010]]
APART = [[10, 10], [30, 10], [10, 40]]


def every_kind() -> list[Geometry]:
    return [
        shape("point", (7, 9)),
        shape("box", (10, 20), (30, 60)),
        shape("line", (0, 0), (3, 4)),
        shape("polyline", (10, 10), (20, 10), (20, 40)),
        shape("image"),
        shape("polygon", *SQUARE),
        shape("polygon", rings=[SQUARE, HOLE]),
        shape("rotated_box", (100, 0), (200, 100), (150, 150), (50, 50)),
        shape("multi_polygon", parts=[[SQUARE, HOLE], [APART]]),
    ]


def test_measures_of_many_equal_shapely_for_each() -> None:
    shapes = every_kind()
    found = measure(columns_of(shapes))
    expected = to_shapely_many(columns_of(shapes))
    areas = np.array([each.geom_type.endswith("Polygon") for each in expected])
    assert found.area == pytest.approx(shapely.area(expected))
    assert found.perimeter[areas] == pytest.approx(shapely.length(expected[areas]))
    assert found.length[~areas] == pytest.approx(shapely.length(expected[~areas]))
    empty = shapely.is_empty(expected)
    assert np.isnan(found.centroid[empty]).all()
    assert found.centroid[~empty] == pytest.approx(shapely.get_coordinates(shapely.centroid(expected[~empty])))
    assert shapely.is_valid(expected).all()
    for one, alone in zip(expected, (to_shapely(each) for each in shapes), strict=True):
        assert one.equals_exact(alone)


def test_an_ellipse_is_measured_exactly_and_seen_by_shapely_with_64_corners() -> None:
    circle = shape("ellipse", (100, 100), (300, 300))
    assert area(circle) == pytest.approx(math.pi * 100**2)
    assert perimeter(circle) == pytest.approx(2 * math.pi * 100)
    assert centroid(circle) == (200, 200)
    flat = shape("ellipse", (0, 0), (400, 200))
    assert perimeter(flat) == pytest.approx(968.844822, abs=1e-5)  # 4 a E(sqrt(1 - b²/a²)), from tables
    outline = to_shapely(flat)
    assert len(outline.exterior.coords) == 65
    assert outline.area == pytest.approx(area(flat), rel=0.002)
    assert outline.bounds == pytest.approx((0, 0, 400, 200))


def test_micrometres_use_the_scale_of_each_axis() -> None:
    assert area(shape("box", (0, 0), (10, 20)), 0.5, 0.25) == 25
    assert length(shape("line", (0, 0), (6, 16)), 0.5, 0.25) == 5
    assert perimeter(shape("box", (0, 0), (10, 20)), 0.5, 0.25) == 20
    circle_in_um = shape("ellipse", (0, 0), (100, 200))
    assert perimeter(circle_in_um, 0.5, 0.25) == pytest.approx(50 * math.pi)


def test_fractions_of_pixels_count() -> None:
    box = fixed(Shape.BOX, 8, [[128, 256], [384, 512]])
    assert area(box) == 1
    assert to_shapely(box).bounds == (0.5, 1, 1.5, 2)
    half = fixed(Shape.POLYGON, 1, [[1, 1], [5, 1], [5, 5], [1, 5]], [[2, 2], [2, 3], [3, 3], [3, 2]])
    whole = shape("box", (0, 0), (4, 4))
    assert measure(columns_of([half, box, whole])).area.tolist() == [3.75, 1, 16]
    assert centroid(fixed(Shape.POINT, 1, [[21, 41]])) == (10.5, 20.5)


def test_nothing_is_measured_of_nothing() -> None:
    found = measure(columns_of([]))
    assert len(found.area) == len(found.centroid) == 0
    assert len(to_shapely_many(columns_of([]))) == 0
    assert area(shape("image")) == 0
    assert to_shapely(shape("image")).is_empty


def test_what_shapely_has_becomes_a_shape_again() -> None:
    for each in every_kind():
        if each.shape is Shape.IMAGE:
            continue
        again = from_shapely(to_shapely(each), WIDTH, HEIGHT)
        assert to_shapely(again).equals(to_shapely(each))
    with pytest.raises(Invalid, match="MultiPoint"):
        from_shapely(shapely.MultiPoint([(1, 1), (2, 2)]), WIDTH, HEIGHT)
    with pytest.raises(Invalid, match="empty Polygon"):
        from_shapely(shapely.Polygon(), WIDTH, HEIGHT)
