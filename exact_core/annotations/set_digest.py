"""The hash of the rows that a change of a whole set writes: worked out from what is stored before it is changed.

See :mod:`exact_core.annotations.digest`. The columns of a change lie in memory until they are hashed; a change of a
whole set has a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, FromClause, func, select
from sqlalchemy.orm import Session

from exact_core.annotations.digest import Opened, rows_digest
from exact_core.annotations.scope import ROWS
from exact_core.annotations.states import DETAILS
from exact_core.storage.models import Annotation


class SetDigest:
    """Collects the states that a change begins and ends."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._opened: list[tuple[Any, ...]] = []
        self._attributes: list[Mapping[str, Any] | None] = []
        self._closed: list[tuple[Any, ...]] = []

    def closes(self, source: FromClause, condition: ColumnElement[bool]) -> None:
        """These rows, of ``ROWS`` in a source, are ended."""
        row = ROWS.c
        named = select(row.annotation_id, row.image_id, Annotation.uuid, row.valid_from)
        chosen = named.select_from(source).where(condition, Annotation.id == row.annotation_id)
        self._closed += (tuple(found) for found in self._session.execute(chosen))

    def opens(
        self,
        source: FromClause,
        condition: ColumnElement[bool],
        has_detail: ColumnElement[bool],
        type_id: ColumnElement[int] | None = None,
        attributes: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> None:
        """Copies of these rows are begun.

        Args:
            source: Where ``ROWS`` is.
            condition: Which of its rows.
            has_detail: Joins the attributes that the new states have.
            type_id: The type of the new states; None when it stays.
            attributes: Other attributes by annotation.
        """
        row = ROWS.c
        new = (
            select(
                row.annotation_id, Annotation.uuid, row.image_id, func.coalesce(row.author_id, 0).label("author"),
                (row.type_id if type_id is None else type_id).label("type"), row.z, row.t, row.c, row.geometry,
                row.text, DETAILS.c.attributes,
            )
            .select_from(source.outerjoin(DETAILS, has_detail))
            .where(condition, Annotation.id == row.annotation_id)
        )  # fmt: skip
        given = attributes or {}
        for id_, *state, packed, text, kept in self._session.execute(new):
            self._opened.append((id_, *state, bytes(packed), text))
            self._attributes.append(given.get(id_, kept))

    def digest(self) -> bytes:
        """The hash, in the order of the annotations' numbers."""
        order = sorted(range(len(self._opened)), key=lambda place: self._opened[place][0])
        rows = [self._opened[place] for place in order]
        numbers = np.array([row[2:8] for row in rows], np.int64).reshape(-1, 6)
        opened = Opened(
            [row[1] for row in rows],
            numbers,
            [row[8] for row in rows],
            [row[9] for row in rows],
            [self._attributes[place] for place in order],
        )
        return rows_digest(opened, [row[1:] for row in sorted(self._closed)])
