"""Asking for runs: one job for each image, with the settings checked before anything waits in the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import image_facts, no_image
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid
from exact_core.jobs.registry import prediction_type
from exact_core.models.kinds import Kind, settings_of
from exact_core.predictions.kinds import kind_in
from exact_core.storage.models import Image, ImageSet, Job

if TYPE_CHECKING:
    from exact_core.services import Services

MOST_IMAGES = 10_000


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What shall be run.

    Attributes:
        kind: Full name of the kind of model.
        model: uuid of a stored model; empty for one that is built in.
        settings: Settings of the run; what is left out has its default.
        area: ``x0``, ``y0``, ``x1``, ``y1`` in level-0 pixels; None: the whole image.
    """

    kind: str
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    area: Mapping[str, int] | None = None


def start_on_image(services: Services, session: Session, actor: Actor, image_id: int, asked: RunRequest) -> Job:
    """Ask for a run on one image, in the caller's transaction.

    Raises:
        NotFound: The actor may not see the image, or there is no such kind of model.
        Forbidden: They may not annotate in its set.
        Conflict: The image is not ready, or the set is locked.
        Invalid: A setting or the area is not acceptable.
    """
    facts = image_facts(session, image_id)
    if not rights_in(session)(actor, "view", facts.image_set_id):
        raise no_image(image_id)
    _require_annotate(session, actor, facts.image_set_id)
    image = session.get_one(Image, image_id)
    if image.status != "ready":
        raise Conflict(f"Image {image.name} is not ready yet; wait until it can be shown.")
    area = asked.area
    if area is not None:
        area = {
            "x0": max(0, area["x0"]), "y0": max(0, area["y0"]),
            "x1": min(image.width, area["x1"]), "y1": min(image.height, area["y1"]),
        }  # fmt: skip
        if area["x0"] >= area["x1"] or area["y0"] >= area["y1"]:
            raise Invalid("area: the rectangle does not meet the image.")
    kind, params = _params(services, facts.image_set_id, asked)
    return services.jobs.enqueue(
        session,
        prediction_type(kind.plugin, kind.card.name),
        owner=actor,
        image_set_id=facts.image_set_id,
        image_id=image_id,
        params={**params, "area": area},
    )


def start_on_set(
    services: Services,
    session: Session,
    actor: Actor,
    image_set_id: int,
    asked: RunRequest,
    image_ids: Sequence[int] | None,
) -> list[Job]:
    """Ask for a run on each image of a set that is ready, or on those of some images."""
    _require_annotate(session, actor, image_set_id)
    kind, params = _params(services, image_set_id, asked)
    ready = select(Image.id).where(
        Image.image_set_id == image_set_id, Image.status == "ready", Image.deleted_at.is_(None)
    )
    found = list(session.scalars(ready.order_by(Image.position, Image.id)))
    if image_ids is not None:
        wanted = set(image_ids)
        missing = wanted - set(found)
        if missing:
            raise Invalid(f"image_ids: image {min(missing)} is not in this image set, or not ready.")
        found = [image_id for image_id in found if image_id in wanted]
    if len(found) > MOST_IMAGES:
        raise Invalid(f"image_ids: ask for at most {MOST_IMAGES:,} images at a time; the set has {len(found):,}.")
    return [
        services.jobs.enqueue(
            session,
            prediction_type(kind.plugin, kind.card.name),
            owner=actor,
            image_set_id=image_set_id,
            image_id=image_id,
            params=params,
        )
        for image_id in found
    ]


def _params(services: Services, image_set_id: int, asked: RunRequest) -> tuple[Kind, dict[str, Any]]:
    kind = kind_in(services.kernel, image_set_id, asked.kind)
    settings = settings_of(kind, asked.settings)
    if not asked.model and not kind.card.is_built_in:
        raise Invalid(f"model: {kind.card.title} needs a stored model; say which.")
    values = {} if settings is None else settings.model_dump(mode="json")
    return kind, {"model": asked.model or kind.built_in_uuid, "settings": values}


def _require_annotate(session: Session, actor: Actor, image_set_id: int) -> None:
    if not rights_in(session)(actor, "annotate", image_set_id):
        raise Forbidden("Running a model needs the right to annotate in this image set, and that it is not locked.")
    if session.get_one(ImageSet, image_set_id).is_locked:
        raise Conflict("This image set is locked: nothing in it can be changed until a manager unlocks it.")
