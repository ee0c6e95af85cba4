"""Trees of classes: the specified numbers, and what must hold for every tree."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml.taxonomy import Taxonomy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from exact_core.api.errors import Invalid

BEETLES = Taxonomy([("F0", "G0", "a"), ("F0", "G0", "b"), ("F0", "G1", "c"), ("F1", "G2", "d"), ("F1", "G2", "e")])
PROBABILITIES = np.array([[0.30, 0.25, 0.02, 0.35, 0.08]])


def test_the_specified_losses_follow_from_the_logarithms_of_nodes():
    logs = BEETLES.log_probabilities(np.array([[1, 0.5, -0.2, 0.8, -1]]))

    def loss(leaf):
        weights = (0.5, 0.3, 1)
        own = zip(weights, logs, BEETLES.leaf_to_node[:, leaf], strict=True)
        return -sum(weight * of_level[0, node] for weight, of_level, node in own)

    assert loss(0) == pytest.approx(1.427426938860)
    assert loss(4) == pytest.approx(3.930223628376)


def test_the_specified_gravity_of_errors():
    found = BEETLES.importance()
    assert [found[row].tolist() for row in (0, 2, 3)] == [[0, 1, 2, 3, 3], [2, 2, 0, 3, 3], [3, 3, 3, 0, 1]]


def test_the_specified_decodings():
    assert [int(BEETLES.decode(PROBABILITIES, how)[0]) for how in ("flat", "top_down", "least_risk")] == [3, 0, 0]
    np.testing.assert_allclose((PROBABILITIES @ BEETLES.importance())[0], [1.58, 1.63, 2.39, 1.79, 2.06])


def test_safe_names_are_as_deep_as_they_are_certain():
    samples = np.array([[0.95, 0.02, 0.01, 0.01, 0.01], [0.5, 0.45, 0.02, 0.02, 0.01], [0.2] * 5])
    names = [BEETLES.nodes[level][node] if level >= 0 else "" for level, node in BEETLES.roll_up(samples)]
    assert names == ["a", "G0", ""]
    with pytest.raises(Invalid, match="half"):
        BEETLES.roll_up(samples, 0.5)


def test_extreme_logits_stay_finite():
    logs = BEETLES.log_probabilities(np.array([[200.0, 0, 0, 0, -100]]))
    assert logs[2][0, 4] == pytest.approx(-300)
    assert logs[1][0, 2] == pytest.approx(-200)


def test_a_leaf_that_ends_early_is_repeated_and_its_errors_are_as_grave_as_others():
    found = Taxonomy([("animal", "cat"), ("animal", "dog", "puppy"), ("stone",)])
    assert (found.depth, found.leaves) == (3, ("cat", "puppy", "stone"))
    assert found.nodes == (("animal", "stone"), ("cat", "dog", "stone"), ("cat", "puppy", "stone"))
    assert found.is_copy.tolist() == [[False, False, False], [False, False, True], [True, False, True]]
    assert found.importance().tolist() == [[0, 2, 3], [2, 0, 3], [3, 3, 0]]
    levels = found.probabilities(np.array([[0.5, 0.3, 0.2]]))
    assert levels[2][0, 0] == levels[1][0, 0] == 0.5


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ([], "at least one"),
        ([("a",), ()], "at least one"),
        ([("a", "b"), ("c", "b", "d")], "two parents"),
        ([("a", "b"), ("a", "c", "a")], "own ancestor"),
        ([("a", "b"), ("a", "b", "c")], "below"),
        ([("a", "b"), ("a", "b")], "twice"),
    ],
)
def test_what_is_no_tree_is_refused(paths, reason):
    with pytest.raises(Invalid, match=reason):
        Taxonomy(paths)


@st.composite
def trees(draw):
    """Trees of up to four levels with leaves at any depth."""
    paths = []

    def grow(path, depth):
        children = draw(st.integers(0 if path else 1, 3)) if depth < 4 else 0
        if not children:
            paths.append(path)
        for number in range(children):
            grow((*path, f"{path[-1] if path else ''}{number}"), depth + 1)

    grow((), 0)
    return Taxonomy(paths)


@settings(max_examples=40, deadline=None)
@given(trees(), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_what_holds_for_every_tree(tree, seed, dtype):
    count = len(tree.leaves)
    logits = np.random.default_rng(seed).normal(size=(5, count)).astype(dtype) * 3
    leaves = softmax(logits, axis=1)
    logs, levels = tree.log_probabilities(logits), tree.probabilities(leaves)
    for level, (log, given_) in enumerate(zip(logs, levels, strict=True)):
        assert (log.dtype, given_.dtype) == (dtype, dtype)
        np.testing.assert_allclose(np.exp(log), given_, rtol=1e-4)
        np.testing.assert_allclose(given_.sum(1), 1, rtol=1e-5)
        if level:
            above = levels[level - 1][:, tree.leaf_to_node[level - 1]]
            assert (above >= given_[:, tree.leaf_to_node[level]] * (1 - 1e-5)).all()
    grave = tree.importance()
    np.testing.assert_array_equal(grave, grave.T)
    assert ((grave == 0) == np.eye(count, dtype=bool)).all()
    assert (grave[:, None, :] <= np.maximum(grave[:, :, None], grave[None, :, :])).all()
    sure = np.eye(count, dtype=dtype)
    for how in ("flat", "top_down", "least_risk"):
        np.testing.assert_array_equal(tree.decode(sure, how), np.arange(count))
    risk = (leaves @ grave).min(axis=1)
    np.testing.assert_allclose((leaves @ grave)[np.arange(5), tree.decode(leaves, "least_risk")], risk, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(trees(), st.integers(0, 2**32 - 1))
def test_targets_of_all_nodes_and_answers_that_fit_the_tree(tree, seed):
    count = len(tree.leaves)
    targets = tree.closure(np.arange(count))
    assert (targets.sum(1) == tree.depth).all()
    np.testing.assert_array_equal(tree.consistent(targets.astype(float)), targets)
    answers = np.random.default_rng(seed).random((6, targets.shape[1]))
    fit = tree.consistent(answers)
    assert (fit <= answers).all()
    np.testing.assert_array_equal(tree.consistent(fit), fit)
    start = np.cumsum([0, *map(len, tree.nodes)])
    for level in range(1, tree.depth):
        own = fit[:, start[level] + tree.leaf_to_node[level]]
        assert (own <= fit[:, start[level - 1] + tree.leaf_to_node[level - 1]]).all()
