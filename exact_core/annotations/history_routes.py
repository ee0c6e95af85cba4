"""Addresses of history, trash and reverting: of one annotation, of an image, and of an image set."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from exact_core.annotations import describing, history, reverting, shape_history, trash
from exact_core.annotations.change_details import type_names
from exact_core.annotations.history_schemas import (
    HistoryOut,
    ReportOut,
    RestoreIn,
    RevertIn,
    RevertShapeIn,
    ShapeHistoryOut,
    ShapeRevertOut,
    TrashOut,
)
from exact_core.annotations.reversals import Reversals, shape_change
from exact_core.annotations.service import as_json, find_one, read_scope_for
from exact_core.annotations.states import with_state
from exact_core.annotations.writing import MAX_RUN, Writer
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.storage.models import now

router = APIRouter(prefix="/api/v2", tags=["history"])

_MAX_ID = 2**53
_Cursor = Annotated[str | None, Query(description="Where the page before ended.")]
_Limit = Annotated[int, Query(ge=1, le=history.MAX_PAGE)]
_Ids = Annotated[list[Annotated[int, Query(ge=1, le=_MAX_ID)]], Query(max_length=200)]
_Kinds = Annotated[list[Annotated[str, Query(max_length=12)]], Query(max_length=20)]
_Run = Annotated[str | None, Query(max_length=MAX_RUN, description="Only this model run, import or job.")]
_Time = Annotated[datetime | None, Query(description="With a zone; UTC when it has none.")]
_Preview = Annotated[bool, Query(description="Only say what would happen.")]


@router.get("/annotations/{annotation_id}/history", summary="History of an annotation", response_model=ShapeHistoryOut)
def annotation_history(
    request: Request,
    annotation_id: int,
    actor: CurrentActor,
    session: DbSession,
    cursor: _Cursor = None,
    limit: Annotated[int, Query(ge=1, le=shape_history.MAX_PAGE)] = 50,
) -> Response:
    """Every state of an annotation, newest first: who, when, why, and what changed in words."""
    can = services_of(request).snapshot.can
    known = find_one(session, actor, annotation_id, can)
    scope = read_scope_for(session, actor, known.image_id, annotation_id, can)
    return _json(as_json(shape_history.page(session, scope, known, cursor=cursor, limit=limit)))


@router.post("/annotations/{annotation_id}/revert", summary="Set an annotation back", response_model=ShapeRevertOut)
def revert_annotation(
    request: Request,
    annotation_id: int,
    wanted: RevertShapeIn,
    actor: CurrentActor,
    session: DbSession,
    preview: _Preview = False,
) -> Response:
    """Give an annotation the state that it had at a revision; a deleted one comes back."""
    can = services_of(request).snapshot.can
    known = find_one(session, actor, annotation_id, can)
    if preview:
        writer = Writer(session, actor, known.image_id, can, None, looks_only=True)
        change = shape_change(writer, known, wanted.revision)
        after = with_state(known, change.after, known.revision, now())
    else:
        after = _reversals(request, actor).revert_shape(
            annotation_id, wanted.revision, wanted.base_revision, wanted.reason
        )
    names = type_names(session, {state.type_id for state in (known.state, after.state) if state})
    what = describing.of_shape(known.state, after.state, names, is_new=False)
    return _json(as_json({"preview": preview, "what": what, "annotation": after.to_json()}))


@router.get("/images/{image_id}/history", summary="History of an image", response_model=HistoryOut)
def image_history(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    actor_id: _Ids = [],  # noqa: B006 - FastAPI copies it
    kind: _Kinds = [],  # noqa: B006
    run: _Run = None,
    since: _Time = None,
    until: _Time = None,
    cursor: _Cursor = None,
    limit: _Limit = 50,
) -> Response:
    """What was done to the annotations of an image, newest first, with the sessions that it belongs to."""
    log = history.log_of_image(session, actor, image_id, services_of(request).snapshot.can)
    filters = history.Filters(actor_id, kind, run, _utc(since), _utc(until))
    return _json(as_json(history.page(session, log, filters, cursor=cursor, limit=limit)))


@router.get("/image-sets/{image_set_id}/history", summary="History of an image set", response_model=HistoryOut)
def image_set_history(
    request: Request,
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    actor_id: _Ids = [],  # noqa: B006
    kind: _Kinds = [],  # noqa: B006
    run: _Run = None,
    since: _Time = None,
    until: _Time = None,
    cursor: _Cursor = None,
    limit: _Limit = 50,
) -> Response:
    """What was done to the annotations of an image set, newest first, with the sessions that it belongs to."""
    log = history.log_of_set(session, actor, image_set_id, services_of(request).snapshot.can)
    filters = history.Filters(actor_id, kind, run, _utc(since), _utc(until))
    return _json(as_json(history.page(session, log, filters, cursor=cursor, limit=limit)))


@router.post("/images/{image_id}/revert", summary="Set an image back", response_model=ReportOut)
def revert_image(
    request: Request,
    image_id: int,
    wanted: RevertIn,
    actor: CurrentActor,
    session: DbSession,
    preview: _Preview = False,
) -> Response:
    """Take back a session, a run or a change set on one image, or set the image to a revision."""
    can = services_of(request).snapshot.can
    log = history.log_of_image(session, actor, image_id, can)
    if preview:
        report = reverting.preview(session, actor, can, log, wanted.target())
    else:
        report = _reversals(request, actor).revert(wanted.target(), wanted.reason, image_id=image_id)
    return _json(as_json(report.to_json()))


@router.post("/image-sets/{image_set_id}/revert", summary="Set an image set back", response_model=ReportOut)
def revert_image_set(
    request: Request,
    image_set_id: int,
    wanted: RevertIn,
    actor: CurrentActor,
    session: DbSession,
    preview: _Preview = False,
) -> Response:
    """Take back a session, a run or a change set on all images, or set the whole set to a revision."""
    can = services_of(request).snapshot.can
    log = history.log_of_set(session, actor, image_set_id, can)
    if preview:
        report = reverting.preview(session, actor, can, log, wanted.target())
    else:
        report = _reversals(request, actor).revert(wanted.target(), wanted.reason, image_set_id=image_set_id)
    return _json(as_json(report.to_json()))


@router.get("/images/{image_id}/trash", summary="Deleted annotations of an image", response_model=TrashOut)
def image_trash(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    type_id: _Ids = [],  # noqa: B006
    deleted_by: _Ids = [],  # noqa: B006
    cursor: _Cursor = None,
    limit: _Limit = 50,
) -> Response:
    """Deleted annotations of an image that can be restored, the last deleted first."""
    services = services_of(request)
    log = history.log_of_image(session, actor, image_id, services.snapshot.can)
    filters = trash.TrashFilters(type_id, deleted_by)
    found = trash.page(session, log, filters, services.settings.trash_days, cursor=cursor, limit=limit)
    return _json(as_json(found))


@router.get("/image-sets/{image_set_id}/trash", summary="Deleted annotations of an image set", response_model=TrashOut)
def image_set_trash(
    request: Request,
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    type_id: _Ids = [],  # noqa: B006
    deleted_by: _Ids = [],  # noqa: B006
    cursor: _Cursor = None,
    limit: _Limit = 50,
) -> Response:
    """Deleted annotations of an image set that can be restored, the last deleted first."""
    services = services_of(request)
    log = history.log_of_set(session, actor, image_set_id, services.snapshot.can)
    filters = trash.TrashFilters(type_id, deleted_by)
    found = trash.page(session, log, filters, services.settings.trash_days, cursor=cursor, limit=limit)
    return _json(as_json(found))


@router.post("/images/{image_id}/trash/restore", summary="Restore annotations of an image", response_model=ReportOut)
def restore_in_image(request: Request, image_id: int, wanted: RestoreIn, actor: CurrentActor) -> Response:
    """Bring deleted annotations of an image back as one change; those that cannot come back are named."""
    days = services_of(request).settings.trash_days
    report = _reversals(request, actor).restore(wanted.ids, wanted.reason, days, image_id=image_id)
    return _json(as_json(report.to_json()))


@router.post(
    "/image-sets/{image_set_id}/trash/restore", summary="Restore annotations of an image set", response_model=ReportOut
)
def restore_in_image_set(request: Request, image_set_id: int, wanted: RestoreIn, actor: CurrentActor) -> Response:
    """Bring deleted annotations back, one change per image; those that cannot come back are named."""
    days = services_of(request).settings.trash_days
    report = _reversals(request, actor).restore(wanted.ids, wanted.reason, days, image_set_id=image_set_id)
    return _json(as_json(report.to_json()))


def _reversals(request: Request, actor: CurrentActor) -> Reversals:
    services = services_of(request)
    return Reversals(services.database, services.kernel.hooks, actor)


def _utc(at: datetime | None) -> datetime | None:
    """A time with a zone; people leave it out."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
