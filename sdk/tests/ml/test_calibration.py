"""Probabilities of classes and priors; reliability itself is tested where it lives, in the core."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml import calibration
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import log_loss

from exact_core.api.errors import Invalid


def sample(seed, count=200, classes=4, scale=3.0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, classes)) * scale
    true = np.array([rng.choice(classes, p=softmax(row)) for row in logits / 1.7])
    return logits, true


def test_rare_classes_have_no_diagram_of_their_own():
    logits, true = sample(3, 300)
    true[true == 2] = 0
    true[:7] = 2
    found = calibration.class_reliability(softmax(logits, axis=1), true)
    assert 2 not in found
    assert found[0].ece == calibration.reliability(softmax(logits, axis=1)[:, 0], true == 0).ece


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_the_temperature_lowers_the_cross_entropy(seed, dtype):
    logits, true = sample(seed)
    logits = logits.astype(dtype)
    found = calibration.fit_temperature(logits, true)
    best = calibration.cross_entropy(logits / found, true)
    for other in (1.0, found * 1.05, found / 1.05):
        assert best <= calibration.cross_entropy(logits / other, true) + 1e-6


def test_the_cross_entropy_is_that_of_scikit_learn_and_never_infinite():
    logits, true = sample(8)
    assert calibration.cross_entropy(logits, true) == pytest.approx(log_loss(true, softmax(logits, axis=1)))
    assert calibration.cross_entropy(np.array([[200.0, 0, 0, 0, -100]]), [4]) == pytest.approx(300)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_priors_are_corrected_as_bayes_says_and_back(seed, dtype):
    rng = np.random.default_rng(seed)
    trained, target = rng.dirichlet(np.ones(4)) + 0.05, rng.dirichlet(np.ones(4)) + 0.05
    given_class = rng.random((20, 4)) + 0.01
    before = given_class * trained
    before = (before / before.sum(1, keepdims=True)).astype(dtype)
    after = given_class * target
    moved = calibration.correct_prior(before, trained, target)
    np.testing.assert_allclose(moved, after / after.sum(1, keepdims=True), rtol=2e-5)
    assert moved.dtype == dtype
    np.testing.assert_allclose(calibration.correct_prior(moved, target, trained), before, rtol=2e-5)
    with pytest.raises(Invalid, match="Class 1"):
        calibration.correct_prior(before, [1, 0, 1, 1], target)
