"""Intervals by resampling whole images: marks on one image hang together, so the image is what is drawn again.

A statistic is a function of sums over images. Resampling then is one product of matrices: how often each image was
drawn, times what each image brings to the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From sums, ``(..., parts)``, to values, ``(...)``."""

IntervalMethod = Literal["bca", "percentile"]
SEED = 20_210_214
RESAMPLES = 1_000
FEWEST_IMAGES = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval; the ends are None where resampling says nothing (one image, or never defined)."""

    value: float
    low: float | None
    high: float | None
    images: int


def interval(
    statistic: Statistic,
    parts: ArrayLike,
    *,
    method: IntervalMethod = "bca",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """A statistic of sums over images, with its bootstrap interval.

    Percentile, or bias-corrected and accelerated. Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13,
    14; acceleration from leaving out one image at a time.

    Args:
        statistic: The value of added parts.
        parts: ``(images, parts)``.
        method: Which interval.
        level: How much of it.
        resamples: How many times images are drawn.
        seed: The same seed gives the same interval.
    """
    return intervals({"": statistic}, parts, method=method, level=level, resamples=resamples, seed=seed)[""]


def intervals(
    statistics: Mapping[str, Statistic],
    parts: ArrayLike,
    *,
    method: IntervalMethod = "bca",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Interval]:
    """Many statistics of the same sums: as :func:`interval`, but the sums are drawn once."""
    table = np.asarray(parts, np.float64)
    images = len(table)
    total = table.sum(axis=0)
    values = {name: float(statistic(total)) for name, statistic in statistics.items()}
    if images < FEWEST_IMAGES:
        return {name: Interval(value, None, None, images) for name, value in values.items()}
    drawn = draws(images, resamples, seed) @ table
    without = total - table if method == "bca" else table[:0]
    found = {}
    for name, statistic in statistics.items():
        ends = _ends(values[name], statistic(drawn), statistic(without), method, level)
        found[name] = Interval(values[name], *ends, images)
    return found


def median_interval(
    values: ArrayLike,
    images: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """The median of values that lie on images, with its percentile interval; a median is no function of sums.

    Args:
        values: One per observation.
        images: Index of the image of each, from 0 without gaps.
        level: Of the interval.
        resamples: How many times images are drawn.
        seed: The same seed gives the same interval.
    """
    given, image = np.asarray(values, np.float64), np.asarray(images, np.int64)
    count = int(image.max(initial=-1)) + 1
    value = float(np.median(given)) if len(given) else float("nan")
    if count < FEWEST_IMAGES:
        return Interval(value, None, None, count)
    order = np.argsort(given, kind="stable")
    sorted_values = given[order]
    reached = np.cumsum(draws(count, resamples, seed)[:, image[order]], axis=1)
    total = reached[:, -1:]
    # The value in the middle, or the mean of the two there, of each resample with its repetitions.
    low = np.minimum((reached < np.ceil(total / 2)).sum(axis=1), len(given) - 1)
    high = np.minimum((reached < np.floor(total / 2) + 1).sum(axis=1), len(given) - 1)
    medians = (sorted_values[low] + sorted_values[high]) / 2
    tail = (1 - level) / 2
    ends = np.quantile(medians, (tail, 1 - tail))
    return Interval(value, float(ends[0]), float(ends[1]), count)


@lru_cache(maxsize=4)
def draws(images: int, resamples: int, seed: int) -> Floats:
    """How often each image is drawn in each resample, ``(resamples, images)``."""
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(images, np.full(images, 1 / images), size=resamples)
    return drawn.astype(np.float64)


def _ends(
    value: float, drawn: Floats, without: Floats, method: IntervalMethod, level: float
) -> tuple[float | None, float | None]:
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(drawn):
        return None, None
    tail = (1 - level) / 2
    ends = _bca_ends(value, drawn, without, (tail, 1 - tail)) if method == "bca" else (tail, 1 - tail)
    low, high = np.quantile(drawn, ends)
    return float(low), float(high)


def _bca_ends(value: float, drawn: Floats, without: Floats, ends: tuple[float, float]) -> tuple[float, float]:
    """Which quantiles stand in for the ends, from the bias and the skewness of the statistic."""
    normal = NormalDist()
    below = ((drawn < value).sum() + (drawn == value).sum() / 2) / len(drawn)
    if not 0 < below < 1:
        return ends  # all resamples on one side: nothing to correct by
    bias = normal.inv_cdf(float(below))
    without = without[np.isfinite(without)]
    deviation = without.mean() - without if len(without) else np.zeros(1)
    spread = (deviation**2).sum() ** 1.5
    acceleration = float((deviation**3).sum() / (6 * spread)) if spread > 0 else 0.0

    def moved(end: float) -> float:
        shift = bias + normal.inv_cdf(end)
        room = 1 - acceleration * shift
        if room <= 0:  # so skewed that the end lies beyond every resample
            return float(shift > 0)
        return normal.cdf(bias + shift / room)

    return moved(ends[0]), moved(ends[1])
