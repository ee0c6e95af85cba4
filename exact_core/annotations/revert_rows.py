"""The rows that setting shapes back ends and begins, read before they are written: what the change log hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.bulk_lookup import Pairs, among
from exact_core.annotations.digest import Opened, rows_digest
from exact_core.annotations.geometry import Box
from exact_core.annotations.scope import ROWS, Frame
from exact_core.annotations.states import DETAILS, IDENTITIES
from exact_core.storage.models import LIVE

_PLACE = (ROWS.c.x0, ROWS.c.y0, ROWS.c.x1, ROWS.c.y1, ROWS.c.z, ROWS.c.t, ROWS.c.c)


@dataclass(frozen=True, slots=True)
class Affected:
    """What some annotations of an image lose and get.

    Attributes:
        digest: The hash of the rows, see ``annotations/digest.py``.
        places: Bounding boxes and frames of the states that end, and of those that begin.
    """

    digest: bytes
    places: list[tuple[Box, Frame]]


def affected(session: Session, image_id: int, ids: Sequence[int], back_to: Sequence[int]) -> Affected:
    """What setting annotations back writes; some thousands at a time.

    Args:
        session: Where to read, before anything is written.
        image_id: The image that carries them.
        ids: The annotations.
        back_to: For each, when the state began that it gets again; 0 to delete it.
    """
    row = ROWS.c
    ending = (
        select(IDENTITIES.c.uuid, row.valid_from, *_PLACE)
        .join(IDENTITIES, IDENTITIES.c.id == row.annotation_id)
        .where(among(session, row.annotation_id, ids), row.valid_to == LIVE)
        .order_by(row.annotation_id)
    )
    closed, places = [], []
    for uuid, valid_from, *place in session.execute(ending):
        closed.append((image_id, uuid, valid_from))
        places.append(_place(place))
    opened, begun = _beginning(session, image_id, [pair for pair in zip(ids, back_to, strict=True) if pair[1]])
    return Affected(rows_digest(opened, closed), places + begun)


def _beginning(
    session: Session, image_id: int, wanted: Sequence[tuple[int, int]]
) -> tuple[Opened, list[tuple[Box, Frame]]]:
    """The states that annotations get again, by annotation and when they began; and where they are."""
    names, numbers, outlines, texts, details, places = [], [], [], [], [], []
    if wanted:
        row, pairs = ROWS.c, Pairs(session, wanted)
        attributes = _attributes(session, pairs)
        statement = (
            select(row.annotation_id, IDENTITIES.c.uuid, row.author_id, row.type_id, row.geometry, row.text, *_PLACE)
            .select_from(pairs.joined(ROWS))
            .join(IDENTITIES, IDENTITIES.c.id == row.annotation_id)
            .where(row.annotation_id == pairs.first, row.valid_from == pairs.second)
            .order_by(row.annotation_id)
        )
        for id_, uuid, author_id, type_id, geometry, text, *place in session.execute(statement):
            names.append(uuid)
            numbers.append((image_id, author_id or 0, type_id, *place[4:]))
            outlines.append(bytes(geometry))
            texts.append(text)
            details.append(attributes.get(id_))
            places.append(_place(place))
    return Opened(names, np.array(numbers, np.int64).reshape(-1, 6), outlines, texts, details), places


def _attributes(session: Session, pairs: Pairs) -> dict[int, dict[str, Any]]:
    row = DETAILS.c
    held = (row.annotation_id == pairs.first, row.valid_from <= pairs.second, row.valid_to > pairs.second)
    statement = select(row.annotation_id, row.attributes).select_from(pairs.joined(DETAILS)).where(*held)
    return dict(session.execute(statement).all())


def _place(columns: Sequence[int]) -> tuple[Box, Frame]:
    return Box(*columns[:4]), Frame(*columns[4:])
