"""Who may compare readers, and who may see how they themselves do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, NotFound
from exact_core.auth.rights import Right
from exact_core.storage.models import ImageSet

NOT_FOR_YOU = "Comparing readers needs the rights to see everybody's work here and to export it."
"""The same words for everybody and always: a blind reader must not learn from a refusal what there is."""

CanDo = Callable[[str], bool]
"""Whether the actor has a right in the set."""


@dataclass(frozen=True, slots=True)
class Everything:
    """Leave to read everybody's marks in a set: made by :func:`everything_in` only, which checks the rights."""

    image_set_id: int
    name: str
    mode: str
    revision: int


def everything_in(session: Session, image_set_id: int, can: CanDo, right: Right = Right.EXPORT) -> Everything:
    """Leave to compare readers: for those who see all work in the set and have the right as well.

    Args:
        session: Where to read.
        image_set_id: Which set.
        can: Decides for the actor.
        right: ``export`` for figures; ``manage`` where references and studies are concerned.
    """
    found = session.execute(
        select(ImageSet.id, ImageSet.name, ImageSet.mode, ImageSet.revision).where(
            ImageSet.id == image_set_id, ImageSet.deleted_at.is_(None)
        )
    ).first()
    if found is None or not can(Right.VIEW):
        raise NotFound(f"There is no image set {image_set_id} that you may see.")
    if not (can(Right.SEE_ALL) and can(right)):
        raise Forbidden(NOT_FOR_YOU)
    return Everything(*found)


def can_of(can: Callable[[Actor, str, int], bool], actor: Actor, image_set_id: int) -> CanDo:
    """One actor's rights in one set."""
    return lambda right: can(actor, right, image_set_id)
