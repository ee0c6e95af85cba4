"""Figures of a classification against the truth, each with an interval by resampling groups (ml-spec 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exact_core.agreement.measures.bootstrap import Interval, Statistic, intervals
from exact_core.agreement.measures.confusion import confusion_by
from exact_core.agreement.measures.kappa import cohen_kappa, percent_agreement
from exact_core.agreement.measures.matthews import matthews

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """What is said of one class.

    Attributes:
        support: How many samples are of this class in truth; with 0 it is in no mean over classes.
        precision: Of those that were called so, the share that is; None when none was called so.
        recall: Of those that are, the share that was called so; None without support.
        f1: Harmonic mean of the two with its interval; None without support.
    """

    support: int
    precision: float | None
    recall: float | None
    f1: Interval | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one classification.

    Attributes:
        samples: How many samples.
        groups: In how many groups (patients, slides) they lie; intervals draw whole groups.
        confusion: ``(classes, classes)`` counts, rows are the truth.
        overall: ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``kappa``, ``rk``.
        top: Share of samples whose class is among the k most probable, by k.
        classes: One entry per class.
        without_support: Indices of classes without a sample, left out of means.
    """

    samples: int
    groups: int
    confusion: Ints
    overall: Mapping[str, Interval]
    top: Mapping[int, float]
    classes: tuple[ClassFigures, ...]
    without_support: tuple[int, ...]


def figures(
    probabilities: ArrayLike, truth: ArrayLike, groups: ArrayLike, *, top: tuple[int, ...] = (1, 2, 3)
) -> Figures:
    """Compare the most probable class of each sample with its true class.

    Accuracy, balanced accuracy (mean recall), macro F1, Cohen's kappa without weights, and Gorodkin's R_K, which is
    Matthews' coefficient for two classes (ml-spec 4.4). Intervals: bias-corrected bootstrap over groups.

    Args:
        probabilities: ``(n, classes)``; of equal ones the first class counts.
        truth: ``(n,)`` index of the true class.
        groups: ``(n,)`` anything that says which samples hang together.
        top: Which k to count for ``top``.

    Raises:
        ValueError: There is no sample, or the arrays do not fit together.
    """
    given, true = np.asarray(probabilities), np.asarray(truth, np.int64)
    if given.ndim != 2 or len(given) == 0 or given.shape[1] == 0:
        raise ValueError("probabilities must be (samples, classes) with at least one of each")
    count, classes = given.shape
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    if len(true) != count or len(group) != count:
        raise ValueError(f"{count} rows of probabilities, {len(true)} true classes and {len(group)} groups")
    if true.min() < 0 or true.max() >= classes:
        raise ValueError(f"a true class lies outside of 0 to {classes - 1}")
    predicted = given.argmax(axis=1)
    by_group = confusion_by(group, int(group.max()) + 1, true, predicted, classes)
    table = by_group.sum(axis=0)
    parts = by_group.reshape(len(by_group), -1)
    found = intervals({**_overall(classes), **_of_classes(classes, table)}, parts)
    support = table.sum(axis=1)
    return Figures(
        samples=count,
        groups=len(by_group),
        confusion=table,
        overall={name: found[name] for name in _overall(classes)},
        top={k: float(_in_top(given, true, k).mean()) for k in top if k <= classes},
        classes=tuple(_class(table, number, found.get(f"f1:{number}")) for number in range(classes)),
        without_support=tuple(np.flatnonzero(support == 0).tolist()),
    )


def _class(table: Ints, number: int, f1: Interval | None) -> ClassFigures:
    right, support, called = int(table[number, number]), int(table[number].sum()), int(table[:, number].sum())
    precision = right / called if called else None
    return ClassFigures(support, precision, right / support if support else None, f1 if support else None)


def _in_top(probabilities: NDArray[np.generic], truth: Ints, k: int) -> NDArray[np.bool_]:
    """Whether fewer than k classes are more probable than the true one, or as probable and before it."""
    given = np.asarray(probabilities, np.float64)
    own = np.take_along_axis(given, truth[:, None], axis=1)
    before = np.arange(given.shape[1])[None, :] < truth[:, None]
    ahead: Ints = ((given > own) | ((given == own) & before)).sum(axis=1)
    return ahead < k


def _overall(classes: int) -> dict[str, Statistic]:
    def square(sums: Floats) -> Floats:
        return sums.reshape(*sums.shape[:-1], classes, classes)

    return {
        "accuracy": lambda sums: percent_agreement(square(sums)),
        "balanced_accuracy": lambda sums: balanced_accuracy(square(sums)),
        "macro_f1": lambda sums: macro_f1(square(sums)),
        "kappa": lambda sums: cohen_kappa(square(sums)),
        "rk": lambda sums: matthews(square(sums)),
    }


def _of_classes(classes: int, table: Ints) -> dict[str, Statistic]:
    def f1(number: int) -> Statistic:
        return lambda sums: f1_of_classes(sums.reshape(*sums.shape[:-1], classes, classes))[..., number]

    return {f"f1:{number}": f1(number) for number in range(classes) if table[number].sum()}


def balanced_accuracy(table: ArrayLike) -> Floats:
    """Mean recall of the classes that occur, of tables ``(..., classes, classes)``; NaN when none does."""
    return _mean(recall_of_classes(table))


def macro_f1(table: ArrayLike) -> Floats:
    """Mean F1 of the classes that occur, of tables ``(..., classes, classes)``; NaN when none does."""
    return _mean(f1_of_classes(table))


def recall_of_classes(table: ArrayLike) -> Floats:
    """Recall of each class, ``(..., classes)``; NaN for one without a sample."""
    counts = np.asarray(table, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls: Floats = np.diagonal(counts, axis1=-2, axis2=-1) / counts.sum(axis=-1)
        return recalls


def f1_of_classes(table: ArrayLike) -> Floats:
    """F1 of each class, ``(..., classes)``; NaN for one without a sample."""
    counts = np.asarray(table, np.float64)
    right, support = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(support > 0, 2 * right / (support + counts.sum(axis=-2)), np.nan)


def _mean(values: Floats) -> Floats:
    """Mean over the classes that are defined."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(defined, values, 0).sum(axis=-1) / defined.sum(axis=-1)
        return mean
