"""Addresses of models: kinds, listing, uploading, reading, changing and deleting them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import TooLarge
from exact_core.auth.model_rights import ModelRights
from exact_core.models import places, service
from exact_core.models.built_in import keep_built_in
from exact_core.models.keeping import NewModel
from exact_core.models.kinds import kinds
from exact_core.models.receiving import receive_model
from exact_core.models.schemas import KindOut, ModelChange, ModelDetailOut, ModelPage, ModelUseOut, ModelUsePage
from exact_core.models.showing import shown, shown_kind, shown_whole
from exact_core.models.usage import uses_of
from exact_core.services import Services
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.versioning.access import live_version

router = APIRouter(prefix="/api/v2", tags=["models"])

Uuid = Annotated[str, Path(max_length=64, description="The permanent identity of the model.")]
_Number = Annotated[int | None, Query(ge=1, le=2**53)]
_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/model-kinds", summary="List kinds of models")
def list_kinds(request: Request, actor: CurrentActor) -> list[KindOut]:  # noqa: ARG001 (asks for a login)
    """What plugins and the core itself can run, with the settings of a run."""
    return [shown_kind(each) for each in kinds(services_of(request).kernel).values()]


@router.get("/models", summary="List models")
def list_models(
    request: Request,
    actor: CurrentActor,
    kind: Annotated[str, Query(max_length=130, description="Full name of a kind, or 'plugin.' for all of one.")] = "",
    image_set_id: _Number = None,
    version_id: _Number = None,
    q: Annotated[str, Query(max_length=200, description="Part of the name.")] = "",
    deleted: Annotated[bool, Query(description="Those that were deleted instead.")] = False,
    cursor: Annotated[str, Query(description="Where the page before ended.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ModelPage:
    """Pinned ones first, then the newest; built-in ones are among them."""
    services = services_of(request)
    before = None
    if cursor:
        pinned, number = read_cursor(cursor, bool, int)
        before = bool(pinned), int(number or 0)
    keep_built_in(services)
    wanted = service.Wanted(kind, image_set_id, version_id, q, deleted)
    with services.database.read() as session:
        found = service.list_models(session, actor, wanted, before=before, limit=limit)
        last = found[limit - 1] if len(found) > limit else None
        items = shown(services.kernel, session, actor, found[:limit])
    return ModelPage(items=items, next_cursor=write_cursor(last.is_pinned, last.id) if last else None)


@router.post("/models", status_code=201, summary="Upload a model", openapi_extra=_BYTES)
async def upload_model(
    request: Request,
    response: Response,
    actor: CurrentActor,
    image_set_id: _Number = None,
    team_id: _Number = None,
    version_id: _Number = None,
    kind: Annotated[str, Query(max_length=130, description="Empty to take the card's.")] = "",
    name: Annotated[str, Query(max_length=200, description="Empty to take the card's.")] = "",
    notes: Annotated[str, Query(max_length=2000)] = "",
    file_name: Annotated[str, Query(max_length=500, description="As it is called where it comes from.")] = "",
) -> ModelDetailOut:
    """The body is a ZIP archive of the model's folder; for who manages the image set, or leads the team.

    All files are checked before anything is kept. A team that has the same files already is told that model, with 200.
    """
    services = services_of(request)
    new = NewModel(name, kind, image_set_id, team_id, version_id, notes)
    most = places.limits_of(services.settings).total
    await run_in_threadpool(_require, services, actor, new)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > 2 * most:
        raise TooLarge(f"The archive is far larger than {most:,} bytes, the most that this server takes of a model.")
    kept = await receive_model(services, actor, new, file_name, request.stream())
    if not kept.is_new:
        response.status_code = 200
    return await run_in_threadpool(_shown, services, actor, kept.uuid)


@router.get("/models/{uuid}", summary="Read a model")
def read_model(request: Request, uuid: Uuid, actor: CurrentActor, session: DbSession) -> ModelDetailOut:
    """Its card and its files; of a deleted one also who deleted it, and why."""
    return shown_whole(services_of(request).kernel, session, actor, service.find_model(session, actor, uuid))


@router.get("/models/{uuid}/predictions", summary="List the predictions of a model")
def list_predictions(
    uuid: Uuid,
    actor: CurrentActor,
    session: DbSession,
    cursor: Annotated[str, Query(description="Where the page before ended.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ModelUsePage:
    """Runs on images that one may see, newest first; where the work of others is hidden, one's own and those shown."""
    model = service.find_model(session, actor, uuid)
    before = int(read_cursor(cursor, int)[0] or 0) if cursor else None
    found = uses_of(session, actor, model.uuid, before=before, limit=limit)
    items = [ModelUseOut.model_validate(each, from_attributes=True) for each in found[:limit]]
    return ModelUsePage(items=items, next_cursor=write_cursor(found[limit - 1].id) if len(found) > limit else None)


@router.patch("/models/{uuid}", summary="Rename a model, or write notes")
def change_model(request: Request, uuid: Uuid, change: ModelChange, actor: CurrentActor) -> ModelDetailOut:
    """Its files, and with them its card, cannot be changed."""
    services = services_of(request)
    with services.database.write() as session:
        model = service.change_model(session, actor, uuid, name=change.name, notes=change.notes)
        return shown_whole(services.kernel, session, actor, model)


@router.put("/models/{uuid}/pin", summary="Pin a model")
def pin_model(request: Request, uuid: Uuid, actor: CurrentActor) -> ModelDetailOut:
    """It comes first in lists and cannot be deleted."""
    return _pin(services_of(request), actor, uuid, is_pinned=True)


@router.delete("/models/{uuid}/pin", summary="Take the pin out of a model")
def unpin_model(request: Request, uuid: Uuid, actor: CurrentActor) -> ModelDetailOut:
    """It can be deleted again."""
    return _pin(services_of(request), actor, uuid, is_pinned=False)


@router.delete("/models/{uuid}", summary="Delete a model")
def delete_model(
    request: Request,
    uuid: Uuid,
    actor: CurrentActor,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="Why; it stays on record.")],
    permanently: Annotated[bool, Query(description="Remove its files now.")] = False,
) -> ModelDetailOut:
    """Its card stays, and predictions still name it. It can be restored for as long as things stay in the bin."""
    services = services_of(request)
    with services.database.write() as session:
        model = service.delete_model(session, actor, uuid, reason, permanently=permanently)
        session.flush()
        answer = shown_whole(services.kernel, session, actor, model)
    if permanently:
        services.blobs.remove(places.home_of(answer.uuid))
    return answer


@router.post("/models/{uuid}/restore", summary="Restore a deleted model")
def restore_model(request: Request, uuid: Uuid, actor: CurrentActor) -> ModelDetailOut:
    """While its files are there."""
    services = services_of(request)
    with services.database.write() as session:
        model = service.restore_model(services, session, actor, uuid)
        session.flush()
        return shown_whole(services.kernel, session, actor, model)


def _pin(services: Services, actor: Actor, uuid: str, *, is_pinned: bool) -> ModelDetailOut:
    with services.database.write() as session:
        model = service.pin_model(session, actor, uuid, is_pinned=is_pinned)
        return shown_whole(services.kernel, session, actor, model)


def _require(services: Services, actor: Actor, new: NewModel) -> None:
    """Refuse who may not add it before the first byte is read."""
    with services.database.read() as session:
        version = None if new.version_id is None else live_version(session, actor, new.version_id)
        image_set_id = version.image_set_id if version else new.image_set_id
        ModelRights(session, actor).require_keeping(image_set_id, new.team_id)


def _shown(services: Services, actor: Actor, uuid: str) -> ModelDetailOut:
    with services.database.read() as session:
        return shown_whole(services.kernel, session, actor, service.find_model(session, actor, uuid))
