"""All annotations of an image, one after another in constant memory: for exports, comparisons and whole-set figures.

The order is that of storage (place, then number), so that the same revision always gives the same sequence, and the
database reads its pages once from front to back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, select
from sqlalchemy.orm import Session

from exact_core.annotations.geometry import Box, Geometry
from exact_core.annotations.packing import unpack
from exact_core.annotations.scope import EVERYTHING, ROWS, Frame, ReadScope, holds
from exact_core.annotations.states import DETAILS
from exact_core.api.contributions import Shape
from exact_core.storage.models import Annotation

_IDENTITIES = cast("Table", Annotation.__table__)
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class StreamedAnnotation:
    """One annotation in the state that the scope shows; coordinates are level-0 pixels of its image."""

    id: int
    uuid: str
    image_id: int
    type_id: int
    shape: Shape
    packed: bytes
    box: Box
    frame: Frame
    text: str
    attributes: dict[str, Any]
    author_id: int | None
    editor_id: int | None
    claimed_author: str
    created_at: datetime
    edited_at: datetime
    revision: int

    @property
    def geometry(self) -> Geometry:
        """The unpacked vertices."""
        return unpack(self.packed)


def stream(
    session: Session,
    scope: ReadScope,
    *,
    type_ids: Sequence[int] = (),
    frame: Frame = EVERYTHING,
    conditions: Sequence[ColumnElement[bool]] = (),
) -> Iterator[StreamedAnnotation]:
    """Read the annotations that the scope shows; the session must stay open and unused until the end.

    Args:
        session: Where to read.
        scope: Whose view of which image, now or at a revision.
        type_ids: Only these annotation types; empty means all.
        frame: Only these frames.
        conditions: More conditions on the columns of ``ROWS``.
    """
    row = ROWS.c
    detail = and_(DETAILS.c.annotation_id == row.annotation_id, *holds(DETAILS, scope.at))
    wanted = [*scope.revisions(frame), *conditions]
    if type_ids:
        wanted.append(row.type_id.in_(type_ids))
    statement = (
        select(
            row.annotation_id, _IDENTITIES.c.uuid, row.type_id, row.shape, row.geometry, row.x0, row.y0, row.x1,
            row.y1, row.z, row.t, row.c, row.text, DETAILS.c.attributes, row.author_id, row.editor_id,
            _IDENTITIES.c.claimed_author, _IDENTITIES.c.created_at, row.edited_at, row.valid_from,
        )
        .select_from(ROWS.join(_IDENTITIES, _IDENTITIES.c.id == row.annotation_id).outerjoin(DETAILS, detail))
        .where(*wanted)
        .order_by(row.tile_key, row.annotation_id)
    )  # fmt: skip
    found = session.execute(statement, execution_options={"yield_per": _BATCH})
    for id_, uuid, type_id, shape, packed, x0, y0, x1, y1, z, t, c, text, attributes, *rest in found:
        author_id, editor_id, claimed_author, *times = rest
        is_known = scope.author(author_id) == author_id
        yield StreamedAnnotation(
            id_,
            uuid,
            scope.image.image_id,
            type_id,
            Shape.from_number(shape),
            bytes(packed),
            Box(x0, y0, x1, y1),
            Frame(z, t, c),
            text,
            attributes or {},
            scope.author(author_id),
            scope.author(editor_id),
            claimed_author if is_known else "",
            *times,
        )
