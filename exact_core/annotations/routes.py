"""Addresses of annotations: changing them, listing them, counting them, and the binary view that viewers draw."""

import hashlib
import math
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import PydanticSerializationError
from starlette.types import Message

from exact_core.annotations import service, views, wire
from exact_core.annotations.geometry import INT32_MAX, INT32_MIN, MAX_VERTICES, Box
from exact_core.annotations.schemas import (
    AnnotationChangesIn,
    AnnotationOut,
    AnnotationPageOut,
    AnnotationPatchIn,
    ChangeSetOut,
    CountsOut,
    UndoStateOut,
)
from exact_core.annotations.scope import Frame, read_scope
from exact_core.annotations.undo import undo_state
from exact_core.annotations.writing import Delete
from exact_core.api.contributions import Shape
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Invalid, TooLarge
from exact_core.review.verdicts import Verification
from exact_core.storage.idempotency import Repeat
from exact_core.versioning.access import names_in, scope_of_annotation, scope_shown

MAX_BODY = 64 * 1024 * 1024
MAX_LISTS = MAX_VERTICES + 200_000
"""Lists in a request: vertices, rings, and what holds them. Counted in the bytes, because a parsed vertex takes twenty
times the room."""


class _BoundedRoute(APIRoute):
    """Refuses a body over the limit before it is in memory, also when its length is not announced."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            announced = request.headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > MAX_BODY:
                raise _too_large()
            body = bytearray()
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:
                    raise _too_large()
            if body.count(b"[") > MAX_LISTS:
                raise TooLarge(
                    f"The request has over {MAX_VERTICES:,} vertices; simplify them, or send several requests."
                )

            async def receive() -> Message:
                return {"type": "http.request", "body": bytes(body), "more_body": False}

            return await handle(Request(request.scope, receive))

        return bounded


router = APIRouter(prefix="/api/v2", tags=["annotations"], route_class=_BoundedRoute)

_Frame = Annotated[int, Query(ge=-1, le=32767, description="-1 for every one.")]
_Pixel = Annotated[float, Query(ge=INT32_MIN, le=INT32_MAX, allow_inf_nan=False, description="Level-0 pixel.")]
_Version = Annotated[int | None, Query(description="As it was in this version; the present when left out.")]
_Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Makes sending the request again harmless.")]


@router.post("/images/{image_id}/annotation-changes", summary="Change annotations", response_model=ChangeSetOut)
def change_annotations(
    request: Request, image_id: int, changes: AnnotationChangesIn, actor: CurrentActor, idempotency_key: _Key = None
) -> Response:
    """Do ordered operations on an image as one revision, all or nothing."""
    operations = [operation.value() for operation in changes.operations]
    body = _written(changes) if idempotency_key else ""
    repeat = Repeat(actor, idempotency_key, request.method, request.url.path, body)
    return _json(_annotations(request, actor).apply(image_id, operations, changes.reason, repeat, run=changes.run))


@router.get("/images/{image_id}/annotations", summary="List annotations", response_model=AnnotationPageOut)
def list_annotations(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    type_id: Annotated[list[int], Query(description="Only these types.")] = [],  # noqa: B006 - FastAPI copies it
    author_id: Annotated[list[int], Query(description="Only these authors.")] = [],  # noqa: B006
    verification: Annotated[Verification | None, Query(description="Only in this state of verification.")] = None,
    z: _Frame = -1,
    t: _Frame = -1,
    c: _Frame = -1,
    cursor: Annotated[str | None, Query(description="Where the page before ended.")] = None,
    shape: Annotated[list[Shape], Query(description="Only these shapes.")] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=service.MAX_PAGE)] = 100,
    newest_first: bool = False,
    version: _Version = None,
) -> Response:
    """The annotations that the actor may see, page by page in the order of drawing."""
    scope = scope_shown(session, actor, image_id, version, services_of(request).snapshot.can)
    filters = service.Filters(type_id, author_id, shape, Frame(z, t, c), verification)
    names = names_in(session, version)
    found = service.page(session, scope, filters, cursor=cursor, limit=limit, newest_first=newest_first, names=names)
    return _json(service.as_json(found))


@router.get("/images/{image_id}/annotation-counts", summary="Count annotations")
def count_annotations(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    z: _Frame = -1,
    t: _Frame = -1,
    c: _Frame = -1,
    version: _Version = None,
) -> CountsOut:
    """Annotations per type and author, as far as the actor may see them."""
    scope = scope_shown(session, actor, image_id, version, services_of(request).snapshot.can)
    names = names_in(session, version)
    return CountsOut.model_validate(service.counts(session, scope, Frame(z, t, c), names))


@router.get(
    "/images/{image_id}/annotation-view",
    summary="View annotations",
    response_class=Response,
    responses={200: {"content": {wire.MEDIA_TYPE: {}}}, 304: {"description": "What the client has is current."}},
)
def view_annotations(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    x0: _Pixel,
    y0: _Pixel,
    x1: _Pixel,
    y1: _Pixel,
    scale: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Screen per image pixels.")] = None,
    z: _Frame = -1,
    t: _Frame = -1,
    c: _Frame = -1,
    limit: Annotated[int, Query(ge=1, le=views.MAX_LIMIT)] = views.DEFAULT_LIMIT,
    version: _Version = None,
) -> Response:
    """Everything in a rectangle as typed arrays: whole shapes, or centroids and counts where there are too many."""
    if x1 < x0 or y1 < y0:
        raise Invalid("The rectangle is empty: x1 must not be less than x0, nor y1 less than y0.")
    scope = scope_shown(session, actor, image_id, version, services_of(request).snapshot.can)
    box = Box(math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1))
    asked = views.ViewRequest(box, scale, Frame(z, t, c), limit)
    accepted = request.headers.get("accept-encoding", "")
    identity = f"{image_id} {scope.revision} {scope.tag} {asked} {wire.chosen_encoding(accepted)}"
    etag = f'"{hashlib.sha256(identity.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Cookie, Authorization"}
    if etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    body, encoding = wire.compressed(views.view(session, scope, asked), accepted)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(body, media_type=wire.MEDIA_TYPE, headers=headers)


@router.get("/annotations/{annotation_id}", summary="Read an annotation", response_model=AnnotationOut)
def read_annotation(
    request: Request, annotation_id: int, actor: CurrentActor, session: DbSession, version: _Version = None
) -> Response:
    """One annotation; a deleted one says so. Of a version only what was there."""
    can = services_of(request).snapshot.can
    if version is None:
        known = service.find_one(session, actor, annotation_id, can)
    else:
        known = service.find_in(
            session, scope_of_annotation(session, actor, annotation_id, version, can), annotation_id,
            names_in(session, version),
        )  # fmt: skip
    return _json(service.as_json(known.to_json()))


@router.patch("/annotations/{annotation_id}", summary="Change an annotation", response_model=AnnotationOut)
def change_annotation(
    request: Request, annotation_id: int, changes: AnnotationPatchIn, actor: CurrentActor
) -> Response:
    """Change what is given of one annotation."""
    operation = changes.update(annotation_id, changes.base_revision)
    known = _annotations(request, actor).change_one(annotation_id, operation, changes.reason)
    return _json(service.as_json(known.to_json()))


@router.delete("/annotations/{annotation_id}", summary="Delete an annotation", response_model=AnnotationOut)
def delete_annotation(
    request: Request,
    annotation_id: int,
    actor: CurrentActor,
    base_revision: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Delete one annotation; its history stays, and undo brings it back."""
    known = _annotations(request, actor).change_one(annotation_id, Delete(annotation_id, base_revision))
    return _json(service.as_json(known.to_json()))


@router.get("/images/{image_id}/undo-state", summary="What can be undone")
def read_undo_state(request: Request, image_id: int, actor: CurrentActor, session: DbSession) -> UndoStateOut:
    """Whether the actor has own changes on the image to undo or redo, and what they are called."""
    read_scope(session, actor, image_id, services_of(request).snapshot.can)
    return UndoStateOut.model_validate(undo_state(session, image_id, actor.user_id).to_json())


@router.post("/images/{image_id}/undo", summary="Undo", response_model=ChangeSetOut)
def undo_change(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    revision: Annotated[int | None, Query(ge=1, description="Refuse unless this is the change to take back.")] = None,
) -> Response:
    """Take back the actor's last own change on the image."""
    return _json(service.as_json(_annotations(request, actor).undo(image_id, revision).to_json()))


@router.post("/images/{image_id}/redo", summary="Redo", response_model=ChangeSetOut)
def redo_change(request: Request, image_id: int, actor: CurrentActor) -> Response:
    """Bring back the actor's last own change that was undone on the image."""
    return _json(service.as_json(_annotations(request, actor).redo(image_id).to_json()))


def _annotations(request: Request, actor: CurrentActor) -> service.Annotations:
    services = services_of(request)
    return service.Annotations(services.database, services.kernel.hooks, actor)


def _written(changes: AnnotationChangesIn) -> str:
    """The request in one way of writing, to know it again."""
    try:
        return changes.model_dump_json()
    except PydanticSerializationError:
        raise Invalid("The request is nested too deeply to be one that draws shapes.") from None


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _too_large() -> TooLarge:
    return TooLarge(f"The request is over {MAX_BODY // 2**20} MiB; send the annotations in several requests.")
