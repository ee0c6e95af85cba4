"""Reliability with fixed edges, and a temperature that an independent minimiser finds too."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml import calibration
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import brier_score_loss, log_loss
from statsmodels.stats.proportion import proportion_confint

from exact_core.api.errors import Invalid


def sample(seed, count=200, classes=4, scale=3.0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, classes)) * scale
    true = np.array([rng.choice(classes, p=softmax(row)) for row in logits / 1.7])
    return logits, true


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_buckets_are_closed_on_the_left_and_add_up(seed, buckets):
    rng = np.random.default_rng(seed)
    confidence = np.concatenate([rng.random(80), np.arange(buckets + 1) / buckets])
    correct = rng.random(len(confidence)) < confidence
    found = calibration.reliability(confidence, correct, buckets)
    assert sum(one.count for one in found.buckets) == len(confidence)
    ece = 0.0
    for number, one in enumerate(found.buckets):
        place = np.minimum((confidence * buckets).astype(int), buckets - 1) == number
        if one.count:
            assert one.accuracy == pytest.approx(correct[place].mean())
            assert one.confidence == pytest.approx(confidence[place].mean())
            assert one.interval == pytest.approx(proportion_confint(correct[place].sum(), one.count, method="wilson"))
            ece += one.count / len(confidence) * abs(one.accuracy - one.confidence)
    assert found.ece == pytest.approx(ece)
    assert found.mce >= found.ece - 1e-12
    assert found.gap == pytest.approx(confidence.mean() - correct.mean())


def test_edges_and_empty_buckets():
    found = calibration.reliability([0.0, 0.25, 0.5, 1.0], [0, 1, 1, 1], 4)
    assert [one.count for one in found.buckets] == [1, 1, 1, 1]
    found = calibration.reliability([0.9, 0.95], [1, 1], 4)
    assert [one.accuracy for one in found.buckets] == [None, None, None, 1.0]
    assert found.buckets[0].interval is None
    for wrong in (([], []), ([0.5], [1, 0]), ([1.5], [1]), ([float("nan")], [1])):
        with pytest.raises(Invalid):
            calibration.reliability(*wrong)


def test_adaptive_buckets_hold_equally_many():
    rng = np.random.default_rng(1)
    found = calibration.adaptive_reliability(rng.random(103) ** 3, rng.random(103) < 0.5, 10)
    assert {one.count for one in found.buckets} == {10, 11}


def test_rare_classes_have_no_diagram_of_their_own():
    logits, true = sample(3, 300)
    true[true == 2] = 0
    true[:7] = 2
    found = calibration.class_reliability(softmax(logits, axis=1), true)
    assert 2 not in found
    assert 0 in found


def test_the_verdict_needs_an_interval_without_zero():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.6, 1, 2000)
    assert calibration.verdict(confidence, rng.random(2000) < confidence)[0] == "neutral"
    word, gap = calibration.verdict(confidence, rng.random(2000) < confidence - 0.15)
    assert (word, gap.value) == ("over-confident", pytest.approx(0.15, abs=0.04))
    assert calibration.verdict(confidence - 0.2, rng.random(2000) < confidence)[0] == "under-confident"
    # Two patients tell nothing, however many samples they have.
    groups = np.arange(2000) % 2
    assert calibration.verdict(np.where(groups, 0.9, 0.5), np.where(groups, 0, 1), groups)[0] == "neutral"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_the_temperature_is_the_best_there_is(seed, dtype):
    logits, true = sample(seed)
    logits = logits.astype(dtype)
    found = calibration.fit_temperature(logits, true)

    def loss(log_t):
        return -log_softmax(logits.astype(float) / np.exp(log_t), axis=1)[np.arange(len(true)), true].mean()

    best = minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded")
    assert loss(np.log(found)) <= best.fun + 1e-7
    assert found == pytest.approx(np.exp(best.x), rel=1e-2)
    assert calibration.negative_log_likelihood(logits / found, true) <= calibration.negative_log_likelihood(
        logits, true
    )


def test_a_temperature_has_bounds_where_there_is_no_best():
    logits = np.eye(3)
    assert calibration.fit_temperature(logits, [0, 1, 2]) == pytest.approx(0.01, rel=1e-6)
    assert calibration.fit_temperature(logits, [1, 2, 0]) == pytest.approx(100, rel=1e-6)


def test_proper_scores_are_those_of_scikit_learn_and_never_infinite():
    logits, true = sample(8)
    probabilities = softmax(logits, axis=1)
    assert calibration.negative_log_likelihood(logits, true) == pytest.approx(log_loss(true, probabilities))
    two, yes = probabilities[:, :2] / probabilities[:, :2].sum(1, keepdims=True), (true == 1).astype(int)
    assert calibration.brier(two, yes) == pytest.approx(2 * brier_score_loss(yes, two[:, 1]))
    assert calibration.negative_log_likelihood(np.array([[200.0, 0, 0, 0, -100]]), [4]) == pytest.approx(300)


@settings(max_examples=30)
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
