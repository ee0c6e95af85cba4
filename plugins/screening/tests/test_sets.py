"""Seen fields and times as bytes, tissue, regions, coverage, hotspots and matching: each against a slow, plain way."""

from __future__ import annotations

from collections import Counter
from io import BytesIO

import numpy as np
import pytest
from exact_screening import masks, seen
from exact_screening.coverage import STEPS, Raster, View, at_least, shown, step_of
from exact_screening.grid import Box, Order, plan
from exact_screening.hotspot import around, cell_for, densest, window_size
from exact_screening.locks import inside
from exact_screening.masks import Mask
from exact_screening.matching import Mark, match
from exact_screening.settings import ScreeningSettings
from exact_screening.tissue import closed, find_tissue, opened, otsu
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

FLAGS = st.integers(1, 3000).flatmap(
    lambda count: st.builds(lambda on: np.isin(np.arange(count), on), st.lists(st.integers(0, count - 1), max_size=40))
)


@given(FLAGS)
@settings(max_examples=60, deadline=None)
def test_flags_survive_being_packed_and_split(flags):
    assert (seen.unpack(seen.pack(flags), flags.size) == flags).all()
    assert (seen.gathered(seen.split(flags), flags.size) == flags).all()


@given(st.lists(st.tuples(st.integers(0, 1023), st.booleans()), max_size=60))
@settings(max_examples=60, deadline=None)
def test_marks_of_a_chunk_are_a_set(changes):
    bits, known = seen.EMPTY, set()
    for place, is_mark in changes:
        before = len(known)
        known = known | {place} if is_mark else known - {place}
        bits, more = seen.changed(bits, [place] if is_mark else [], [] if is_mark else [place])
        assert more == len(known) - before
    assert set(np.flatnonzero(seen.gathered({0: bits}, 1024)).tolist()) == known


def test_times_add_up_in_tenths_and_never_run_over():
    times = seen.with_seconds(b"", {3: 2.54, 1000: 3600})
    times = seen.with_seconds(times, {3: 1.0, 1000: 3600})
    assert seen.seconds_of(times)[3] == pytest.approx(3.5)
    assert seen.seconds_of(times)[1000] == 6553.5
    assert len(times) < 100
    assert not seen.seconds_of(b"").any()


def jpeg(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()


def slide(glass: int = 240, tissue: tuple[int, int, int] | None = (170, 90, 160)) -> np.ndarray:
    noise = np.random.default_rng(1).integers(-4, 5, (200, 300, 1))
    pixels = np.clip(np.full((200, 300, 3), glass) + noise, 0, 255).astype(np.uint8)
    if tissue:
        pixels[60:140, 100:220] = tissue
        pixels[98:101, 150:153] = glass  # a small hole
        pixels[20, 20] = tissue  # a speck of dust
    return pixels


@pytest.mark.parametrize("tissue", [(170, 90, 160), (200, 170, 190), (60, 30, 70)])
def test_tissue_is_found_without_dust_and_its_holes_are_closed(tissue):
    found = find_tissue(jpeg(slide(tissue=tissue)))
    wanted = np.zeros((200, 300), dtype=bool)
    wanted[60:140, 100:220] = True
    assert (found & wanted).sum() > 0.999 * wanted.sum()  # corners are rounded
    assert found[98:101, 150:153].all()
    assert (found & ~wanted).sum() < 0.08 * wanted.sum()
    assert not found[15:25, 15:25].any()


def test_bright_cells_on_a_dark_slide_are_tissue_too():
    found = find_tissue(jpeg(slide(glass=6, tissue=(20, 180, 40))))
    assert found[100, 160]
    assert not found[180, 280]


def test_an_empty_slide_holds_nothing():
    assert not find_tissue(jpeg(slide(tissue=None))).any()
    assert not find_tissue(jpeg(np.full((50, 50, 3), 255, np.uint8))).any()
    assert not find_tissue(jpeg(np.zeros((50, 50, 3), np.uint8))).any()
    assert find_tissue(jpeg(np.full((50, 50, 3), (150, 60, 140), np.uint8))).all()


def test_otsu_parts_two_heaps():
    values = np.concatenate([np.full(900, 0.1), np.full(100, 0.8)]).astype(np.float32)
    assert 0.1 <= otsu(values) < 0.8


def test_closing_fills_and_opening_removes_and_both_leave_the_rest():
    cells = np.zeros((30, 30), dtype=bool)
    cells[10:20, 10:20] = True
    holed = cells.copy()
    holed[14, 14] = False
    assert (closed(holed, 2) == cells).all()
    specked = cells.copy()
    specked[2, 2] = True
    assert (opened(specked, 1) == cells).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_the_share_of_a_field_is_that_of_its_cells(width, height, field_width, field_height, data):
    cells = np.array(data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height)))
    mask = Mask(cells.reshape(height, width), Box(0, 0, width, height))
    grid = plan(Box(0, 0, width, height), field_width, field_height, 0.1, Order.ROWS)
    shares = mask.shares(grid)
    for field in range(grid.count):
        box = grid.box(field)
        assert shares[field] == pytest.approx(mask.cells[box.y0 : box.y1, box.x0 : box.x1].mean())


def test_fields_outside_of_a_region_or_without_enough_tissue_are_left_out():
    grid = plan(Box(0, 0, 100, 100), 10, 10, 0, Order.ROWS)
    triangle = masks.of_polygon([(0, 0), (100, 0), (0, 100)], Box(0, 0, 100, 100))
    assert 50 <= masks.choose(grid, triangle, None, 0).sum() <= 66
    tissue = Mask(np.zeros((50, 50), dtype=bool), Box(0, 0, 100, 100))
    tissue.cells[0, 0] = True  # 4 of the 100 pixels of the first field
    assert masks.choose(grid, None, tissue, 0.03).sum() == 1
    assert masks.choose(grid, None, tissue, 0.05).sum() == 0
    assert masks.choose(grid, triangle, tissue, 0).tolist()[:2] == [True, False]
    assert tissue.area == 4


@given(st.integers(1, 5000), st.integers(1, 5000), st.data())
@settings(max_examples=60, deadline=None)
def test_a_cell_is_seen_when_its_middle_was(width, height, data):
    raster = Raster(width, height, 16)
    x0, x1 = sorted(data.draw(st.tuples(st.integers(0, width), st.integers(0, width))))
    y0, y1 = sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height))))
    cells = np.zeros(raster.shape, dtype=bool)
    raster.show(cells, Box(x0, y0, x1, y1))
    xs, ys = raster.middles()
    assert (cells == ((xs >= x0) & (xs < x1))[None] & ((ys >= y0) & (ys < y1))[:, None]).all()
    assert raster.area(np.ones(raster.shape, dtype=bool)) == width * height
    assert max(raster.shape) <= 16


def test_magnifications_are_told_apart_in_steps_of_two_and_never_too_high():
    assert [step_of(zoom) for zoom in (4, 1, 0.99, 0.5, 0.26, 0.25, 1e-9)] == [0, 0, 1, 1, 2, 2, STEPS - 1]
    raster = Raster(1000, 1000)
    views = [View(Box(0, 0, 500, 1000), 0.5, 3), View(Box(0, 0, 250, 1000), 2, 3), View(Box(0, 0, 1000, 1000), 1, 0.1)]
    found = shown(raster, views, least_seconds=0.5)
    assert sorted(found) == [0, 1]
    assert raster.area(at_least(found, 0, raster.shape)) == 250_000
    assert raster.area(at_least(found, 1, raster.shape)) == 500_000


def test_ten_high_power_fields_are_a_window_of_that_area():
    width, height = window_size(2.37, 4 / 3, 0.25, 0.25)
    assert width * height * 0.25**2 / 1e6 == pytest.approx(2.37, rel=1e-3)
    assert width / height == pytest.approx(4 / 3, rel=1e-3)
    assert around(0, 5000, 200, 100, 10_000, 10_000) == Box(0, 4950, 200, 5050)
    assert around(5, 5, 200, 100, 50, 50) == Box(0, 0, 50, 50)
    assert cell_for(width, height, 100_000, 80_000) == round(width / 12)


@given(st.dictionaries(st.tuples(st.integers(0, 11), st.integers(0, 8)), st.integers(1, 9), max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_hotspot_is_the_densest_window(counts):
    found = densest(counts, 10, 40, 30, 120, 90)
    sums = Counter()
    for column in range(9):
        for row in range(7):
            inside_it = [n for (c, r), n in counts.items() if column <= c < column + 4 and row <= r < row + 3]
            sums[column, row] = sum(inside_it)
    assert (found is None) == (not counts)
    if found:
        assert found.count == max(sums.values())
        assert sums[found.box.x0 // 10, found.box.y0 // 10] == found.count


MARKS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(1, 2)), max_size=25)


@given(MARKS, MARKS, st.integers(1, 60), st.randoms())
@settings(max_examples=80, deadline=None)
def test_nearest_marks_are_paired_first_whatever_their_order(first, second, farthest, chance):
    one = [Mark(number, x, y, kind) for number, (x, y, kind) in enumerate(first)]
    other = [Mark(1000 + number, x, y, kind) for number, (x, y, kind) in enumerate(second)]
    found = match(one, other, farthest)
    pairs = sorted((((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5, a.id, b.id) for a in one for b in other)
    taken: dict[int, int] = {}
    for distance, a, b in pairs:
        if distance <= farthest and a not in taken and b not in taken.values():
            taken[a] = b
    assert {pair.first.id: pair.second.id for pair in found if pair.first and pair.second} == taken
    assert sorted(pair.first.id for pair in found if pair.first) == [mark.id for mark in one]
    assert sorted(pair.second.id for pair in found if pair.second) == [mark.id for mark in other]
    chance.shuffle(one)
    chance.shuffle(other)
    assert match(one, other, farthest) == found


def test_a_point_lies_in_a_polygon_or_not():
    hook = [(0, 0), (10, 0), (10, 10), (5, 10), (5, 5), (0, 5)]
    assert inside(2, 2, hook)
    assert inside(8, 8, hook)
    assert not inside(2, 8, hook)
    assert not inside(11, 2, hook)


def test_settings_have_defaults_and_unknown_ones_are_refused():
    assert ScreeningSettings().count_area == 2.37
    assert ScreeningSettings().counts("anything")
    assert ScreeningSettings(count_types="Mitosis, Other ").counts(" mitosis")
    assert not ScreeningSettings(count_types="Mitosis").counts("Other")
    for wrong in ({"overlaps": 3}, {"overlap": 91}, {"count_area": 0}, {"unit": "mm"}):
        with pytest.raises(ValidationError):
            ScreeningSettings.model_validate(wrong)
