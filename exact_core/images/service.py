"""Reading and changing images, with the rights for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.removing import remove_annotations
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.api.events import ImageAction, ImageChange
from exact_core.auth.rights import Right, Rights
from exact_core.images import tagging
from exact_core.images.adding import ask_for_probing
from exact_core.images.naming import clean_private_name
from exact_core.images.stored_files import files_of, remove_files, shared_paths
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ChangeSet, Image, ImagePin, Job, Version, VersionImage, now
from exact_core.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from exact_core.services import Services

MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ImageUpdate:
    """New values; what is not named stays as it is."""

    values: dict[str, Any]
    tags: Sequence[str] | None = None


def get_image(
    session: Session, actor: Actor, image_id: int, right: Right = Right.VIEW, *, deleted: bool = False
) -> Image:
    """An image, if the actor has the right in its set; deleted ones only when they are asked for."""
    image = session.get(Image, image_id)
    if image is None:
        raise NotFound(f"There is no image {image_id} that you may see.")
    rights = Rights(session)
    if not rights.decide(actor, Right.VIEW, image.image_set_id).allowed:
        raise NotFound(f"There is no image {image_id} that you may see.")
    if image.deleted_at is not None and not deleted:
        raise NotFound(f"The image {image_id} was deleted; someone who may delete images can restore it.")
    if right is not Right.VIEW:
        rights.require(actor, right, image.image_set_id)
    return image


def update_image(services: Services, actor: Actor, image_id: int, update: ImageUpdate) -> Image:
    """Change description, place, resolution, private name or tags of an image."""
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        session = uow.session
        image = get_image(session, actor, image_id, Right.EDIT_IMAGES)
        if "private_name" in update.values:
            Rights(session).require(actor, Right.PRIVATE_NAMES, image.image_set_id)
        for name, value in update.values.items():
            if name not in {"description", "position", "mpp_x", "mpp_y", "objective_power", "private_name"}:
                raise Invalid(f"{name!r} of an image cannot be changed.")
            setattr(image, name, clean_private_name(value) if name == "private_name" else value)
        if update.tags is not None:
            tagging.set_tags(session, image.id, update.tags)
        uow.record(_change(ImageAction.UPDATED, image, actor))
        if update.values.keys() & {"mpp_x", "mpp_y", "objective_power"}:
            raise_epoch(session, "images")
    return image


def delete_images(services: Services, actor: Actor, image_set_id: int, image_ids: Sequence[int]) -> int:
    """Put images into the set's bin, from where they can be restored; returns how many were not there before."""

    def put_away(uow: UnitOfWork, images: Sequence[Image]) -> int:
        live = [image for image in images if image.deleted_at is None]
        for image in live:
            image.deleted_at = now()
            uow.record(_change(ImageAction.DELETED, image, actor))
        if live:
            cancel = Job.image_id.in_([image.id for image in live]), Job.state.in_(["queued", "running"])
            for job in uow.session.scalars(select(Job).where(*cancel)):
                job.cancel_requested = True
            raise_epoch(uow.session, "images")
        return len(live)

    return _each_of(services, actor, image_set_id, image_ids, Right.DELETE_IMAGES, put_away)


def restore_images(services: Services, actor: Actor, image_set_id: int, image_ids: Sequence[int]) -> int:
    """Take images out of the bin; returns how many were in it."""

    def take_out(uow: UnitOfWork, images: Sequence[Image]) -> int:
        gone = [image for image in images if image.deleted_at is not None]
        for image in gone:
            _require_not_purged(image)
            image.deleted_at = None
            uow.record(_change(ImageAction.RESTORED, image, actor))
        unread = [image for image in gone if image.status in {"probing", "converting"}]
        for image in unread:
            image.status = "probing"
        ask_for_probing(services, uow.session, image_set_id, [image.id for image in unread], actor)
        if gone:
            raise_epoch(uow.session, "images")
        return len(gone)

    return _each_of(services, actor, image_set_id, image_ids, Right.DELETE_IMAGES, take_out)


def purge_image(services: Services, actor: Actor, image_id: int) -> list[str]:
    """Remove an image from the bin for good, with its annotations and the files that are ours.

    Where versions have the image, only its files and its private name go; its row and its annotations stay for them.

    Returns:
        The names of those versions.
    """
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        session = uow.session
        image = get_image(session, actor, image_id, Right.DELETE_IMAGES, deleted=True)
        Rights(session).require(actor, Right.MANAGE, image.image_set_id)
        if image.deleted_at is None:
            raise Conflict("Delete the image first; it can then be removed for good.")
        _require_not_purged(image)
        shared = shared_paths(session, image)
        names = versions_with(session, image_id)
        if names:
            image.purged_at, image.private_name = now(), ""
            session.flush()
        session.expunge(image)
        if not names:
            remove_rows(session, [image_id])
        uow.after_commit(lambda: remove_files(services.blobs, image, shared))
        raise_epoch(session, "images")
    return names


def versions_with(session: Session, image_id: int) -> list[str]:
    """The names of the versions that have an image."""
    named = select(Version.name).join(VersionImage, VersionImage.version_id == Version.id)
    return list(session.scalars(named.where(VersionImage.image_id == image_id).order_by(Version.id)))


def remove_rows(session: Session, image_ids: Sequence[int]) -> None:
    """Delete images that no version has, with their annotations; the change log keeps its entries and its hashes."""
    session.execute(update(ChangeSet).where(ChangeSet.image_id.in_(image_ids)).values(image_id=None))
    for image_id in image_ids:
        remove_annotations(session, image_id)
    session.execute(delete(Image).where(Image.id.in_(image_ids)))


def read_again(services: Services, actor: Actor, image_set_id: int, image_ids: Sequence[int]) -> int:
    """Read files again that could not be read, or whose file was replaced; returns how many."""

    def ask(uow: UnitOfWork, images: Sequence[Image]) -> int:
        chosen = [image for image in images if image.status in {"unreadable", "ready"} and image.deleted_at is None]
        for image in chosen:
            image.status, image.status_reason = "probing", ""
            _measure_again(services, image)
            uow.record(_change(ImageAction.UPDATED, image, actor))
        ask_for_probing(services, uow.session, image_set_id, [image.id for image in chosen], actor)
        if chosen:
            raise_epoch(uow.session, "images")
        return len(chosen)

    return _each_of(services, actor, image_set_id, image_ids, Right.EDIT_IMAGES, ask)


def _measure_again(services: Services, image: Image) -> None:
    """Take over the size of files that were replaced; what their content was says nothing about it now."""
    if not image.is_external:
        return
    with contextlib.suppress(OSError):  # files that are gone are told about when they are read
        image.size_bytes = sum(path.stat().st_size for path in files_of(services.blobs, image))
        image.checksum = ""


def tag_images(
    services: Services, actor: Actor, image_set_id: int, image_ids: Sequence[int], tags: Sequence[str], *, remove: bool
) -> int:
    """Give tags to many images, or take them away; returns how many images were named."""

    def change(uow: UnitOfWork, images: Sequence[Image]) -> int:
        ids = [image.id for image in images]
        (tagging.remove_tags if remove else tagging.add_tags)(uow.session, ids, tags)
        for image in images:
            uow.record(_change(ImageAction.UPDATED, image, actor))
        return len(images)

    return _each_of(services, actor, image_set_id, image_ids, Right.EDIT_IMAGES, change)


def pin_images(services: Services, actor: Actor, image_ids: Sequence[int], *, pinned: bool) -> int:
    """Keep images on top of the actor's own lists, or no longer."""
    _require_few(image_ids)
    if actor.user_id == 0:
        raise Forbidden("The system itself pins nothing.")
    with services.database.write() as session:
        images = [get_image(session, actor, image_id) for image_id in dict.fromkeys(image_ids)]
        own = ImagePin.user_id == actor.user_id, ImagePin.image_id.in_([image.id for image in images])
        present = set(session.scalars(select(ImagePin.image_id).where(*own)))
        if pinned:
            session.add_all(
                ImagePin(image_id=image.id, user_id=actor.user_id) for image in images if image.id not in present
            )
        else:
            session.execute(delete(ImagePin).where(*own))
        return len(images)


def _each_of(
    services: Services,
    actor: Actor,
    image_set_id: int,
    image_ids: Sequence[int],
    right: Right,
    change: Callable[[UnitOfWork, Sequence[Image]], int],
) -> int:
    """Change images of one set in one transaction, after the right was checked and all were found."""
    _require_few(image_ids)
    wanted = list(dict.fromkeys(image_ids))
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        Rights(uow.session).require(actor, right, image_set_id)
        images = uow.session.scalars(
            select(Image)
            .where(Image.id.in_(wanted), Image.image_set_id == image_set_id)
            .order_by(Image.position, Image.id)
        ).all()
        if len(images) != len(wanted):
            raise NotFound(f"{len(wanted) - len(images)} of the images are not in image set {image_set_id}.")
        return change(uow, images)


def _require_not_purged(image: Image) -> None:
    if image.purged_at is not None:
        raise Conflict(
            f"The image {image.name} was removed for good; only its annotations are kept, for the versions it is in."
        )


def _require_few(image_ids: Sequence[int]) -> None:
    if not image_ids:
        raise Invalid("Name at least one image.")
    if len(image_ids) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE} images can be changed at once.")


def _change(action: ImageAction, image: Image, actor: Actor) -> ImageChange:
    return ImageChange(
        action, image.image_set_id, image.id, image.name, image.width, image.height, actor.user_id or None
    )
