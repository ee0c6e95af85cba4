"""Filling a branch: images that share their files, and annotations that are copied inside the database.

A few statements per image, none per annotation; rows are read only for the hash of the change log, some thousands at
a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sqlalchemy import CursorResult, FromClause, SmallInteger, Table, and_, func, insert, literal, select
from sqlalchemy.orm import Session

from exact_core.annotations.counts import counting_cell
from exact_core.annotations.digest import Opened, rows_digest
from exact_core.annotations.scope import COUNTS, ROWS, holds
from exact_core.annotations.states import DETAILS, IDENTITIES
from exact_core.images.naming import PublicNames
from exact_core.storage.models import (
    LIVE,
    BranchImage,
    Image,
    ImageSetProduct,
    ImageTag,
    Product,
    VersionImage,
    now,
)

if TYPE_CHECKING:
    from exact_core.services import Services

HASHED_AT_ONCE = 20_000
"""Annotations whose rows lie in memory at once while they are hashed."""

_FRESH = frozenset({"id", "image_set_id", "name", "position", "mpp_x", "mpp_y", "created_by_id", "created_at"})
_COPIED = [column for column in cast("Table", Image.__table__).columns if column.name not in _FRESH]


def copy_images(
    services: Services,
    session: Session,
    version_id: int,
    branch_id: int,
    maker_id: int | None,
    only: Collection[int] | None = None,
) -> list[tuple[int, int]]:
    """Add the images of a version that still have their pixels; names are pseudonyms of the branch's own.

    With ``only``, those of them that have these numbers in the version's set.

    Returns:
        The numbers of each image and of the one that it was made from, in the order of the version.
    """
    frozen, source = VersionImage, Image
    rows = session.execute(
        select(source.id, frozen.position, frozen.mpp_x, frozen.mpp_y, *_COPIED)
        .join(frozen, frozen.image_id == source.id)
        .where(frozen.version_id == version_id, source.purged_at.is_(None))
        .order_by(frozen.position, source.id)
    ).all()
    if only is not None:
        wanted = frozenset(only)
        rows = [row for row in rows if row[0] in wanted]
    at, names = now(), PublicNames(services.settings.secret, branch_id)
    new: list[dict[str, Any]] = []
    for _, position, mpp_x, mpp_y, *copied in rows:
        values = dict(zip((column.name for column in _COPIED), copied, strict=True))
        # What is still being read where it came from is read here too, by a job of its own.
        status = values["status"] if values["status"] in ("ready", "unreadable") else "probing"
        new.append(
            values
            | {"image_set_id": branch_id, "name": names.give(values["private_name"], at), "position": position}
            | {"mpp_x": mpp_x, "mpp_y": mpp_y, "created_by_id": maker_id, "created_at": at}
            | {"status": status, "deleted_at": None}
        )
    if not new:
        return []
    ids = session.scalars(insert(Image).returning(Image.id, sort_by_parameter_order=True), new).all()
    pairs = [(id_, row[0]) for id_, row in zip(ids, rows, strict=True)]
    session.execute(insert(BranchImage), [{"image_id": id_, "source_image_id": source_id} for id_, source_id in pairs])
    tags = (
        select(BranchImage.image_id, ImageTag.tag_id)
        .join(ImageTag, ImageTag.image_id == BranchImage.source_image_id)
        .join(Image, Image.id == BranchImage.image_id)
        .where(Image.image_set_id == branch_id)
    )
    session.execute(insert(ImageTag).from_select(["image_id", "tag_id"], tags))
    return pairs


def copy_products(session: Session, product_ids: Sequence[int], branch_id: int) -> None:
    """Let the branch use the products that the version froze."""
    there = session.scalars(select(Product.id).where(Product.id.in_(product_ids)).order_by(Product.id)).all()
    if there:
        session.execute(
            insert(ImageSetProduct), [{"image_set_id": branch_id, "product_id": product_id} for product_id in there]
        )


def copy_annotations(session: Session, source_id: int, image_id: int, at: int, revision: int) -> int:
    """Copy the annotations that an image had at a revision to another image, with their names and authors.

    Args:
        session: The writing session.
        source_id: The image that they are on.
        image_id: The image that gets them; it has none.
        at: The revision of the source's set.
        revision: The revision of the other set under which they begin.

    Returns:
        How many there are.
    """
    identity, row = IDENTITIES, ROWS.c
    was = (row.image_id == source_id, *holds(ROWS, at))
    named = select(literal(image_id), *(identity.c[name] for name in ("uuid", "author_id", "claimed_author")))
    chosen = (
        named.add_columns(identity.c.created_at)
        .select_from(ROWS.join(identity, identity.c.id == row.annotation_id))
        .where(*was)
        .order_by(row.tile_key, row.annotation_id)  # numbers in the order of storage keep the pages of a view together
    )
    names = ["image_id", "uuid", "author_id", "claimed_author", "created_at"]
    copied = insert(identity).from_select(names, chosen).execution_options(preserve_rowcount=True)
    count = cast("CursorResult[Any]", session.execute(copied)).rowcount
    if not count:
        return 0
    fresh, both = _renumbered(image_id)
    given = {
        "image_id": literal(image_id),
        "annotation_id": fresh.c.id,
        "valid_from": literal(revision),
        "valid_to": literal(LIVE),
        "changed": literal(None, SmallInteger),  # they follow no other state
    }
    states = select(*(given.get(column.name, column) for column in ROWS.columns)).select_from(both).where(*was)
    session.execute(insert(ROWS).from_select([column.name for column in ROWS.columns], states))
    details = (
        select(fresh.c.id, literal(revision), literal(LIVE), DETAILS.c.attributes)
        .select_from(both.join(DETAILS, and_(DETAILS.c.annotation_id == row.annotation_id, *holds(DETAILS, at))))
        .where(*was)
    )
    columns = ["annotation_id", "valid_from", "valid_to", "attributes"]
    session.execute(insert(DETAILS).from_select(columns, details))
    _count(session, image_id)
    return int(count)


def digests(session: Session, image_id: int) -> Iterator[bytes]:
    """The hashes of the rows of a new image, part by part, in the order of the annotations' numbers."""
    identity, row, last = IDENTITIES, ROWS.c, 0
    while True:
        rows = session.execute(
            select(
                identity.c.id, identity.c.uuid, row.image_id, func.coalesce(row.author_id, 0), row.type_id, row.z,
                row.t, row.c, row.geometry, row.text, DETAILS.c.attributes,
            )
            .select_from(identity.join(ROWS, and_(row.annotation_id == identity.c.id, row.valid_to == LIVE)))
            .outerjoin(DETAILS, and_(DETAILS.c.annotation_id == identity.c.id, DETAILS.c.valid_to == LIVE))
            .where(identity.c.image_id == image_id, identity.c.id > last)
            .order_by(identity.c.id)
            .limit(HASHED_AT_ONCE)
        ).all()  # fmt: skip
        if not rows:
            return
        last = rows[-1][0]
        numbers = np.array([each[2:8] for each in rows], np.int64).reshape(-1, 6)
        yield rows_digest(
            Opened(
                [each[1] for each in rows],
                numbers,
                [bytes(each[8]) for each in rows],
                [each[9] for each in rows],
                [each[10] for each in rows],
            )
        )


def _renumbered(image_id: int) -> tuple[FromClause, FromClause]:
    """Annotations of the new image, and the states of the old one joined with them by their uuids."""
    old, fresh = IDENTITIES.alias("old"), IDENTITIES.alias("fresh")
    named = ROWS.join(old, old.c.id == ROWS.c.annotation_id)
    return fresh, named.join(fresh, and_(fresh.c.image_id == image_id, fresh.c.uuid == old.c.uuid))


def _count(session: Session, image_id: int) -> None:
    """Keep the counts of an image whose annotations are all new."""
    row = ROWS.c
    place = (row.image_id, row.z, row.t, row.c, row.type_id, func.coalesce(row.author_id, 0), counting_cell(ROWS))
    counted = select(*(column.label(f"k{number}") for number, column in enumerate(place)), func.count())
    names = [*(column.name for column in COUNTS.primary_key), "n"]
    session.execute(insert(COUNTS).from_select(names, counted.where(row.image_id == image_id).group_by(*place)))
