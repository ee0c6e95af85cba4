"""Reading the hits of one image: rows that the database decides, and rows whose outline is looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, FromClause, Select, and_, false, func, not_, select, tuple_

from exact_core.annotations.geometry import Box
from exact_core.annotations.scope import COUNTS, ROWS
from exact_core.annotations.spatial import merged, ranges, rows_in_ranges
from exact_core.annotations.states import DETAILS
from exact_core.search.conditions import (
    DETAIL,
    IDENTITY,
    Always,
    Batch,
    Condition,
    Verifier,
    box_of,
    count_bounds,
    is_counted,
    is_decided,
    needs,
    row_bounds,
)
from exact_core.search.field import Asked, SearchedImage, Use
from exact_core.search.registry import Directed, compiled
from exact_core.search.time_limit import Clock, bounded
from exact_core.storage.models import Annotation

_BATCH = 2_000
# A rectangle with more of the image than this is read like the whole image: its ranges would skip little.
_SMALL_PART = 0.25


class HitRow(NamedTuple):
    """A row that fulfils the query; its first four columns name it."""

    image_id: int
    tile_key: int
    annotation_id: int
    valid_from: int
    type_id: int
    author_id: int  # 0 for none, and for who is masked
    shape: int


class Reading:
    """What a query finds on one image.

    Attributes:
        condition: What the query comes to there.
        stopped_at: The last row that was looked at when the time was over; None when everything was.
    """

    def __init__(
        self, asked: Asked, directed: Directed, image: SearchedImage, clock: Clock, after: tuple[int, int] | None = None
    ) -> None:
        self.stopped_at: tuple[int, int] | None = None
        self._session = asked.session
        self._dialect = asked.dialect
        self._clock = clock
        self._image = image
        self._directed = directed
        self._after = after
        with bounded(asked.session, clock):  # it may read the regions that rows are compared with
            self.condition: Condition = compiled(directed.node, Use(asked, image))
        self._tables = needs(self.condition)
        self._places = None if self._tables else self._ranges()

    def rows(self, limit: int) -> Iterator[HitRow]:
        """The hits in the order of storage, at most ``limit``."""
        if self.condition == Always(False):
            return
        if is_decided(self.condition):
            statement = self._ordered(_KEYS, row_bounds(self.condition).maybe).limit(limit)
            with bounded(self._session, self._clock):
                found = self._session.execute(statement).all()
            yield from map(self._hit, found)
            return
        yield from self._verified(row_bounds(self.condition).maybe, limit)

    def counts(self) -> dict[tuple[int, int], int]:
        """The hits per type and author."""
        if self.condition == Always(False):
            return {}
        scope = self._image.scope
        if self._directed.is_present and scope.has_kept_counts and is_counted(self.condition):
            row = COUNTS.c
            kept = (*scope.summary(), count_bounds(self.condition).maybe)
            sums = select(row.type_id, row.author_id, func.sum(row.n)).where(*kept)
            return self._grouped(sums.group_by(row.type_id, row.author_id))
        limits = row_bounds(self.condition)
        totals: dict[tuple[int, int], int] = defaultdict(int)
        if not _is_false(limits.surely):
            hits = self._select((ROWS.c.type_id, _AUTHOR), limits.surely).subquery()
            totals.update(self._grouped(select(*hits.c, func.count()).group_by(*hits.c)))
        if not is_decided(self.condition):
            for hit in self._verified(and_(limits.maybe, not_(limits.surely)), None):
                totals[hit.type_id, hit.author_id] += 1
            if self.stopped_at is not None:
                raise self._clock.too_long()
        return totals

    def _grouped(self, statement: Any) -> dict[tuple[int, int], int]:
        with bounded(self._session, self._clock):
            totals: dict[tuple[int, int], int] = defaultdict(int)
            for type_id, author, n in self._session.execute(statement):
                totals[type_id, self._image.scope.author(author) or 0] += int(n)
            return totals

    def _verified(self, condition: ColumnElement[bool], limit: int | None) -> Iterator[HitRow]:
        """Rows between the bounds, looked at batch by batch."""
        verifier = Verifier(self.condition)
        flags = [column.label(f"flag{place}") for place, column in enumerate(verifier.columns)]
        statement = self._ordered((*_KEYS, *_OUTLINE, *flags), condition)
        first_flag = len(_KEYS) + len(_OUTLINE)
        found = 0
        with bounded(self._session, self._clock):
            result = self._session.execute(statement, execution_options={"yield_per": _BATCH})
            try:
                for part in result.partitions():
                    good = verifier(_batch(part, first_flag))
                    for row in (part[place] for place in np.flatnonzero(good).tolist()):
                        yield self._hit(row[: len(_KEYS)])
                        found += 1
                        if found == limit:
                            return
                    if self._clock.is_over:
                        self.stopped_at = part[-1].tile_key, part[-1].annotation_id
                        return
            finally:
                result.close()

    def _hit(self, row: Sequence[Any]) -> HitRow:
        hit = HitRow(*row)
        return hit._replace(author_id=self._image.scope.author(hit.author_id) or 0)

    def _select(self, columns: Sequence[ColumnElement[Any]], condition: ColumnElement[bool]) -> Select[Any]:
        """The rows of the scope that a condition holds for, from the few places where they can be."""
        scope = self._image.scope
        conditions = [*(scope.deleted() if self._directed.deleted else scope.revisions()), condition]
        if self._after is not None:
            conditions.append(tuple_(ROWS.c.tile_key, ROWS.c.annotation_id) > self._after)
        if self._places is not None:
            return rows_in_ranges(self._dialect, ROWS, list(columns), conditions, ROWS.c.tile_key, self._places)
        return select(*columns).select_from(_joined(self._tables)).where(*conditions)

    def _ordered(self, columns: Sequence[ColumnElement[Any]], condition: ColumnElement[bool]) -> Select[Any]:
        """The same in the order of storage, which is that of the primary key."""
        statement = self._select(columns, condition)
        if self._places is None:
            return statement.order_by(ROWS.c.tile_key, ROWS.c.annotation_id)
        hits = statement.subquery()
        return select(*hits.c).order_by(hits.c.tile_key, hits.c.annotation_id)

    def _ranges(self) -> list[tuple[int, int]] | None:
        """Ranges of places that hold every hit; None to read the whole image."""
        box, image = box_of(self.condition), self._image.scope.image
        if box is None or not image.width or not image.height:
            return None
        reach = image.longest  # ellipses stick out of the image
        box = Box(max(box.x0, -reach), max(box.y0, -reach), min(box.x1, 2 * reach), min(box.y1, 2 * reach))
        part = (box.x1 - box.x0) * (box.y1 - box.y0) / (image.width * image.height)
        return merged(ranges(box, image.longest)) if part < _SMALL_PART else None


_AUTHOR = func.coalesce(ROWS.c.author_id, 0).label("author_id")
_KEYS: tuple[ColumnElement[Any], ...] = (
    ROWS.c.image_id,
    ROWS.c.tile_key,
    ROWS.c.annotation_id,
    ROWS.c.valid_from,
    ROWS.c.type_id,
    _AUTHOR,
    ROWS.c.shape,
)
_OUTLINE: tuple[ColumnElement[Any], ...] = (ROWS.c.x0, ROWS.c.y0, ROWS.c.x1, ROWS.c.y1, ROWS.c.geometry)


def detail_of_row() -> ColumnElement[bool]:
    """The condition that joins the attributes that a row's state has, live or past."""
    detail, row = DETAILS.c, ROWS.c
    began, ended = detail.valid_from <= row.valid_from, detail.valid_to > row.valid_from
    return and_(detail.annotation_id == row.annotation_id, began, ended)


def _joined(tables: frozenset[str]) -> FromClause:
    source: FromClause = ROWS
    if IDENTITY in tables:
        source = source.join(Annotation.__table__, Annotation.id == ROWS.c.annotation_id)
    if DETAIL in tables:
        source = source.outerjoin(DETAILS, detail_of_row())
    return source


def _batch(part: Sequence[Any], first_flag: int) -> Batch:
    """Rows as arrays, with their outlines still packed."""
    numbers = np.array([(row.annotation_id, row.shape, row.x0, row.y0, row.x1, row.y1) for row in part], np.int64)
    flags = np.array([[bool(flag) for flag in row[first_flag:]] for row in part], bool).reshape(len(part), -1)
    packed = [bytes(row.geometry) for row in part]
    return Batch(numbers[:, 0], numbers[:, 1], numbers[:, 2:6], packed, flags)


def _is_false(condition: ColumnElement[bool]) -> bool:
    return condition.compare(false())
