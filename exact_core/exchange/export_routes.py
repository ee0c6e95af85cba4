"""Addresses of exports and of users' own templates."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import Conflict, NotFound
from exact_core.exchange import exports, templates
from exact_core.exchange.exporting import Wanted, open_document
from exact_core.exchange.schemas import (
    ExportIn,
    ExportOut,
    ReportOut,
    TemplateIn,
    TemplateOut,
    TemplatePreviewIn,
    TemplatePreviewOut,
    TemplateProblem,
)
from exact_core.exchange.template_format import filled, first_annotations
from exact_core.exchange.template_language import Budget, TemplateFailure
from exact_core.exchange.template_values import PLACEHOLDERS
from exact_core.storage.models import AnnotationExport, ExportTemplate, Job

router = APIRouter(prefix="/api/v2", tags=["exchange"])

ExportId = Annotated[int, Path(ge=1, le=2**53)]
TemplateId = Annotated[int, Path(ge=1, le=2**53)]
ProductId = Annotated[int, Path(ge=1, le=2**53)]
_TRIED = 5  # annotations of a preview
_SHOWN = 40_000  # characters of a preview


@router.post("/image-sets/{image_set_id}/annotation-exports", status_code=201, summary="Export annotations")
def create_export(request: Request, access: ImageSetAccess, actor: CurrentActor, wanted: ExportIn) -> ExportOut:
    """A job writes the file, with what the one who asks may see; ask for the export until it is done."""
    services = services_of(request)
    found = exports.create(services, actor, access.image_set_id, wanted.wish())
    with services.database.read() as session:
        return _shown(session, exports.find(session, actor, found.id))


@router.get("/image-sets/{image_set_id}/annotation-exports", summary="List one's own exports")
def list_exports(access: ImageSetAccess, actor: CurrentActor, session: DbSession) -> list[ExportOut]:
    """Newest first; files are kept for some days."""
    return [_shown(session, each) for each in exports.listed(session, actor, access.image_set_id)]


@router.get("/annotation-exports/{export_id}", summary="Show an export")
def show_export(export_id: ExportId, actor: CurrentActor, session: DbSession) -> ExportOut:
    """How far it is, and what its format could not hold."""
    return _shown(session, exports.find(session, actor, export_id))


@router.get(
    "/annotation-exports/{export_id}/file",
    summary="Download an export",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def download_export(request: Request, export_id: ExportId, actor: CurrentActor, session: DbSession) -> FileResponse:
    """The file, for the one who asked for it."""
    found = exports.find(session, actor, export_id)
    if found.state != "done":
        raise Conflict(f"The export is {found.state}; {found.message or 'wait until it is done'}.")
    path = services_of(request).blobs.path(found.path)
    if not path.is_file():
        raise NotFound("The file of this export is no longer there; export again.")
    headers = {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return FileResponse(path, media_type=found.media_type, filename=found.file_name, headers=headers)


@router.delete("/annotation-exports/{export_id}", status_code=204, summary="Remove an export")
def remove_export(request: Request, export_id: ExportId, actor: CurrentActor) -> None:
    """The file is removed from the server."""
    exports.remove(services_of(request), actor, export_id)


@router.get("/image-sets/{image_set_id}/export-templates", summary="List export templates of an image set")
def list_templates(access: ImageSetAccess, actor: CurrentActor, session: DbSession) -> list[TemplateOut]:
    """Its own, then those of its products."""
    found = templates.templates_of_set(session, actor, access.image_set_id)
    return [_template(session, actor, each) for each in found]


@router.post(
    "/image-sets/{image_set_id}/export-templates", status_code=201, summary="Make an export template of an image set"
)
def create_template(request: Request, access: ImageSetAccess, actor: CurrentActor, new: TemplateIn) -> TemplateOut:
    """For managers of the set."""
    with services_of(request).database.write() as session:
        found = templates.create(session, actor, new.model_dump(), image_set_id=access.image_set_id)
        return _template(session, actor, found)


@router.get("/products/{product_id}/export-templates", summary="List export templates of a product")
def list_product_templates(product_id: ProductId, actor: CurrentActor, session: DbSession) -> list[TemplateOut]:
    """They can be used in every image set that uses the product."""
    return [_template(session, actor, each) for each in templates.templates_of_product(session, actor, product_id)]


@router.post("/products/{product_id}/export-templates", status_code=201, summary="Make an export template of a product")
def create_product_template(
    request: Request, product_id: ProductId, actor: CurrentActor, new: TemplateIn
) -> TemplateOut:
    """For leads of the product's team."""
    with services_of(request).database.write() as session:
        found = templates.create(session, actor, new.model_dump(), product_id=product_id)
        return _template(session, actor, found)


@router.get("/export-templates/{template_id}", summary="Show an export template")
def show_template(template_id: TemplateId, actor: CurrentActor, session: DbSession) -> TemplateOut:
    """Its texts."""
    return _template(session, actor, templates.find(session, actor, template_id))


@router.put("/export-templates/{template_id}", summary="Change an export template")
def change_template(request: Request, template_id: TemplateId, actor: CurrentActor, changed: TemplateIn) -> TemplateOut:
    """All of its texts are replaced."""
    with services_of(request).database.write() as session:
        found = templates.change(session, actor, template_id, changed.model_dump())
        return _template(session, actor, found)


@router.delete("/export-templates/{template_id}", status_code=204, summary="Delete an export template")
def delete_template(request: Request, template_id: TemplateId, actor: CurrentActor) -> None:
    """Files that were made with it stay."""
    with services_of(request).database.write() as session:
        templates.delete(session, actor, template_id)


@router.get("/export-template-placeholders", summary="What export templates can say")
def list_placeholders(_actor: CurrentActor) -> dict[str, str]:
    """Placeholders, and what they stand for."""
    return dict(PLACEHOLDERS)


@router.post("/image-sets/{image_set_id}/export-template-preview", summary="Try an export template")
def preview_template(
    request: Request, access: ImageSetAccess, actor: CurrentActor, tried: TemplatePreviewIn
) -> TemplatePreviewOut:
    """On a few annotations that the one who asks may see and export; a template that is wrong is told with its line."""
    image_ids = None if tried.image_id is None else (tried.image_id,)
    document = open_document(services_of(request).database, actor, Wanted(access.image_set_id, image_ids))
    few = first_annotations(document, tried.image_id, _TRIED)
    texts = templates.texts_of(tried.model_dump(exclude={"image_id"}))
    count = sum(1 for image in few.images for _ in few.shapes(image))
    found: list[str] = []
    length = 0
    try:
        for piece in filled(texts, few, Budget(each=1.0, whole=2.0)):
            found.append(piece)
            length += len(piece)
            if length > _SHOWN:
                break
    except TemplateFailure as failure:
        problem = TemplateProblem(part=failure.part, line=failure.line, message=failure.reason)
        return TemplatePreviewOut(text="".join(found)[:_SHOWN], annotations=count, problem=problem)
    return TemplatePreviewOut(text="".join(found)[:_SHOWN], annotations=count, is_cut=length > _SHOWN)


def _shown(session: Session, found: AnnotationExport) -> ExportOut:
    job = session.get(Job, found.job_id) if found.job_id else None
    progress = 1.0 if found.state != "writing" else job.progress if job else 0.0
    left_out = ("progress", "report")
    columns = {name: getattr(found, name) for name in ExportOut.model_fields if name not in left_out}
    return ExportOut(progress=progress, report=ReportOut(**found.report), **columns)


def _template(session: Session, actor: Actor, found: ExportTemplate) -> TemplateOut:
    columns = {name: getattr(found, name) for name in TemplateOut.model_fields if name != "may_edit"}
    return TemplateOut(may_edit=templates.may_edit(session, actor, found), **columns)
