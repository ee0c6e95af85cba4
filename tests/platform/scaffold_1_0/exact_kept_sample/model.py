"""The model. Import torch and the like inside ``load``: a server that only shows results never needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exact_core.api import JobContext

from exact_kept_sample.schemas import PredictParams


@dataclass(frozen=True, slots=True)
class Model:
    """A model of one weight and one bias; put yours in its place."""

    weight: float = 1.0
    bias: float = 0.0

    @classmethod
    def load(cls) -> Model:
        """Read the weights; called by the worker, once per job."""
        return cls()

    def predict(self, values: Sequence[float]) -> list[float]:
        """One score from 0 to 1 per value."""
        from math import exp

        return [1.0 / (1.0 + exp(-max(-60.0, min(60.0, self.weight * value + self.bias)))) for value in values]


def run_prediction(context: JobContext) -> dict[str, list[float]]:
    """The job: load the model, score the values, answer with the scores."""
    params = PredictParams.model_validate(context.params)
    context.report(0.1, "Loading the model")
    model = Model.load()
    context.report(0.5, f"Scoring {len(params.values)} values")
    return {"scores": model.predict(params.values)}
