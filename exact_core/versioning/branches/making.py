"""Making a branch of a version: asked for at once, filled by a job, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.annotations import set_events
from exact_core.annotations.change_log import next_revision
from exact_core.annotations.scope import ROWS
from exact_core.api.context import Actor
from exact_core.api.contributions import Role
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.api.events import AnnotationAction, ImageAction, ImageChange
from exact_core.auth.rights import BLIND_MODES, Right, Rights
from exact_core.images.adding import ask_for_probing
from exact_core.jobs.registry import BRANCH
from exact_core.review import audit
from exact_core.review.modes import is_blind
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Branch, Image, ImageSet, ImageSetMember, Job
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.access import live_version, require_all
from exact_core.versioning.branches.copying import copy_annotations, copy_images, copy_products, digests
from exact_core.versioning.freezing import frozen_of

if TYPE_CHECKING:
    from exact_core.services import Services

FOLDER, PROGRESS = "branches", "progress.json"
MAX_NAME = 150

Told = Callable[[float], None]
"""Hears how much is done, 0 to 1; may raise to stop."""


def create_branch(
    services: Services,
    session: Session,
    actor: Actor,
    version_id: int,
    name: str,
    *,
    description: str = "",
    mode: str = "",
    images: Sequence[int] | None = None,
    by_job: bool = True,
) -> Branch:
    """Make the image set of a branch, locked and empty, and ask for the job that fills it.

    Args:
        services: The parts of the instance.
        session: The writing session.
        actor: Who makes it: somebody who manages the version's set and sees everything in it. They manage the branch.
        version_id: The version that it begins with.
        name: Unique among the sets of the team that owns the version's set.
        description: Free text.
        mode: How people work together in it; cooperative, or that of the version's set while that is blind.
        images: Only these images of the version, by their numbers in its set; all when left out.
        by_job: Whether a job fills it; who says no calls :func:`fill_in` in the same transaction.
    """
    version = live_version(session, actor, version_id)
    source = session.get_one(ImageSet, version.image_set_id)
    Rights(session).require(actor, Right.MANAGE, source.id)
    require_all(session, actor, source.id)
    image_set = ImageSet(
        team_id=source.team_id,
        name=_checked_name(name),
        description=description.strip(),
        mode=_checked_mode(source, mode),
        is_locked=True,
        created_by_id=actor.user_id or None,
    )
    try:
        with session.begin_nested():
            session.add(image_set)
            session.flush()
    except IntegrityError:
        raise Conflict(f"The team already has an image set {image_set.name!r}; choose another name.") from None
    if actor.user_id:
        session.add(ImageSetMember(image_set_id=image_set.id, user_id=actor.user_id, role=Role.MANAGER))
    branch = Branch(
        image_set_id=image_set.id,
        source_set_id=source.id,
        version_id=version.id,
        base_source_revision=version.revision,
        created_by_id=actor.user_id or None,
        created_by_name=actor.display_name or actor.name,
    )
    session.add(branch)
    session.flush()
    if by_job:
        # Of the source: the job tells of a branch that could not be made when its set is gone again.
        params: dict[str, Any] = {"branch_id": image_set.id}
        if images is not None:
            params["images"] = list(images)
        job = services.jobs.enqueue(session, BRANCH, owner=actor, image_set_id=source.id, params=params)
        branch.job_id = job.id
    audit.note(session, source.id, actor, "branch_made", version=version.name, image_set=image_set.id)
    raise_epoch(session, "access")
    return branch


def fill(
    services: Services,
    actor: Actor,
    branch_id: int,
    told: Told = lambda _part: None,
    *,
    images: Collection[int] | None = None,
) -> dict[str, int]:
    """Copy what the version holds into its branch, in one transaction that plugins can refuse, and open it.

    Raises:
        NotFound: When the branch is gone meanwhile.
    """
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        return fill_in(services, uow, branch_id, told, images=images)


def fill_in(
    services: Services,
    uow: UnitOfWork,
    branch_id: int,
    told: Told = lambda _part: None,
    *,
    images: Collection[int] | None = None,
) -> dict[str, int]:
    """The same in a transaction that is open already."""
    session, actor = uow.session, uow.actor
    branch = session.get(Branch, branch_id, with_for_update=True)
    image_set = session.get(ImageSet, branch_id, with_for_update=True)
    if branch is None or image_set is None or image_set.deleted_at is not None:
        raise NotFound("The branch was deleted before it was made.")
    if branch.state == "ready":
        return {"image_set_id": branch_id}
    version = live_version(session, actor, branch.version_id)
    Rights(session).require(actor, Right.MANAGE, version.image_set_id)
    require_all(session, actor, version.image_set_id)
    products = [product["id"] for product in frozen_of(session, version.id).content.get("products", ())]
    copy_products(session, products, branch_id)
    pairs = copy_images(services, session, version.id, branch_id, actor.user_id or None, images)
    revision, count, parts = image_set.revision + 1, 0, []
    for number, (image_id, source_id) in enumerate(pairs):
        copied = copy_annotations(session, source_id, image_id, version.revision, revision)
        if copied:
            parts += list(digests(session, image_id))
            _tell_of_annotations(services, uow, image_id, branch_id, revision)
        count += copied
        told((number + 1) / len(pairs))
    next_revision(
        session,
        branch_id,
        "branch",
        actor_id=actor.user_id or None,
        count=count,
        reason="Made as a branch",  # not whose: who sees the history of this set may not know the other one
        run="branch",
        rows=b"".join(parts),
    )
    _tell_of_images(services, uow, branch_id, actor)
    branch.base_branch_revision, branch.state, image_set.is_locked = revision, "ready", False
    for epoch in ("access", "images"):
        raise_epoch(session, epoch)
    return {"image_set_id": branch_id, "images": len(pairs), "annotations": count}


def remove_unmade(services: Services, branch_id: int) -> None:
    """Leave nothing of a branch that could not be made."""
    with services.database.write() as session:
        branch = session.get(Branch, branch_id, with_for_update=True)
        if branch is None or branch.state == "ready":
            return
        session.execute(delete(ImageSet).where(ImageSet.id == branch_id))
        raise_epoch(session, "access")
    services.blobs.remove(folder_of(branch_id))


def folder_of(branch_id: int) -> str:
    """Where the progress is told while the database has one writer, relative to the data folder."""
    return f"{FOLDER}/{branch_id}"


def progress_of(services: Services, branch: Branch, job: Job | None) -> float:
    """How far the making of a branch is, from 0 to 1."""
    if branch.state == "ready":
        return 1.0
    with suppress(OSError, ValueError, TypeError, KeyError):
        told = orjson.loads(services.blobs.path(f"{folder_of(branch.image_set_id)}/{PROGRESS}").read_bytes())
        if told["job"] == branch.job_id:
            return min(max(float(told["part"]), 0.0), 1.0)
    return job.progress if job is not None else 0.0


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Invalid(f"The name of a branch has 1 to {MAX_NAME} printable characters.")
    return name


def _checked_mode(source: ImageSet, mode: str) -> str:
    """What is hidden from the readers of a set must not lie open in its branch."""
    if not is_blind(source):
        return mode or "cooperative"
    if mode and mode not in BLIND_MODES:
        raise Conflict(
            f"The readers of {source.name} are blind to each other; a cooperative branch would show them everything."
            " Choose a blind mode for it, or unblind the set first."
        )
    return mode or source.mode


def _tell_of_images(services: Services, uow: UnitOfWork, branch_id: int, actor: Actor) -> None:
    """Tell plugins of the new images; what is still being read is read by a job."""
    images = select(Image.id, Image.name, Image.width, Image.height, Image.status).where(
        Image.image_set_id == branch_id
    )
    unread = []
    for image_id, name, width, height, status in uow.session.execute(images.order_by(Image.id)):
        if status == "probing":
            unread.append(image_id)
        uow.record(ImageChange(ImageAction.ADDED, branch_id, image_id, name, width, height, actor.user_id or None))
    ask_for_probing(services, uow.session, branch_id, unread, actor)


def _tell_of_annotations(services: Services, uow: UnitOfWork, image_id: int, branch_id: int, revision: int) -> None:
    """One event per annotation, made only where somebody listens."""
    record = set_events.listening_to(uow, services.kernel.hooks)(branch_id)
    if record is None:
        return
    place = {"image_set_id": branch_id, "revision": revision, "actor_id": uow.actor.user_id or None}
    for told in set_events.states(uow.session, ROWS, ROWS.c.image_id == image_id):
        record(told.change(AnnotationAction.CREATED, place, None, told.state))
