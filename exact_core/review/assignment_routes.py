"""Addresses of assignments: giving items to readers, their queues, and how much everybody has to do."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import and_, or_, select

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.auth.rights import Right, Rights
from exact_core.auth.schemas import PersonOut
from exact_core.review import queue
from exact_core.review.access import is_manager, may_work, sees_all
from exact_core.review.assigning import Assigning
from exact_core.review.schemas import (
    AssignIn,
    AssignmentOut,
    AssignmentPage,
    GivenOut,
    LoadOut,
    MovedOut,
    MoveIn,
    NextOut,
    ProgressOut,
    RegionOut,
)
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.models import Assignment, Image, ImageSet, ReviewItem, User

router = APIRouter(tags=["review"])


@router.get("/image-sets/{image_set_id}/assignments", summary="List assignments")
def list_assignments(
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    reader: Annotated[int | None, Query(description="Of one reader. Others' are for managers.")] = None,
    image: Annotated[int | None, Query(description="Of one image.")] = None,
    state: Annotated[list[Literal["open", "in_work", "done", "withdrawn"]], Query()] = [],  # noqa: B006
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AssignmentPage:
    """One's own; for managers everybody's."""
    Rights(session).require(actor, Right.VIEW, image_set_id)
    manages = is_manager(session, actor, image_set_id)
    row = Assignment
    query = (
        select(row, ReviewItem, Image.name, User)
        .join(ReviewItem, ReviewItem.id == row.item_id)
        .join(Image, Image.id == row.image_id)
        .join(User, User.id == row.reader_id)
        .where(row.image_set_id == image_set_id, Image.deleted_at.is_(None))
        .order_by(row.reader_id, row.position, row.id)
        .limit(limit + 1)
    )
    if not manages:
        query = query.where(row.reader_id == actor.user_id)
    if reader is not None:
        query = query.where(row.reader_id == reader)
    if image is not None:
        query = query.where(row.image_id == image)
    query = query.where(row.state.in_(state) if state else row.state != "withdrawn")
    if cursor:
        last_reader, position, last_id = read_cursor(cursor, int, int, int)
        later = or_(row.position > position, and_(row.position == position, row.id > last_id))
        query = query.where(or_(row.reader_id > last_reader, and_(row.reader_id == last_reader, later)))
    found = session.execute(query).all()
    last = found[limit - 1][0] if len(found) > limit else None
    return AssignmentPage(
        items=[
            AssignmentOut(
                id=assignment.id,
                item_id=item.id,
                image_id=item.image_id,
                image_name=name,
                kind=item.kind,
                region=_region(item),
                annotation_id=item.annotation_id,
                reader=PersonOut.of(user),
                state=assignment.state,
                due_at=assignment.due_at,
                started_at=assignment.started_at,
                done_at=assignment.done_at,
                item_state=item.state if manages else None,
            )
            for assignment, item, name, user in found[:limit]
        ],
        next_cursor=write_cursor(last.reader_id, last.position, last.id) if last is not None else None,
    )


@router.post("/image-sets/{image_set_id}/assignments", summary="Assign items to readers")
def assign(request: Request, image_set_id: int, body: AssignIn, actor: CurrentActor) -> GivenOut:
    """For managers: by hand, evenly, or several readers per item, always to who has the least to do."""
    with services_of(request).database.write() as session:
        given = Assigning(session, actor, image_set_id).assign(body.value())
    return GivenOut(items=given.items, created=given.created, short=given.short, per_reader=given.per_reader)


@router.post("/image-sets/{image_set_id}/assignments/move", summary="Reassign a reader's open items")
def move(request: Request, image_set_id: int, body: MoveIn, actor: CurrentActor) -> MovedOut:
    """For managers: to somebody else, or to nobody. What is done stays with who did it."""
    with services_of(request).database.write() as session:
        assigning = Assigning(session, actor, image_set_id)
        return MovedOut(moved=assigning.move(body.from_reader, body.to_reader, body.image_ids, begun=body.begun))


@router.get("/image-sets/{image_set_id}/queue/next", summary="What to read next")
def read_next(
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    after: Annotated[int | None, Query(description="The image that is left now.")] = None,
) -> NextOut:
    """One's next open item in one's own order; where nothing is assigned, an image that one may begin."""
    sees = sees_all(session, actor, image_set_id)
    image_set = session.get_one(ImageSet, image_set_id)
    progress = ProgressOut(**queue.progress_of(session, image_set_id, actor.user_id))
    works = may_work(session, actor, image_set_id)
    found = queue.next_item(session, actor, image_set, sees, after) if works else None
    if found is None:
        return NextOut(image_id=None, progress=progress)
    item, assignment = found.item, found.assignment
    return NextOut(
        image_id=found.image.id,
        image_name=found.image.name,
        item_id=item.id if item else None,
        kind=item.kind if item else "image",
        region=_region(item) if item else None,
        annotation_id=item.annotation_id if item else None,
        due_at=assignment.due_at if assignment else None,
        is_assigned=assignment is not None,
        progress=progress,
    )


@router.get("/image-sets/{image_set_id}/workload", summary="How much readers have to do")
def read_workload(image_set_id: int, actor: CurrentActor, session: DbSession) -> list[LoadOut]:
    """Open, begun and done items per reader, with times and points; in blind sets one's own, for managers all."""
    sees = sees_all(session, actor, image_set_id)
    only = None if sees or is_manager(session, actor, image_set_id) else actor.user_id
    return [
        LoadOut(
            reader=PersonOut.of(load.reader),
            open=load.open,
            in_work=load.in_work,
            done=load.done,
            overdue=load.overdue,
            median_seconds=load.median_seconds,
            points=load.accepted,
            judged=load.judged,
            last_done_at=load.last_done_at,
        )
        for load in queue.workload(session, image_set_id, only)
    ]


def _region(item: ReviewItem) -> RegionOut | None:
    if item.kind != "region":
        return None
    return RegionOut.model_validate({name: getattr(item, name) for name in RegionOut.model_fields})
