"""What models were used for: their runs on images, as far as the actor may know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.api.context import Actor
from exact_core.auth.rights import visible_image_sets
from exact_core.predictions.scope import scope_of
from exact_core.storage.models import Image, ImageSet, PredictionRun


@dataclass(frozen=True, slots=True)
class Use:
    """One run of a model on an image.

    Attributes:
        id: Sorts by the time at which runs began.
        uuid: The run.
        image_id: The image.
        image_name: What it is called.
        image_set_id: Its set.
        image_set_name: The name of that.
        shapes: How many shapes were found.
        ready_at: When it was done.
    """

    id: int
    uuid: str
    image_id: int
    image_name: str
    image_set_id: int
    image_set_name: str
    shapes: int
    ready_at: datetime | None


def counts(session: Session, actor: Actor, uuids: Sequence[str]) -> dict[str, int]:
    """How many runs of each model the actor may know of; models without any are left out."""
    columns = PredictionRun.model_uuid, func.count().label("runs")
    statement = select(*columns).where(*_known(session, actor, uuids)).group_by(PredictionRun.model_uuid)
    return {row.model_uuid: row.runs for row in session.execute(statement)}


def uses_of(session: Session, actor: Actor, uuid: str, *, before: int | None, limit: int) -> list[Use]:
    """Runs of a model, newest first; one more than ``limit`` when there are more.

    Args:
        session: Reads them.
        actor: Who asks.
        uuid: The model.
        before: The last one of the page before.
        limit: How many.
    """
    row = PredictionRun
    statement = (
        select(row.id, row.uuid, row.image_id, Image.name, row.image_set_id, ImageSet.name, row.n_shapes, row.ready_at)
        .join(Image, Image.id == row.image_id)
        .join(ImageSet, ImageSet.id == row.image_set_id)
        .where(*_known(session, actor, [uuid]))
        .order_by(row.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        statement = statement.where(row.id < before)
    return [Use(*each) for each in session.execute(statement)]


def _known(session: Session, actor: Actor, uuids: Sequence[str]) -> list[ColumnElement[bool]]:
    """Conditions for runs of these models: those of each set that the scope of predictions shows the actor there."""
    row = PredictionRun
    sets = (
        select(row.image_set_id)
        .join(ImageSet, ImageSet.id == row.image_set_id)
        .where(row.model_uuid.in_(uuids), visible_image_sets(actor))
        .distinct()
    )
    can = rights_in(session)
    scopes = [scope_of(image_set_id, actor, can) for image_set_id in session.scalars(sets)]
    alive = select(Image.id).where(Image.id == row.image_id, Image.deleted_at.is_(None)).correlate(row)
    return [row.model_uuid.in_(uuids), alive.exists(), or_(false(), *(and_(*scope.runs()) for scope in scopes))]
