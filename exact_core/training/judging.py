"""Judging a trained model: figures for the pages, and every sample as a table that is kept with the version."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.measures.bootstrap import Interval
from exact_core.agreement.tables import Row, csv_lines
from exact_core.api.errors import Invalid
from exact_core.api.training import Evaluation
from exact_core.evaluation.calibration import Reliability, brier, negative_log_likelihood, reliability
from exact_core.evaluation.classes import Figures, figures

Floats = NDArray[np.float64]

MOST_SAMPLES = 1_000_000
_FEWEST_FOR_OWN_DIAGRAM = 50  # samples of a class, ml-spec 4.5
_HEAD = ("image_id", "annotation_id", "group", "truth", "predicted", "true_class", "predicted_class", "confidence")


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of an evaluation; classes are indices into its labels."""

    image_id: int
    annotation_id: int | None
    truth: int
    predicted: int
    confidence: float


def checked(evaluation: Evaluation) -> Evaluation:
    """Refuse what is no evaluation, with the name of the array that is wrong."""
    shape = np.shape(evaluation.probabilities)
    count, classes = shape if len(shape) == 2 else (0, 0)
    if not count or classes != len(evaluation.labels):
        raise Invalid(
            f"probabilities: expected (samples, {len(evaluation.labels)}) with at least one sample, not {shape}."
        )
    if count > MOST_SAMPLES:
        raise Invalid(f"probabilities: {count:,} samples; at most {MOST_SAMPLES:,} are judged.")
    for name in ("truth", "image_ids", "annotation_ids", "groups"):
        if len(getattr(evaluation, name)) != count:
            raise Invalid(f"{name}: {len(getattr(evaluation, name))} values for {count} samples.")
    truth = np.asarray(evaluation.truth)
    if truth.min() < 0 or truth.max() >= classes:
        raise Invalid(f"truth: an index lies outside of 0 to {classes - 1}.")
    for name in ("probabilities", "uncalibrated"):
        given = getattr(evaluation, name)
        if given is None:
            continue
        rows = np.asarray(given, np.float64)
        if rows.shape != shape or not np.isfinite(rows).all() or rows.min() < 0 or np.abs(rows.sum(1) - 1).max() > 1e-3:
            raise Invalid(f"{name}: every row must be probabilities that add up to 1.")
    if evaluation.part not in ("validation", "test"):
        raise Invalid(f"part: {evaluation.part!r} is neither 'validation' nor 'test'.")
    return evaluation


def judged(evaluation: Evaluation) -> dict[str, Any]:
    """All figures of an evaluation as plain JSON; what is not defined is null."""
    probabilities = np.asarray(evaluation.probabilities, np.float64)
    truth = np.asarray(evaluation.truth, np.int64)
    groups = np.asarray(evaluation.groups)
    found = figures(probabilities, truth, groups)
    before = None
    if evaluation.uncalibrated is not None:
        before = _calibration(np.asarray(evaluation.uncalibrated, np.float64), truth, groups)
    return {
        "part": evaluation.part,
        "labels": list(evaluation.labels),
        "samples": found.samples,
        "groups": found.groups,
        "confusion": found.confusion.tolist(),
        "overall": {name: _interval(each) for name, each in found.overall.items()},
        "top": {str(k): share for k, share in found.top.items()},
        "classes": _classes(evaluation.labels, found),
        "without_support": list(found.without_support),
        "calibration": _calibration(probabilities, truth, groups),
        "calibration_before": before,
        "reliability_of_classes": _of_classes(probabilities, truth, groups, found),
    }


def _classes(labels: Sequence[str], found: Figures) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "support": each.support,
            "precision": each.precision,
            "recall": each.recall,
            "f1": _interval(each.f1) if each.f1 is not None else None,
        }
        for label, each in zip(labels, found.classes, strict=True)
    ]


def _calibration(probabilities: Floats, truth: NDArray[np.int64], groups: NDArray[Any]) -> dict[str, Any]:
    said = probabilities.argmax(axis=1)
    confidence = np.clip(probabilities.max(axis=1), 0.0, 1.0)
    answer = _reliability(reliability(confidence, said == truth, groups))
    return answer | {"brier": brier(probabilities, truth), "nll": negative_log_likelihood(probabilities, truth)}


def _of_classes(
    probabilities: Floats, truth: NDArray[np.int64], groups: NDArray[Any], found: Figures
) -> dict[str, dict[str, Any]]:
    """The reliability of each class's own probability, where there are enough samples of it."""
    if probabilities.shape[1] == 1:
        return {}
    return {
        str(number): _reliability(reliability(np.clip(probabilities[:, number], 0.0, 1.0), truth == number, groups))
        for number, each in enumerate(found.classes)
        if each.support >= _FEWEST_FOR_OWN_DIAGRAM
    }


def _reliability(found: Reliability) -> dict[str, Any]:
    return {
        "buckets": [asdict(bucket) for bucket in found.buckets],
        "ece": found.ece,
        "mce": found.mce,
        "adaptive_ece": found.adaptive_ece,
        "gap": _interval(found.gap),
        "verdict": found.verdict,
    }


def _interval(found: Interval) -> dict[str, float | None]:
    value = float(found.value)
    return {"value": value if np.isfinite(value) else None, "low": found.low, "high": found.high}


def table_of(evaluation: Evaluation) -> Iterator[str]:
    """Every sample as a line of CSV: where it is, what it is, what was said, and all probabilities."""
    return csv_lines(_rows(evaluation))


def _rows(evaluation: Evaluation) -> Iterator[Row]:
    yield (*_HEAD, *(f"p {label}" for label in evaluation.labels))
    probabilities = np.asarray(evaluation.probabilities, np.float64)
    said = probabilities.argmax(axis=1).tolist()
    for number, row in enumerate(probabilities.tolist()):
        true, called = int(evaluation.truth[number]), said[number]
        yield (
            int(evaluation.image_ids[number]), int(evaluation.annotation_ids[number]), evaluation.groups[number],
            true, called, evaluation.labels[true], evaluation.labels[called], f"{row[called]:.6g}",
            *(f"{value:.6g}" for value in row),
        )  # fmt: skip


def samples_in(table: Iterable[str], truth: int | None, predicted: int | None) -> list[Sample]:
    """Samples of a kept table with these classes, the surest first."""
    found = [
        Sample(
            int(row["image_id"]),
            int(row["annotation_id"]) if row["annotation_id"] != "-1" else None,
            int(row["truth"]),
            int(row["predicted"]),
            float(row["confidence"]),
        )
        for row in csv.DictReader(table)
        if truth in (None, int(row["truth"])) and predicted in (None, int(row["predicted"]))
    ]
    return sorted(found, key=lambda sample: -sample.confidence)
