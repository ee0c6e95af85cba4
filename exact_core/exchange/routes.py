"""Addresses of imports: a file is sent, looked at by a job, previewed, imported by a job, and taken back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import TooLarge
from exact_core.exchange import imports
from exact_core.exchange.plugin_formats import formats_in
from exact_core.exchange.receiving import receive
from exact_core.exchange.schemas import FormatOut, ImportOptions, ImportOut, PreviewIn
from exact_core.services import Services
from exact_core.storage.models import AnnotationImport, Job

router = APIRouter(prefix="/api/v2", tags=["exchange"])

ImportId = Annotated[int, Path(ge=1, le=2**53)]
_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/image-sets/{image_set_id}/annotation-formats", summary="List formats of annotation files")
def list_formats(request: Request, access: ImageSetAccess) -> list[FormatOut]:
    """The core's formats, and those of the plugins that are on in the image set."""
    return [
        FormatOut(
            name=each.name,
            title=each.title,
            extension=each.extension,
            can_import=each.read is not None,
            can_export=each.write is not None,
            one_image=each.one_image,
            plugin=each.plugin,
        )
        for each in formats_in(services_of(request).kernel, access.image_set_id)
    ]


@router.post(
    "/image-sets/{image_set_id}/annotation-imports",
    status_code=201,
    summary="Send a file of annotations",
    openapi_extra=_BYTES,
)
async def send_file(
    request: Request,
    image_set_id: int,
    actor: CurrentActor,
    name: Annotated[str, Query(min_length=1, max_length=500, description="File name.")],
    format: Annotated[str, Query(max_length=80, description="Empty to find it out.")] = "",
    image_id: Annotated[int | None, Query(ge=1, le=2**53, description="The image that all shapes are for.")] = None,
) -> ImportOut:
    """The body is the file. A job looks at it and changes nothing; ask for the import until its preview is ready."""
    services = services_of(request)
    most = services.settings.max_annotation_file_bytes
    imports.checked_name(name)
    await run_in_threadpool(_require, services, actor, image_set_id, image_id)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"The file is larger than {most:,} bytes, the most that this server takes.")
    folder = imports.new_folder()
    size = await receive(services, f"{folder}/{imports.SOURCE}", request.stream(), most)
    return await run_in_threadpool(_create, services, actor, image_set_id, image_id, name, format, folder, size)


@router.get("/image-sets/{image_set_id}/annotation-imports", summary="List imports of annotations")
def list_imports(request: Request, access: ImageSetAccess, actor: CurrentActor, session: DbSession) -> list[ImportOut]:
    """One's own, newest first; everybody's for those who manage the set."""
    services = services_of(request)
    return [shown(services, session, each) for each in imports.listed(session, actor, access.image_set_id)]


@router.get("/annotation-imports/{import_id}", summary="Show an import of annotations")
def show_import(request: Request, import_id: ImportId, actor: CurrentActor, session: DbSession) -> ImportOut:
    """How far it is, what it would do, and what it did."""
    return shown(services_of(request), session, imports.find(session, actor, import_id))


@router.post("/annotation-imports/{import_id}/preview", summary="Look at a file of annotations again")
def preview_again(request: Request, import_id: ImportId, actor: CurrentActor, wanted: PreviewIn) -> ImportOut:
    """With other options, for another image, or as another format; nothing is changed."""
    services = services_of(request)
    found = imports.preview_again(
        services, actor, import_id, wanted.options(), image_id=wanted.image_id, asked_format=wanted.format
    )
    return _shown_again(services, actor, found.id)


@router.post("/annotation-imports/{import_id}/start", summary="Import annotations")
def start_import(request: Request, import_id: ImportId, actor: CurrentActor, options: ImportOptions) -> ImportOut:
    """A job imports all of the file, or nothing, as one change of each image."""
    services = services_of(request)
    return _shown_again(services, actor, imports.start(services, actor, import_id, options.options()).id)


@router.post("/annotation-imports/{import_id}/undo", summary="Take an import of annotations back")
def undo_import(request: Request, import_id: ImportId, actor: CurrentActor) -> ImportOut:
    """A job sets back what the import did; what was changed since is left as it is, and told."""
    services = services_of(request)
    return _shown_again(services, actor, imports.undo(services, actor, import_id).id)


@router.delete("/annotation-imports/{import_id}", status_code=204, summary="Discard an import")
def discard_import(request: Request, import_id: ImportId, actor: CurrentActor) -> None:
    """Its file is removed; annotations stay."""
    imports.discard(services_of(request), actor, import_id)


def shown(services: Services, session: Session, found: AnnotationImport) -> ImportOut:
    """An import as it is answered."""
    job = session.get(Job, found.job_id) if found.job_id else None
    progress, doing = imports.progress_of(services, found, job)
    columns = {name: getattr(found, name) for name in ImportOut.model_fields if name not in ("progress", "doing")}
    return ImportOut(progress=progress, doing=doing, **columns)


def _shown_again(services: Services, actor: Actor, import_id: int) -> ImportOut:
    with services.database.read() as session:
        return shown(services, session, imports.find(session, actor, import_id))


def _require(services: Services, actor: Actor, image_set_id: int, image_id: int | None) -> None:
    with services.database.read() as session:
        imports.require_import(session, actor, image_set_id, image_id)


def _create(
    services: Services,
    actor: Actor,
    image_set_id: int,
    image_id: int | None,
    name: str,
    format: str,
    folder: str,
    size: int,
) -> ImportOut:
    try:
        found = imports.create(
            services, actor, image_set_id, image_id=image_id, file_name=name, asked_format=format, folder=folder,
            size=size,
        )  # fmt: skip
    except BaseException:
        imports.remove_folder(services, folder)
        raise
    return _shown_again(services, actor, found.id)
