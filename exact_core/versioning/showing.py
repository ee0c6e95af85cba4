"""Versions and their files as the API answers them, with what an actor may not know left out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from exact_core.annotations.scope import Can
from exact_core.api.context import Actor
from exact_core.api.errors import Invalid
from exact_core.auth.rights import Right
from exact_core.products.types import KEYS
from exact_core.review.image_states import ImageState, own_states
from exact_core.storage.models import Image, Version, VersionArtefact, VersionImage
from exact_core.versioning.access import OpenedVersion
from exact_core.versioning.schemas import (
    ArtefactOut,
    CreatorOut,
    DeletedOut,
    ManifestOut,
    VersionImageOut,
    VersionOut,
)


def shown(session: Session, actor: Actor, versions: Sequence[Version], can: Can) -> list[VersionOut]:
    """Versions of one image set."""
    ids = [version.id for version in versions]
    images = _counted(session, VersionImage.version_id, ids)
    files = _counted(session, VersionArtefact.version_id, ids)
    answer = []
    for version in versions:
        sees_all = can(actor, Right.SEE_ALL, version.image_set_id)
        deleted = None
        if version.deleted_at is not None:
            deleted = DeletedOut(at=version.deleted_at, by=version.deleted_by_name, reason=version.deleted_reason)
        answer.append(
            VersionOut(
                id=version.id,
                image_set_id=version.image_set_id,
                name=version.name,
                description=version.description,
                revision=version.revision,
                content_digest=version.content_digest,
                creator=CreatorOut(id=version.creator_id, name=version.creator_name),
                created_at=version.created_at,
                image_count=images.get(version.id, 0),
                artefact_count=files.get(version.id, 0) if sees_all else None,
                annotation_count=version.annotation_count if sees_all else None,
                manifest=ManifestOut(
                    state=version.manifest_state,
                    reason=version.manifest_reason,
                    digest=version.manifest_digest,
                    signature=version.manifest_signature,
                    bytes=version.manifest_bytes if sees_all else 0,
                ),
                deleted=deleted,
                may_delete=deleted is None and (actor.is_admin or version.creator_id == actor.user_id),
            )
        )
    return answer


def shown_artefact(artefact: VersionArtefact) -> ArtefactOut:
    """A file of a version."""
    return ArtefactOut(
        id=artefact.id,
        version_id=artefact.version_id,
        kind=artefact.kind,
        name=artefact.name,
        description=artefact.description,
        media_type=artefact.media_type,
        size_bytes=artefact.size_bytes,
        sha256=artefact.sha256,
        plugin=artefact.plugin,
        creator=CreatorOut(id=artefact.created_by_id, name=artefact.created_by_name),
        created_at=artefact.created_at,
    )


def images_page(
    session: Session, opened: OpenedVersion, cursor: str, limit: int, *, with_checksums: bool
) -> tuple[list[VersionImageOut], str | None]:
    """The images of a version in the order that they had, and where the next page begins."""
    row = VersionImage
    statement = (
        select(row, Image.deleted_at, Image.purged_at)
        .join(Image, Image.id == row.image_id)
        .where(row.version_id == opened.version.id)
        .order_by(row.position, row.image_id)
    )
    if cursor:
        statement = statement.where(tuple_(row.position, row.image_id) > _place(cursor))
    found = session.execute(statement.limit(limit + 1)).all()
    tags = opened.frozen.content.get("image_tags", {})
    states = _states(session, opened, [image for image, _, _ in found[:limit]])
    items = [
        VersionImageOut(
            **{name: getattr(image, name) for name in _SHOWN},
            checksum=image.checksum if with_checksums else "",
            tags=tags.get(str(image.image_id), []),
            review_state=states[image.image_id],
            is_deleted=deleted_at is not None,
            has_pixels=purged_at is None,
        )
        for image, deleted_at, purged_at in found[:limit]
    ]
    last = found[limit - 1][0] if len(found) > limit else None
    return items, _cursor(last.position, last.image_id) if last is not None else None


def _states(session: Session, opened: OpenedVersion, images: Sequence[VersionImage]) -> dict[int, ImageState | None]:
    """How far the images were, as the actor may know it: who sees only their own work, sees their own word."""
    if opened.only_author is None:
        return {image.image_id: cast("ImageState | None", image.review_state or None) for image in images}
    own = own_states(session, [image.image_id for image in images], opened.only_author, opened.version.revision)
    return {image.image_id: cast("ImageState", own.get(image.image_id, "to_do")) for image in images}


_SHOWN = (
    "image_id", "name", "status", "width", "height", "size_z", "size_t", "size_c", "mpp_x", "mpp_y",
    "content_version", "has_private_name", "has_label_picture",
)  # fmt: skip


def frozen_types(opened: OpenedVersion) -> list[dict[str, Any]]:
    """The annotation types as the viewer wants them, each with the key that chose it."""
    kinds = opened.frozen.types
    keys = {kind["id"]: kind["key"] for kind in kinds if kind["key"] and kind["is_active"]}
    free = [key for key in KEYS if key not in keys.values()]
    for kind in kinds:
        if kind["is_active"] and kind["id"] not in keys and free:
            keys[kind["id"]] = free.pop(0)
    return [{**kind, "key": keys.get(kind["id"]), "example_url": None} for kind in kinds]


def _counted(session: Session, column: Any, ids: Sequence[int]) -> dict[int, int]:
    rows = session.execute(select(column, func.count()).where(column.in_(ids)).group_by(column))
    return dict(rows.all())


def _cursor(position: int, image_id: int) -> str:
    return base64.urlsafe_b64encode(f"{position}.{image_id}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[int, int]:
    try:
        position, image_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(".")
        return int(position[:12]), int(image_id[:18])
    except (ValueError, UnicodeDecodeError, binascii.Error):
        raise Invalid("The cursor is not one that this list gave out.") from None
