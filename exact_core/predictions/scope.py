"""Which runs and decisions an actor may know of: the one place that every reader of predictions asks.

Where the work of others is hidden, so is what models found for others: a score beside a shape is an opinion too. A
reader then sees the runs that they asked for themselves, and those that a manager shows to readers; of decisions their
own. Everybody else who may view the image set sees all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS as STATES
from exact_core.annotations.scope import Can, ImageFacts, holds, image_facts, no_image
from exact_core.api.context import Actor
from exact_core.api.errors import NotFound
from exact_core.storage.models import PredictionDecision, PredictionRun


@dataclass(frozen=True, slots=True)
class RunScope:
    """The runs of one image set that one actor may see, and whose decisions about them."""

    image_set_id: int
    actor_id: int
    sees_all: bool

    def runs(self) -> list[ColumnElement[bool]]:
        """Conditions for visible rows of ``prediction_run``."""
        found = [PredictionRun.image_set_id == self.image_set_id, PredictionRun.state == "ready"]
        if not self.sees_all:
            found.append(or_(PredictionRun.asked_by_id == self.actor_id, PredictionRun.shown_to_readers))
        return found

    def decisions(self) -> list[ColumnElement[bool]]:
        """Conditions for visible rows of ``prediction_decision`` that count: see :func:`counts`."""
        row = PredictionDecision
        return [counts(), *([] if self.sees_all else [row.reader_id == self.actor_id])]

    @property
    def tag(self) -> str:
        """What distinguishes this scope from others, for keys of caches."""
        return "all" if self.sees_all else f"reader-{self.actor_id}"


def scope_of(image_set_id: int, actor: Actor, can: Can) -> RunScope:
    """The scope of an actor in a set that they may view."""
    return RunScope(image_set_id, actor.user_id, can(actor, "see_all", image_set_id))


def scope_of_image(session: Session, actor: Actor, image_id: int, can: Can) -> tuple[ImageFacts, RunScope]:
    """The image and the actor's scope there; ``NotFound`` when they may not even see the image."""
    facts = image_facts(session, image_id)
    if not can(actor, "view", facts.image_set_id):
        raise no_image(image_id)
    return facts, scope_of(facts.image_set_id, actor, can)


def find_run(session: Session, scope: RunScope, image_id: int, uuid: str) -> PredictionRun:
    """A run of an image; ``NotFound`` with the same words whether it is hidden or is not there."""
    query = select(PredictionRun).where(
        *scope.runs(), PredictionRun.image_id == image_id, PredictionRun.uuid == uuid.lower()
    )
    run = session.scalars(query).first()
    if run is None:
        raise NotFound(f"There is no run {uuid[:40]!r} on this image that you may see.")
    return run


def find_runs(session: Session, scope: RunScope, uuids: Sequence[str]) -> list[PredictionRun]:
    """Runs of the set in the order asked for; ``NotFound`` when one is not to be seen."""
    wanted = [each.lower() for each in uuids]
    query = select(PredictionRun).where(*scope.runs(), PredictionRun.uuid.in_(wanted))
    found = {run.uuid: run for run in session.scalars(query)}
    missing = next((each for each in wanted if each not in found), None)
    if missing is not None:
        raise NotFound(f"There is no run {missing[:40]!r} in this image set that you may see.")
    return [found[each] for each in wanted]


def counts() -> ColumnElement[bool]:
    """Decisions that were not taken back; of accepted shapes those whose annotation is still there."""
    row = PredictionDecision
    alive = exists().where(STATES.c.annotation_id == row.annotation_id, *holds(STATES, None))
    return row.withdrawn_at.is_(None) & or_(row.verdict == "rejected", alive)
