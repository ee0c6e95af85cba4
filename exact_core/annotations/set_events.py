"""Telling hooks of a change of a whole set: one event per annotation, made only where somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, FromClause, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS
from exact_core.annotations.service import AnnotationHooks
from exact_core.annotations.writing import Record
from exact_core.api.contributions import Shape
from exact_core.api.events import AnnotationAction, AnnotationChange, AnnotationState
from exact_core.storage.models import Annotation
from exact_core.storage.unit_of_work import UnitOfWork

Listening: TypeAlias = Callable[[int], Record | None]
"""Who is told of the changes in an image set; None for nobody."""


def listening_to(uow: UnitOfWork, hooks: AnnotationHooks) -> Listening:
    """Who is told of changes that a unit of work makes."""
    return lambda image_set_id: uow.record if hooks.hears_annotations(image_set_id) else None


@dataclass(frozen=True, slots=True)
class Told:
    """One annotation in one state, as events have it; ``extra`` is what was asked for besides."""

    image_id: int
    id: int
    uuid: str
    author_id: int | None
    state: AnnotationState
    extra: Any

    def change(
        self,
        action: AnnotationAction,
        place: Mapping[str, Any],
        before: AnnotationState | None,
        after: AnnotationState | None,
    ) -> AnnotationChange:
        """The event; ``place`` is image set, revision and actor."""
        return AnnotationChange(
            action=action,
            image_id=self.image_id,
            annotation_id=self.id,
            uuid=self.uuid,
            before=before,
            after=after,
            author_id=self.author_id,
            **place,
        )


def states(
    session: Session, source: FromClause, condition: ColumnElement[bool], extra: ColumnElement[Any] | None = None
) -> Iterator[Told]:
    """The states that rows hold."""
    row = ROWS.c
    statement = (
        select(
            row.image_id, row.annotation_id, Annotation.uuid, row.author_id, row.type_id, row.shape,
            row.x0, row.y0, row.x1, row.y1, row.z, row.t, row.c, row.text,
            (row.type_id if extra is None else extra).label("extra"),
        )
        .select_from(source)
        .where(condition, Annotation.id == row.annotation_id)
        .order_by(row.annotation_id)
    )  # fmt: skip
    for image_id, id_, uuid, author_id, type_id, shape, x0, y0, x1, y1, z, t, c, text, new in session.execute(
        statement
    ).all():
        state = AnnotationState(type_id, Shape.from_number(shape), (x0, y0, x1, y1), z, t, c, text)
        yield Told(image_id, id_, uuid, author_id, state, new)
