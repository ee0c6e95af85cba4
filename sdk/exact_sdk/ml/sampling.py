"""Classes of very different size: weights, how often each sample is shown, and priors (ml-spec 4.3).

Everything works on the samples of the training part only: repeats made before the split would leak into the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exact_core.api.errors import Invalid
from exact_sdk.ml.stitching import Array

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Scheme = Literal["instance", "square_root", "class_balanced"]

MANY_REPEATS = 20
_POWER = {"instance": 1.0, "square_root": 0.5, "class_balanced": 0.0}


def class_weights(counts: ArrayLike, beta: float = 0.999) -> Floats:
    """Weights of classes in a loss by their effective number, ``(1 - beta) / (1 - beta ** n)``, with mean 1.

    Cui et al., CVPR 2019. With ``beta = 0`` all are 1; towards 1 they become ``1 / n``. Classes without a sample have
    weight 0 and are not in the mean.

    Args:
        counts: ``(classes,)`` samples of each.
        beta: From 0 to below 1.

    Raises:
        Invalid: ``beta`` is out of range, or no class has a sample.
    """
    number = _counts(counts)
    if not 0 <= beta < 1:
        raise Invalid(f"beta is {beta}; it must be at least 0 and below 1.")
    there = number > 0
    weights = np.zeros(len(number))
    weights[there] = (1 - beta) / (1 - beta ** number[there].astype(np.float64))
    found: Floats = weights / weights[there].mean()
    return found


def log_prior(counts: ArrayLike) -> Floats:
    """Logarithms of the classes' shares; add ``tau`` times them to logits in training, subtract them afterwards.

    Menon et al., ICLR 2021 (logit adjustment); Ren et al., NeurIPS 2020 (balanced softmax, tau = 1).

    Raises:
        Invalid: A class has no sample.
    """
    number = _counts(counts)
    if not number.all():
        raise Invalid(f"Class {int(np.argmin(number))} has no sample; leave it out of the training.")
    found: Floats = np.log(number / number.sum())
    return found


def clamp_counts(counts: ArrayLike, low: int, high: int) -> Ints:
    """How many samples of each class an epoch shows: ``min(max(n, low), high)``; none of a class without samples.

    Raises:
        Invalid: ``low`` is above ``high``, or negative.
    """
    number = _counts(counts)
    if not 0 <= low <= high:
        raise Invalid(f"Between {low} and {high} samples per class is no range.")
    return np.where(number > 0, np.clip(number, low, high), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """Which samples an epoch shows.

    Attributes:
        indices: In the order in which they come; repeats need fresh augmentation.
        shown: ``(classes,)`` how many of each class.
        repeated: ``(classes,)`` how often a sample of the class comes, on average.
        warnings: Sentences for people, of classes whose samples come very often.
    """

    indices: Ints
    shown: Ints
    repeated: Floats
    warnings: tuple[str, ...]


def epoch_of(labels: ArrayLike, targets: ArrayLike, rng: np.random.Generator) -> Epoch:
    """Choose the samples of an epoch: so many of each class, and each of a class as often as another, give or take one.

    Args:
        labels: ``(n,)`` classes of the training samples.
        targets: ``(classes,)`` how many of each, see :func:`clamp_counts`.
        rng: Draws.
    """
    label, wanted = np.asarray(labels, np.int64), np.asarray(targets, np.int64)
    number = np.bincount(label, minlength=len(wanted))
    chosen = []
    for name, count in enumerate(wanted):
        own = np.flatnonzero(label == name)
        if not len(own) or not count:
            continue
        times, rest = divmod(int(count), len(own))
        chosen += [np.tile(own, times), rng.permutation(own)[:rest]]
    indices = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    rng.shuffle(indices)
    repeated = np.divide(wanted, number, out=np.zeros(len(wanted)), where=number > 0)
    warnings = tuple(
        f"Class {name} has {number[name]} samples, each shown {repeated[name]:.0f} times: it will be learned by heart."
        for name in np.flatnonzero(repeated > MANY_REPEATS)
    )
    return Epoch(indices, np.where(number > 0, wanted, 0), repeated, warnings)


def sample_weights(labels: ArrayLike, classes: int, scheme: Scheme = "class_balanced", progress: float = 1.0) -> Floats:
    """Chances with which samples are drawn, summing to 1.

    The chance of a class is ``n ** q``: q is 1 for ``instance``, 1/2 for ``square_root``, 0 for ``class_balanced``.
    Over a training ``progress`` mixes from ``instance`` to the scheme (Kang et al., ICLR 2020).

    Args:
        labels: ``(n,)``.
        classes: How many there are.
        scheme: Which.
        progress: How far the training is, 0 to 1.
    """
    label = np.asarray(labels, np.int64)
    number = np.bincount(label, minlength=classes)
    there = number > 0
    chances = np.zeros(classes)
    for power, share in ((_POWER["instance"], 1 - progress), (_POWER[scheme], progress)):
        drawn = np.where(there, number.astype(np.float64) ** power, 0)
        chances += share * drawn / drawn.sum()
    return chances[label] / number[label]


def epoch_weights(
    correct: ArrayLike,
    labels: ArrayLike,
    classes: int,
    *,
    overlap: ArrayLike | None = None,
    tau: float = 0.0,
    counting: tuple[float, float, float] = (0.5, 0.5, 2.0),
    before: Floats | None = None,
    trusted: ArrayLike | None = None,
) -> Floats:
    """Chances of samples after an epoch: those that were wrong come more often (ml-spec 2.6).

    Within a class the mean is made 1, and everything kept within 0.2 to 5. What is taken is half of it and half of the
    weights before.

    Args:
        correct: ``(n,)`` whether the sample was right, without augmentation.
        labels: ``(n,)``.
        classes: How many there are.
        overlap: ``(n,)`` share of attention that lies on the object.
        tau: From which overlap on attention is good.
        counting: What a sample counts that is right with good attention, right without, and wrong.
        before: ``(n,)`` what this function gave after the last epoch.
        trusted: ``(n,)`` false for suspected mislabels, which are never raised above 1.
    """
    label, right = np.asarray(labels, np.int64), np.asarray(correct, bool)
    good = right if overlap is None else right & (np.asarray(overlap, np.float64) >= tau)
    raw = np.where(good, counting[0], np.where(right, counting[1], counting[2]))
    number = np.bincount(label, minlength=classes)
    means = np.bincount(label, raw, minlength=classes) / np.maximum(number, 1)
    weights = np.clip(raw / means[label], 0.2, 5.0)
    if before is not None:
        weights = (weights + before) / 2
    if trusted is not None:
        weights = np.where(np.asarray(trusted, bool), weights, np.minimum(weights, 1.0))
    return weights


def synthetic_features(
    features: Array, labels: ArrayLike, targets: ArrayLike, rng: np.random.Generator, neighbours: int = 5
) -> tuple[Array, Ints]:
    """Fill small classes up in feature space: points between a sample and one of its nearest of the same class.

    ``x_i + u (x_j - x_i)`` with u uniform in 0 to 1 (Chawla et al., JAIR 16 (2002) 321), on embeddings of a frozen
    encoder and never on pixels. A class with one sample repeats it.

    Args:
        features: ``(n, d)``; the dtype stays.
        labels: ``(n,)``.
        targets: ``(classes,)`` how many of each there should be; larger classes stay as they are.
        rng: Draws.
        neighbours: Among how many nearest ones.

    Returns:
        The given samples and the new ones behind them, and their classes.
    """
    label, wanted = np.asarray(labels, np.int64), np.asarray(targets, np.int64)
    rows, names = [features], [label]
    for name, count in enumerate(wanted):
        own = features[label == name]
        missing = int(count) - len(own)
        if missing <= 0 or not len(own):
            continue
        first = np.concatenate([np.tile(np.arange(len(own)), missing // len(own)),
                                rng.permutation(len(own))[: missing % len(own)]])  # fmt: skip
        rows.append(_between(own, first, rng, min(neighbours, len(own) - 1)))
        names.append(np.full(missing, name))
    return np.concatenate(rows), np.concatenate(names)


def _between(own: Array, first: Ints, rng: np.random.Generator, neighbours: int) -> Array:
    if neighbours < 1:
        return own[first]
    squares = (own.astype(np.float64) ** 2).sum(1)
    apart = squares[:, None] + squares[None] - 2 * (own.astype(np.float64) @ own.astype(np.float64).T)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argpartition(apart, neighbours - 1, axis=1)[:, :neighbours]
    second = nearest[first, rng.integers(neighbours, size=len(first))]
    share = rng.random((len(first), 1)).astype(own.dtype)
    found: NDArray[Any] = own[first] + share * (own[second] - own[first])
    return found


def _counts(counts: ArrayLike) -> Ints:
    number = np.asarray(counts, np.int64)
    if number.ndim != 1 or not number.sum() or (number < 0).any():
        raise Invalid("Counts of classes must not be negative, and at least one class needs a sample.")
    return number
