"""What a version freezes beside the annotations: images, products, members, settings.

Everything here costs as much as there are images, types and members, never as much as there are annotations. A domain
with state of its own that a version should keep adds a function to :data:`FREEZERS`.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from exact_core.annotations.digest import canonical_json
from exact_core.kernel.activation import settings_json
from exact_core.review.image_states import state_column
from exact_core.storage.models import (
    AnnotationType,
    Image,
    ImageSet,
    ImageSetMember,
    ImageSetProduct,
    ImageTag,
    Product,
    Tag,
    Team,
    TeamMember,
    User,
    Version,
    VersionContent,
    VersionImage,
)

if TYPE_CHECKING:
    from exact_core.services import Services

Freezer: TypeAlias = Callable[["Services", Session, int], Any]
"""``freezer(services, session, image_set_id)`` gives plain JSON values, the same for the same state."""

CONTENT, PEOPLE = "content", "people"

_TYPE_COLUMNS = (
    "id",
    "name",
    "description",
    "shapes",
    "color",
    "sort_order",
    "key",
    "default_width",
    "default_height",
    "default_unit",
    "attributes",
    "is_active",
)
_IMAGE_COLUMNS = (
    "position",
    "name",
    "status",
    "width",
    "height",
    "size_z",
    "size_t",
    "size_c",
    "mpp_x",
    "mpp_y",
    "checksum",
    "content_version",
)


@dataclass(frozen=True, slots=True)
class Frozen:
    """The frozen content of a version as it was read back."""

    content: Mapping[str, Any]
    people: Mapping[int, str]

    @property
    def types(self) -> list[dict[str, Any]]:
        """Annotation types in the order of their products, each with ``product``."""
        return [
            {**kind, "product": {"id": product["id"], "name": product["name"]}}
            for product in self.content.get("products", ())
            for kind in product["types"]
        ]

    @property
    def type_names(self) -> dict[int, str]:
        """The names that the types had."""
        return {kind["id"]: kind["name"] for kind in self.types}


def freeze_set(_services: Services, session: Session, image_set_id: int) -> dict[str, Any]:
    """Name, description and mode of the set."""
    found = session.get_one(ImageSet, image_set_id)
    return {"name": found.name, "description": found.description, "mode": found.mode, "team": found.team.name}


def freeze_products(_services: Services, session: Session, image_set_id: int) -> list[dict[str, Any]]:
    """The set's products with their types, retired ones too: annotations may have them."""
    statement = (
        select(Product)
        .join(ImageSetProduct, ImageSetProduct.product_id == Product.id)
        .where(ImageSetProduct.image_set_id == image_set_id)
        .order_by(Product.id)
    )
    used = list(session.scalars(statement))
    kinds: dict[int, list[dict[str, Any]]] = {product.id: [] for product in used}
    columns = [getattr(AnnotationType, name) for name in _TYPE_COLUMNS]
    rows = session.execute(
        select(AnnotationType.product_id, *columns)
        .where(AnnotationType.product_id.in_(kinds))
        .order_by(AnnotationType.sort_order, AnnotationType.id)
    )
    for product_id, *values in rows:
        kinds[product_id].append(dict(zip(_TYPE_COLUMNS, values, strict=True)))
    return [{"id": one.id, "name": one.name, "description": one.description, "types": kinds[one.id]} for one in used]


def freeze_members(_services: Services, session: Session, image_set_id: int) -> list[dict[str, Any]]:
    """Who has which role, by name: in the set itself, and as a member of the owning team."""
    own = session.execute(
        select(ImageSetMember.role, ImageSetMember.user_id, User.name, Team.name)
        .outerjoin(User, User.id == ImageSetMember.user_id)
        .outerjoin(Team, Team.id == ImageSetMember.team_id)
        .where(ImageSetMember.image_set_id == image_set_id)
        .order_by(ImageSetMember.id)
    )
    found = [{"role": role, "user_id": user_id, "user": user, "team": team} for role, user_id, user, team in own]
    owners = session.execute(
        select(TeamMember.user_id, User.name, TeamMember.is_lead, Team.name)
        .join(User, User.id == TeamMember.user_id)
        .join(Team, Team.id == TeamMember.team_id)
        .join(ImageSet, ImageSet.team_id == Team.id)
        .where(ImageSet.id == image_set_id)
        .order_by(TeamMember.id)
    )
    return found + [
        {"role": "lead" if is_lead else "member", "user_id": user_id, "user": user, "team": team}
        for user_id, user, is_lead, team in owners
    ]


def freeze_tags(_services: Services, session: Session, image_set_id: int) -> dict[str, list[str]]:
    """Tags of images, by the image's number."""
    rows = session.execute(
        select(ImageTag.image_id, Tag.name)
        .join(Tag, Tag.id == ImageTag.tag_id)
        .join(Image, Image.id == ImageTag.image_id)
        .where(Image.image_set_id == image_set_id, Image.deleted_at.is_(None))
        .order_by(ImageTag.image_id, Tag.folded_name)
    )
    found: dict[str, list[str]] = {}
    for image_id, name in rows:
        found.setdefault(str(image_id), []).append(name)
    return found


def freeze_plugins(services: Services, _session: Session, image_set_id: int) -> list[dict[str, Any]]:
    """The plugins that are on, with version and settings."""
    activation = services.kernel.activation.of(image_set_id)
    records = services.kernel.records
    return [
        {
            "name": name,
            "version": records[name].version,
            "settings": settings_json(activation.settings.get(name)),
            "required": name in activation.required,
        }
        for name in sorted(activation.enabled)
    ]


FREEZERS: tuple[tuple[str, Freezer], ...] = (
    ("image_set", freeze_set),
    ("products", freeze_products),
    ("members", freeze_members),
    ("image_tags", freeze_tags),
    ("plugins", freeze_plugins),
)


def freeze(services: Services, session: Session, version: Version, revision_digest: str) -> str:
    """Keep the content of a version whose row is there, and return the hash of all that the version is.

    The hash covers the running hash of the change log, so that annotations are in it without being read.
    """
    content = {name: freezer(services, session, version.image_set_id) for name, freezer in FREEZERS}
    images = _freeze_images(session, version)
    session.add(VersionContent(version_id=version.id, part=CONTENT, body=packed(content)))
    whole = {"revision": version.revision, "changes": revision_digest, "images": images, "content": content}
    return hashlib.sha256(canonical_json(whole).encode()).hexdigest()


def _freeze_images(session: Session, version: Version) -> list[dict[str, Any]]:
    """Rows for the images that are in the set now.

    Their states are kept as they are: they follow from what readers were given too, of which there is no past.
    """
    columns = [getattr(Image, name) for name in _IMAGE_COLUMNS]
    state = state_column(session.get_one(ImageSet, version.image_set_id).mode, None)
    statement = (
        select(Image.id, Image.private_name != "", Image.has_associated, state, *columns)
        .where(Image.image_set_id == version.image_set_id, Image.deleted_at.is_(None))
        .order_by(Image.id)
    )
    rows = [
        {
            "image_id": image_id,
            "has_private_name": has_private_name,
            "has_label_picture": "label" in associated,
            "review_state": review_state,
            **dict(zip(_IMAGE_COLUMNS, values, strict=True)),
        }
        for image_id, has_private_name, associated, review_state, *values in session.execute(statement)
    ]
    if rows:
        table = cast("Table", VersionImage.__table__)
        session.execute(insert(table), [{"version_id": version.id, **row} for row in rows])
    return rows


def keep_people(session: Session, version_id: int, user_ids: Sequence[int]) -> None:
    """Freeze the names of everybody who has a part in a version's annotations or verified them, once that is known."""
    found: dict[str, str] = {}
    for start in range(0, len(user_ids), 500):
        chosen = select(User.id, User.display_name, User.name).where(User.id.in_(user_ids[start : start + 500]))
        found |= {str(id_): display_name or name for id_, display_name, name in session.execute(chosen)}
    session.merge(VersionContent(version_id=version_id, part=PEOPLE, body=packed(found)))


def frozen_of(session: Session, version_id: int) -> Frozen:
    """The frozen content of a version; people who are not named in it yet are named as they are called now."""
    rows = select(VersionContent.part, VersionContent.body).where(VersionContent.version_id == version_id)
    parts = {part: unpacked(body) for part, body in session.execute(rows)}
    people = {int(id_): name for id_, name in parts.get(PEOPLE, {}).items()}
    return Frozen(parts.get(CONTENT, {}), people)


def packed(value: Any) -> bytes:
    """Compressed canonical JSON."""
    return zlib.compress(canonical_json(value).encode(), 6)


def unpacked(body: bytes) -> Any:
    """What :func:`packed` was given."""
    return json.loads(zlib.decompress(body))
