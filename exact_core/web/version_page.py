"""The viewer's page of an image as it was in a version: read only, with the types, names and images of then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from exact_core.api.errors import NotFound
from exact_core.auth.rights import Right
from exact_core.storage.models import VersionImage
from exact_core.versioning.access import OpenedVersion, open_version
from exact_core.versioning.showing import frozen_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from exact_core.api.context import Actor
    from exact_core.services import Services
    from exact_core.storage.models import Image

KEPT_RIGHTS = frozenset({str(Right.VIEW), str(Right.SEE_ALL), str(Right.EXPORT)})
"""What one may still do when a version is looked at; everything else would change the present."""


def open_in(services: Services, session: Session, actor: Actor, image: Image, version_id: int) -> OpenedVersion:
    """The version, for one of its images.

    Raises:
        NotFound: When the actor may not see it, or the image was not in it, or its pixels were removed for good.
    """
    opened = open_version(session, actor, version_id, services.snapshot.can)
    has = select(VersionImage.image_id).where(VersionImage.version_id == version_id, VersionImage.image_id == image.id)
    if opened.version.image_set_id != image.image_set_id or session.scalar(has) is None:
        raise NotFound(
            f"Image {image.name} is not in the version {opened.version.name}, which is older or of another set."
        )
    if image.purged_at is not None:
        raise NotFound(
            f"The pixels of image {image.name} were removed for good; its annotations are in the exports and the"
            f" manifest of the version {opened.version.name}."
        )
    return opened


def seen_in(opened: OpenedVersion, rights: Mapping[str, bool]) -> dict[str, Any]:
    """Start data that differ from those of the present."""
    version = opened.version
    return {
        "types": frozen_types(opened),
        "rights": {name: has and name in KEPT_RIGHTS for name, has in rights.items()},
        "plugins": [],  # they read annotations as they are now
        "overlays": [],
        "study": None,
        "version": {
            "id": version.id,
            "name": version.name,
            "revision": version.revision,
            "created_at": version.created_at.isoformat(),
            "creator": version.creator_name,
        },
    }
