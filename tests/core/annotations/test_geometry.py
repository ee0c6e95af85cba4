"""Geometry: what is taken, mended, cut or refused, and that packing loses nothing."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.annotations.geometry import MAX_VERTICES, Box, Geometry, from_rings, parse
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


def test_fractions_are_kept_with_as_few_bits_as_hold_them() -> None:
    whole = parsed("line", (0.0, 5), (10, 11.0))
    assert (whole.fraction_bits, vertices(whole)) == (0, [[0, 5], [10, 11]])
    middle = parsed("point", (10.5, 20.5))  # of pixel (10, 20)
    assert (middle.fraction_bits, vertices(middle)) == (1, [[21, 41]])
    assert middle.to_json() == {"shape": "point", "rings": [[[10.5, 20.5]]]}
    assert middle.box(WIDTH, HEIGHT) == Box(10, 20, 11, 21)
    fine = parsed("line", (0.25, 0), (1 / 256, 3))
    assert (fine.fraction_bits, vertices(fine)) == (8, [[64, 0], [1, 768]])
    assert parsed("point", (9.9999, 9.9999)).to_json()["rings"] == [[[10, 10]]]


def test_fractions_finer_than_a_256th_are_rounded_halves_up() -> None:
    assert vertices(parsed("point", (1 / 512, 3 / 512))) == [[1, 2]]
    assert vertices(parsed("point", (0.3, 0.7))) == [[77, 179]]


def test_a_very_large_image_keeps_the_fractions_that_fit_into_32_bits() -> None:
    far = parse({"shape": "point", "points": [[9_999_999.71, 0.5]]}, 10_000_000, 10_000_000)
    assert far.fraction_bits == 7
    assert far.xy.tolist() == [[9_999_999.7109375, 0.5]]


def test_the_last_edge_of_the_image_is_its_width() -> None:
    assert vertices(parsed("box", (990, 790), (1000, 800))) == [[990, 790], [1000, 800]]
    corner = parsed("point", (1000, 800))
    assert corner.box(WIDTH, HEIGHT) == Box(999, 799, 1000, 800)
    assert corner.box(WIDTH, HEIGHT).center == (999, 799)  # it counts in the last pixel


def test_corners_of_a_box_are_put_in_order() -> None:
    assert vertices(parsed("box", (30, 5), (10, 25))) == [[10, 5], [30, 25]]


def test_a_repeated_first_vertex_and_doubled_vertices_of_a_polygon_are_dropped() -> None:
    polygon = parsed("polygon", (0, 0), (10, 0), (10, 0), (10, 10), (0, 0))
    assert vertices(polygon) == [[0, 0], [10, 0], [10, 10]]


def test_a_valid_polygon_with_a_hole_is_kept_exactly() -> None:
    rings = [[[0, 0], [100, 0], [100, 100], [0, 100]], [[20, 20], [40, 40], [40, 20]]]
    polygon = parsed("polygon", rings=rings)
    assert polygon.to_json() == {"shape": "polygon", "rings": rings}
    assert polygon.ring_holes == (False, True)


def test_a_multi_polygon_may_be_written_in_parts_or_in_rings_with_holes() -> None:
    first = [[[0, 0], [100, 0], [100, 100]], [[50, 10], [60, 20], [60, 10]]]
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


def test_outlines_turn_one_way_and_holes_the_other_from_the_same_first_vertex() -> None:
    outline, hole = [[0, 0], [0, 100], [100, 100], [100, 0]], [[20, 20], [40, 20], [40, 40]]
    polygon = parsed("polygon", rings=[outline, hole])
    assert polygon.to_json()["rings"] == [
        [[0, 0], [100, 0], [100, 100], [0, 100]],
        [[20, 20], [40, 40], [40, 20]],
    ]
    assert shapely.get_rings(shapely.Polygon(*[ring.tolist() for ring in polygon.rings()[:1]]))[0].is_ccw


def test_a_loop_of_a_slipping_hand_is_cut_off() -> None:
    tail = parsed("polygon", (0, 0), (100, 0), (100, 100), (50, 100), (50, 102), (52, 98), (0, 98))
    assert shapely.Polygon(tail.vertices).is_valid
    assert shapely.Polygon(tail.vertices).area == pytest.approx(9_900, abs=30)


def test_a_hole_that_reaches_over_its_outline_is_taken_away_as_far_as_it_goes() -> None:
    polygon = parsed(
        "polygon", rings=[[[0, 0], [100, 0], [100, 100], [0, 100]], [[80, 40], [120, 40], [120, 60], [80, 60]]]
    )
    assert polygon.ring_holes == (False,)
    assert shapely.Polygon(polygon.vertices).area == 100 * 100 - 20 * 20


def test_a_hole_without_area_takes_nothing_away() -> None:
    polygon = parsed("polygon", rings=[[[0, 0], [100, 0], [100, 100]], [[50, 10], [60, 10], [70, 10]]])
    assert polygon.to_json()["rings"] == [[[0, 0], [100, 0], [100, 100]]]


def test_parts_that_overlap_become_one() -> None:
    one, other = [[0, 0], [50, 0], [50, 50], [0, 50]], [[40, 0], [90, 0], [90, 50], [40, 50]]
    merged = parsed("multi_polygon", parts=[[one], [other]])
    assert merged.ring_holes == (False,)
    assert shapely.Polygon(merged.vertices).area == 90 * 50


@pytest.mark.parametrize("shape", ["image", "absent"])
def test_a_label_has_no_vertices_and_the_images_box(shape: str) -> None:
    label = parsed(shape)
    assert label.shape.is_label
    assert label.box(WIDTH, HEIGHT) == Box(0, 0, 1000, 800)
    assert len(label.vertices) == 0
    assert unpack(pack(label)).to_json() == {"shape": shape, "rings": []}


@pytest.mark.parametrize(
    ("shape", "points"),
    [("box", ((-20, 10), (30, 2000 - 1100))), ("line", ((-5, 5), (20, 20))), ("polyline", ((1, 1), (1040, 30)))],
)
def test_what_reaches_over_the_edge_is_cut_to_the_image(shape: str, points: tuple[Any, ...]) -> None:
    box = parsed(shape, *points).box(WIDTH, HEIGHT)
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= WIDTH
    assert box.y1 <= HEIGHT


def test_a_polygon_over_the_edge_is_cut_along_it() -> None:
    polygon = parsed("polygon", (-50, 100), (50, 100), (50, 200), (-50, 200))
    assert sorted(vertices(polygon)) == [[0, 100], [0, 200], [50, 100], [50, 200]]


def test_an_ellipse_keeps_its_form_when_it_sticks_out_with_its_centre_inside() -> None:
    assert vertices(parsed("ellipse", (-20, -10), (40, 30))) == [[-20, -10], [40, 30]]


FIELD = [[0, 0], [100, 0], [100, 100], [0, 100]]
TWICE = [[0, 0], [100, 0], [100, 100], [0, 100], [10, 10], [90, 10], [90, 90], [10, 90]]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


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
    ("points of an absence", {"shape": "absent", "points": [[1, 2]]}, "no vertices"),
    ("a list for a shape", {"shape": [[[[]]]]}, "unknown"),
    ("very deep", {"shape": "polygon", "rings": nested(500)}, "pairs of numbers"),
    ("a twisted box", {"shape": "rotated_box", "points": [[0, 0], [1, 1], [1, 0], [0, 1]]}, "no rectangle"),
    ("goes around twice", {"shape": "polygon", "points": TWICE}, r"crosses itself.*at \(\d+, \d+\)"),
    (
        "hole outside",
        {"shape": "polygon", "rings": [FIELD, [[200, 20], [300, 20], [300, 90]]]},
        r"Ring 1 .* hole at \(200, 20\) beside",
    ),
    (
        "a hole in a hole",
        {
            "shape": "polygon",
            "rings": [FIELD, [[10, 10], [90, 10], [90, 90], [10, 90]], [[20, 20], [30, 20], [30, 30]]],
        },
        r"Ring 2 .* inside ring 1",
    ),
    (
        "a part in a part",
        {"shape": "multi_polygon", "parts": [[FIELD], [[[20, 20], [30, 20], [30, 30]]]]},
        r"Ring 1 .* inside ring 0",
    ),
    ("a hole as large as the outline", {"shape": "polygon", "rings": [FIELD, FIELD]}, "no area"),
    ("three holes flags", {"shape": "multi_polygon", "rings": [FIELD], "holes": [False, True, False]}, "each ring"),
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


def test_a_scribble_is_refused_before_anything_slow_is_tried() -> None:
    numbers = np.random.default_rng(1)
    started = time.process_time()
    for count in (400, 50_000, 1_000_000):
        ring = numbers.integers(0, 60_000, (count, 2))
        with pytest.raises(Invalid, match="crosses itself"):
            from_rings(Shape.POLYGON, [ring], [False], 60_000, 60_000)
    assert time.process_time() - started < 30


def test_a_large_outline_is_no_scribble() -> None:
    turn = np.linspace(0, 2 * np.pi, 200_000, endpoint=False)
    spokes = np.stack([np.cos(turn), np.sin(turn)], axis=1) * (20_000 + 50 * np.sin(300 * turn))[:, None]
    ring = np.rint(30_000 + spokes)
    assert shapely.Polygon(from_rings(Shape.POLYGON, [ring], [False], 60_000, 60_000).vertices).is_valid


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
        unpack_steps([b"\x30\x01\x01\x00" + bytes(8)])


def test_whole_pixels_are_stored_as_before_and_fractions_cost_no_byte_more() -> None:
    whole = parse({"shape": "point", "points": [[10, 20]]}, 90_000, 90_000)
    assert pack(whole) == b"\x10\x01\x01\x00" + (10).to_bytes(4, "little") + (20).to_bytes(4, "little")
    half = parse({"shape": "point", "points": [[10.5, 20]]}, 90_000, 90_000)
    assert pack(half) == b"\x20\x01\x01\x00" + (21).to_bytes(4, "little") + (40).to_bytes(4, "little")
    fine = parse({"shape": "line", "points": [[10, 20], [10 + 1 / 256, 100]]}, 90_000, 90_000)
    assert pack(fine)[:4] == b"\x2e\x04\x01\x00"
    assert len(pack(fine)) == 4 + 8 + 4
