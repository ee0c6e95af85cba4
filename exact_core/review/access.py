"""Who may read what about the work of others: for addresses that only read, which tokens without ``write`` may use."""

from __future__ import annotations

from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.contributions import Role
from exact_core.api.errors import Forbidden
from exact_core.auth.rights import Right, Rights, includes


def is_manager(session: Session, actor: Actor, image_set_id: int) -> bool:
    """Whether the actor manages the set, by role: also with a token that may only read."""
    return Rights(session).role(actor, image_set_id) is Role.MANAGER


def require_manager(session: Session, actor: Actor, image_set_id: int) -> None:
    """Refuse whoever does not manage the set; ``NotFound`` for who may not see it."""
    Rights(session).require(actor, Right.VIEW, image_set_id)
    if not is_manager(session, actor, image_set_id):
        raise Forbidden("Only those who manage this image set can look at this.")


def may_work(session: Session, actor: Actor, image_set_id: int) -> bool:
    """Whether the actor draws and verifies in the set, by role: also with a token that may only read."""
    role = Rights(session).role(actor, image_set_id)
    return role is not None and includes(role, Role.ANNOTATOR)


def sees_all(session: Session, actor: Actor, image_set_id: int) -> bool:
    """Whether the work of others is no secret for the actor; ``NotFound`` for who may not see the set."""
    rights = Rights(session)
    rights.require(actor, Right.VIEW, image_set_id)
    return rights.decide(actor, Right.SEE_ALL, image_set_id).allowed
