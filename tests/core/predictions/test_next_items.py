"""What is offered next: the most uncertain first, then what is uncertain and unlike that."""

from __future__ import annotations

import numpy as np
import pytest

from exact_core.predictions.next_items import describe, next_items, uncertainty_of


def test_the_most_uncertain_comes_first_and_then_what_is_unlike_it() -> None:
    places = np.array([[0.0, 0], [0.1, 0], [10, 0], [10, 0.1], [0, 9]])
    uncertainty = np.array([0.9, 0.89, 0.8, 0.79, 0.7])
    assert next_items(places, uncertainty, 3).tolist()[:1] == [0]
    assert set(next_items(places, uncertainty, 3).tolist()) == {0, 2, 4}
    assert sorted(next_items(places, uncertainty, 99).tolist()) == [0, 1, 2, 3, 4]


def test_nothing_is_offered_twice_even_of_equals() -> None:
    same = np.ones((7, 3))
    found = next_items(same, np.full(7, 0.5), 5).tolist()
    assert len(set(found)) == len(found) == 5
    assert next_items(np.zeros((0, 3)), np.zeros(0), 4).tolist() == []
    assert next_items(same, np.full(7, 0.5), 0).tolist() == []


def test_scores_stand_for_uncertainty_where_the_model_says_none() -> None:
    found = uncertainty_of(np.array([0.5, 1.0, 0.5]), np.array([np.nan, np.nan, 0.1]))
    assert found.tolist() == pytest.approx([1.0, 0.0, 0.1], abs=1e-6)


def test_shapes_are_described_by_place_size_label_and_score() -> None:
    found = describe(np.array([[0.0, 0, 30, 40]]), np.array([2]), np.array([0.25]))
    assert found.tolist() == [[15, 20, pytest.approx(np.log(51)), 2, 0.25]]
