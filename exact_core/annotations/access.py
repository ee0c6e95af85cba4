"""Rights as a transaction sees them: for changes and for jobs; hot reading paths ask the access snapshot instead."""

from __future__ import annotations

from sqlalchemy.orm import Session

from exact_core.annotations.scope import Can
from exact_core.api.context import Actor
from exact_core.auth.rights import Rights


def rights_in(session: Session) -> Can:
    """Whether an actor has a right in an image set, asked of the database."""
    rights = Rights(session)

    def can(actor: Actor, right: str, image_set_id: int) -> bool:
        return rights.decide(actor, right, image_set_id).allowed

    return can
