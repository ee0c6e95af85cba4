"""Which version an actor may open, and what of its annotations they may see: rights and blind rules as of now."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import Can, ImageFacts, ReadScope, read_scope, scope_in
from exact_core.annotations.service import AS_NOW, Names, image_of
from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, NotFound
from exact_core.auth.rights import Right
from exact_core.storage.models import ImageSet, Version, VersionImage
from exact_core.versioning.freezing import Frozen, frozen_of


@dataclass(frozen=True, slots=True)
class OpenedVersion:
    """A version that an actor may view; reading it again gives the same, whatever happened since.

    Attributes:
        version: Its row.
        sees_all: Whether the actor may know of other people's work in the set.
        only_author: The one whose annotations they see; None for everybody's.
        frozen: Products, types, people, settings as they were.
    """

    version: Version
    sees_all: bool
    only_author: int | None
    frozen: Frozen

    @property
    def names(self) -> Names:
        """What types and people were called."""
        return Names(self.frozen.type_names, self.frozen.people)


def find_version(session: Session, actor: Actor, version_id: int, can: Can | None = None) -> Version:
    """The row of a version, also of a deleted one; ``NotFound`` when the actor may not view its image set."""
    version = session.get(Version, version_id) if -(2**63) <= version_id < 2**63 else None
    if version is None or not (can or rights_in(session))(actor, Right.VIEW, version.image_set_id):
        raise no_version(version_id)
    return version


def live_version(session: Session, actor: Actor, version_id: int, can: Can | None = None) -> Version:
    """A version that is not deleted."""
    version = find_version(session, actor, version_id, can)
    if version.deleted_at is not None:
        raise NotFound(
            f"The version {version_id} was deleted by {version.deleted_by_name or 'the system'}:"
            f" {version.deleted_reason}"
        )
    return version


def open_version(session: Session, actor: Actor, version_id: int, can: Can | None = None) -> OpenedVersion:
    """A version with everything that was frozen in it, for reading and for exports."""
    can = can or rights_in(session)
    version = live_version(session, actor, version_id, can)
    sees_all = can(actor, Right.SEE_ALL, version.image_set_id)
    return OpenedVersion(version, sees_all, None if sees_all else actor.user_id, frozen_of(session, version_id))


def scope_for_version(session: Session, actor: Actor, image_id: int, version_id: int, can: Can) -> ReadScope:
    """What the actor may see of an image's annotations as they were in a version, in one query.

    The image may have been deleted since, also for good. ``NotFound`` when it was not in the version.
    """
    row = VersionImage
    columns = (
        row.image_id, Version.image_set_id, row.name, row.width, row.height, row.size_z, row.size_t, row.size_c,
        ImageSet.mode, ImageSet.is_locked, Version.revision,
    )  # fmt: skip
    statement = (
        select(*columns)
        .join(Version, Version.id == row.version_id)
        .join(ImageSet, ImageSet.id == Version.image_set_id)
        .where(row.version_id == version_id, row.image_id == image_id, Version.deleted_at.is_(None))
    )
    found = session.execute(statement).first()
    if found is None or not can(actor, Right.VIEW, found.image_set_id):
        raise NotFound(f"There is no image {image_id} in a version {version_id} that you may see.")
    facts = ImageFacts(*found)
    return scope_in(facts, actor, can).as_of(facts.revision)


def scope_shown(session: Session, actor: Actor, image_id: int, version_id: int | None, can: Can) -> ReadScope:
    """What the actor may see of an image, now or in a version."""
    if version_id is not None:
        return scope_for_version(session, actor, image_id, version_id, can)
    return read_scope(session, actor, image_id, can)


def scope_of_annotation(session: Session, actor: Actor, annotation_id: int, version_id: int, can: Can) -> ReadScope:
    """The scope of an annotation's image in a version; where there is none, it says that of the annotation."""
    try:
        return scope_for_version(session, actor, image_of(session, annotation_id), version_id, can)
    except NotFound:
        raise NotFound(f"There is no annotation {annotation_id} that you may see.") from None


def names_in(session: Session, version_id: int | None) -> Names:
    """What types and people were called in a version that the actor may open, or are called now."""
    if version_id is None:
        return AS_NOW
    frozen = frozen_of(session, version_id)
    return Names(frozen.type_names, frozen.people)


def require_all(session: Session, actor: Actor, image_set_id: int, can: Can | None = None) -> None:
    """Refuse who may not know of other people's work: files of a version hold it in ways that cannot be filtered."""
    if not (can or rights_in(session))(actor, Right.SEE_ALL, image_set_id):
        raise Forbidden("In this image set you may see your own annotations only, and this holds everybody's.")


def no_version(version_id: int) -> NotFound:
    """What is said of versions that are not there, and of those that somebody may not know of."""
    return NotFound(f"There is no version {version_id} that you may see.")
