"""Addresses of the files that belong to a version."""

from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import NotFound, TooLarge
from exact_core.services import Services
from exact_core.storage.idempotency import Repeat
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning import artefacts
from exact_core.versioning.access import live_version, require_all
from exact_core.versioning.schemas import ArtefactOut
from exact_core.versioning.showing import shown_artefact

router = APIRouter(prefix="/api/v2", tags=["versions"])

_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Makes sending the request again harmless.")]


@router.get("/versions/{version_id}/artefacts", summary="List the files of a version")
def list_artefacts(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> list[ArtefactOut]:
    """Figures, models, predictions and other files, in the order in which they came."""
    can = services_of(request).snapshot.can
    version = live_version(session, actor, version_id, can)
    require_all(session, actor, version.image_set_id, can)
    return [shown_artefact(artefact) for artefact in artefacts.artefacts_of(session, version_id)]


@router.post(
    "/versions/{version_id}/artefacts",
    status_code=201,
    summary="Attach a file to a version",
    response_model=ArtefactOut,
    openapi_extra=_BYTES,
)
async def attach(
    request: Request,
    version_id: int,
    actor: CurrentActor,
    name: Annotated[str, Query(min_length=1, max_length=200, description="File name.")],
    kind: Annotated[Literal["metrics", "model", "prediction", "file"], Query()] = "file",
    description: Annotated[str, Query(max_length=1000)] = "",
    idempotency_key: _Key = None,
) -> Response:
    """The body is the file, and its Content-Type is kept; for reviewers and managers of the set."""
    services = services_of(request)
    media_type = request.headers.get("content-type", "application/octet-stream")
    known = artefacts.checked(artefacts.NewArtefact(name, kind, media_type, description))
    most = services.settings.max_upload_bytes
    await run_in_threadpool(_require, services, actor, version_id)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"The file is larger than {most:,} bytes, the most that this server takes.")
    path, sha256, size = await artefacts.receive(services, version_id, request.stream(), most)
    repeat = Repeat(actor, idempotency_key, request.method, str(request.url.path), str(known), sha256)
    body, is_new = await run_in_threadpool(_keep, services, actor, version_id, known, (path, sha256, size), repeat)
    if not is_new:
        artefacts.discard(services, path)
    return Response(body, 201, media_type="application/json")


def _require(services: Services, actor: Actor, version_id: int) -> None:
    with services.database.read() as session:
        artefacts.require_attach(session, actor, version_id)


def _keep(
    services: Services,
    actor: Actor,
    version_id: int,
    known: artefacts.NewArtefact,
    received: tuple[str, str, int],
    repeat: Repeat,
) -> tuple[bytes, bool]:
    """The answer, and whether the received file is kept."""
    try:
        with services.database.write() as session:
            artefacts.require_attach(session, actor, version_id)
            seen = repeat.claim(session)
            if seen is not None:
                return seen.body, False
            artefact = artefacts.attach(session, actor, version_id, known, *received)
            body = shown_artefact(artefact).model_dump_json().encode()
            repeat.keep(session, 201, body)
            return body, True
    except BaseException:
        with suppress(OSError):
            artefacts.discard(services, received[0])
        raise


@router.get("/version-artefacts/{artefact_id}", summary="Describe a file of a version")
def read_artefact(artefact_id: int, actor: CurrentActor, session: DbSession) -> ArtefactOut:
    """Name, kind, size and hash."""
    return shown_artefact(artefacts.find_artefact(session, actor, artefact_id))


@router.get(
    "/version-artefacts/{artefact_id}/file",
    summary="Download a file of a version",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def download_artefact(request: Request, artefact_id: int, actor: CurrentActor, session: DbSession) -> FileResponse:
    """The bytes as they came; always as an attachment, never shown by the browser."""
    artefact = artefacts.find_artefact(session, actor, artefact_id)
    path = services_of(request).blobs.path(artefact.path)
    if not path.is_file():
        raise NotFound(f"The file {artefact.name!r} is missing on the server; an administrator can restore it.")
    headers = {
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": f'"{artefact.sha256}"',
    }
    return FileResponse(path, media_type=artefact.media_type, filename=artefact.name, headers=headers)


@router.delete("/version-artefacts/{artefact_id}", status_code=204, summary="Remove a file of a version")
def remove_artefact(request: Request, artefact_id: int, actor: CurrentActor) -> None:
    """For who attached it, for who made the version, and for administrators."""
    services = services_of(request)
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        artefacts.remove_artefact(services, uow, artefact_id)
