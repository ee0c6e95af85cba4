"""How good a classification is, from tables of counts that can be added over areas, images or groups (ml-spec 4.4).

Of samples with probabilities, :func:`figures` (the platform's own) says everything with intervals. Pixels are too many
for that, and some are to be ignored: count them in tables. Kappa and the correlation are those of the agreement pages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exact_core.agreement.measures.confusion import confusion, confusion_by
from exact_core.agreement.measures.kappa import cohen_kappa
from exact_core.agreement.measures.kappa import percent_agreement as accuracy
from exact_core.agreement.measures.matthews import matthews
from exact_core.api.errors import Invalid
from exact_core.evaluation.classes import (
    Figures,
    balanced_accuracy,
    f1_of_classes,
    figures,
    macro_f1,
    recall_of_classes,
)

__all__ = [
    "IGNORE",
    "Figures",
    "Scores",
    "accuracy",
    "balanced_accuracy",
    "f1_of_classes",
    "figures",
    "macro_f1",
    "recall_of_classes",
    "scores",
    "table_of",
    "tables_by_group",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

IGNORE = 255
"""The label of what is outside of all classes, or was never annotated."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a table of counts says; shares from 0 to 1.

    Attributes:
        accuracy: Share that is right.
        balanced_accuracy: Mean recall of the classes that occur.
        macro_f1: Mean F1 of the classes that occur.
        kappa: Cohen's, unweighted; NaN when it is not defined.
        correlation: Gorodkin's R_K, Matthews' coefficient for two classes.
        precision: ``(classes,)``; 0 where nothing was predicted.
        recall: ``(classes,)``; 0 where nothing occurs.
        f1: ``(classes,)``; ``2 TP / (2 TP + FP + FN)``, 0 when nothing is there at all.
        iou: ``(classes,)``; ``TP / (TP + FP + FN)``.
        support: ``(classes,)`` how often each occurs.
        missing: Classes that do not occur, left out of the means.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    kappa: float
    correlation: float
    precision: Floats
    recall: Floats
    f1: Floats
    iou: Floats
    support: Ints
    missing: tuple[int, ...]


def table_of(true: ArrayLike, predicted: ArrayLike, classes: int, ignore: int = IGNORE) -> Ints:
    """Count what was predicted (columns) of what is true (rows); pixels that are to be ignored do not count.

    Args:
        true: Classes, of any shape.
        predicted: Classes, of the same shape.
        classes: How many there are.
        ignore: What to leave out, in either.

    Returns:
        ``(classes, classes)``.

    Raises:
        Invalid: The shapes differ, or a class is out of range.
    """
    rows, columns = _labels(true, classes, ignore), _labels(predicted, classes, ignore)
    _same_length(rows, columns)
    return confusion(rows, columns, classes)


def tables_by_group(
    true: ArrayLike, predicted: ArrayLike, groups: ArrayLike, classes: int, ignore: int = IGNORE
) -> Ints:
    """The same for each group of samples, to resample whole groups.

    Args:
        true: ``(n,)``.
        predicted: ``(n,)``.
        groups: ``(n,)`` numbers of groups, from 0.
        classes: How many classes there are.
        ignore: What to leave out.

    Returns:
        ``(groups, classes, classes)``.
    """
    rows, columns = _labels(true, classes, ignore), _labels(predicted, classes, ignore)
    group = np.asarray(groups, np.int64).ravel()
    _same_length(rows, columns, group)
    return confusion_by(group, int(group.max(initial=-1)) + 1, rows, columns, classes)


def scores(table: ArrayLike) -> Scores:
    """Everything that a table of counts says.

    Args:
        table: ``(classes, classes)``, rows true, columns predicted.
    """
    counts = np.asarray(table, np.float64)
    right, support, named = np.diag(counts), counts.sum(1), counts.sum(0)
    return Scores(
        accuracy=float(accuracy(counts)),
        balanced_accuracy=float(balanced_accuracy(counts)),
        macro_f1=float(macro_f1(counts)),
        kappa=float(cohen_kappa(counts)),
        correlation=float(matthews(counts)),
        precision=_share(right, named),
        recall=_share(right, support),
        f1=_share(2 * right, support + named),
        iou=_share(right, support + named - right),
        support=support.astype(np.int64),
        missing=tuple(int(place) for place in np.flatnonzero(support == 0)),
    )


def _labels(values: ArrayLike, classes: int, ignore: int) -> Ints:
    labels = np.asarray(values).astype(np.int64).ravel()
    labels[labels == ignore] = -1
    wrong = labels[(labels >= classes) | (labels < -1)]
    if len(wrong):
        raise Invalid(f"Class {wrong[0]} is none of the {classes} classes, and not {ignore} for what is ignored.")
    return labels


def _same_length(*values: Ints) -> None:
    if len({len(each) for each in values}) > 1:
        raise Invalid(f"There are {' and '.join(str(len(each)) for each in values)} values where one each is needed.")


def _share(part: Floats, whole: Floats) -> Floats:
    """A share, 0 of nothing."""
    found: Floats = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    return found
