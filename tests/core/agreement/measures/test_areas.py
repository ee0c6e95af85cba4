"""Overlap against counted pixels, distances of borders against scipy and shapely."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from scipy.spatial.distance import directed_hausdorff
from skimage.draw import polygon2mask

from exact_core.agreement.measures.areas import dice, hausdorff, iou

FIRST = shapely.Polygon([(20, 20), (180, 40), (150, 170), (40, 150)], [[(80, 80), (110, 80), (100, 110)]])
SECOND = shapely.Polygon([(35, 10), (170, 60), (160, 180), (60, 160)])


def mask(area):
    """Its pixels at ten times the size, holes cut out."""
    shape = (2000, 2000)
    drawn = polygon2mask(shape, shapely.get_coordinates(area.exterior)[:, ::-1] * 10)
    for hole in area.interiors:
        drawn &= ~polygon2mask(shape, shapely.get_coordinates(hole)[:, ::-1] * 10)
    return drawn


def test_overlap_is_that_of_counted_pixels():
    a, b = mask(FIRST), mask(SECOND)
    assert iou(FIRST, SECOND) == pytest.approx((a & b).sum() / (a | b).sum(), abs=2e-3)
    assert dice(FIRST, SECOND) == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=2e-3)


def test_dice_and_iou_are_two_words_for_the_same_overlap():
    overlap = iou(FIRST, SECOND)
    assert dice(FIRST, SECOND) == pytest.approx(2 * overlap / (1 + overlap))


def points(area):
    return shapely.get_coordinates(shapely.segmentize(area.boundary, 0.1))


def test_the_hausdorff_distance_is_that_of_scipy_and_shapely():
    ours = hausdorff(FIRST, SECOND, step=0.1)
    both = (points(FIRST), points(SECOND))
    assert ours == pytest.approx(max(directed_hausdorff(*both)[0], directed_hausdorff(*both[::-1])[0]), abs=0.1)
    densely = shapely.hausdorff_distance(FIRST.boundary, SECOND.boundary, densify=0.001)
    assert ours == pytest.approx(densely, abs=0.1)


def test_a_percentile_leaves_the_tip_of_a_thorn_out():
    plain = shapely.box(0, 0, 100, 100)
    thorn = plain.union(shapely.Polygon([(49, 100), (51, 100), (50, 140)]))
    assert hausdorff(plain, thorn) == pytest.approx(40)
    assert hausdorff(plain, thorn, percentile=80) < 1


def test_percentiles_go_along_the_border():
    """A quarter of the border is 10 away, so that three quarters of it lie within nothing, and all within 10."""
    plain, moved = shapely.box(0, 0, 100, 100), shapely.box(0, 0, 100, 110)
    assert hausdorff(plain, moved) == pytest.approx(10)
    assert hausdorff(plain, moved, percentile=60) == pytest.approx(0, abs=1e-9)
    assert hausdorff(plain, moved, percentile=95) > 9


def test_the_same_outline_is_no_distance_away():
    assert hausdorff(FIRST, FIRST) == pytest.approx(0, abs=1e-9)
    assert iou(FIRST, FIRST) == dice(FIRST, FIRST) == 1


def test_areas_that_do_not_touch():
    far = shapely.box(1000, 0, 1010, 10)
    assert iou(FIRST, far) == dice(FIRST, far) == 0
    assert hausdorff(FIRST, far) > 800


def test_nothing_has_no_distance():
    assert math.isnan(hausdorff(shapely.Polygon(), FIRST))
    assert math.isnan(iou(shapely.Polygon(), shapely.Polygon()))
    assert np.isnan(dice(shapely.Polygon(), shapely.Polygon()))
