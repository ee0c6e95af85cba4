"""A linear classifier of features: what it holds, its probabilities, and how it is written and read.

Multinomial logistic regression over standardised features, with one temperature (ml-spec 4.5). It is kept as tensors
and never pickled (ml-spec 0.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_core.detectors.objects.features import Scale, names_of
from exact_core.evaluation.calibration import softmax

Floats = NDArray[np.float64]

ARCHITECTURE = "exact.objects.linear.1"
_TENSORS = ("mean", "scale", "weights", "bias", "temperature")


@dataclass(frozen=True, slots=True)
class Classifier:
    """What was learned.

    Attributes:
        labels: The classes.
        mode: ``color`` or ``grey``.
        scale: At which resolution features are measured.
        mean: ``(features,)`` taken off before.
        deviation: ``(features,)`` divided by before; never 0.
        weights: ``(classes, features)``.
        bias: ``(classes,)``.
        temperature: Divides the logits.
    """

    labels: tuple[str, ...]
    mode: str
    scale: Scale
    mean: Floats
    deviation: Floats
    weights: Floats
    bias: Floats
    temperature: float = 1.0

    def logits(self, features: Floats) -> Floats:
        """``(n, classes)`` of ``(n, features)``, before the temperature."""
        answer: Floats = ((features - self.mean) / self.deviation) @ self.weights.T + self.bias
        return answer

    def probabilities(self, features: Floats) -> Floats:
        """``(n, classes)``; rows add up to 1."""
        return np.asarray(softmax(self.logits(features), self.temperature), np.float64)

    def tensors(self) -> dict[str, Floats]:
        """What ``model.safetensors`` holds; safetensors writes memory as it lies, so rows must follow each other."""
        found = {
            "mean": self.mean,
            "scale": self.deviation,
            "weights": self.weights,
            "bias": self.bias,
            "temperature": np.array([self.temperature]),
        }
        return {name: np.ascontiguousarray(values) for name, values in found.items()}

    def description(self) -> dict[str, Any]:
        """What ``model.json`` holds."""
        return {
            "architecture": ARCHITECTURE,
            "arguments": {"mode": self.mode, "mpp": self.scale.mpp, "radius": self.scale.radius},
            "classes": list(self.labels),
            "features": list(names_of(self.mode)),
        }


def entropies(probabilities: Floats) -> Floats:
    """Entropy of each row over its largest possible value: 0 for sure, 1 for no idea."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    logs = np.log(np.clip(probabilities, 1e-12, 1))
    found: Floats = -(probabilities * logs).sum(axis=1) / np.log(probabilities.shape[1])
    return np.clip(found, 0.0, 1.0)


def read_classifier(folder: Path, description: Mapping[str, Any]) -> Classifier:
    """A classifier of a checked model folder.

    Raises:
        Invalid: It is of another architecture, or its tensors do not fit together.
    """
    from safetensors.numpy import load_file

    if description.get("architecture") != ARCHITECTURE:
        raise Invalid(f"model.json: the architecture {description.get('architecture')!r} is not {ARCHITECTURE!r}.")
    arguments = description.get("arguments")
    given: Mapping[str, Any] = arguments if isinstance(arguments, Mapping) else {}
    mode = given.get("mode")
    if mode not in ("color", "grey"):
        raise Invalid(f"model.json: the mode {mode!r} is neither 'color' nor 'grey'.")
    labels = tuple(str(label) for label in description.get("classes", ()))
    tensors = load_file(folder / "model.safetensors")
    features = len(names_of(mode))
    shapes = {
        "mean": (features,), "scale": (features,), "weights": (len(labels), features), "bias": (len(labels),),
        "temperature": (1,),
    }  # fmt: skip
    for name in _TENSORS:
        found = tensors[name].shape if name in tensors else None
        if found != shapes[name]:
            raise Invalid(f"model.safetensors: {name} has the form {found}, not {shapes[name]}.")
    values = {name: np.asarray(tensors[name], np.float64) for name in _TENSORS}
    if (values["scale"] <= 0).any() or values["temperature"][0] <= 0:
        raise Invalid("model.safetensors: scale and temperature must be above 0.")
    scale = Scale(None if given.get("mpp") is None else float(given["mpp"]), float(given.get("radius", 6.0)))
    return Classifier(
        labels, mode, scale, values["mean"], values["scale"], values["weights"], values["bias"],
        float(values["temperature"][0]),
    )  # fmt: skip
