"""Images of a set: listing, reading, changing, deleting, in ``/api/v2``."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.sharing import revealed_images
from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.auth.rights import Right, Rights
from exact_core.images import listing, service
from exact_core.images.schemas import (
    ActionDone,
    ImageAction,
    ImageDetail,
    ImageOut,
    ImagePage,
    ImagePatch,
    KeptForVersions,
    NeighbourOut,
    NeighboursOut,
    Status,
    TagCount,
)
from exact_core.review.image_states import ImageState
from exact_core.review.settings import ModeSettings
from exact_core.storage.models import Image, ImageSet, Job

router = APIRouter(tags=["images"])

_ADDED = frozenset({"private_name", "progress", "tags", "pinned", "annotations", "review", "assigned", "due_at"})
"""What is shown of an image and is no column of it."""


class FilterQuery:
    """The filter of a list, as the address gives it."""

    def __init__(
        self,
        status: Annotated[list[Status] | None, Query()] = None,
        tag: Annotated[list[str] | None, Query(max_length=20)] = None,
        pinned: bool | None = None,
        annotated: bool | None = None,
        review: Annotated[list[ImageState] | None, Query(description="Only in these states of review.")] = None,
        assigned: Annotated[bool | None, Query(description="Only images with work for oneself, or without.")] = None,
        q: Annotated[str, Query(max_length=200)] = "",
        deleted: bool = False,
        order: listing.Order = listing.Order.POSITION,
    ) -> None:
        self.values: dict[str, Any] = {
            "statuses": tuple(status or ()),
            "tags": tuple(tag or ()),
            "pinned": pinned,
            "annotated": annotated,
            "review_states": tuple(review or ()),
            "assigned": assigned,
            "text": q.replace("\0", ""),
            "deleted": deleted,
            "order": order,
        }


Filter = Annotated[FilterQuery, Depends(FilterQuery)]


@router.get("/image-sets/{image_set_id}/images")
def list_images(
    image_set_id: int,
    session: DbSession,
    actor: CurrentActor,
    wanted: Filter,
    cursor: Annotated[str, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=listing.MOST_PER_PAGE)] = 100,
) -> ImagePage:
    """List the images of a set, a page at a time."""
    rights = Rights(session)
    rights.require(actor, Right.DELETE_IMAGES if wanted.values["deleted"] else Right.VIEW, image_set_id)
    found = _filter(session, actor, image_set_id, wanted)
    page = listing.page(session, actor, found, cursor, limit)
    counts = None if cursor else listing.counts(session, actor, found)
    return ImagePage(
        items=_shown(session, actor, found, page.images),
        next_cursor=page.next_cursor,
        total=None if counts is None else sum(counts.values()),
        counts=counts,
        review_counts=None if cursor else listing.review_counts(session, actor, found),
    )


@router.get("/image-sets/{image_set_id}/image-tags")
def list_tags(image_set_id: int, session: DbSession, actor: CurrentActor) -> list[TagCount]:
    """List the tags that images of the set carry."""
    Rights(session).require(actor, Right.VIEW, image_set_id)
    return [TagCount(name=name, images=count) for name, count in listing.tags_in_set(session, image_set_id)]


@router.post("/image-sets/{image_set_id}/image-actions")
def change_many(image_set_id: int, body: ImageAction, request: Request, actor: CurrentActor) -> ActionDone:
    """Delete, restore, tag, pin or read again up to 1000 images in one go: all of them or none."""
    services = services_of(request)
    ids = body.image_ids
    if body.action == "delete":
        changed = service.delete_images(services, actor, image_set_id, ids)
    elif body.action == "restore":
        changed = service.restore_images(services, actor, image_set_id, ids)
    elif body.action == "read_again":
        changed = service.read_again(services, actor, image_set_id, ids)
    elif body.action in {"pin", "unpin"}:
        changed = service.pin_images(services, actor, ids, pinned=body.action == "pin")
    else:
        changed = service.tag_images(services, actor, image_set_id, ids, body.tags, remove=body.action == "untag")
    return ActionDone(changed=changed)


@router.get("/images/{image_id}")
def get_image(image_id: int, session: DbSession, actor: CurrentActor) -> ImageDetail:
    """Show one image."""
    return _detail(session, actor, service.get_image(session, actor, image_id))


@router.patch("/images/{image_id}")
def update_image(image_id: int, body: ImagePatch, request: Request, actor: CurrentActor) -> ImageDetail:
    """Change description, place, resolution or tags of an image."""
    services = services_of(request)
    values = body.model_dump(exclude_unset=True, exclude={"tags"})
    for name in ("description", "position", "private_name"):
        if values.get(name, "") is None:
            del values[name]
    service.update_image(services, actor, image_id, service.ImageUpdate(values, body.tags))
    with services.database.read() as session:
        return _detail(session, actor, service.get_image(session, actor, image_id))


@router.delete("/images/{image_id}", status_code=204, responses={200: {"model": KeptForVersions}})
def delete_image(image_id: int, request: Request, actor: CurrentActor, permanently: bool = False) -> Response:
    """Put an image into the bin; ``permanently`` removes one from the bin for good, with its annotations.

    Where versions have the image, its annotations stay for them and only its pixels go; the answer then says so.
    """
    services = services_of(request)
    if permanently:
        versions = service.purge_image(services, actor, image_id)
        if versions:
            said = KeptForVersions.of(versions)
            return Response(said.model_dump_json(), 200, media_type="application/json")
    else:
        service.delete_images(services, actor, _set_of(services_of(request).database, actor, image_id), [image_id])
    return Response(status_code=204)


@router.post("/images/{image_id}/restore")
def restore_image(image_id: int, request: Request, actor: CurrentActor) -> ImageDetail:
    """Take an image out of the bin."""
    services = services_of(request)
    service.restore_images(services, actor, _set_of(services.database, actor, image_id), [image_id])
    with services.database.read() as session:
        return _detail(session, actor, service.get_image(session, actor, image_id))


@router.post("/images/{image_id}/read-again")
def read_again(image_id: int, request: Request, actor: CurrentActor) -> ImageDetail:
    """Read the file again: after a failure, or when it was replaced on the server."""
    services = services_of(request)
    service.read_again(services, actor, _set_of(services.database, actor, image_id), [image_id])
    with services.database.read() as session:
        return _detail(session, actor, service.get_image(session, actor, image_id))


@router.put("/images/{image_id}/pin", status_code=204)
def pin(image_id: int, request: Request, actor: CurrentActor) -> Response:
    """Keep an image on top of one's own list."""
    service.pin_images(services_of(request), actor, [image_id], pinned=True)
    return Response(status_code=204)


@router.delete("/images/{image_id}/pin", status_code=204)
def unpin(image_id: int, request: Request, actor: CurrentActor) -> Response:
    """Keep an image on top no longer."""
    service.pin_images(services_of(request), actor, [image_id], pinned=False)
    return Response(status_code=204)


@router.get("/images/{image_id}/neighbours")
def neighbours(image_id: int, session: DbSession, actor: CurrentActor, wanted: Filter) -> NeighboursOut:
    """Tell which images come before and after this one in the list with this filter."""
    image = service.get_image(session, actor, image_id)
    found = listing.neighbours(session, actor, _filter(session, actor, image.image_set_id, wanted), image)
    return NeighboursOut(
        previous=_neighbour(found.previous), next=_neighbour(found.next), number=found.number, total=found.total
    )


def _filter(session: Session, actor: Actor, image_set_id: int, wanted: FilterQuery) -> listing.ImageFilter:
    image_set = session.get_one(ImageSet, image_set_id)
    rights = Rights(session).held(actor, [image_set])[image_set_id].rights
    sees_all = Right.SEE_ALL in rights
    shared = None
    if image_set.mode == "second_opinion" and not sees_all:
        settings = ModeSettings.stored(image_set.mode_settings)
        shared = revealed_images(settings, actor.user_id, Right.ADJUDICATE in rights, Image.__table__.c.id)
    return listing.ImageFilter(
        image_set_id=image_set_id,
        may_see_private_names=Right.PRIVATE_NAMES in rights,
        only_author=None if sees_all else actor.user_id,
        shared_images=shared,
        mode=image_set.mode,
        **wanted.values,
    )


def _shown(session: Session, actor: Actor, wanted: listing.ImageFilter, images: tuple[Image, ...]) -> list[ImageOut]:
    """Images as the API shows them: a fixed number of queries for a page of any size."""
    ids = [image.id for image in images]
    tags = listing.tags_of(session, ids)
    pinned = listing.pinned_of(session, actor, ids)
    annotated = listing.annotated_of(session, ids, wanted)
    reviews = listing.reviews_of(session, ids, wanted)
    assigned = listing.assignments_of(session, actor, ids)
    progress = _progress(session, [image.id for image in images if image.status in {"probing", "converting"}])
    names = ImageOut.model_fields.keys() - _ADDED
    return [
        ImageOut(
            **{name: getattr(image, name) for name in names},
            private_name=image.private_name if wanted.may_see_private_names else None,
            progress=progress.get(image.id),
            tags=tags.get(image.id, []),
            pinned=image.id in pinned,
            annotations=annotated.get(image.id, 0),
            review=reviews.get(image.id, "to_do"),
            assigned=assigned[image.id][0] if image.id in assigned else None,
            due_at=assigned[image.id][1] if image.id in assigned else None,
        )
        for image in images
    ]


def _progress(session: Session, image_ids: list[int]) -> dict[int, float]:
    """How far the conversion of images is."""
    if not image_ids:
        return {}
    query = select(Job.image_id, Job.progress).where(Job.image_id.in_(image_ids), Job.state == "running")
    return {image_id: progress for image_id, progress in session.execute(query) if image_id is not None}


def _detail(session: Session, actor: Actor, image: Image) -> ImageDetail:
    wanted = _filter(session, actor, image.image_set_id, FilterQuery())
    shown = _shown(session, actor, wanted, (image,))[0]
    may_see_labels = Rights(session).decide(actor, Right.LABEL_PICTURES, image.image_set_id).allowed
    return ImageDetail(
        **shown.model_dump(),
        frames=image.frames,
        levels=image.levels,
        associated=image.has_associated if may_see_labels else [],
        is_external=image.is_external,
        is_converted=bool(image.pyramid_path),
        checksum=image.checksum if len(image.checksum) == 64 and wanted.may_see_private_names else "",
    )


def _neighbour(image: Image | None) -> NeighbourOut | None:
    return None if image is None else NeighbourOut(id=image.id, name=image.name, status=image.status)


def _set_of(database: Any, actor: Actor, image_id: int) -> int:
    with database.read() as session:
        return service.get_image(session, actor, image_id, deleted=True).image_set_id
