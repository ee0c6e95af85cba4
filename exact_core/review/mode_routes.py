"""Addresses of an image set's mode: settings, unblinding, the log of audited acts."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Invalid
from exact_core.auth.rights import Right, Rights
from exact_core.auth.schemas import PersonOut
from exact_core.review import audit, modes
from exact_core.review.access import is_manager, require_manager
from exact_core.review.schemas import AuditOut, AuditPage, ModeIn, ModeOut, UnblindIn
from exact_core.review.settings import ModeSettings
from exact_core.storage.models import Assignment, ImageSet

router = APIRouter(tags=["review"])


@router.get("/image-sets/{image_set_id}/mode", summary="Read how people work together")
def read_mode(image_set_id: int, actor: CurrentActor, session: DbSession) -> ModeOut:
    """The mode with its settings."""
    Rights(session).require(actor, Right.VIEW, image_set_id)
    return _shown(session, actor, session.get_one(ImageSet, image_set_id))


@router.put("/image-sets/{image_set_id}/mode", summary="Change how people work together")
def change_mode(request: Request, image_set_id: int, body: ModeIn, actor: CurrentActor) -> ModeOut:
    """For managers. What shows readers more of each other needs a reason; every change is written down."""
    with services_of(request).database.write() as session:
        image_set = modes.change_settings(session, actor, image_set_id, body.settings, body.mode, body.reason)
        return _shown(session, actor, image_set)


@router.post("/image-sets/{image_set_id}/unblind", summary="Unblind an image set")
def unblind(request: Request, image_set_id: int, body: UnblindIn, actor: CurrentActor) -> ModeOut:
    """For managers: everybody sees everybody's work from now on. It cannot be taken back, and is written down."""
    with services_of(request).database.write() as session:
        return _shown(session, actor, modes.unblind(session, actor, image_set_id, body.reason))


@router.get("/image-sets/{image_set_id}/audit", summary="List audited acts")
def list_audit(
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    cursor: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=audit.MAX_PAGE)] = 50,
) -> AuditPage:
    """For managers: who unblinded, changed settings or roles, assigned and decided, when and why."""
    require_manager(session, actor, image_set_id)
    if cursor and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise Invalid("cursor: this is not the next_cursor of a page of this list.")
    found = audit.page(session, image_set_id, int(cursor) if cursor else None, limit + 1)
    items = [
        AuditOut(
            id=event.id,
            at=event.at,
            actor=PersonOut.of(user) if user else None,
            action=event.action,
            reason=event.reason,
            details=event.details,
        )
        for event, user in found[:limit]
    ]
    return AuditPage(items=items, next_cursor=str(items[-1].id) if len(found) > limit else None)


def _shown(session: Session, actor: Actor, image_set: ImageSet) -> ModeOut:
    rights = Rights(session)
    manages = is_manager(session, actor, image_set.id)
    settings = ModeSettings.stored(image_set.mode_settings)
    given = exists().where(Assignment.image_set_id == image_set.id, Assignment.state != "withdrawn")
    return ModeOut(
        mode=image_set.mode,
        is_blind=modes.is_blind(image_set),
        unblinded_at=image_set.unblinded_at,
        settings=settings if manages else _without_people(settings),
        may_adjudicate=rights.decide(actor, Right.ADJUDICATE, image_set.id).allowed,
        has_assignments=manages and bool(session.scalar(select(given))),
    )


def _without_people(settings: ModeSettings) -> ModeSettings:
    second = settings.second_opinion.model_copy(update={"readers": []})
    return settings.model_copy(update={"second_opinion": second, "adjudicators": []})
