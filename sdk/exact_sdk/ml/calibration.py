"""Whether a probability of 0.8 is right in 8 of 10 cases, and what mends it (ml-spec 4.5).

Reliability, its errors and the temperature are the platform's own (``exact_core.evaluation.calibration``), so that a
job, a card and a page say the same number; here is what only a training needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from exact_core.api.errors import Invalid
from exact_core.evaluation.calibration import (
    Bucket,
    Reliability,
    brier,
    fit_temperature,
    reliability,
    wilson,
)
from exact_sdk.ml.stitching import Array

__all__ = [
    "FEWEST_OF_CLASS",
    "Bucket",
    "Reliability",
    "brier",
    "class_reliability",
    "correct_prior",
    "cross_entropy",
    "fit_temperature",
    "reliability",
    "wilson",
]

FEWEST_OF_CLASS = 50


def class_reliability(
    probabilities: Array, true: ArrayLike, groups: ArrayLike | None = None, fewest: int = FEWEST_OF_CLASS
) -> dict[int, Reliability]:
    """Reliability of each class against all others, for classes that occur often enough.

    Args:
        probabilities: ``(n, classes)``.
        true: ``(n,)``.
        groups: ``(n,)`` which samples hang together.
        fewest: Samples that a class needs.
    """
    labels = np.asarray(true, np.int64)
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    return {
        int(name): reliability(probabilities[:, name], labels == name, groups)
        for name in np.flatnonzero(counts >= fewest)
    }


def cross_entropy(logits: Array, true: ArrayLike) -> float:
    """Mean negative log-likelihood from logits, in nats: right where probabilities would have become 0.

    Args:
        logits: ``(n, classes)``.
        true: ``(n,)``.
    """
    values = logits.astype(np.float64)
    own = values[np.arange(len(values)), np.asarray(true, np.int64)]
    return float((logsumexp(values, axis=1) - own).mean())


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
