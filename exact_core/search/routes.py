"""Addresses of searching: hits, counts, fields, saved searches, and changing all hits at once."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, SetAccess, services_of
from exact_core.api.errors import NotFound
from exact_core.search import bulk_edits, pictures, service
from exact_core.search.field import Asked
from exact_core.search.saved import SavedSearches
from exact_core.search.schemas import (
    BulkChangesOut,
    BulkEditIn,
    BulkEditOut,
    BulkUndoneOut,
    FacetsOut,
    HitCountOut,
    HitPageOut,
    SavedSearchesOut,
    SavedSearchIn,
    SavedSearchOut,
    SavedSearchPatchIn,
    SearchFieldsOut,
)
from exact_core.search.tokens import MAX_LENGTH

router = APIRouter(prefix="/api/v2", tags=["search"])

_Q = Annotated[str, Query(max_length=MAX_LENGTH, description="The query; docs/search.md describes the language.")]
_ImageId = Annotated[int | None, Query(ge=1, le=2**53, description="Only this image of the set.")]
_HEADERS = {
    "Cache-Control": "private, max-age=0, must-revalidate",
    "Vary": "Cookie, Authorization",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/image-sets/{image_set_id}/annotation-search", summary="Search annotations")
def search_annotations(
    request: Request,
    access: ImageSetAccess,
    session: DbSession,
    q: _Q = "",
    image_id: _ImageId = None,
    cursor: Annotated[str | None, Query(max_length=200, description="Where the page before ended.")] = None,
    limit: Annotated[int, Query(ge=1, le=service.MAX_PAGE)] = 50,
) -> HitPageOut:
    """Annotations that fulfil a query, as far as the actor may see them, page by page."""
    return HitPageOut.model_validate(service.page(_asked(request, access, session), q, image_id, cursor, limit))


@router.get("/image-sets/{image_set_id}/annotation-search/count", summary="Count the hits of a search")
def count_hits(
    request: Request, access: ImageSetAccess, session: DbSession, q: _Q = "", image_id: _ImageId = None
) -> HitCountOut:
    """How many annotations fulfil a query."""
    return HitCountOut.model_validate(service.facets(_asked(request, access, session), q, image_id))


@router.get("/image-sets/{image_set_id}/annotation-search/facets", summary="Count hits per class and author")
def count_facets(
    request: Request, access: ImageSetAccess, session: DbSession, q: _Q = "", image_id: _ImageId = None
) -> FacetsOut:
    """How many annotations fulfil a query, per class and author."""
    return FacetsOut.model_validate(service.facets(_asked(request, access, session), q, image_id))


@router.get("/search-fields", summary="List what can be searched for")
def list_fields(
    request: Request,
    actor: CurrentActor,
    session: DbSession,
    image_set_id: Annotated[int | None, Query(ge=1, le=2**53, description="With its attributes and values.")] = None,
) -> SearchFieldsOut:
    """Fields of the query language; of an image set also its attributes, plugins, and values to offer."""
    services = services_of(request)
    if image_set_id is None:
        return SearchFieldsOut.model_validate({"items": service.described(None)})
    can = services.snapshot.can
    if not can(actor, "view", image_set_id):
        raise NotFound(f"There is no image set {image_set_id} that you may see.")
    asked = service.asked_of(session, services, actor, image_set_id, can)
    return SearchFieldsOut.model_validate({"items": service.described(asked)})


@router.post("/image-sets/{image_set_id}/annotation-bulk-edits", summary="Change all hits of a search")
def change_hits(
    request: Request,
    wanted: BulkEditIn,
    access: ImageSetAccess,
    session: DbSession,
    preview: Annotated[bool, Query(description="Tell what it would do, and do nothing.")] = False,
) -> BulkEditOut:
    """Relabel, set attributes or delete, as one change of the image set that is undone as one."""
    change = bulk_edits.Wanted(wanted.type_id, wanted.attributes, wanted.delete)
    access.require("annotate")
    if preview:
        asked = _asked(request, access, session)
        answer = service.preview(asked, wanted.q, wanted.image_id, wanted.ids, change)
    else:
        session.rollback()  # the change has a transaction of its own
        answer = service.change_all(
            services_of(request), access.actor, access.image_set_id, wanted.q, wanted.image_id, wanted.ids, change,
            wanted.expected_revision, wanted.reason,
        )  # fmt: skip
    return BulkEditOut.model_validate(answer)


@router.get("/image-sets/{image_set_id}/annotation-bulk-edits", summary="List changes of the whole set")
def list_bulk_edits(
    request: Request,
    access: ImageSetAccess,
    session: DbSession,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> BulkChangesOut:
    """One's own changes of many images at once, newest first; for those who manage the set everybody's."""
    can = services_of(request).snapshot.can
    items = bulk_edits.listed(session, access.actor, access.image_set_id, can, limit)
    return BulkChangesOut.model_validate({"items": items})


@router.post(
    "/image-sets/{image_set_id}/annotation-bulk-edits/{revision}/undo", summary="Undo a change of the whole set"
)
def undo_bulk_edit(request: Request, access: ImageSetAccess, revision: int) -> BulkUndoneOut:
    """Set back what a change did, where nothing has changed since; one's own, or any where one manages the set."""
    access.require("annotate")
    answer = service.take_back(services_of(request), access.actor, access.image_set_id, revision)
    return BulkUndoneOut.model_validate(answer)


@router.get("/image-sets/{image_set_id}/saved-searches", summary="List saved searches")
def list_saved(request: Request, access: ImageSetAccess, session: DbSession) -> SavedSearchesOut:
    """One's own searches and those that are shared with the image set."""
    saved = SavedSearches(session, access.actor, access.image_set_id, services_of(request).snapshot.can)
    return SavedSearchesOut.model_validate({"items": saved.listed()})


@router.post("/image-sets/{image_set_id}/saved-searches", summary="Save a search", status_code=201)
def save_search(request: Request, access: ImageSetAccess, new: SavedSearchIn) -> SavedSearchOut:
    """Keep a query under a name."""
    services = services_of(request)
    with services.database.write() as session:
        saved = SavedSearches(session, access.actor, access.image_set_id, services.snapshot.can)
        return SavedSearchOut.model_validate(saved.create(new.name, new.query, new.is_shared))


@router.patch("/image-sets/{image_set_id}/saved-searches/{search_id}", summary="Change a saved search")
def change_saved(
    request: Request, access: ImageSetAccess, search_id: int, changes: SavedSearchPatchIn
) -> SavedSearchOut:
    """Rename it, change its query, share it or not."""
    services = services_of(request)
    with services.database.write() as session:
        saved = SavedSearches(session, access.actor, access.image_set_id, services.snapshot.can)
        changed = saved.change(search_id, changes.name, changes.query, changes.is_shared)
        return SavedSearchOut.model_validate(changed)


@router.delete(
    "/image-sets/{image_set_id}/saved-searches/{search_id}", summary="Delete a saved search", status_code=204
)
def delete_saved(request: Request, access: ImageSetAccess, search_id: int) -> None:
    """Delete one's own; who manages the image set can delete shared ones."""
    services = services_of(request)
    with services.database.write() as session:
        SavedSearches(session, access.actor, access.image_set_id, services.snapshot.can).delete(search_id)


@router.get(
    "/annotations/{annotation_id}/picture",
    summary="Small picture of an annotation",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "Not changed."}},
)
def show_picture(
    request: Request,
    annotation_id: int,
    actor: CurrentActor,
    size: Annotated[int, Query(ge=16, le=256, description="Rounded up to 64, 96, 128, 192 or 256.")] = 96,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The piece of the slide around an annotation as a square JPEG."""
    rounded = next(each for each in pictures.SIZES if each >= size)
    data, etag = pictures.picture_of(services_of(request), actor, annotation_id, rounded, if_none_match)
    if not data:
        return Response(status_code=304, headers={**_HEADERS, "ETag": etag})
    return Response(data, media_type="image/jpeg", headers={**_HEADERS, "ETag": etag})


def _asked(request: Request, access: SetAccess, session: DbSession) -> Asked:
    services = services_of(request)
    return service.asked_of(session, services, access.actor, access.image_set_id, services.snapshot.can)
