"""Places in the loose grid: no shape that meets a rectangle is ever missed, and few others are read."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.annotations.geometry import Box
from exact_core.annotations.spatial import (
    CELL,
    level_of,
    merged,
    ranges,
    summary_cell,
    summary_cells,
    tile_key,
    tile_keys,
)

LONGEST = 200_000


@st.composite
def boxes(draw: st.DrawFn, margin: int = 0) -> Box:
    size = draw(st.sampled_from([0, 1, 30, 511, 512, 513, 5_000, 199_000]))
    width, height = draw(st.integers(0, size)), draw(st.integers(0, size))
    x = draw(st.integers(-margin, LONGEST - 1 - width + margin))
    y = draw(st.integers(-margin, LONGEST - 1 - height + margin))
    return Box(x, y, x + width, y + height)


def meet(one: Box, other: Box) -> bool:
    return one.x0 <= other.x1 and one.x1 >= other.x0 and one.y0 <= other.y1 and one.y1 >= other.y0


@settings(max_examples=400, deadline=None)
@given(boxes(), boxes(margin=3000))
def test_a_shape_that_meets_the_view_lies_in_one_of_its_ranges(shape: Box, view: Box) -> None:
    hits = sum(low <= tile_key(shape) <= high for low, high in ranges(view, LONGEST))
    assert hits == 1 if meet(shape, view) else hits <= 1


@settings(max_examples=200, deadline=None)
@given(boxes(), boxes())
def test_a_centre_in_the_region_lies_in_one_of_the_tight_ranges(shape: Box, region: Box) -> None:
    x, y = shape.center
    if region.x0 <= x <= region.x1 and region.y0 <= y <= region.y1:
        assert any(low <= tile_key(shape) <= high for low, high in ranges(region, LONGEST, loose=False))


@settings(max_examples=50, deadline=None)
@given(st.lists(boxes(margin=300), min_size=1, max_size=20))
def test_places_of_many_are_those_of_each(several: list[Box]) -> None:
    array = np.array(several, np.int64)
    assert tile_keys(array).tolist() == [tile_key(box) for box in several]
    assert summary_cells(array).tolist() == [summary_cell(box) for box in several]


def test_a_cell_is_at_least_as_large_as_its_shapes() -> None:
    for extent in (0, 1, 512, 513, 1024, 1025, 99_999):
        assert CELL << level_of(extent) >= extent
        assert level_of(extent) == 0 or CELL << level_of(extent) - 1 < extent


def test_a_small_view_reads_a_small_part_of_the_grid() -> None:
    view = Box(50_000, 50_000, 51_200, 50_900)
    assert len(ranges(view, LONGEST)) < 30
    far = [Box(x, 50_400, x + 20, 50_420) for x in range(0, LONGEST, 5_000)]
    places = ranges(view, LONGEST)
    read = [box for box in far if any(low <= tile_key(box) <= high for low, high in places)]
    assert read == [Box(50_000, 50_400, 50_020, 50_420)]


def test_overlapping_ranges_become_one() -> None:
    assert merged([(5, 9), (1, 3), (4, 6), (20, 21), (8, 8)]) == [(1, 9), (20, 21)]
