"""Geometry: what is taken, mended, cut or refused, and that packing loses nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.annotations.geometry import MAX_VERTICES, Box, Geometry, parse
from exact_core.annotations.packing import columns_of, pack, pack_many, take, unpack, unpack_many, unpack_steps
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

WIDTH, HEIGHT = 1000, 800


def parsed(shape: str, *points: Any, **more: Any) -> Geometry:
    value: dict[str, Any] = {"shape": shape, **more}
    if points:
        value["points"] = [list(point) for point in points]
    return parse(value, WIDTH, HEIGHT)


def vertices(geometry: Geometry) -> list[list[int]]:
    return geometry.vertices.tolist()


def test_fractions_are_rounded_to_the_nearest_pixel_centre_and_halves_up() -> None:
    assert vertices(parsed("line", (0.4, 0.5), (10.49, 11.5))) == [[0, 1], [10, 12]]


def test_corners_of_a_box_are_put_in_order() -> None:
    assert vertices(parsed("box", (30, 5), (10, 25))) == [[10, 5], [30, 25]]


def test_a_repeated_first_vertex_and_doubled_vertices_of_a_polygon_are_dropped() -> None:
    polygon = parsed("polygon", (0, 0), (10, 0), (10, 0), (10, 10), (0, 0))
    assert vertices(polygon) == [[0, 0], [10, 0], [10, 10]]


def test_a_valid_polygon_with_a_hole_is_kept_exactly() -> None:
    rings = [[[0, 0], [100, 0], [100, 100], [0, 100]], [[20, 20], [40, 20], [40, 40]]]
    polygon = parsed("polygon", rings=rings)
    assert polygon.to_json() == {"shape": "polygon", "rings": rings}
    assert polygon.ring_holes == (False, True)


def test_a_multi_polygon_may_be_written_in_parts_or_in_rings_with_holes() -> None:
    first = [[[0, 0], [100, 0], [100, 100]], [[50, 10], [60, 10], [60, 20]]]
    second = [[[200, 200], [300, 200], [300, 300]]]
    parts = parsed("multi_polygon", parts=[first, second])
    rings = parsed("multi_polygon", rings=first + second, holes=[False, True, False])
    assert parts.to_json() == rings.to_json()
    assert parse(parts.to_json(), WIDTH, HEIGHT).to_json() == parts.to_json()
    assert parts.to_json()["parts"] == [first, second]


def test_a_spike_that_touches_itself_is_mended() -> None:
    polygon = parsed("polygon", (10, 10), (100, 10), (100, 100), (10, 100), (10, 50), (0, 50), (10, 50))
    assert shapely.Polygon(polygon.vertices).is_valid
    assert shapely.Polygon(polygon.vertices).area == 8100


def test_a_label_of_the_whole_image_has_no_vertices_and_the_images_box() -> None:
    label = parsed("image")
    assert label.box(WIDTH, HEIGHT) == Box(0, 0, 999, 799)
    assert len(label.vertices) == 0


@pytest.mark.parametrize(
    ("shape", "points"),
    [("box", ((-20, 10), (30, 2000 - 1100))), ("line", ((-5, 5), (20, 20))), ("polyline", ((1, 1), (1040, 30)))],
)
def test_what_reaches_over_the_edge_is_cut_to_the_image(shape: str, points: tuple[Any, ...]) -> None:
    box = parsed(shape, *points).box(WIDTH, HEIGHT)
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= WIDTH - 1
    assert box.y1 <= HEIGHT - 1


def test_a_polygon_over_the_edge_is_cut_along_it() -> None:
    polygon = parsed("polygon", (-50, 100), (50, 100), (50, 200), (-50, 200))
    assert sorted(vertices(polygon)) == [[0, 100], [0, 200], [50, 100], [50, 200]]


def test_an_ellipse_keeps_its_form_when_it_sticks_out_with_its_centre_inside() -> None:
    assert vertices(parsed("ellipse", (-20, -10), (40, 30))) == [[-20, -10], [40, 30]]


REFUSED = [
    ("no object", 5, "must be an object"),
    ("unknown shape", {"shape": "blob"}, "unknown"),
    ("empty", {"shape": "polygon", "rings": []}, "empty"),
    ("empty ring", {"shape": "polygon", "rings": [[]]}, "no vertices"),
    ("text for a ring", {"shape": "box", "points": "abc"}, "must be a list"),
    ("text for a number", {"shape": "box", "points": [["1", "2"], ["3", "4"]]}, "pairs of numbers"),
    ("objects", {"shape": "box", "points": [{"x": 1}, {"x": 2}]}, "pairs of numbers"),
    ("none", {"shape": "box", "points": [[None, 1], [2, 3]]}, "not numbers|not finite"),
    ("ragged", {"shape": "box", "points": [[0, 0], [1]]}, "pairs of numbers"),
    ("three numbers", {"shape": "box", "points": [[0, 0, 1], [1, 2, 1]]}, "pairs of numbers"),
    ("deep", {"shape": "polygon", "rings": [[[[1, 2]]]]}, "pairs of numbers"),
    ("NaN", {"shape": "box", "points": [[0, 0], [math.nan, 1]]}, "Vertex 1 is not finite"),
    ("infinity", {"shape": "line", "points": [[0, 0], [1, math.inf]]}, "not finite"),
    ("beyond int32", {"shape": "box", "points": [[0, 0], [2**31, 5]]}, "32-bit"),
    ("beyond every integer", {"shape": "box", "points": [[0, 0], [10**400, 5]]}, "not numbers|32-bit|pairs"),
    ("one corner", {"shape": "box", "points": [[0, 0]]}, "2 vertices, not 1"),
    ("two points", {"shape": "point", "points": [[0, 0], [1, 1]]}, "1 vertex, not 2"),
    ("two vertices", {"shape": "polygon", "points": [[0, 0], [5, 5]]}, "at least 3"),
    ("flat box", {"shape": "box", "points": [[0, 0], [5, 0]]}, "no area"),
    ("flat polygon", {"shape": "polygon", "points": [[0, 0], [5, 5], [9, 9]]}, "no area"),
    ("no length", {"shape": "line", "points": [[5, 5], [5, 5]]}, "no length"),
    ("bow tie", {"shape": "polygon", "points": [[0, 0], [10, 10], [10, 0], [0, 10]]}, r"crosses itself.*at \(5, 5\)"),
    ("outside", {"shape": "point", "points": [[1100, 5]]}, "completely outside"),
    ("far outside", {"shape": "line", "points": [[5, 5], [9000, 5]]}, "far outside"),
    ("ellipse beside", {"shape": "ellipse", "points": [[-60, 10], [10, 30]]}, "centre"),
    ("no rectangle", {"shape": "rotated_box", "points": [[0, 0], [90, 0], [120, 50], [0, 50]]}, "no rectangle"),
    ("two rings", {"shape": "line", "rings": [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]}, "exactly one ring"),
    ("image with points", {"shape": "image", "points": [[1, 2]]}, "no vertices"),
    ("parts of a box", {"shape": "box", "parts": [[[[0, 0], [1, 1]]]]}, "multi_polygon only"),
    ("a hole first", {"shape": "multi_polygon", "rings": [[[0, 0], [9, 0], [9, 9]]], "holes": [True]}, "never a hole"),
]


@pytest.mark.parametrize(("value", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_be_kept_is_refused_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        parse(value, WIDTH, HEIGHT)


def test_too_many_vertices_are_refused_before_they_are_looked_at() -> None:
    ring = [[0, 0]] * (MAX_VERTICES + 1)
    with pytest.raises(Invalid, match="more than"):
        parsed("polygon", rings=[ring])


def test_a_turned_rectangle_may_be_rounded_to_whole_pixels() -> None:
    angle = math.radians(31)
    across = (200 * math.cos(angle), 200 * math.sin(angle))
    down = (-50 * math.sin(angle), 50 * math.cos(angle))
    corners = [
        (300 + a * across[0] + b * down[0], 300 + a * across[1] + b * down[1])
        for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    assert len(parsed("rotated_box", *corners).vertices) == 4


coordinate = st.integers(-(2**31), 2**31 - 1)
small = st.integers(-40_000, 40_000)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    shape = draw(st.sampled_from(list(Shape)))
    rings = draw(st.integers(0, 3)) if shape in (Shape.POLYGON, Shape.MULTI_POLYGON) else int(shape is not Shape.IMAGE)
    numbers = draw(st.sampled_from([coordinate, small]))
    lengths = tuple(draw(st.integers(1, 6)) for _ in range(rings))
    points = [[draw(numbers), draw(numbers)] for _ in range(sum(lengths))]
    holes = tuple(draw(st.booleans()) for _ in lengths) if rings > 1 else (False,) * rings
    return Geometry(shape, np.array(points, np.int32).reshape(-1, 2), lengths, holes)


def same(one: Geometry, other: Geometry) -> bool:
    return (
        one.shape is other.shape
        and one.ring_lengths == other.ring_lengths
        and one.ring_holes == other.ring_holes
        and np.array_equal(one.vertices, other.vertices)
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(geometries(), max_size=8))
def test_packing_loses_nothing_alone_or_with_others(shapes: list[Geometry]) -> None:
    columns = columns_of(shapes)
    packed = pack_many(columns)
    assert packed == [pack(shape) for shape in shapes]
    assert all(same(shape, unpack(data)) for shape, data in zip(shapes, packed, strict=True))
    again = unpack_many(packed)
    assert np.array_equal(again.vertices, columns.vertices)
    assert np.array_equal(again.ring_length, columns.ring_length)
    assert np.array_equal(again.ring_hole, columns.ring_hole)
    chosen = np.arange(len(shapes)) % 2 == 0
    assert pack_many(take(columns, chosen)) == packed[::2]


def test_near_vertices_take_two_bytes_per_number_and_far_ones_four() -> None:
    near = parse({"shape": "polygon", "points": [[0, 0], [9, 0], [9, 9], [5, 20]]}, 90_000, 90_000)
    far = parse({"shape": "line", "points": [[0, 0], [80_000, 5]]}, 90_000, 90_000)
    assert len(pack(near)) == 4 + 8 + 3 * 4
    assert len(pack(far)) == 4 + 8 + 8


def test_a_geometry_of_a_newer_version_is_not_misread() -> None:
    with pytest.raises(ValueError, match="newer"):
        unpack_steps([b"\x20\x01\x01\x00" + bytes(8)])
