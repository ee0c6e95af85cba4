"""Addresses of items that need a decision."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from exact_core.annotations.access import rights_in
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Invalid
from exact_core.review.adjudicating import Adjudicating
from exact_core.review.deciding import Deciding
from exact_core.review.schemas import AdjudicationItemOut, AdjudicationPage, DecidedOut, DecisionIn

router = APIRouter(tags=["review"])


@router.get("/image-sets/{image_set_id}/adjudications", summary="List items that need a decision")
def list_items(
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    state: Literal["disagreed", "decided"] = "disagreed",
    cursor: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AdjudicationPage:
    """For adjudicators and managers; items that one has read oneself are for somebody else."""
    if cursor and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise Invalid("cursor: this is not the next_cursor of a page of this list.")
    adjudicating = Adjudicating(session, actor, image_set_id, rights_in(session))
    found = adjudicating.page(state, int(cursor) if cursor else 0, limit + 1)
    items = [
        AdjudicationItemOut(
            id=item.id,
            image_id=image.id,
            image_name=image.name,
            kind=item.kind,
            state=item.state,
            disagreements=item.outcome.get("disagreements"),
        )
        for item, image in found[:limit]
    ]
    return AdjudicationPage(items=items, next_cursor=str(items[-1].id) if len(found) > limit else None)


@router.get("/image-sets/{image_set_id}/adjudications/{item_id}", summary="Lay readings side by side")
def read_item(image_set_id: int, item_id: int, actor: CurrentActor, session: DbSession) -> dict[str, Any]:
    """What each reader did on an item, matched by the set's rule; readers are letters unless the settings name them."""
    return Adjudicating(session, actor, image_set_id, rights_in(session)).detail(item_id)


@router.post("/image-sets/{image_set_id}/adjudications/{item_id}/decision", summary="Decide an item")
def decide(request: Request, image_set_id: int, item_id: int, body: DecisionIn, actor: CurrentActor) -> DecidedOut:
    """Say whose work stands, and why: accepted and rejected verdicts follow from it."""
    with services_of(request).database.write() as session:
        row = Deciding(session, actor, image_set_id, rights_in(session)).decide(item_id, body.value())
        return DecidedOut(id=row.id, item_id=row.item_id, decision=row.decision, revision=row.revision)
