"""Addresses of verification: verdicts on shapes, whole images, the walk from shape to shape, states of images."""

import math
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import next_revision
from exact_core.annotations.geometry import INT32_MAX, INT32_MIN, Box
from exact_core.annotations.scope import Frame, ReadScope, image_facts, read_scope
from exact_core.annotations.service import AS_NOW, as_json, find_in, find_one, image_of
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.auth.schemas import PersonOut
from exact_core.review import audit, closing, image_states, modes, past, queue, walk
from exact_core.review.items import ASSIGNMENTS
from exact_core.review.schemas import (
    ImageReviewOut,
    JudgedOut,
    JudgementsIn,
    MarkOut,
    MarksOut,
    OwnItemOut,
    ReaderStateOut,
    RegionOut,
    ReopenIn,
    StateIn,
    StateOut,
    VerificationCounts,
    VerificationOut,
    VerifyImageIn,
    WalkPageOut,
)
from exact_core.review.verdicts import Verification
from exact_core.review.verifying import Verifying
from exact_core.storage.models import LIVE, Image, ImageReview, ReviewItem, User, now
from exact_core.versioning.access import names_in, scope_of_annotation, scope_shown

router = APIRouter(tags=["review"])

_Pixel = Annotated[float, Query(ge=INT32_MIN, le=INT32_MAX, allow_inf_nan=False, description="Level-0 pixel.")]
_Version = Annotated[int | None, Query(description="As it was in this version; the present when left out.")]
_Axis = Annotated[int, Query(ge=-1, le=32767, description="-1 for every one.")]


class WalkQuery:
    """The filter of a walk, as the address gives it."""

    def __init__(
        self,
        type_id: Annotated[list[int] | None, Query(description="Only these types.")] = None,
        author_id: Annotated[list[int] | None, Query(description="Only these authors.")] = None,
        verification: Annotated[Verification | None, Query(description="Only in this state of verification.")] = None,
        by_me: Annotated[bool, Query(description="By one's own verdicts alone.")] = False,
        assigned: Annotated[bool, Query(description="Only shapes that are assigned to oneself.")] = False,
        z: _Axis = -1,
        t: _Axis = -1,
        c: _Axis = -1,
        order: Annotated[walk.Order, Query(description="By place, or in the order of drawing.")] = "place",
    ) -> None:
        frame = Frame(z, t, c)
        self.value = walk.WalkFilter(
            tuple(type_id or ()), tuple(author_id or ()), verification, by_me, assigned, frame, order
        )


Walked = Annotated[WalkQuery, Depends(WalkQuery)]


@router.post("/images/{image_id}/verifications", summary="Verify annotations")
def judge(request: Request, image_id: int, body: JudgementsIn, actor: CurrentActor) -> JudgedOut:
    """Accept, reject, doubt or relabel shapes of an image, in one revision."""
    found = _verifying(request, actor).judge(image_id, [each.value() for each in body.verdicts])
    return JudgedOut.model_validate(found)


@router.post("/images/{image_id}/verify", summary="Verify an image")
def verify_image(request: Request, image_id: int, body: VerifyImageIn, actor: CurrentActor) -> StateOut:
    """Call an image done, also one without any annotation; by default its shapes are accepted with it."""
    found = _verifying(request, actor).finish_image(image_id, accept=body.accept, reason=body.reason)
    return StateOut.model_validate(found)


@router.put("/images/{image_id}/review-state", summary="Set the state of an image")
def set_state(request: Request, image_id: int, body: StateIn, actor: CurrentActor) -> StateOut:
    """By hand: to do, in work, done, reviewed (for reviewers), dubious (with a reason)."""
    return StateOut.model_validate(_verifying(request, actor).set_state(image_id, body.state, body.reason))


@router.post("/images/{image_id}/items/{item_id}/finish", summary="Finish a region")
def finish_item(request: Request, image_id: int, item_id: int, actor: CurrentActor) -> StateOut:
    """Call a region that one was given done."""
    return StateOut.model_validate(_verifying(request, actor).finish_item(image_id, item_id))


@router.post("/images/{image_id}/review/opened", status_code=204, summary="Note that reading begins")
def note_opened(request: Request, image_id: int, actor: CurrentActor) -> None:
    """The time at which one looks at an assigned image first; it makes no revision, and nothing where none is given."""
    with services_of(request).database.write() as session:
        Rights(session).require_image(actor, Right.VIEW, image_id)
        row = ASSIGNMENTS.c
        mine = (row.image_id == image_id, row.reader_id == actor.user_id, row.state == "open")
        session.execute(update(ASSIGNMENTS).where(*mine, row.started_at.is_(None)).values(started_at=now()))


@router.post("/images/{image_id}/review/reopen", summary="Reopen an image for a reader")
def reopen(request: Request, image_id: int, body: ReopenIn, actor: CurrentActor) -> StateOut:
    """For managers: let a reader go on with an image that they had finished; it is written down."""
    services = services_of(request)
    with services.database.write() as session:
        image_set_id = Rights(session).require_image(actor, Right.MANAGE, image_id)
        if session.get(User, body.reader_id) is None:
            raise NotFound(f"There is no user {body.reader_id}.")
        reason = modes.checked_reason(body.reason, "a finished image is opened again")
        facts = image_facts(session, image_id)
        closing.reopen(session, facts, body.reader_id, by_manager=True)
        revision = next_revision(session, image_set_id, "verify", actor_id=actor.user_id or None, image_id=image_id)
        image_states.write_state(session, image_id, body.reader_id, "in_work", revision, reason)
        audit.note(session, image_set_id, actor, "reopened", reason, image=image_id, reader=body.reader_id)
    return StateOut(revision=revision, state="in_work", accepted=0)


@router.get("/images/{image_id}/review", summary="Read how far an image is")
def read_review(
    request: Request, image_id: int, actor: CurrentActor, session: DbSession, version: _Version = None
) -> ImageReviewOut:
    """Its state and one's own items of it; who else is how far is told to who sees all. Of a version without items."""
    scope = scope_shown(session, actor, image_id, version, services_of(request).snapshot.can)
    if version is not None:
        return past.review_of(session, actor, scope, version)
    only = None if scope.sees_all else actor.user_id
    facts = scope.image
    columns = (image_states.state_column(facts.mode, only), image_states.changed_since(only))
    state, changed = session.execute(select(*columns).where(Image.id == image_id)).one()
    given = queue.items_of(session, image_id, actor.user_id)
    return ImageReviewOut(
        state=state,
        own_state=image_states.own_state(session, image_id, actor.user_id),
        is_changed_since=changed,
        items=[
            OwnItemOut(
                item_id=item.id,
                kind=item.kind,
                region=_region(item),
                state=assignment.state,
                due_at=assignment.due_at,
            )
            for assignment, item in given
        ],
        readers=_readers(session, image_id) if scope.sees_all else [],
    )


@router.get("/images/{image_id}/verification-walk", summary="Walk through annotations", response_model=WalkPageOut)
def read_walk(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    wanted: Walked,
    cursor: Annotated[str, Query(max_length=200, description="Where the page before ended.")] = "",
    start: Annotated[int | None, Query(description="Instead of a cursor: the annotation to begin with.")] = None,
    backwards: bool = False,
    limit: Annotated[int, Query(ge=1, le=walk.MAX_PAGE)] = 50,
    version: _Version = None,
) -> Response:
    """Annotations one after another with what is said of them: neighbours follow each other."""
    scope = scope_shown(session, actor, image_id, version, services_of(request).snapshot.can)
    found = walk.page(
        session, scope, wanted.value, actor.user_id, cursor=cursor, start=start, backwards=backwards, limit=limit,
        names=names_in(session, version),
    )  # fmt: skip
    return Response(as_json(found), media_type="application/json")


@router.get("/images/{image_id}/verification-counts", summary="Count by state of verification")
def read_counts(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    wanted: Walked,
    version: _Version = None,
) -> VerificationCounts:
    """How many annotations of the filter are accepted, rejected, dubious, or still to be verified."""
    scope = scope_shown(session, actor, image_id, version, services_of(request).snapshot.can)
    return VerificationCounts.model_validate(walk.counts(session, scope, wanted.value, actor.user_id))


@router.get("/images/{image_id}/verification-marks", summary="Where something is verified")
def read_marks(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    x0: _Pixel,
    y0: _Pixel,
    x1: _Pixel,
    y1: _Pixel,
    z: _Axis = -1,
    t: _Axis = -1,
    c: _Axis = -1,
    limit: Annotated[int, Query(ge=1, le=2_000)] = 500,
    version: _Version = None,
) -> MarksOut:
    """Shapes in a rectangle of which something is said: their upper right corners and states."""
    if x1 < x0 or y1 < y0:
        raise Invalid("The rectangle is empty: x1 must not be less than x0, nor y1 less than y0.")
    scope = scope_shown(session, actor, image_id, version, services_of(request).snapshot.can)
    box = Box(math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1))
    found = walk.marks(session, scope, box, Frame(z, t, c), limit)
    return MarksOut(marks=[MarkOut(id=id_, x=x, y=y, state=state) for id_, x, y, state in found])


@router.get("/annotations/{annotation_id}/verifications", summary="Who verified an annotation")
def read_verifications(
    request: Request, annotation_id: int, actor: CurrentActor, session: DbSession, version: _Version = None
) -> VerificationOut:
    """Its state of verification, and the verdicts that one may see, the newest first."""
    can = services_of(request).snapshot.can
    names = AS_NOW
    if version is None:
        known = find_one(session, actor, annotation_id, can)
        scope: ReadScope = read_scope(session, actor, image_of(session, annotation_id), can)
    else:
        scope = scope_of_annotation(session, actor, annotation_id, version, can)
        names = names_in(session, version)
        known = find_in(session, scope, annotation_id, names)
    found = walk.verifications(session, scope, {known.id: known.revision}, actor.user_id, names)
    return VerificationOut.model_validate(found[known.id])


def _verifying(request: Request, actor: CurrentActor) -> Verifying:
    services = services_of(request)
    return Verifying(services.database, services.kernel.hooks, actor)


def _readers(session: Session, image_id: int) -> list[ReaderStateOut]:
    rows = session.execute(
        select(ImageReview, User)
        .join(User, User.id == ImageReview.reader_id)
        .where(ImageReview.image_id == image_id, ImageReview.valid_to == LIVE)
        .order_by(ImageReview.valid_from.desc())
    )
    return [
        ReaderStateOut(reader=PersonOut.of(user), state=row.state, reason=row.reason, at=row.at) for row, user in rows
    ]


def _region(item: ReviewItem) -> RegionOut | None:
    if item.kind != "region":
        return None
    return RegionOut.model_validate({name: getattr(item, name) for name in RegionOut.model_fields})
