"""Intervals against scipy's, and against the definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from exact_core.agreement.measures.bootstrap import draws, interval, intervals


def ratio(sums: np.ndarray) -> np.ndarray:
    """First over second part."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


@pytest.fixture
def parts() -> np.ndarray:
    generator = np.random.default_rng(5)
    totals = generator.integers(5, 60, 40)
    return np.stack([generator.binomial(totals, 0.85), totals], axis=1).astype(float)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_interval_is_about_that_of_scipy(parts, method):
    ours = interval(ratio, parts, method=method, resamples=20_000)
    data = (parts[:, 0], parts[:, 1])
    theirs = stats.bootstrap(
        data, lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, vectorized=True,
        method="BCa" if method == "bca" else "percentile", n_resamples=20_000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert ours.value == pytest.approx(ratio(parts.sum(axis=0)))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.0015)


def test_bca_is_what_the_book_says(parts):
    """Step by step, with the same draws: Efron & Tibshirani (14.9) to (14.15)."""
    resamples, seed = 500, 3
    ours = interval(ratio, parts, method="bca", resamples=resamples, seed=seed)
    drawn = []
    for weights in draws(len(parts), resamples, seed):
        chosen = np.repeat(np.arange(len(parts)), weights.astype(int))
        drawn.append(parts[chosen, 0].sum() / parts[chosen, 1].sum())
    value = parts[:, 0].sum() / parts[:, 1].sum()
    without = np.array([ratio(np.delete(parts, i, axis=0).sum(axis=0)) for i in range(len(parts))])
    bias = stats.norm.ppf(np.mean(np.array(drawn) < value))
    deviation = without.mean() - without
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)
    ends = []
    for tail in (0.025, 0.975):
        shift = bias + stats.norm.ppf(tail)
        ends.append(np.quantile(drawn, stats.norm.cdf(bias + shift / (1 - acceleration * shift))))
    assert (ours.low, ours.high) == pytest.approx(ends, rel=1e-9)


def test_the_same_seed_gives_the_same_interval_and_another_one_another(parts):
    assert interval(ratio, parts, seed=1) == interval(ratio, parts, seed=1)
    assert interval(ratio, parts, seed=1) != interval(ratio, parts, seed=2)


def test_every_resample_draws_as_many_images_as_there_are():
    assert set(draws(17, 50, 1).sum(axis=1)) == {17.0}


def test_one_image_has_a_value_but_no_interval(parts):
    found = interval(ratio, parts[:1])
    assert found.value == ratio(parts[0])
    assert (found.low, found.high, found.images) == (None, None, 1)


def test_what_is_not_defined_has_no_interval():
    found = interval(ratio, np.zeros((5, 2)))
    assert np.isnan(found.value)
    assert found.low is None


def test_resamples_in_which_it_is_not_defined_do_not_count():
    parts = np.zeros((6, 2))
    parts[0] = (3, 4)
    found = interval(ratio, parts)
    assert (found.low, found.high) == (0.75, 0.75)


def test_images_are_drawn_and_not_what_is_on_them():
    """Ten marks that hang together on each image widen the interval as few images should."""
    together = np.stack([np.tile([10.0, 0.0], 10), np.full(20, 10.0)], axis=1)
    single = np.stack([np.tile([1.0, 0.0], 100), np.ones(200)], axis=1)
    wide, narrow = interval(ratio, together), interval(ratio, single)
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


def test_many_statistics_share_the_draws(parts):
    found = intervals({"share": ratio, "other": lambda sums: 1 - ratio(sums)}, parts, method="percentile")
    assert found["share"].low == pytest.approx(1 - found["other"].high)
    assert found["share"] == interval(ratio, parts, method="percentile")
