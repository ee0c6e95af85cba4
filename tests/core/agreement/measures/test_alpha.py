"""Krippendorff's alpha against the package of that name and the example of its author."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exact_core.agreement.measures.alpha import coincidences, krippendorff_alpha
from exact_core.agreement.measures.confusion import ratings_of

_ = -1
FOUR_OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
)
"""Twelve units with missing values: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section D."""

SCALES = ("nominal", "ordinal", "interval", "ratio")


def alpha(readings: np.ndarray, scale: str, values: np.ndarray) -> float:
    """Of (readers, items) with values counted from ``values[0]``; negative where missing."""
    places = np.where(readings >= 0, np.searchsorted(values, readings), -1)
    return float(krippendorff_alpha(coincidences(ratings_of(places.T, len(values))), scale, values))


@pytest.mark.parametrize(("scale", "value"), list(zip(SCALES, [0.743, 0.815, 0.849, 0.797], strict=True)))
def test_the_example_of_the_author_on_every_scale(scale, value):
    assert alpha(FOUR_OBSERVERS, scale, np.arange(1, 6)) == pytest.approx(value, abs=5e-4)


readings = st.lists(st.lists(st.integers(-1, 4), min_size=4, max_size=4), min_size=3, max_size=40)


@given(readings, st.sampled_from(SCALES))
def test_alpha_is_that_of_the_package(rows, scale):
    data = np.array(rows).T
    counted = ratings_of(np.array(rows), 5)
    paired = counted[counted.sum(axis=1) >= 2]
    assume(len(paired))
    assume((paired.sum(axis=0) > 0).sum() > 1)
    values = np.array([1.0, 2, 3, 5, 8])
    theirs = krippendorff.alpha(value_counts=counted, value_domain=values, level_of_measurement=scale, dtype=np.float64)
    assert alpha(np.where(data >= 0, values[data].astype(int), -1), scale, values) == pytest.approx(theirs, abs=1e-9)


def test_coincidences_of_images_can_be_added():
    counted = ratings_of(FOUR_OBSERVERS.T, 6)
    assert coincidences(counted[:5]) + coincidences(counted[5:]) == pytest.approx(coincidences(counted))


def test_a_single_value_leaves_alpha_undefined():
    assert np.isnan(krippendorff_alpha(coincidences([[3, 0], [2, 0]])))
    assert np.isnan(krippendorff_alpha(np.zeros((2, 2))))


def test_tables_can_be_stacked():
    one, two = coincidences(ratings_of(FOUR_OBSERVERS.T, 6)), coincidences([[2, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]])
    for scale in SCALES:
        stacked = krippendorff_alpha(np.stack([one, two]), scale)
        assert stacked == pytest.approx([float(krippendorff_alpha(each, scale)) for each in (one, two)])
