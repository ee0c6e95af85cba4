"""Masks become polygons that are exactly these masks, and polygons masks by the centres of pixels."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.draw import polygon2mask
from skimage.measure import label

from exact_core.exchange.mask_drawing import draw
from exact_core.exchange.mask_tracing import MaskTracer, Region, mask_regions

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.booleans())


def areas(regions: list[Region]) -> list[shapely.Polygon]:
    found = [shapely.Polygon(region.outline, region.holes) for region in regions]
    for each in found:
        assert each.is_valid, shapely.is_valid_reason(each)
    return found


def raster(polygons: list[shapely.Polygon], shape: tuple[int, int]) -> np.ndarray:
    """Which pixels have their centre in a polygon; each pixel at most once."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    count = sum(shapely.contains_xy(each, x + 0.5, y + 0.5).astype(int) for each in polygons) + np.zeros(shape, int)
    assert count.max(initial=0) <= 1
    return count == 1


@settings(max_examples=300, deadline=None)
@given(mask=MASKS)
def test_the_polygons_of_a_mask_are_valid_and_cover_exactly_its_pixels(mask: np.ndarray) -> None:
    found = areas(list(mask_regions(mask)))
    assert (raster(found, mask.shape) == mask).all()
    assert sum(each.area for each in found) == mask.sum()
    assert len(found) == label(mask, connectivity=1).max()


@settings(max_examples=100, deadline=None)
@given(mask=MASKS, height=st.integers(1, 6))
def test_strips_give_the_same_polygons_as_the_whole_mask(mask: np.ndarray, height: int) -> None:
    tracer = MaskTracer()
    for row in range(0, len(mask), height):
        strip = mask[row : row + height]
        if strip.any() or row % 2:  # empty strips may be left out
            tracer.add(strip, row)
    whole, parts = list(mask_regions(mask)), list(tracer.regions())
    assert len(whole) == len(parts)
    for one, other in zip(whole, parts, strict=True):
        assert shapely.Polygon(one.outline, one.holes).equals(shapely.Polygon(other.outline, other.holes))


def test_vertices_are_corners_of_pixels_and_only_where_the_outline_turns() -> None:
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    mask[2, 4] = False
    (region,) = mask_regions(mask)
    assert region.outline.tolist() == [[2, 1], [7, 1], [7, 4], [2, 4]]
    assert [hole.tolist() for hole in region.holes] == [[[4, 2], [5, 2], [5, 3], [4, 3]]]


def test_an_island_in_a_hole_is_a_region_of_its_own() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    ring, island = mask_regions(mask)
    assert (len(ring.holes), len(island.holes)) == (1, 0)
    assert shapely.Polygon(island.outline).area == 1


@pytest.mark.parametrize("mask", [np.zeros((3, 3), bool), np.zeros((1, 5), bool)])
def test_an_empty_mask_has_no_regions(mask: np.ndarray) -> None:
    assert list(mask_regions(mask)) == []


def test_drawing_follows_the_centres_of_pixels_as_scikit_image_does() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        ring = rng.uniform(-10, 70, (rng.integers(3, 9), 2))
        # scikit-image's pixels are points at whole numbers, its axes rows and columns.
        expected = polygon2mask((50, 60), ring[:, ::-1] - 0.5)
        assert (draw([ring], 0, 0, 60, 50) == expected).mean() > 0.9995


@settings(max_examples=100, deadline=None)
@given(mask=MASKS, x=st.integers(-3, 3), y=st.integers(-3, 3))
def test_a_traced_mask_is_drawn_again_as_itself_in_any_window(mask: np.ndarray, x: int, y: int) -> None:
    rings = [ring for region in mask_regions(mask) for ring in (region.outline, *region.holes)]
    if not rings:
        return
    wide = np.pad(mask, 4)
    window = wide[y + 4 : y + 4 + 5, x + 4 : x + 4 + 6]
    assert (draw(rings, x, y, window.shape[1], window.shape[0]) == window).all()
