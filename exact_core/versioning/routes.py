"""Addresses of versions: making, listing, reading and deleting them, their manifests, and what was frozen."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import select

from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import Version
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning import manifest, service
from exact_core.versioning.access import find_version, live_version, open_version, require_all
from exact_core.versioning.manifest_job import check_version
from exact_core.versioning.schemas import (
    FrozenTypesOut,
    ManifestCheckOut,
    VersionChange,
    VersionImagePage,
    VersionIn,
    VersionOut,
    VersionPage,
)
from exact_core.versioning.showing import frozen_types, images_page, shown

router = APIRouter(prefix="/api/v2", tags=["versions"])

_Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Makes sending the request again harmless.")]


@router.get("/image-sets/{image_set_id}/versions", summary="List the versions of an image set")
def list_versions(
    request: Request,
    access: ImageSetAccess,
    session: DbSession,
    name: Annotated[str, Query(max_length=200, description="Only the version of this name.")] = "",
    deleted: Annotated[bool, Query(description="Also those that were deleted.")] = False,
    cursor: Annotated[str, Query(description="Where the page before ended.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> VersionPage:
    """Newest first."""
    statement = select(Version).where(Version.image_set_id == access.image_set_id).order_by(Version.id.desc())
    if not deleted:
        statement = statement.where(Version.deleted_at.is_(None))
    if name:
        statement = statement.where(Version.name == name)
    if cursor:
        statement = statement.where(Version.id < _number(cursor))
    found = session.scalars(statement.limit(limit + 1)).all()
    more = len(found) > limit
    items = shown(session, access.actor, found[:limit], services_of(request).snapshot.can)
    return VersionPage(items=items, next_cursor=str(found[limit - 1].id) if more else None)


@router.post(
    "/image-sets/{image_set_id}/versions", status_code=201, summary="Make a version", response_model=VersionOut
)
def create_version(
    request: Request, image_set_id: int, new: VersionIn, actor: CurrentActor, idempotency_key: _Key = None
) -> Response:
    """Name the set's annotations as they are now, and freeze images, products, members and settings; for managers.

    It takes as long with a million annotations as with none. The manifest is written afterwards.
    """
    services = services_of(request)
    repeat = Repeat(actor, idempotency_key, request.method, request.url.path, new.model_dump_json())
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        Rights(uow.session).require(actor, Right.MANAGE, image_set_id)  # before a kept answer is given again
        seen = repeat.claim(uow.session)
        if seen is not None:
            return Response(seen.body, seen.status, media_type="application/json")
        version = service.create_version(services, uow, image_set_id, new.name, new.description)
        body = shown(uow.session, actor, [version], services.snapshot.can)[0].model_dump_json().encode()
        repeat.keep(uow.session, 201, body)
    return Response(body, 201, media_type="application/json")


@router.get("/versions/{version_id}", summary="Read a version")
def read_version(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> VersionOut:
    """One version; of a deleted one who deleted it, and why."""
    can = services_of(request).snapshot.can
    return shown(session, actor, [find_version(session, actor, version_id, can)], can)[0]


@router.patch("/versions/{version_id}", summary="Describe a version")
def describe_version(request: Request, version_id: int, change: VersionChange, actor: CurrentActor) -> VersionOut:
    """Write another description; for managers of the set."""
    services = services_of(request)
    with services.database.write() as session:
        version = service.describe_version(session, actor, version_id, change.description)
        return shown(session, actor, [version], services.snapshot.can)[0]


@router.delete("/versions/{version_id}", summary="Delete a version")
def delete_version(
    request: Request,
    version_id: int,
    actor: CurrentActor,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="Why; it stays on record.")],
) -> VersionOut:
    """For who made it and for administrators. Its files go; that it was there, and why it went, stays."""
    services = services_of(request)
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        version = service.delete_version(services, uow, version_id, reason)
        uow.session.flush()
        return shown(uow.session, actor, [version], services.snapshot.can)[0]


@router.get("/versions/{version_id}/images", summary="List the images of a version")
def list_images(
    request: Request,
    version_id: int,
    actor: CurrentActor,
    session: DbSession,
    cursor: Annotated[str, Query(description="Where the page before ended.")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> VersionImagePage:
    """As they were when the version was made, also those that were deleted since."""
    can = services_of(request).snapshot.can
    opened = open_version(session, actor, version_id, can)
    with_checksums = can(actor, Right.PRIVATE_NAMES, opened.version.image_set_id)
    items, next_cursor = images_page(session, opened, cursor, limit, with_checksums=with_checksums)
    return VersionImagePage(items=items, next_cursor=next_cursor)


@router.get("/versions/{version_id}/annotation-types", summary="List the annotation types of a version")
def list_types(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> FrozenTypesOut:
    """With the names, colours and attributes that they had."""
    opened = open_version(session, actor, version_id, services_of(request).snapshot.can)
    return FrozenTypesOut(items=frozen_types(opened))


@router.get("/versions/{version_id}/content", summary="Read what a version froze")
def read_content(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> dict[str, object]:
    """Set, products, members, tags of images, plugins and their settings, as they were."""
    can = services_of(request).snapshot.can
    opened = open_version(session, actor, version_id, can)
    require_all(session, actor, opened.version.image_set_id, can)  # it names everybody who worked
    return dict(opened.frozen.content)


@router.get(
    "/versions/{version_id}/manifest",
    summary="Download the manifest of a version",
    response_class=FileResponse,
    responses={200: {"content": {manifest.MEDIA_TYPE: {}}}},
)
def download_manifest(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> FileResponse:
    """Gzipped lines of JSON: the version, what it froze, each image with its annotations; the same bytes each time."""
    services = services_of(request)
    version = live_version(session, actor, version_id, services.snapshot.can)
    if not services.snapshot.can(actor, Right.EXPORT, version.image_set_id):
        raise Forbidden("You do not have the right to export from this image set.")
    require_all(session, actor, version.image_set_id, services.snapshot.can)
    if version.manifest_state != "ready":
        raise Conflict(f"The manifest is {version.manifest_state}. {version.manifest_reason}".strip())
    path = services.blobs.path(version.manifest_path)
    if not path.is_file():
        raise NotFound("The file of the manifest is missing on the server; an administrator can restore it.")
    headers = {
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "X-Exact-Digest": version.manifest_digest,
        "X-Exact-Signature": version.manifest_signature,
    }
    return FileResponse(
        path, media_type=manifest.MEDIA_TYPE, filename=f"version-{version.id}-manifest.jsonl.gz", headers=headers
    )


@router.post("/versions/{version_id}/manifest", summary="Write the manifest again")
def make_manifest(request: Request, version_id: int, actor: CurrentActor) -> VersionOut:
    """After it failed; for managers of the set."""
    services = services_of(request)
    with services.database.write() as session:
        version = service.make_manifest_again(services, session, actor, version_id)
        return shown(session, actor, [version], services.snapshot.can)[0]


@router.get("/versions/{version_id}/manifest-check", summary="Verify the manifest of a version")
def verify_manifest(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> ManifestCheckOut:
    """Hash the kept file again and compare it with what was signed."""
    services = services_of(request)
    live_version(session, actor, version_id, services.snapshot.can)
    session.rollback()  # let go of the connection while the file is read
    found = check_version(services, version_id)
    return ManifestCheckOut(
        state=found.state,
        file=found.file,
        signature=found.signature,
        annotations=found.annotations,
        holds=found.holds,
    )


def _number(cursor: str) -> int:
    if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > 18:
        raise Invalid("The cursor is not one that a list gave; leave it out to begin at the start.")
    return int(cursor)
