"""The log of acts that others must be able to see later: who, when, what, why. Nothing here changes or deletes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.storage.models import AuditEvent, User

MAX_PAGE = 200


def note(
    session: Session, image_set_id: int, actor: Actor, action: str, reason: str = "", **details: Any
) -> AuditEvent:
    """Write down what somebody does, in the transaction in which it is done."""
    event = AuditEvent(
        image_set_id=image_set_id,
        actor_id=actor.user_id or None,
        action=action,
        reason=reason,
        details=details,
    )
    session.add(event)
    session.flush()
    return event


def page(session: Session, image_set_id: int, before: int | None, limit: int) -> list[tuple[AuditEvent, User | None]]:
    """Acts in a set, the newest first."""
    query = (
        select(AuditEvent, User)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .where(AuditEvent.image_set_id == image_set_id)
        .order_by(AuditEvent.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(AuditEvent.id < before)
    return [(event, user) for event, user in session.execute(query)]
