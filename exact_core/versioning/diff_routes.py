"""Addresses that compare versions: as numbers, as a list, and as outlines on one slide."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Invalid, NotFound
from exact_core.storage.models import Image
from exact_core.versioning import comparing, diff
from exact_core.versioning.schemas import DiffOut, DiffPage, ImageDiffOut

router = APIRouter(prefix="/api/v2", tags=["versions"])

MAX_ON_SLIDE = 5_000
_From = Annotated[str, Query(alias="from", max_length=20, description="Number of a version, or now.")]
_To = Annotated[str, Query(alias="to", max_length=20, description="Number of a version, or now.")]


@router.get("/image-sets/{image_set_id}/version-diff", summary="Compare two versions", response_model=DiffOut)
def compare_versions(
    request: Request,
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    before: _From,
    after: _To = comparing.NOW,
) -> dict[str, Any]:
    """How many annotations were added, removed and changed, by type, author and image, as far as the actor may see."""
    found = comparing.compare(session, actor, image_set_id, before, after, services_of(request).snapshot.can)
    return comparing.numbers_json(session, found)


@router.get("/image-sets/{image_set_id}/version-diff/annotations", summary="List what differs between two versions")
def list_differences(
    request: Request,
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    before: _From,
    after: _To = comparing.NOW,
    kind: Annotated[diff.Kind | None, Query(description="Only those that differ in this way.")] = None,
    image_id: Annotated[int | None, Query(description="Only on this image.")] = None,
    geometry: Annotated[bool, Query(description="With the outlines.")] = False,
    cursor: Annotated[str, Query(description="Where the page before ended.")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> DiffPage:
    """Annotations that differ, each with both states, in ascending order of their numbers."""
    found = comparing.compare(session, actor, image_set_id, before, after, services_of(request).snapshot.can)
    if image_id is not None and not found.has(session, image_id):
        raise NotFound(f"There is no image {image_id} in these versions.")
    asked = found.range_of(image_id)
    ids = diff.changed_ids(session, asked, kind, _number(cursor), limit + 1)
    items = [
        comparing.difference_json(each, geometry=geometry) for each in diff.differences(session, asked, ids[:limit])
    ]
    return DiffPage(items=items, next_cursor=str(ids[limit - 1]) if len(ids) > limit else None)


@router.get("/images/{image_id}/annotation-diff", summary="What differs on one image", response_model=ImageDiffOut)
def compare_image(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    before: _From,
    after: _To = comparing.NOW,
    limit: Annotated[int, Query(ge=1, le=MAX_ON_SLIDE)] = 1_000,
) -> dict[str, Any]:
    """For drawing: what was added, removed and changed, with both outlines, and how much of it there is."""
    can = services_of(request).snapshot.can
    image_set_id = _set_of(session, image_id)
    missing = NotFound(f"There is no image {image_id} that you may see.")
    if image_set_id is None:
        raise missing
    try:
        found = comparing.compare(session, actor, image_set_id, before, after, can)
    except NotFound as error:
        raise (missing if not can(actor, "view", image_set_id) else error) from None
    if not found.has(session, image_id):
        raise missing
    asked = found.range_of(image_id)
    ids = diff.changed_ids(session, asked, limit=limit + 1)
    return {
        "from": found.before.to_json(),
        "to": found.after.to_json(),
        "total": comparing.counted(diff.summed(diff.numbers(session, asked))["total"]),
        "items": [
            comparing.difference_json(each, geometry=True) for each in diff.differences(session, asked, ids[:limit])
        ],
        "is_complete": len(ids) <= limit,
    }


def _set_of(session: Session, image_id: int) -> int | None:
    """The set of an image, also of a deleted one."""
    return session.scalar(select(Image.image_set_id).where(Image.id == image_id))


def _number(cursor: str) -> int:
    if not cursor:
        return 0
    if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > 18:
        raise Invalid("The cursor is not one that a list gave; leave it out to begin at the start.")
    return int(cursor)
