"""Whether a model is as sure as it is right: reliability, calibration errors, and one temperature (ml-spec 4.5)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exact_core.agreement.measures.bootstrap import Interval, interval

Floats = NDArray[np.float64]
Verdict = Literal["over-confident", "under-confident", "neutral"]
BUCKETS = 20
_LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True, slots=True)
class Bucket:
    """Samples of about one confidence; what is not defined in an empty one is None.

    Attributes:
        low: Where it begins, inside.
        high: Where it ends, outside; the last one holds 1 as well.
        count: How many samples.
        accuracy: Share of them that is right.
        confidence: Their mean confidence.
        wilson: Wilson's 95 % interval of the accuracy.
    """

    low: float
    high: float
    count: int
    accuracy: float | None
    confidence: float | None
    wilson: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability diagram and what follows from it.

    Attributes:
        buckets: Equal in width, from 0 to 1.
        ece: Expected calibration error, the mean gap weighted by counts.
        mce: Largest gap of a bucket.
        adaptive_ece: The same error over buckets of equal mass.
        gap: Mean confidence minus accuracy, with its interval over groups.
        verdict: What the gap says; neutral when its interval holds 0, or there is none.
    """

    buckets: tuple[Bucket, ...]
    ece: float
    mce: float
    adaptive_ece: float
    gap: Interval
    verdict: Verdict


def reliability(
    confidence: ArrayLike, correct: ArrayLike, groups: ArrayLike | None = None, buckets: int = BUCKETS
) -> Reliability:
    """Compare confidence with accuracy, bucket by bucket.

    Bucket ``min(floor(confidence * buckets), buckets - 1)``: closed on the left, and the last one on both sides.

    Args:
        confidence: ``(n,)`` probability of the class that was said, 0 to 1.
        correct: ``(n,)`` whether it was right.
        groups: ``(n,)`` which samples hang together; each by itself unless given.
        buckets: How many.

    Raises:
        ValueError: There is no sample, or a confidence outside of 0 to 1.
    """
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct).astype(np.float64)
    if not len(sure) or len(sure) != len(right):
        raise ValueError(f"{len(sure)} confidences and {len(right)} answers")
    if not (np.isfinite(sure).all() and sure.min() >= 0 and sure.max() <= 1):
        raise ValueError("a confidence lies outside of 0 to 1")
    place = np.minimum(np.floor(sure * buckets).astype(np.int64), buckets - 1)
    counts = np.bincount(place, minlength=buckets)
    hits, sums = (np.bincount(place, weights=each, minlength=buckets) for each in (right, sure))
    rows = tuple(_bucket(number, buckets, int(counts[number]), hits[number], sums[number]) for number in range(buckets))
    gaps = np.abs(hits - sums)  # times the counts
    filled = counts > 0
    gap = _gap(sure, right, np.arange(len(sure)) if groups is None else np.asarray(groups))
    return Reliability(
        rows,
        float(gaps.sum() / len(sure)),
        float((gaps[filled] / counts[filled]).max()),
        _adaptive(sure, right, buckets),
        gap,
        _verdict(gap),
    )


def _bucket(number: int, buckets: int, count: int, hits: float, sums: float) -> Bucket:
    low, high = number / buckets, (number + 1) / buckets
    if not count:
        return Bucket(low, high, 0, None, None, None)
    return Bucket(low, high, count, float(hits / count), float(sums / count), wilson(int(hits), count))


def wilson(hits: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share. Wilson, J Am Stat Assoc 22 (1927) 209."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, spread = hits / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * float(np.sqrt(share * (1 - share) / count + spread / (4 * count))) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def _adaptive(sure: Floats, right: Floats, buckets: int) -> float:
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(order, min(buckets, len(sure)))
    return float(sum(abs(right[part].sum() - sure[part].sum()) for part in parts) / len(sure))


def _gap(sure: Floats, right: Floats, groups: NDArray[np.generic]) -> Interval:
    _, group = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(group, weights=sure - right), np.bincount(group)], axis=1)
    return interval(lambda parts: parts[..., 0] / parts[..., 1], sums)


def _verdict(gap: Interval) -> Verdict:
    if gap.low is not None and gap.low > 0:
        return "over-confident"
    return "under-confident" if gap.high is not None and gap.high < 0 else "neutral"


def brier(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean squared distance of the probabilities, ``(n, classes)``, from the true class, 0 to 2."""
    given, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    wanted = np.zeros_like(given)
    wanted[np.arange(len(given)), true] = 1
    return float(((given - wanted) ** 2).sum(axis=1).mean())


def negative_log_likelihood(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean of ``-log p`` of the true class, in nats; a probability of 0 counts as 1e-12."""
    given, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    own = given[np.arange(len(given)), true]
    return float(-np.log(np.maximum(own, _LEAST_PROBABILITY)).mean())


def softmax(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.floating]:
    """Probabilities of logits ``(n, classes)`` divided by a temperature; keeps float32 and float64."""
    given = np.asarray(logits)
    kind = given.dtype if given.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    scaled = given.astype(np.float64) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    answer: NDArray[np.floating] = (scaled / scaled.sum(axis=1, keepdims=True)).astype(kind)
    return answer


def fit_temperature(logits: ArrayLike, truth: ArrayLike) -> float:
    """The temperature T > 0 whose ``softmax(logits / T)`` is most likely, from validation samples.

    The likelihood is convex in 1 / T, so its derivative is halved down to a root. Guo et al., ICML 2017. Where every
    answer is right, or none can be made better, T stays within 0.05 and 20.

    Args:
        logits: ``(n, classes)``.
        truth: ``(n,)`` index of the true class.
    """
    given, true = np.asarray(logits, np.float64), np.asarray(truth, np.int64)
    if not len(given) or len(given) != len(true):
        raise ValueError(f"{len(given)} rows of logits and {len(true)} true classes")
    own = given[np.arange(len(given)), true]

    def slope(inverse: float) -> float:
        expected = (softmax(given, 1 / inverse) * given).sum(axis=1)
        return float((expected - own).mean())

    low, high = 1 / 20, 20.0
    if slope(low) >= 0:
        return 1 / low
    if slope(high) <= 0:
        return 1 / high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 2 / (low + high)
