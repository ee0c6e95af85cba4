"""Addresses of branches: making one, the branches of a set, what a merge would do, and merging."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from exact_core.annotations.access import rights_in
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import Invalid
from exact_core.auth.rights import Right, Rights
from exact_core.storage.idempotency import Repeat
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.access import live_version
from exact_core.versioning.branches import making, merging, showing
from exact_core.versioning.branches.bases import Direction
from exact_core.versioning.branches.of_hits import branch_of_hits
from exact_core.versioning.branches.schemas import (
    BranchesOut,
    BranchIn,
    BranchOut,
    HitsBranchIn,
    MergeIn,
    MergeOut,
    MergePreviewOut,
)

router = APIRouter(prefix="/api/v2", tags=["versions"])

_Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Makes sending the request again harmless.")]
_Way = Annotated[Direction, Query(description="Into the set that the branch was made from, or from it.")]


@router.post(
    "/versions/{version_id}/branches", status_code=201, summary="Make a branch of a version", response_model=BranchOut
)
def create_branch(
    request: Request, version_id: int, new: BranchIn, actor: CurrentActor, idempotency_key: _Key = None
) -> Response:
    """A new image set with the version's images and annotations; for managers who see everything in the set.

    Pixels are shared, annotations copied by a job; until that is done the branch is locked.
    """
    services = services_of(request)
    repeat = Repeat(actor, idempotency_key, request.method, request.url.path, new.model_dump_json())
    with services.database.write() as session:
        version = live_version(session, actor, version_id)
        Rights(session).require(actor, Right.MANAGE, version.image_set_id)  # before a kept answer is given again
        seen = repeat.claim(session)
        if seen is not None:
            return Response(seen.body, seen.status, media_type="application/json")
        branch = making.create_branch(
            services, session, actor, version_id, new.name, description=new.description, mode=new.mode or ""
        )
        body = showing.branch_json(services, session, actor, branch, rights_in(session)).model_dump_json().encode()
        repeat.keep(session, 201, body)
    return Response(body, 201, media_type="application/json")


@router.post(
    "/image-sets/{image_set_id}/annotation-search/image-sets",
    status_code=201,
    summary="Make an image set of the images that a search finds",
    response_model=BranchOut,
)
def create_branch_of_hits(
    request: Request, image_set_id: int, new: HitsBranchIn, actor: CurrentActor, idempotency_key: _Key = None
) -> Response:
    """A version of the set, and a branch of it with the images where an annotation fulfils the query."""
    services = services_of(request)
    repeat = Repeat(actor, idempotency_key, request.method, request.url.path, new.model_dump_json())
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        session = uow.session
        Rights(session).require(actor, Right.MANAGE, image_set_id)  # before a kept answer is given again
        seen = repeat.claim(session)
        if seen is not None:
            return Response(seen.body, seen.status, media_type="application/json")
        branch = branch_of_hits(services, uow, image_set_id, new.q, new.name, new.description, new.mode or "")
        body = showing.branch_json(services, session, actor, branch, rights_in(session)).model_dump_json().encode()
        repeat.keep(session, 201, body)
    return Response(body, 201, media_type="application/json")


@router.get("/image-sets/{image_set_id}/branches", summary="List the branches of an image set")
def list_branches(request: Request, access: ImageSetAccess, session: DbSession) -> BranchesOut:
    """Those made from its versions that you may see, newest first, and the branch that it is itself."""
    services = services_of(request)
    return showing.branches_json(services, session, access.actor, access.image_set_id, services.snapshot.can)


@router.get("/image-sets/{image_set_id}/merge-preview", summary="Look at what a merge would do")
def preview_merge(
    request: Request,
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    direction: _Way = Direction.INTO_SOURCE,
    cursor: Annotated[str, Query(description="Where the page of conflicts before ended.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> MergePreviewOut:
    """Numbers and conflicts of merging a branch; for those who see everything in both sets."""
    can = services_of(request).snapshot.can
    found = merging.preview(
        session, actor, image_set_id, direction, can, limit=limit, after=_number(cursor) if cursor else 0
    )
    return showing.preview_json(session, found, with_counts=not cursor)


@router.post("/image-sets/{image_set_id}/merge", summary="Merge a branch")
def merge_branch(request: Request, image_set_id: int, wanted: MergeIn, actor: CurrentActor) -> MergeOut:
    """As one change of the set that is merged into, which can be undone as one.

    For those who may see and change everything in both sets. 409 when something was changed since the preview
    (`merge-moved`), and when conflicts are left without a winner (`merge-conflicts`).
    """
    services = services_of(request)
    asked = merging.Wanted(
        wanted.direction,
        wanted.reason,
        merging.Revisions(wanted.source_revision, wanted.branch_revision),
        {each.annotation_id: each.take for each in wanted.resolutions},
        wanted.default,
    )
    hooks = services.kernel.hooks
    with UnitOfWork(services.database, hooks, actor) as uow:
        return showing.merge_json(merging.merge(uow, hooks, image_set_id, asked))


def _number(cursor: str) -> int:
    if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > 18:
        raise Invalid("The cursor is not one that a list gave; leave it out to begin at the start.")
    return int(cursor)
