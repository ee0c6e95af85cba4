"""Fitting a classifier to features: strengths are tried on the validation part, then one temperature is fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_core.detectors.objects.classifier import Classifier
from exact_core.detectors.objects.features import Scale
from exact_core.evaluation.calibration import fit_temperature, negative_log_likelihood

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Told = Callable[[int, float, dict[str, float]], None]
"""Hears the number of an attempt, its strength, and its figures by name."""

_LEAST_DEVIATION = 1e-9


def fit(
    features: Floats,
    truth: Whole,
    validation: tuple[Floats, Whole] | None,
    *,
    labels: Sequence[str],
    mode: str,
    scale: Scale,
    strengths: Sequence[float],
    balanced: bool,
    told: Told,
) -> Classifier:
    """Learn from objects.

    Args:
        features: ``(n, features)`` of the training part.
        truth: ``(n,)`` class of each.
        validation: The same of the validation part; None when there is none, then the middle strength is taken and
            nothing is calibrated.
        labels: The classes; each needs an object in the training part.
        mode: Which features they are.
        scale: At which resolution they were measured.
        strengths: Inverse strengths of regularisation to try.
        balanced: Weight objects by the inverse of their class's count.
        told: Hears of each attempt.

    Raises:
        Invalid: A class has no object, or there is only one class.
    """
    counts = np.bincount(truth, minlength=len(labels))
    if len(labels) < 2:
        raise Invalid("classes: a classifier needs two classes at least.")
    if not counts.all():
        raise Invalid(f"classes: no object of {labels[int(counts.argmin())]!r} is left to learn from.")
    mean = features.mean(axis=0)
    deviation = np.maximum(features.std(axis=0), _LEAST_DEVIATION)
    tried = sorted(strengths) if validation is not None else [sorted(strengths)[len(strengths) // 2]]
    best: tuple[float, Classifier] | None = None
    for number, strength in enumerate(tried):
        weights, bias = _regression((features - mean) / deviation, truth, len(labels), strength, balanced)
        found = Classifier(tuple(labels), mode, scale, mean, deviation, weights, bias)
        figures = _figures("train", found, features, truth)
        if validation is not None:
            figures |= _figures("validation", found, *validation)
        told(number, strength, figures)
        loss = figures.get("validation loss", figures["train loss"])
        if best is None or loss < best[0]:
            best = loss, found
    assert best is not None, "at least one strength is tried"
    chosen = best[1]
    if validation is None:
        return chosen
    return replace(chosen, temperature=fit_temperature(chosen.logits(validation[0]), validation[1]))


def _regression(features: Floats, truth: Whole, classes: int, strength: float, balanced: bool) -> tuple[Floats, Floats]:
    """Weights ``(classes, features)`` and bias ``(classes,)``."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, class_weight="balanced" if balanced else None, max_iter=2_000)
    model.fit(features, truth)
    weights, bias = np.asarray(model.coef_, np.float64), np.asarray(model.intercept_, np.float64)
    if classes > 2:
        return weights, bias
    # Of two classes scikit-learn keeps the difference.
    return np.concatenate([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])


def _figures(part: str, model: Classifier, features: Floats, truth: Whole) -> dict[str, float]:
    probabilities = model.probabilities(features)
    return {
        f"{part} loss": negative_log_likelihood(probabilities, truth),
        f"{part} accuracy": float((probabilities.argmax(axis=1) == truth).mean()),
    }
