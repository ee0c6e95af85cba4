"""All that one edit has to know, in one statement: the image and its set, who acts there, the shape and its type."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import BigInteger, Table, and_, bindparam, exists, func, select
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import LAST_DIGEST
from exact_core.annotations.loading import is_newest_state, known_in, known_of
from exact_core.annotations.operations import Create, Operation, Update
from exact_core.annotations.rules import RULE_COLUMNS
from exact_core.annotations.scope import FACTS, ROWS, ImageFacts
from exact_core.annotations.states import IDENTITIES, Known
from exact_core.auth.rights import BESIDE_SET, Standing, standing_of, with_roles
from exact_core.storage.models import AnnotationType, Image, ImageSet, ImageSetProduct
from exact_core.storage.prepared import Prepared

_IMAGES, _SETS, _TYPES, _USED = (
    cast("Table", model.__table__) for model in (Image, ImageSet, AnnotationType, ImageSetProduct)
)
_FACTS = slice(0, len(FACTS))
_BESIDE = slice(_FACTS.stop, _FACTS.stop + len(BESIDE_SET))
_RULE = slice(_BESIDE.stop, _BESIDE.stop + len(RULE_COLUMNS))
_DIGEST, _SEEN_REVISION, _KNOWN = _RULE.stop, _RULE.stop + 1, _RULE.stop + 2
_REVISION = 10  # of the facts
_LONG_WAIT = 0.25
"""Seconds; a right that was taken away is gone within one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was read at the start of a transaction that does one operation, with the set locked for it.

    Attributes:
        facts: The image, and its set's revision.
        standing: What the actor is in the set.
        digest: Of the newest change set; empty when there is none.
        known: The annotation that the operation names, if there is one.
        rule: The row of ``RULE_COLUMNS`` of the type that it will have, if a product of the set has it.
    """

    facts: ImageFacts
    standing: Standing
    digest: str
    known: Known | None
    rule: Sequence[Any] | None


def enter(session: Session, user_id: int, image_id: int, operation: Operation) -> Entry | None:
    """Lock the image set against other writers until the transaction ends and read everything; None: no such image.

    PostgreSQL reads what was there before it waited for the lock, except for the set's own row, which is as it is
    now. Where the two differ in the revision, somebody has written meanwhile: then all is read again. So it is after
    a long wait, in which rights may have ended.
    """
    is_new = isinstance(operation, Create)
    key = operation.uuid if isinstance(operation, Create) else operation.key
    asked = {
        "image": image_id,
        "user": user_id,
        "key": key,
        "type": operation.type_id if isinstance(operation, Create | Update) else None,
    }
    statement = _entry("id" if isinstance(key, int) else "uuid", is_new)
    began = time.monotonic()
    rows = statement.rows(session, asked)
    if rows and (rows[0][_SEEN_REVISION] != rows[0][_REVISION] or time.monotonic() - began > _LONG_WAIT):
        rows = statement.rows(session, asked)
    if is_new and rows and rows[0][_KNOWN] is not None:  # the same request again, or a uuid that is taken
        rows = _entry("uuid", is_new=False).rows(session, asked)
    return _entry_of(rows) if rows else None


def _entry_of(rows: Sequence[Sequence[Any]]) -> Entry:
    row = rows[0]
    facts = ImageFacts(*row[_FACTS])
    held = (facts.is_locked, None, facts.mode, facts.mode_settings)
    standing = standing_of(facts.image_set_id, held, [each[_BESIDE] for each in rows])
    known = next(known_of([row[_KNOWN:]])) if row[_KNOWN] is not None else None
    rule = row[_RULE]
    return Entry(facts, standing, row[_DIGEST] or "", known, rule if rule[0] is not None else None)


@cache
def _entry(column: str, is_new: bool) -> Prepared:
    """Selects everything, with the annotation found by number or uuid; of a new one only whether it is there."""
    images, sets, types, used = _IMAGES.c, _SETS.c, _TYPES.c, _USED.c
    named = and_(IDENTITIES.c.image_id == images.id, IDENTITIES.c[column] == bindparam("key"))
    there = with_roles(_IMAGES.join(_SETS, sets.id == images.image_set_id)).outerjoin(IDENTITIES, named)
    source, known = (there, (IDENTITIES.c.id,)) if is_new else known_in(there, False, None, is_newest_state())
    offered = exists().where(used.product_id == types.product_id, used.image_set_id == sets.id)
    given = bindparam("type", type_=BigInteger)
    wanted = given if is_new else func.coalesce(given, ROWS.c.type_id)
    source = source.outerjoin(_TYPES, and_(types.id == wanted, offered))
    seen = _SETS.alias("seen")
    seen_revision = select(seen.c.revision).where(seen.c.id == sets.id).scalar_subquery()
    return Prepared(
        select(*FACTS, *BESIDE_SET, *RULE_COLUMNS, LAST_DIGEST, seen_revision, *known)
        .select_from(source)
        .where(images.id == bindparam("image"), images.deleted_at.is_(None), sets.deleted_at.is_(None))
        .with_for_update(of=_SETS)
    )
