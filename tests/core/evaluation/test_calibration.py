"""Reliability, calibration errors and temperature, by hand, by brute force and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from sklearn import metrics

from exact_core.evaluation.calibration import (
    brier,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    softmax,
    wilson,
)


def test_buckets_are_closed_on_the_left_and_the_last_on_both_sides() -> None:
    found = reliability([0.0, 0.05, 0.0999, 0.1, 1.0], [0, 1, 1, 1, 1], buckets=10)
    assert [each.count for each in found.buckets] == [3, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found.buckets[0].accuracy == pytest.approx(2 / 3)
    assert found.buckets[0].confidence == pytest.approx((0.05 + 0.0999) / 3)
    empty = found.buckets[4]
    assert (empty.accuracy, empty.confidence, empty.wilson) == (None, None, None)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 25),
)
def test_the_errors_are_those_of_the_definition(pairs: list[tuple[float, bool]], buckets: int) -> None:
    sure, right = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    found = reliability(sure, right, buckets=buckets)
    gaps = []
    for number in range(buckets):
        inside = np.array([min(int(each * buckets), buckets - 1) == number for each in sure])
        if inside.any():
            gaps.append((inside.sum(), abs(right[inside].mean() - sure[inside].mean())))
    assert found.ece == pytest.approx(sum(count * gap for count, gap in gaps) / len(sure), abs=1e-12)
    assert found.mce == pytest.approx(max(gap for _, gap in gaps), abs=1e-12)
    assert sum(each.count for each in found.buckets) == len(sure)
    assert found.ece <= found.mce + 1e-12
    assert found.gap.value == pytest.approx(sure.mean() - right.mean(), abs=1e-12)


def test_the_verdict_follows_the_interval_of_the_gap() -> None:
    random = np.random.default_rng(1)
    right = random.random(3000) < 0.7
    groups = np.arange(3000) % 60
    assert reliability(np.full(3000, 0.95), right, groups).verdict == "over-confident"
    assert reliability(np.full(3000, 0.5), right, groups).verdict == "under-confident"
    assert reliability(np.full(3000, 0.7), right, groups).verdict == "neutral"
    assert reliability([0.9], [False]).verdict == "neutral"


def test_wilson_gives_the_known_interval() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 5)[0] == pytest.approx(0, abs=1e-12)
    assert wilson(5, 5)[1] == pytest.approx(1)


def test_brier_and_likelihood_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(2)
    probabilities = random.dirichlet(np.ones(4), 200)
    truth = random.integers(0, 4, 200)
    assert negative_log_likelihood(probabilities, truth) == pytest.approx(
        metrics.log_loss(truth, probabilities, labels=range(4))
    )
    binary = np.stack([1 - probabilities[:, 0], probabilities[:, 0]], axis=1)
    is_first = (truth == 0).astype(int)
    assert brier(binary, is_first) == pytest.approx(2 * metrics.brier_score_loss(is_first, probabilities[:, 0]))


@pytest.mark.parametrize("true_temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_the_most_likely_one(true_temperature: float) -> None:
    random = np.random.default_rng(3)
    logits = random.normal(size=(4000, 5)) * 2
    truth = np.array([random.choice(5, p=row) for row in softmax(logits)])
    stretched = logits * true_temperature
    found = fit_temperature(stretched, truth)
    best = optimize.minimize_scalar(
        lambda log_t: negative_log_likelihood(softmax(stretched, np.exp(log_t)), truth),
        bounds=(-3, 3),
        method="bounded",
    )
    assert found == pytest.approx(np.exp(best.x), rel=1e-3)
    assert found == pytest.approx(true_temperature, rel=0.1)
    assert np.array_equal(softmax(stretched, found).argmax(axis=1), stretched.argmax(axis=1))


def test_answers_that_are_all_right_do_not_make_the_temperature_vanish() -> None:
    assert fit_temperature([[2.0, 0.0], [0.0, 1.0]], [0, 1]) == pytest.approx(0.05)
    assert fit_temperature([[2.0, 0.0], [0.0, 1.0]], [1, 0]) == pytest.approx(20)


def test_softmax_keeps_the_kind_of_numbers() -> None:
    assert softmax(np.zeros((2, 3), np.float32)).dtype == np.float32
    assert softmax(np.zeros((2, 3))).dtype == np.float64
    assert softmax(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("sure", [[1.2], [-0.1], [float("nan")], []])
def test_confidences_that_are_none_are_refused(sure: list[float]) -> None:
    with pytest.raises(ValueError, match="confidence"):
        reliability(sure, [True] * len(sure))
