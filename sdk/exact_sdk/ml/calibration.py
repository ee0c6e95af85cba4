"""Whether a probability of 0.8 is right in 8 of 10 cases, and what mends it (ml-spec 4.5)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exact_core.agreement.measures.bootstrap import Floats, Interval
from exact_core.api.errors import Invalid
from exact_sdk.ml.bootstrap import sum_interval
from exact_sdk.ml.stitching import Array

BUCKETS = 20
FEWEST_OF_CLASS = 50
_COLDEST, _HOTTEST = 1e-2, 1e2


@dataclass(frozen=True, slots=True)
class Bucket:
    """Samples of about the same confidence.

    Attributes:
        low: Where it begins; part of it.
        high: Where it ends; part of the last one only.
        count: How many samples.
        accuracy: Share that is right; None without a sample.
        confidence: Their mean confidence; None without a sample.
        interval: 95 % interval of the accuracy, Wilson's; None without a sample.
    """

    low: float
    high: float
    count: int
    accuracy: float | None
    confidence: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram in numbers.

    Attributes:
        buckets: From 0 to 1.
        ece: Expected calibration error, the mean over samples of ``|accuracy - confidence|`` of their bucket.
        mce: The largest of these differences.
        gap: Mean confidence minus accuracy; positive: over-confident.
    """

    buckets: tuple[Bucket, ...]
    ece: float
    mce: float
    gap: float


def reliability(confidence: ArrayLike, correct: ArrayLike, buckets: int = BUCKETS) -> Reliability:
    """Compare confidence and accuracy in buckets of equal width.

    Sample with confidence c is in bucket ``min(floor(c * buckets), buckets - 1)``: each begins with its lower edge, and
    only the last has its upper one.

    Args:
        confidence: ``(n,)`` probability of the predicted class.
        correct: ``(n,)`` whether the prediction is right.
        buckets: How many.

    Raises:
        Invalid: There is no sample, or a confidence outside of 0 to 1.
    """
    sure, right = _pairs(confidence, correct)
    place = np.minimum(np.floor(sure * buckets), buckets - 1).astype(np.int64)
    found = [
        _bucket(number / buckets, (number + 1) / buckets, sure[place == number], right[place == number])
        for number in range(buckets)
    ]
    return _summed(found, sure, right)


def adaptive_reliability(confidence: ArrayLike, correct: ArrayLike, buckets: int = BUCKETS) -> Reliability:
    """The same with buckets of as many samples each, as far as they divide; edges are those of their samples."""
    sure, right = _pairs(confidence, correct)
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, min(buckets, len(order))) if len(part)]
    return _summed([_bucket(float(sure[p[0]]), float(sure[p[-1]]), sure[p], right[p]) for p in parts], sure, right)


def class_reliability(
    probabilities: Array, true: ArrayLike, buckets: int = BUCKETS, fewest: int = FEWEST_OF_CLASS
) -> dict[int, Reliability]:
    """Reliability of each class against all others, for classes that occur often enough.

    Args:
        probabilities: ``(n, classes)``.
        true: ``(n,)``.
        buckets: How many.
        fewest: Samples that a class needs.
    """
    labels = np.asarray(true, np.int64)
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    return {
        int(name): reliability(probabilities[:, name], labels == name, buckets)
        for name in np.flatnonzero(counts >= fewest)
    }


def verdict(
    confidence: ArrayLike, correct: ArrayLike, groups: ArrayLike | None = None
) -> tuple[Literal["over-confident", "under-confident", "neutral"], Interval]:
    """Say whether a model is too sure of itself: by the 95 % bootstrap interval of mean confidence minus accuracy.

    Args:
        confidence: ``(n,)``.
        correct: ``(n,)``.
        groups: ``(n,)`` numbers of groups that are drawn together, from 0; each sample by itself without.
    """
    sure, right = _pairs(confidence, correct)
    group = np.arange(len(sure)) if groups is None else np.asarray(groups, np.int64)
    parts = np.stack([sure - right, np.ones(len(sure))], axis=1)
    gap = sum_interval(_mean, parts, group)
    if gap.low is None or gap.high is None or gap.low <= 0 <= gap.high:
        return "neutral", gap
    return ("over-confident" if gap.low > 0 else "under-confident"), gap


def brier(probabilities: Array, true: ArrayLike) -> float:
    """Mean over samples of the summed squared distance to the true class; 0 is best, 2 is worst.

    Args:
        probabilities: ``(n, classes)``.
        true: ``(n,)``.
    """
    apart = probabilities.astype(np.float64)
    apart[np.arange(len(apart)), np.asarray(true, np.int64)] -= 1
    return float((apart**2).sum(1).mean())


def negative_log_likelihood(logits: Array, true: ArrayLike) -> float:
    """Mean cross-entropy, from logits, finite for any finite ones.

    Args:
        logits: ``(n, classes)``.
        true: ``(n,)``.
    """
    values = logits.astype(np.float64)
    own = values[np.arange(len(values)), np.asarray(true, np.int64)]
    return float((_log_sum(values) - own).mean())


def fit_temperature(logits: Array, true: ArrayLike) -> float:
    """The temperature T that minimises the cross-entropy of ``logits / T``; which class is largest does not change.

    The cross-entropy is convex in 1/T; its derivative is bisected. Where the best T is beyond 0.01 to 100 (everything
    is right, or no better than chance) it is that bound.

    Args:
        logits: ``(n, classes)`` of a validation part.
        true: ``(n,)``.

    Raises:
        Invalid: There is no sample.
    """
    values, labels = logits.astype(np.float64), np.asarray(true, np.int64)
    if not len(values):
        raise Invalid("A temperature needs at least one sample of a validation part.")
    own = values[np.arange(len(values)), labels]

    def slope(inverse: float) -> float:
        scaled = values * inverse
        shares = np.exp(scaled - _log_sum(scaled)[:, None])
        return float(((shares * values).sum(1) - own).mean())

    low, high = np.log(1 / _HOTTEST), np.log(1 / _COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(float(np.exp(middle))) > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


def correct_prior(probabilities: Array, trained: ArrayLike, target: ArrayLike) -> Array:
    """Move probabilities from the class shares of the training to others: ``p target / trained``, summed to 1.

    Args:
        probabilities: ``(n, classes)``; the dtype stays.
        trained: ``(classes,)`` shares of the classes in training; uniform after balanced sampling.
        target: ``(classes,)`` shares where the model is used.

    Raises:
        Invalid: A class never occurred in training.
    """
    before, after = np.asarray(trained, np.float64), np.asarray(target, np.float64)
    if (before <= 0).any():
        raise Invalid(f"Class {int(np.argmin(before))} has no share in training; its probability means nothing.")
    moved = probabilities * (after / after.sum() / (before / before.sum()))
    shares: NDArray[Any] = moved / moved.sum(axis=1, keepdims=True)
    return shares.astype(probabilities.dtype, copy=False)


def wilson(right: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share. Wilson, J Am Stat Assoc 22 (1927) 209.

    Args:
        right: How many of them.
        count: Of how many, at least 1.
        level: How much of it.
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, weight = right / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * (share * (1 - share) / count + weight / (4 * count)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _pairs(confidence: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    if not len(sure) or len(sure) != len(right):
        raise Invalid(f"There are {len(sure)} confidences and {len(right)} results; give one each, and at least one.")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise Invalid("A confidence is not between 0 and 1; give probabilities, not logits.")
    return sure, right


def _bucket(low: float, high: float, sure: Floats, right: Floats) -> Bucket:
    count = len(sure)
    if not count:
        return Bucket(low, high, 0, None, None, None)
    return Bucket(low, high, count, float(right.mean()), float(sure.mean()), wilson(int(right.sum()), count))


def _summed(buckets: list[Bucket], sure: Floats, right: Floats) -> Reliability:
    apart = [
        (one.count, abs(one.accuracy - one.confidence))
        for one in buckets
        if one.accuracy is not None and one.confidence is not None
    ]
    ece = sum(count * error for count, error in apart) / len(sure)
    return Reliability(tuple(buckets), ece, max(error for _, error in apart), float(sure.mean() - right.mean()))


def _mean(sums: Floats) -> Floats:
    found: Floats = sums[..., 0] / sums[..., 1]
    return found


def _log_sum(values: Floats) -> Floats:
    largest = values.max(axis=1)
    found: Floats = largest + np.log(np.exp(values - largest[:, None]).sum(axis=1))
    return found
