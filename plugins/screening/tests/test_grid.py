"""Fields, their order and the steps between them; carrying areas over from one grid to another."""

from __future__ import annotations

import numpy as np
import pytest
from exact_screening.grid import MAX_FIELDS, Box, Grid, Order, Path, Way, plan
from exact_screening.transfer import carried_over, cells_in_fields, covered_area
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.api import Invalid

SIZES = st.integers(1, 60)


@st.composite
def grids(draw) -> Grid:
    x0, y0 = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    bounds = Box(x0, y0, x0 + draw(SIZES), y0 + draw(SIZES))
    return plan(bounds, draw(SIZES), draw(SIZES), draw(st.floats(0, 0.9)), draw(st.sampled_from(Order)))


@st.composite
def paths(draw) -> Path:
    grid = draw(grids())
    chosen = np.array(draw(st.lists(st.booleans(), min_size=grid.count, max_size=grid.count)))
    chosen[draw(st.integers(0, grid.count - 1))] = True
    return Path(grid, chosen)


def seen_pixels(grid: Grid, seen: np.ndarray) -> np.ndarray:
    """Every pixel by itself, the slow and certain way."""
    pixels = np.zeros((100, 100), dtype=bool)
    for field in np.flatnonzero(seen):
        box = grid.box(int(field))
        pixels[box.y0 : box.y1, box.x0 : box.x1] = True
    return pixels


@given(grids())
@settings(max_examples=60, deadline=None)
def test_fields_cover_the_region_and_none_hangs_over(grid):
    pixels = seen_pixels(grid, np.ones(grid.count, dtype=bool))
    inside = np.zeros_like(pixels)
    inside[grid.bounds.y0 : grid.bounds.y1, grid.bounds.x0 : grid.bounds.x1] = True
    assert (pixels == inside).all()
    boxes = [grid.box(field) for field in range(grid.count)]
    assert len({(box.width, box.height) for box in boxes}) == 1
    assert [box.x0 for box in boxes[: grid.columns]] == grid.lefts().tolist()
    assert [box.y0 for box in boxes[:: grid.columns]] == grid.tops().tolist()


@given(paths())
@settings(max_examples=60, deadline=None)
def test_going_on_reaches_every_field_once_and_back_again(path):
    seen = np.zeros(path.grid.count, dtype=bool)
    way = [path.first]
    while (field := path.step(way[-1], Way.NEXT, seen)) != way[-1]:
        way.append(field)
    assert way == path.fields.tolist()
    assert sorted(way) == np.flatnonzero(path.chosen).tolist()
    assert [path.number(field) for field in way] == list(range(len(way)))
    back = [way[-1]]
    while (field := path.step(back[-1], Way.PREVIOUS, seen)) != back[-1]:
        back.append(field)
    assert back == way[::-1]


@given(paths(), st.data())
@settings(max_examples=60, deadline=None)
def test_unseen_fields_come_in_order_from_anywhere(path, data):
    field = int(data.draw(st.sampled_from(path.fields.tolist())))
    seen = np.array(data.draw(st.lists(st.booleans(), min_size=path.grid.count, max_size=path.grid.count)))
    place = path.number(field)
    around = [*path.fields[place + 1 :], *path.fields[: place + 1]]
    wanted = next((int(each) for each in around if not seen[each]), field)
    assert path.step(field, Way.UNSEEN, seen) == wanted


@given(paths(), st.sampled_from([Way.LEFT, Way.RIGHT, Way.UP, Way.DOWN]), st.data())
@settings(max_examples=80, deadline=None)
def test_a_step_to_a_side_leads_to_the_nearest_field_there(path, way, data):
    field = int(data.draw(st.sampled_from(path.fields.tolist())))
    row, column = divmod(field, path.grid.columns)
    dx, dy = {Way.LEFT: (-1, 0), Way.RIGHT: (1, 0), Way.UP: (0, -1), Way.DOWN: (0, 1)}[way]
    wanted = field
    for distance in range(1, max(path.grid.rows, path.grid.columns)):
        r, c = row + dy * distance, column + dx * distance
        if not (0 <= r < path.grid.rows and 0 <= c < path.grid.columns):
            break
        if path.chosen[r * path.grid.columns + c]:
            wanted = r * path.grid.columns + c
            break
    assert path.step(field, way, np.zeros(path.grid.count, dtype=bool)) == wanted


def test_in_a_snake_every_field_lies_beside_the_one_before():
    grid = plan(Box(0, 0, 5000, 3000), 1000, 1000, 0, Order.SNAKE)
    fields = Path(grid, np.ones(15, dtype=bool)).fields.tolist()
    assert fields == [0, 1, 2, 3, 4, 9, 8, 7, 6, 5, 10, 11, 12, 13, 14]


def test_a_million_fields_are_possible_and_one_more_row_is_not():
    assert plan(Box(0, 0, 1000, 1000), 1, 1, 0, Order.ROWS).count == MAX_FIELDS
    with pytest.raises(Invalid, match="1,001,000; at most 1,000,000"):
        plan(Box(0, 0, 1000, 1001), 1, 1, 0, Order.ROWS)
    with pytest.raises(Invalid, match="10,000,000,000"):
        plan(Box(0, 0, 100_000, 100_000), 1, 1, 0, Order.ROWS)


@given(grids(), grids(), st.data())
@settings(max_examples=80, deadline=None)
def test_exactly_the_fields_whose_pixels_were_all_seen_are_carried_over(old, new, data):
    seen = np.array(data.draw(st.lists(st.booleans(), min_size=old.count, max_size=old.count)))
    pixels = seen_pixels(old, seen)
    boxes = [new.box(field) for field in range(new.count)]
    wanted = [bool(pixels[box.y0 : box.y1, box.x0 : box.x1].all()) for box in boxes]
    assert carried_over([(old, seen)], new).tolist() == wanted
    nothing = np.zeros(new.count, dtype=bool)
    assert carried_over([(new, nothing), (old, seen)], new).tolist() == wanted
    assert carried_over([(old, seen), (new, ~np.array(wanted))], new).all()
    assert covered_area(old, seen) == pixels.sum()
    middles = np.arange(0, 100, 7) + 0.5
    cells = cells_in_fields(old, seen, middles, middles)
    assert (cells == pixels[np.ix_(range(0, 100, 7), range(0, 100, 7))]).all()


def test_grids_that_cut_an_image_too_finely_carry_nothing_over():
    columns = plan(Box(0, 0, 10_000, 10_000), 1, 10_000, 0, Order.ROWS)
    rows = plan(Box(0, 0, 10_000, 10_000), 10_000, 1, 0, Order.ROWS)
    assert not carried_over([(columns, np.ones(columns.count, dtype=bool))], rows).any()
