"""The job that runs a model on an image: the same for every kind of model, on every worker."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from exact_core.api.annotations import Region
from exact_core.api.models import MODELS, ModelCard, Predictor
from exact_core.kernel.drivers import open_driver
from exact_core.models.kinds import checked_settings

if TYPE_CHECKING:
    from exact_core.api.context import JobContext


def run_predict(context: JobContext, *, card: ModelCard) -> dict[str, Any]:
    """Run a model on the job's image and keep what it finds as a run.

    Args:
        context: Its parameters are ``model`` (uuid), ``settings``, ``area`` (``x0``, ``y0``, ``x1``, ``y1`` in level-0
            pixels, or none for the whole image) and ``device``.
        card: The kind of model.
    """
    given = context.params.get("settings") or {}
    assert isinstance(given, Mapping), "checked when the job was asked for"
    settings = checked_settings(card.params, given, card.title)
    model = context.model(str(context.params["model"]))
    image = context.open_image()
    try:
        driver = open_driver(MODELS, card.driver)
        predictor: Predictor = driver(model, settings, str(context.params.get("device") or "auto"))
        with closing(predictor), context.predictions(model=model, labels=model.labels or card.labels) as out:
            if not getattr(out, "is_done", False):  # else an earlier attempt of this job finished
                predictor.predict(image, _area(context, image.image.image_set_id), out, context.report)
    finally:
        image.close()
    return {"model": model.uuid}


def _area(context: JobContext, image_set_id: int) -> Region | None:
    given = context.params.get("area")
    if not isinstance(given, Mapping):
        return None
    assert context.image_id is not None
    x0, y0, x1, y1 = (int(given[name]) for name in ("x0", "y0", "x1", "y1"))
    return Region(context.image_id, image_set_id, x0, y0, x1, y1)
