"""Whatever comes in: what is kept is valid, small, on the image, and the same alone, among many, and read again."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exact_core.annotations.bulk_checks import check
from exact_core.annotations.fixed_point import MAX_BITS, most_bits
from exact_core.annotations.geometry import Box, Geometry, from_rings, parse
from exact_core.annotations.measures import measure, to_shapely
from exact_core.annotations.outlines import Outlines
from exact_core.annotations.packed_json import packed_json
from exact_core.annotations.packing import columns_of, pack, unpack
from exact_core.annotations.spatial import ranges, tile_key, tile_keys
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

Drawing: TypeAlias = tuple[Shape, list[np.ndarray], list[bool]]

WIDTH, HEIGHT = 64, 40
FEWEST = {
    Shape.POINT: (1, 1),
    Shape.BOX: (2, 2),
    Shape.ELLIPSE: (2, 2),
    Shape.LINE: (2, 2),
    Shape.POLYLINE: (2, 7),
    Shape.POLYGON: (3, 9),
    Shape.ROTATED_BOX: (4, 4),
    Shape.MULTI_POLYGON: (3, 7),
}

AREAS = (Shape.POLYGON, Shape.MULTI_POLYGON)

# Few different numbers, so that vertices meet, repeat and lie on the edges of the image.
steps = st.sampled_from([1.0, 0.5, 1 / 256, 0.3, 1 / 3])
wild = st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -(2.0**31), 2.0**31, 5e6])


@st.composite
def rings(draw: st.DrawFn, shape: Shape) -> np.ndarray:
    fewest, most = FEWEST[shape]
    step = draw(steps)
    low, high = draw(st.sampled_from([(0, 1), (-0.3, 1.3), (0.2, 0.7)]))
    count = draw(st.integers(fewest, most))
    x = draw(st.lists(st.integers(int(low * WIDTH), int(high * WIDTH)), min_size=count, max_size=count))
    y = draw(st.lists(st.integers(int(low * HEIGHT), int(high * HEIGHT)), min_size=count, max_size=count))
    ring = np.stack([x, y], axis=1).astype(float)
    if shape is Shape.ROTATED_BOX and draw(st.booleans()):
        across, down = ring[1] - ring[0], (ring[1] - ring[0])[::-1] * [-1, 1] * draw(st.sampled_from([0.5, -1.0]))
        ring = ring[0] + np.array([0 * across, across, across + down, down])
    if shape in AREAS and draw(st.integers(0, 3)):
        # In order around their middle the corners make an outline that seldom crosses itself.
        turn = np.arctan2(*(ring - ring.mean(axis=0)).T)
        ring = ring[np.argsort(turn)[:: draw(st.sampled_from([1, -1]))]]
        if draw(st.integers(0, 9)) == 0:
            ring = np.stack([*ring, ring[0], ring[0] - np.array([1, 2]), ring[0]])  # a spike
    return ring + draw(st.sampled_from([0.0, step]))


@st.composite
def inner(draw: st.DrawFn, outline: np.ndarray) -> np.ndarray:
    """An outline made smaller, most often inside of the other."""
    middle = outline.mean(axis=0) + draw(st.sampled_from([0, 0, 0, 5, 30]))
    return middle + (outline - outline.mean(axis=0)) * draw(st.sampled_from([0.3, 0.5, -0.2, 1.0]))


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    shape = draw(st.sampled_from([*FEWEST, Shape.IMAGE, Shape.ABSENT]))
    if shape.is_label:
        return shape, [], []
    most = 4 if shape in AREAS else 1
    found, holes = [draw(rings(shape))], [False]
    for _ in range(draw(st.integers(0, most - 1))):
        holes.append(shape is Shape.POLYGON or draw(st.booleans()))
        found.append(draw(inner(found[0])) if holes[-1] else draw(rings(shape)))
    if draw(st.integers(0, 19)) == 0:
        found[0][draw(st.integers(0, len(found[0]) - 1)), draw(st.integers(0, 1))] = draw(wild)
    return shape, found, holes


def kept(drawing: Drawing) -> Geometry | str:
    """The shape as it is kept, or why it is not."""
    try:
        return parse(as_json(*drawing), WIDTH, HEIGHT)
    except Invalid as error:
        return error.message


def as_json(shape: Shape, found: list[np.ndarray], holes: list[bool]) -> dict[str, Any]:
    more = {"holes": holes} if shape is Shape.MULTI_POLYGON else {}
    return {"shape": shape.value, "rings": [ring.tolist() for ring in found], **more}


@settings(max_examples=250, deadline=None)
@given(drawings())
def test_what_is_kept_is_valid_and_on_the_image(drawing: Drawing) -> None:
    geometry = kept(drawing)
    if isinstance(geometry, str):
        assert len(geometry) < 300
        return
    area = to_shapely(geometry)
    assert area.is_valid
    box = geometry.box(WIDTH, HEIGHT)
    assert 0 <= box.center[0] < WIDTH
    assert 0 <= box.center[1] < HEIGHT
    if geometry.shape.is_label:
        assert box == Box(0, 0, WIDTH, HEIGHT)
        return
    low, high = geometry.xy.min(axis=0), geometry.xy.max(axis=0)
    assert (low >= box[:2]).all()
    assert (high <= box[2:]).all()
    assert (low > np.array(box[:2]) - 2).all()
    assert (high > np.array(box[2:]) - 1).all()
    if geometry.shape not in (Shape.ELLIPSE, Shape.ROTATED_BOX):
        assert (low >= 0).all()
        assert (high <= [WIDTH, HEIGHT]).all()
    if geometry.shape in AREAS:
        assert shapely.is_ccw(shapely.get_rings(shapely.get_parts(area))).tolist() == [
            not hole for hole in geometry.ring_holes
        ]
    assert geometry.fraction_bits == 0 or (geometry.vertices & 1).any()


@settings(max_examples=150, deadline=None)
@given(drawings())
def test_what_is_kept_reads_the_same_again(drawing: Drawing) -> None:
    geometry = kept(drawing)
    if isinstance(geometry, str):
        return
    again = parse(geometry.to_json(), WIDTH, HEIGHT)
    assert pack(again) == pack(geometry)
    assert pack(unpack(pack(geometry))) == pack(geometry)
    assert unpack(pack(geometry)).to_json() == geometry.to_json()
    assert pack(from_rings(geometry.shape, geometry.rings(), geometry.ring_holes, WIDTH, HEIGHT,
                           fraction_bits=geometry.fraction_bits)) == pack(geometry)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(drawings(), min_size=1, max_size=6))
def test_many_at_once_are_the_same_as_each_alone(
    drawn: list[Drawing],
) -> None:
    refused: dict[int, str] = {}
    checked = check(Outlines.of(drawn), WIDTH, HEIGHT, refused)
    packed = dict(zip(checked.index.tolist(), checked.packed, strict=True))
    boxes = dict(zip(checked.index.tolist(), checked.boxes.tolist(), strict=True))
    assert packed.keys() | refused.keys() == set(range(len(drawn)))
    for number, drawing in enumerate(drawn):
        alone = kept(drawing)
        if isinstance(alone, str):
            assert refused[number] == alone
            continue
        assert packed[number] == pack(alone)
        assert tuple(boxes[number]) == alone.box(WIDTH, HEIGHT)
        assert checked.shape[checked.index.tolist().index(number)] == drawing[0].number
    # What is kept goes through once more as columns, as undoing and copying do it.
    stored_ones = [unpack(data) for data in checked.packed]
    again = check(columns_of(stored_ones), WIDTH, HEIGHT, refused := {})
    assert not refused
    assert [again.packed[place] for place in np.argsort(again.index)] == checked.packed


bits = st.integers(0, MAX_BITS)
coordinate = st.integers(-(2**31), 2**31 - 1)
small = st.integers(-40_000, 40_000)


@st.composite
def stored(draw: st.DrawFn) -> Geometry:
    shape = draw(st.sampled_from(list(Shape)))
    count = draw(st.integers(0, 3)) if shape in (Shape.POLYGON, Shape.MULTI_POLYGON) else int(not shape.is_label)
    numbers = draw(st.sampled_from([coordinate, small]))
    lengths = tuple(draw(st.integers(1, 6)) for _ in range(count))
    points = [[draw(numbers), draw(numbers)] for _ in range(sum(lengths))]
    holes = tuple(draw(st.booleans()) for _ in lengths) if count > 1 else (False,) * count
    return Geometry(shape, np.array(points, np.int32).reshape(-1, 2), lengths, holes, draw(bits))


@settings(max_examples=100, deadline=None)
@given(st.lists(stored(), max_size=8))
def test_packing_keeps_shapes_vertices_and_fractions(shapes: list[Geometry]) -> None:
    for shape in shapes:
        again = unpack(pack(shape))
        assert (again.shape, again.ring_lengths, again.ring_holes) == (
            shape.shape,
            shape.ring_lengths,
            shape.ring_holes,
        )
        assert again.fraction_bits == shape.fraction_bits
        assert np.array_equal(again.vertices, shape.vertices)
        assert np.array_equal(again.xy, shape.xy)
        if not any(shape.ring_holes[:1]):  # an outline comes first in all that is kept
            assert packed_json(pack(shape)) == shape.to_json()


@settings(max_examples=150, deadline=None)
@given(drawings(), st.sampled_from([(0.5, 0.25), (1.0, 1.0)]))
def test_measures_agree_with_shapely(drawing: Drawing, scale: tuple[float, float]) -> None:
    geometry = kept(drawing)
    assume(not isinstance(geometry, str))
    assume(geometry.shape not in (Shape.ELLIPSE, Shape.IMAGE, Shape.ABSENT))
    found = measure(columns_of([geometry]), *scale)
    outline = shapely.transform(to_shapely(geometry), lambda xy: xy * scale)
    assert found.area[0] == pytest.approx(outline.area)
    assert found.length[0] + found.perimeter[0] == pytest.approx(outline.length)
    middle = shapely.get_coordinates(shapely.centroid(outline))[0] / scale
    assert found.centroid[0] == pytest.approx(middle, abs=1e-6)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    side = draw(st.sampled_from([200, 5_000, 300_000]))
    x, y = draw(st.integers(-side // 4, side)), draw(st.integers(-side // 4, side))
    largest = draw(st.sampled_from([2, 513, 5_000, side]))
    return Box(x, y, x + draw(st.integers(0, largest)), y + draw(st.integers(0, largest)))


@settings(max_examples=150, deadline=None)
@given(st.lists(boxes(), min_size=1, max_size=20), boxes())
def test_the_places_of_a_rectangle_hold_every_box_that_meets_it(shapes: list[Box], asked: Box) -> None:
    longest = 300_000
    found = ranges(asked, longest)
    keys = tile_keys(np.array(shapes, np.int64)).tolist()
    assert keys == [tile_key(shape) for shape in shapes]
    inner = ranges(asked, longest, loose=False)
    for key, shape in zip(keys, shapes, strict=True):
        if shape.x0 <= asked.x1 and shape.x1 >= asked.x0 and shape.y0 <= asked.y1 and shape.y1 >= asked.y0:
            assert any(low <= key <= high for low, high in found)
        x, y = shape.center
        if asked.x0 <= x <= asked.x1 and asked.y0 <= y <= asked.y1:
            assert any(low <= key <= high for low, high in inner)


@pytest.mark.parametrize(("side", "expected"), [(1_000, 8), (6_000_000, 8), (10_000_000, 7), (2**31 - 1, 0)])
def test_a_very_large_image_has_fewer_bits_for_fractions(side: int, expected: int) -> None:
    assert most_bits(side, 10) == expected
