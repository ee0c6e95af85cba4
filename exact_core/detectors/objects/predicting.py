"""The driver ``exact_objects``: finds nuclei as the nucleus detector does, and gives each its class."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_core.detectors.nuclei import NucleusDetector
from exact_core.detectors.objects.classifier import Classifier, entropies, read_classifier
from exact_core.detectors.objects.features import features_of
from exact_core.models.json_files import read_object

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exact_core.api.annotations import Region
    from exact_core.api.models import StoredModel
    from exact_core.api.pixels import PixelReader
    from exact_core.api.predictions import MapWriter, PredictedShapes, PredictionWriter


class ObjectClassifier:
    """A stored classifier, opened."""

    def __init__(self, model: StoredModel, settings: BaseModel | None, device: str) -> None:
        if model.folder is None:
            raise Invalid(f"The model {model.name!r} has no files; train one from a version first.")
        self._classifier = read_classifier(model.folder, read_object(model.folder / "model.json", "model.json"))
        self._detector = NucleusDetector(model, settings, device)

    def predict(
        self,
        image: PixelReader,
        area: Region | None,
        out: PredictionWriter,
        told: Callable[[float, str], None],
    ) -> None:
        """Run on one image; every nucleus has the score of its most probable class."""
        self._detector.predict(image, area, _Classifying(self._classifier, image, out), told)

    def close(self) -> None:
        """Free what the detector holds."""
        self._detector.close()


class _Classifying:
    """Takes outlines, and hands them on with their classes."""

    def __init__(self, classifier: Classifier, image: PixelReader, out: PredictionWriter) -> None:
        self._classifier = classifier
        self._image = image
        self._out = out

    def add(self, shapes: PredictedShapes) -> None:
        """Measure the outlines and say what they are."""
        probabilities = self._classifier.probabilities(
            features_of(self._image, _rings_of(shapes), self._classifier.scale)
        )
        classes = probabilities.argmax(axis=1)
        scores = np.clip(probabilities.max(axis=1), 0.0, 1.0)
        self._out.add(replace(shapes, labels=classes, scores=scores, uncertainties=entropies(probabilities)))

    def map(self, name: str, **facts: Any) -> AbstractContextManager[MapWriter]:
        """Hand a map on as it is."""
        return self._out.map(name, **facts)

    def label_image(self, label: int, score: float, uncertainty: float | None = None) -> None:
        """Hand a label on as it is."""
        self._out.label_image(label, score, uncertainty)


def _rings_of(shapes: PredictedShapes) -> list[list[NDArray[np.floating]]]:
    rings = [shapes.points[start:end] for start, end in pairwise(shapes.rings.tolist())]
    return [rings[start:end] for start, end in pairwise(shapes.starts.tolist())]
