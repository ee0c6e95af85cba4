"""The job that runs a model on an image: the same for every kind of model, on every worker."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from exact_core.api.annotations import Region
from exact_core.api.errors import Invalid
from exact_core.api.models import MODELS, ModelCard, Predictor, StoredModel
from exact_core.kernel.drivers import open_driver
from exact_core.predictions.kinds import built_in

if TYPE_CHECKING:
    from exact_core.api.context import JobContext


def run_predict(context: JobContext, *, card: ModelCard) -> dict[str, Any]:
    """Run a model on the job's image and keep what it finds as a run.

    Args:
        context: Its parameters are ``kind``, ``model`` (uuid, or nothing for one that is built in), ``settings``,
            ``area`` (``x0``, ``y0``, ``x1``, ``y1`` in level-0 pixels, or none for the whole image) and ``device``.
        card: The kind of model.
    """
    settings = checked_settings(card, context.params.get("settings"))
    stored = str(context.params.get("model") or "")
    model = context.model(stored) if stored else built_in(str(context.params["kind"]), card)
    image = context.open_image()
    try:
        predictor = opened(card, model, settings, str(context.params.get("device") or "cpu"))
        with closing(predictor), context.predictions(model=model, labels=model.labels or card.labels) as out:
            if getattr(out, "is_done", False):
                return {"model": model.uuid, "again": True}
            predictor.predict(image, _area(context, image.image.image_set_id), out, context.report)
    finally:
        image.close()
    return {"model": model.uuid}


def opened(card: ModelCard, model: StoredModel, settings: Any, device: str) -> Predictor:
    """The model, opened by the driver that its kind names."""
    predictor: Predictor = open_driver(MODELS, card.driver)(model, settings, device)
    return predictor


def checked_settings(card: ModelCard, given: object) -> Any:
    """Settings of a run as the card's model has them.

    Raises:
        Invalid: One is unknown or out of its range; the message names it.
    """
    if card.params is None:
        if given:
            raise Invalid(f"settings: {card.title} has none.")
        return None
    try:
        return card.params.model_validate(given or {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"settings.{place}: {first['msg']}") from error


def _area(context: JobContext, image_set_id: int) -> Region | None:
    given = context.params.get("area")
    if not isinstance(given, Mapping):
        return None
    assert context.image_id is not None
    x0, y0, x1, y1 = (int(given[name]) for name in ("x0", "y0", "x1", "y1"))
    return Region(context.image_id, image_set_id, x0, y0, x1, y1)
