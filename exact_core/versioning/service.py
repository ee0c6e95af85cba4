"""Making, changing, listing and deleting versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid
from exact_core.api.events import VersionRecord
from exact_core.auth.rights import Right, Rights
from exact_core.images.service import remove_rows
from exact_core.jobs.registry import MANIFEST
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import (
    ChangeSet,
    Image,
    ImageSet,
    Version,
    VersionArtefact,
    VersionContent,
    VersionImage,
    VersionSplit,
    now,
)
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.access import OpenedVersion, live_version, open_version, scope_for_version
from exact_core.versioning.artefacts import folder_of, keep_given
from exact_core.versioning.freezing import freeze

if TYPE_CHECKING:
    from exact_core.services import Services

__all__ = [
    "OpenedVersion",
    "create_version",
    "delete_version",
    "list_versions",
    "make_manifest_again",
    "newest",
    "open_version",
    "scope_for_version",
]

MAX_NAME = 200


def create_version(services: Services, uow: UnitOfWork, image_set_id: int, name: str, description: str = "") -> Version:
    """Name the set's present revision and freeze what belongs to it; costs nothing per annotation.

    Args:
        services: The parts of the instance.
        uow: The transaction; plugins are asked in it, and told after its commit.
        image_set_id: The set; the actor of ``uow`` needs the right to manage it.
        name: Unique among the versions of the set.
        description: Free text.
    """
    session, actor = uow.session, uow.actor
    Rights(session).require(actor, Right.MANAGE, image_set_id)
    name = _checked_name(name)
    revision = _locked_revision(session, image_set_id)
    version = Version(
        image_set_id=image_set_id,
        name=name,
        description=description.strip(),
        revision=revision,
        content_digest="",
        creator_id=actor.user_id or None,
        creator_name=actor.display_name or actor.name,
    )
    try:
        with session.begin_nested():
            session.add(version)
            session.flush()
    except IntegrityError:
        raise Conflict(f"The image set already has a version {name!r}; choose another name.") from None
    version.content_digest = freeze(services, session, version, _log_digest(session, image_set_id, revision))
    asked = _record(session, version, digest="")
    reader = services.annotation_reader(session, Actor.system())
    for plugin, artefact in services.kernel.hooks.version_creating(session, asked, reader):
        keep_given(services, uow, version, plugin, artefact)
    _ask_for_manifest(services, session, version, actor)
    made = _record(session, version, digest=version.content_digest)
    uow.after_commit(lambda: services.kernel.hooks.version_created(made))
    session.flush()
    return version


def list_versions(session: Session, image_set_id: int, *, deleted: bool = False) -> Sequence[Version]:
    """The versions of a set, newest first; those that were deleted only when they are asked for."""
    statement = select(Version).where(Version.image_set_id == image_set_id).order_by(Version.id.desc())
    if not deleted:
        statement = statement.where(Version.deleted_at.is_(None))
    return session.scalars(statement).all()


def newest(session: Session, image_set_id: int, name: str) -> Version | None:
    """The version of this name."""
    return session.scalar(
        select(Version).where(Version.image_set_id == image_set_id, Version.name == name, Version.deleted_at.is_(None))
    )


def describe_version(session: Session, actor: Actor, version_id: int, description: str) -> Version:
    """Write another description; nothing else of a version can be changed."""
    version = live_version(session, actor, version_id)
    Rights(session).require(actor, Right.MANAGE, version.image_set_id)
    version.description = description.strip()
    return version


def delete_version(services: Services, uow: UnitOfWork, version_id: int, reason: str) -> Version:
    """Delete a version of one's own (administrators: any), with its files; who and why stays on record.

    Images that were removed for good but kept for this version go now, unless another version has them.
    """
    session, actor = uow.session, uow.actor
    version = live_version(session, actor, version_id)
    if not actor.is_admin and version.creator_id != actor.user_id:
        raise Forbidden("A version can be deleted by the person who made it and by administrators only.")
    if not reason.strip():
        raise Invalid("Say why the version is deleted: the reason stays on record.")
    images = list(session.scalars(select(VersionImage.image_id).where(VersionImage.version_id == version_id)))
    for table in (VersionArtefact, VersionContent, VersionSplit, VersionImage):
        session.execute(delete(table).where(table.version_id == version_id))
    version.deleted_at = now()
    version.deleted_by_name = actor.display_name or actor.name
    version.deleted_reason = reason.strip()
    version.name = f"{version.name} (deleted {version.id})"
    version.manifest_path = ""
    _remove_kept_images(session, images)
    raise_epoch(session, "images")  # what is in the bin, and no other version has, is not shown any more
    uow.after_commit(lambda: services.blobs.remove(folder_of(version_id)))
    return version


def make_manifest_again(services: Services, session: Session, actor: Actor, version_id: int) -> Version:
    """Ask for the manifest once more after it failed."""
    version = live_version(session, actor, version_id)
    Rights(session).require(actor, Right.MANAGE, version.image_set_id)
    if version.manifest_state != "failed":
        raise Conflict(f"The manifest is {version.manifest_state}; it is made again only after it failed.")
    version.manifest_state, version.manifest_reason = "pending", ""
    _ask_for_manifest(services, session, version, actor)
    return version


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Invalid(f"The name of a version has 1 to {MAX_NAME} printable characters.")
    return name


def _locked_revision(session: Session, image_set_id: int) -> int:
    """The set's revision, with the set locked against writers until the transaction ends."""
    found = session.execute(
        select(ImageSet.revision).where(ImageSet.id == image_set_id).with_for_update(of=ImageSet)
    ).scalar_one()
    return int(found)


def _log_digest(session: Session, image_set_id: int, revision: int) -> str:
    """The running hash of the change log at a revision; empty before the first change."""
    found = session.scalar(
        select(ChangeSet.digest)
        .where(ChangeSet.image_set_id == image_set_id, ChangeSet.revision <= revision)
        .order_by(ChangeSet.revision.desc())
        .limit(1)
    )
    return found or ""


def _record(session: Session, version: Version, digest: str) -> VersionRecord:
    images = session.scalars(
        select(VersionImage.image_id)
        .where(VersionImage.version_id == version.id)
        .order_by(VersionImage.position, VersionImage.image_id)
    )
    return VersionRecord(
        version.id,
        version.image_set_id,
        version.name,
        version.description,
        version.revision,
        digest,
        tuple(images),
        version.creator_id,
    )


def _ask_for_manifest(services: Services, session: Session, version: Version, actor: Actor) -> None:
    services.jobs.enqueue(
        session, MANIFEST, owner=actor, image_set_id=version.image_set_id, params={"version_id": version.id}
    )


def _remove_kept_images(session: Session, image_ids: Sequence[int]) -> None:
    """Remove the rows of images whose pixels are gone for good and that no version needs any more."""
    for start in range(0, len(image_ids), 500):
        chosen = image_ids[start : start + 500]
        needed = select(VersionImage.image_id).where(VersionImage.image_id.in_(chosen))
        gone = session.scalars(
            select(Image.id).where(Image.id.in_(chosen), Image.purged_at.is_not(None), Image.id.not_in(needed))
        ).all()
        if gone:
            remove_rows(session, gone)


def count_versions(session: Session, image_id: int) -> int:
    """How many versions have an image."""
    return session.scalar(select(func.count()).where(VersionImage.image_id == image_id)) or 0
