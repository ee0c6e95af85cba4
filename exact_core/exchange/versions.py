"""A version as exports see it: its images, types and people as they were, whatever was deleted or renamed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS, Can, ReadScope, holds
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import NotFound
from exact_core.exchange.catalog import MakeProperties, no_properties, types_by_id
from exact_core.exchange.document import ExchangeImage, ExchangeType
from exact_core.storage.models import AnnotationSummary, Image, VersionImage
from exact_core.versioning.access import open_version, scope_for_version

_AT_ONCE = 900


@dataclass(frozen=True, slots=True)
class VersionContent:
    """What an actor may export of a version."""

    title: str
    images: list[ExchangeImage]
    types: list[ExchangeType]
    people: Mapping[int, str]
    scopes: Mapping[int, ReadScope]
    facts: Mapping[str, Any]


def version_content(
    session: Session,
    actor: Actor,
    image_set_id: int,
    version_id: int,
    image_ids: Sequence[int] | None,
    can: Can,
    *,
    with_file_names: bool,
    properties: MakeProperties = no_properties,
) -> VersionContent:
    """A version of a set for an actor; ``NotFound`` when it is not there, or was deleted."""
    opened = open_version(session, actor, version_id, can)
    version = opened.version
    if version.image_set_id != image_set_id:
        raise NotFound(f"There is no version {version_id} in this image set.")
    images = _images(session, version_id, image_ids, properties, with_file_names=with_file_names)
    frozen = [
        ExchangeType(
            kind["id"],
            kind["name"],
            kind["product"]["name"],
            kind["color"],
            tuple(Shape(shape) for shape in kind["shapes"]),
            tuple(kind["attributes"] or ()),
        )
        for kind in opened.frozen.types
    ]
    others = _other_types(session, [image.id for image in images], version.revision, {kind.id for kind in frozen})
    title = str(opened.frozen.content.get("image_set", {}).get("name") or version.name)
    return VersionContent(
        title,
        images,
        [*frozen, *types_by_id(session, others)],
        opened.frozen.people,
        {image.id: scope_for_version(session, actor, image.id, version_id, can) for image in images},
        {
            "image_set": title,
            "revision": version.revision,
            "version": version.name,
            "content_digest": version.content_digest,
        },
    )


def _images(
    session: Session,
    version_id: int,
    image_ids: Sequence[int] | None,
    properties: MakeProperties,
    *,
    with_file_names: bool,
) -> list[ExchangeImage]:
    """The images of the version in the order that they had, those that were deleted since too."""
    row = VersionImage
    statement = (
        select(
            row.image_id, row.name, row.width, row.height, row.mpp_x, row.mpp_y, row.size_z, row.size_t, row.size_c,
            Image.private_name,
        )
        .join(Image, Image.id == row.image_id)
        .where(row.version_id == version_id)
        .order_by(row.position, row.image_id)
    )  # fmt: skip
    if image_ids is not None:
        statement = statement.where(row.image_id.in_(image_ids))
    return [
        ExchangeImage(*(*facts, private_name if with_file_names else "", properties(facts[0])))
        for *facts, private_name in session.execute(statement)
    ]


def _other_types(session: Session, image_ids: Iterable[int], revision: int, known: set[int]) -> set[int]:
    """Types of products that the set no longer had when the version was made, which annotations still have.

    Counts are asked first: a row of them stays for every type that ever was on an image.
    """
    wanted = list(image_ids)
    maybe: set[int] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        maybe |= set(
            session.scalars(select(AnnotationSummary.type_id).where(AnnotationSummary.image_id.in_(part)).distinct())
        )
    found: set[int] = set()
    for type_id in maybe - known:
        for start in range(0, len(wanted), _AT_ONCE):
            here = ROWS.c.image_id.in_(wanted[start : start + _AT_ONCE])
            own = select(ROWS.c.type_id).where(here, ROWS.c.type_id == type_id, *holds(ROWS, revision)).limit(1)
            if session.scalar(own) is not None:
                found.add(type_id)
                break
    return found
