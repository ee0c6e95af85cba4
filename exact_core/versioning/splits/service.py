"""Making, listing and removing splits of a version; what one holds never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.annotations.digest import canonical_json
from exact_core.annotations.scope import Can
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.storage.models import Version, VersionImage, VersionSplit
from exact_core.versioning.access import live_version
from exact_core.versioning.freezing import frozen_of
from exact_core.versioning.splits.dealing import (
    SplitImage,
    checked_parts,
    deal,
    kinds_of,
    leaks_of,
    shared_kinds,
)


def images_of(session: Session, version_id: int) -> list[SplitImage]:
    """The images of a version with what keeps them together, as they were frozen."""
    tags = frozen_of(session, version_id).content.get("image_tags", {})
    rows = session.execute(
        select(VersionImage.image_id, VersionImage.checksum)
        .where(VersionImage.version_id == version_id)
        .order_by(VersionImage.position, VersionImage.image_id)
    )
    return [SplitImage(image_id, checksum, tuple(tags.get(str(image_id), ()))) for image_id, checksum in rows]


def create_split(
    session: Session,
    actor: Actor,
    version_id: int,
    name: str,
    *,
    group_by: str = "",
    shares: Mapping[str, float] | None = None,
    parts: Mapping[str, Sequence[int]] | None = None,
    seed: str = "",
) -> VersionSplit:
    """Deal the images of a version out, or keep the parts that are given; for managers of the set.

    Args:
        session: A session that writes.
        actor: Who does it.
        version_id: The version.
        name: Unique among the splits of the version.
        group_by: The kind of tag that keeps images together.
        shares: What each part should get; its groups are then whole.
        parts: The images of each part, instead of shares; leaks are told, not refused.
        seed: Orders groups of one size; the name of the split when it is empty.
    """
    version = live_version(session, actor, version_id)
    Rights(session).require(actor, Right.MANAGE, version.image_set_id)
    images = images_of(session, version_id)
    group_by = group_by.strip().casefold()
    kinds = kinds_of(images)
    if group_by and group_by not in kinds:
        there = ", ".join(kinds) or "none"
        raise Invalid(f"No image of the version has a tag like '{group_by}:…'; kinds of tags there: {there}.")
    if (shares is None) == (parts is None):
        raise Invalid("Give either the shares of the parts or their images.")
    seed = "" if parts is not None else seed or name
    found = checked_parts(images, parts) if parts is not None else deal(images, shares or {}, group_by, seed)
    split = VersionSplit(
        version_id=version_id,
        name=name,
        group_by=group_by,
        seed=seed,
        parts=found,
        digest=hashlib.sha256(canonical_json({"content": version.content_digest, "parts": found}).encode()).hexdigest(),
        created_by_id=actor.user_id or None,
        created_by_name=actor.display_name or actor.name,
    )
    try:
        with session.begin_nested():
            session.add(split)
            session.flush()
    except IntegrityError:
        raise Conflict(f"The version already has a split {name!r}; choose another name.") from None
    return split


def splits_of(session: Session, version_id: int) -> Sequence[VersionSplit]:
    """The splits of a version in the order in which they were made."""
    return session.scalars(
        select(VersionSplit).where(VersionSplit.version_id == version_id).order_by(VersionSplit.id)
    ).all()


def find_split(session: Session, actor: Actor, version_id: int, split_id: int, can: Can | None = None) -> VersionSplit:
    """A split of a version that the actor may see."""
    live_version(session, actor, version_id, can)
    split = session.get(VersionSplit, split_id) if -(2**63) <= split_id < 2**63 else None
    if split is None or split.version_id != version_id:
        raise NotFound(f"The version {version_id} has no split {split_id}.")
    return split


def remove_split(session: Session, actor: Actor, version_id: int, split_id: int) -> None:
    """Remove a split: for who made it, for who made the version, and for administrators."""
    split = find_split(session, actor, version_id, split_id)
    owners = {split.created_by_id, session.get_one(Version, version_id).creator_id} - {None}
    if not actor.is_admin and actor.user_id not in owners:
        raise Forbidden("A split can be removed by who made it or its version, and by administrators.")
    session.delete(split)


def told(images: Sequence[SplitImage], split: VersionSplit) -> dict[str, Any]:
    """A split with the check for leaks, which is done each time."""
    leaks = leaks_of(images, split.parts, split.group_by)
    dealt = {image_id for found in split.parts.values() for image_id in found}
    return {
        "id": split.id,
        "version_id": split.version_id,
        "name": split.name,
        "group_by": split.group_by,
        "seed": split.seed,
        "digest": split.digest,
        "creator": {"id": split.created_by_id, "name": split.created_by_name},
        "created_at": split.created_at,
        "parts": [
            {"name": part, "image_ids": list(found)}  # the largest first: a database may keep objects in any order
            for part, found in sorted(split.parts.items(), key=lambda part: (-len(part[1]), part[0]))
        ],
        "leaks": [
            {"kind": leak.kind, "value": leak.value if leak.kind != "file" else "", "parts": list(leak.parts),
             "image_ids": list(leak.image_ids)}
            for leak in leaks
        ],
        "ungrouped": sum(not image.values(split.group_by) for image in images if image.image_id in dealt)
        if split.group_by
        else 0,
        "left_out": len(images) - len(dealt),
        "kinds": [
            {"kind": kind, "shared": shared, "groups": groups}
            for kind, (shared, groups) in shared_kinds(images, split.parts).items()
        ],
    }  # fmt: skip
