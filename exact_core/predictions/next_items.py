"""What to look at next: shapes that the model is least sure of, and that are least like each other.

Greedy k-center over simple descriptors, weighted by uncertainty: the first is the most uncertain shape, each further
one maximises its uncertainty times its distance to those chosen before (Sener and Savarese, Active learning for
convolutional neural networks: a core-set approach, ICLR 2018, with the weight of uncertainty sampling).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_CANDIDATES = 5_000
_LEAST_DISTANCE = 1e-6


def next_items(descriptors: Floats, uncertainty: Floats, k: int) -> NDArray[np.int64]:
    """Places of the items to look at next, in that order.

    Args:
        descriptors: ``(n, d)`` what items are like; each column is scaled to the same spread here. A plugin may hand
            over embeddings instead.
        uncertainty: ``(n,)`` from 0 to 1.
        k: How many.

    Returns:
        At most ``k`` places among the ``n``, none twice.
    """
    count = len(uncertainty)
    if not count or k < 1:
        return np.zeros(0, np.int64)
    candidates = np.argsort(-uncertainty, kind="stable")[:_CANDIDATES]
    values = _scaled(np.asarray(descriptors, np.float64))[candidates]
    weight = np.asarray(uncertainty, np.float64)[candidates]
    chosen = [0]
    distance = np.full(len(candidates), np.inf)
    free = np.ones(len(candidates), bool)
    free[0] = False
    while len(chosen) < min(k, len(candidates)):
        distance = np.minimum(distance, np.linalg.norm(values - values[chosen[-1]], axis=1))
        gain = np.where(free, weight * np.maximum(distance, _LEAST_DISTANCE), -1.0)
        best = int(gain.argmax())
        free[best] = False
        chosen.append(best)
    return candidates[chosen].astype(np.int64)


def describe(boxes: Floats, labels: NDArray[np.integer], scores: Floats) -> Floats:
    """Descriptors of shapes without embeddings, ``(n, 5)``: place, logarithm of the size, label, score."""
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    size = np.log1p(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T))
    return np.column_stack([centers, size, labels.astype(np.float64), scores])


def uncertainty_of(scores: Floats, told: Floats) -> Floats:
    """What the model told, else the entropy of its score as a choice between two, in bits."""
    p = np.clip(np.asarray(scores, np.float64), 1e-9, 1 - 1e-9)
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return np.where(np.isnan(told), entropy, told)


def _scaled(values: Floats) -> Floats:
    spread = values.std(axis=0)
    scaled: Floats = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled
