"""One-to-one matching against brute force, and the scores of detection against the definitions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from exact_core.agreement.measures import matching
from exact_core.agreement.measures.matching import Candidates, assign, detection, froc, match_areas, match_points

place = st.tuples(st.integers(0, 12), st.integers(0, 12))
few_places = st.lists(place, max_size=6)
many_places = st.lists(place, max_size=40)


def distance(a, b):
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def best_by_trying(first, second, radius):
    """The most pairs within the radius, and their least total distance, of all assignments there are."""
    if len(first) > len(second):
        first, second = second, first
    best = (0, 0.0)
    for chosen in permutations(range(len(second)), len(first)):
        pairs = [distance(a, second[b]) for a, b in zip(first, chosen, strict=True)]
        near = [each for each in pairs if each <= radius]
        best = max(best, (len(near), -sum(near)))
    return best[0], -best[1]


def greedy_by_hand(first, second, radius):
    pairs = sorted(
        (distance(a, b), i, j) for i, a in enumerate(first) for j, b in enumerate(second) if distance(a, b) <= radius
    )
    used_a, used_b, chosen = set(), set(), []
    for _, i, j in pairs:
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            chosen.append((i, j))
    return sorted(chosen)


@settings(max_examples=60)
@given(few_places, few_places, st.sampled_from([0.0, 1.0, 3.0, 30.0]))
def test_optimal_makes_the_most_pairs_and_the_nearest(first, second, radius):
    found = match_points(first, second, radius, "optimal")
    assert len(set(found.first.tolist())) == len(set(found.second.tolist())) == len(found.first)
    assert (len(found.cost), found.cost.sum()) == pytest.approx(best_by_trying(first, second, radius))
    assert found.cost == pytest.approx(
        [distance(first[a], second[b]) for a, b in zip(found.first, found.second, strict=True)]
    )


@given(many_places, many_places, st.sampled_from([1.0, 3.0, 30.0]))
def test_greedy_takes_the_nearest_pair_first(first, second, radius):
    found = match_points(first, second, radius, "greedy")
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == greedy_by_hand(
        first, second, radius
    )


def test_greedy_gets_through_a_long_chain():
    """Each next pair is a little nearer than the one before: only the last is the best of both its ends."""
    count = 1_000
    chain = np.arange(count)
    candidates = Candidates(np.repeat(chain, 2)[1:], np.repeat(chain, 2)[:-1], np.linspace(2, 1, 2 * count - 1))
    found = assign(candidates, "greedy")
    assert len(found.first) == count
    assert set(np.diff(found.first)) == {1}


def test_optimal_finds_a_pair_that_greedy_loses():
    first, second = [(0, 0), (2, 0)], [(1.1, 0), (3.2, 0)]
    assert match_points(first, second, 1.25, "greedy").cost == pytest.approx([0.9])
    assert match_points(first, second, 1.25, "optimal").cost == pytest.approx([1.1, 1.2])


def test_areas_are_matched_by_overlap():
    first = [shapely.box(0, 0, 10, 10), shapely.box(100, 0, 110, 10)]
    second = [shapely.box(104, 0, 114, 10), shapely.box(1, 0, 11, 10)]
    found = match_areas(first, second, 0.5)
    assert (found.first.tolist(), found.second.tolist()) == ([0], [1])
    assert found.cost == pytest.approx([1 - 90 / 110])
    loose = match_areas(first, second, 0.3)
    assert (loose.first.tolist(), loose.second.tolist()) == ([0, 1], [1, 0])


def test_nothing_matches_nothing():
    for found in (match_points([], [(1, 1)], 5), match_points([(1, 1)], [], 5, "greedy"), match_areas([], [])):
        assert len(found.first) == len(found.second) == len(found.cost) == 0


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_scores_are_those_of_scikit_learn(hits, extra, missed):
    marks = detection(hits + extra, hits + missed, hits)
    truth = [1] * hits + [0] * extra + [1] * missed
    said = [1] * hits + [1] * extra + [0] * missed
    for ours, score, rests_on in (
        (marks.precision, precision_score, hits + extra),
        (marks.recall, recall_score, hits + missed),
        (marks.f1, f1_score, hits + extra + missed),
    ):
        if rests_on:
            assert ours == pytest.approx(score(truth, said, zero_division=0))
        else:
            assert np.isnan(ours)


def test_f1_does_not_ask_which_side_is_the_reference():
    assert matching.f1(7, 2, 5) == matching.f1(7, 5, 2)


def test_the_free_response_curve_steps_by_confidence():
    false, found = froc([0.9, 0.8, 0.8, 0.3], [True, False, True, False], reference=4, images=2)
    assert false.tolist() == [0, 0.5, 1]
    assert found.tolist() == [0.25, 0.5, 0.5]
    assert len(froc([], [], 3, 1)[0]) == 0


def test_a_hundred_thousand_marks_are_matched_in_seconds():
    generator = np.random.default_rng(0)
    first = generator.uniform(0, 50_000, (100_000, 2))
    second = first + generator.normal(0, 5, first.shape)
    for method in ("greedy", "optimal"):
        found = match_points(first, second, 15, method)
        assert len(found.cost) > 98_000
