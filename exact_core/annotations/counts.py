"""How many shapes there are: from the kept sums where whole cells are asked for, from the rows at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnCollection,
    ColumnElement,
    FromClause,
    Subquery,
    and_,
    case,
    func,
    literal_column,
    not_,
    select,
)
from sqlalchemy.orm import Session

from exact_core.annotations.geometry import Box
from exact_core.annotations.scope import COUNTS, ROWS, Frame, ReadScope
from exact_core.annotations.sharing import middle
from exact_core.annotations.spatial import SUMMARY_CELL, WHOLE_IMAGE_CELL, merged, ranges, rows_in_ranges
from exact_core.api.contributions import Shape

_CELL_MASK = 0xFFFFFF
_LABELS = [shape.number for shape in Shape if shape.is_label]


class Count(NamedTuple):
    """Shapes of one type in one cell of a grid."""

    type_id: int
    column: int
    row: int
    n: int


@dataclass(frozen=True, slots=True)
class Area:
    """A half-open rectangle: the upper left edge belongs to it, the lower right edge does not."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.x0 >= self.x1 or self.y0 >= self.y1

    @property
    def box(self) -> Box:
        """The same pixels with both ends inclusive."""
        return Box(self.x0, self.y0, self.x1 - 1, self.y1 - 1)


def by_type_and_author(session: Session, scope: ReadScope, frame: Frame) -> list[tuple[int, int, int]]:
    """Type, author (0 for none) and number of all shapes of an image that the scope shows."""
    if scope.has_kept_counts:
        row: ColumnCollection[str, ColumnElement[Any]] = COUNTS.c
        chosen = select(row.type_id, row.author_id, func.sum(row.n)).where(*scope.summary(frame))
    else:
        row = past_counts(scope, frame).c
        chosen = select(row.type_id, row.author_id, func.sum(row.n))
    statement = chosen.group_by(row.type_id, row.author_id).order_by(row.type_id, row.author_id)
    found: dict[tuple[int, int], int] = {}
    for type_id, author_id, n in session.execute(statement):
        key = type_id, scope.author(author_id) or 0
        found[key] = found.get(key, 0) + int(n)
    return [(*key, n) for key, n in found.items()]


def by_type(session: Session, scope: ReadScope, frame: Frame) -> dict[int, int]:
    """Number of shapes per type on an image, as far as the scope shows them; labels of the whole image do not count."""
    kept = scope.has_kept_counts
    row: ColumnCollection[str, ColumnElement[Any]] = COUNTS.c if kept else past_counts(scope, frame).c
    conditions = [*(scope.summary(frame) if kept else ()), row.cell != WHOLE_IMAGE_CELL]
    found = session.execute(select(row.type_id, func.sum(row.n)).where(*conditions).group_by(row.type_id))
    return {type_id: int(n) for type_id, n in found if n}


def past_counts(scope: ReadScope, frame: Frame) -> Subquery:
    """What ``annotation_summary`` would say at the scope's revision, of what the scope shows: counted from states."""
    row = ROWS.c
    cell = counting_cell(ROWS)
    author = func.coalesce(row.author_id, 0)
    return (
        select(row.type_id, author.label("author_id"), cell.label("cell"), func.count().label("n"))
        .where(*scope.revisions(frame))
        .group_by(row.type_id, author, cell)
        .subquery()
    )


def counting_cell(rows: FromClause) -> ColumnElement[int]:
    """The cell in which a row of states is counted, worked out by the database."""
    row = rows.c
    x, y = (middle(low, high) // SUMMARY_CELL for low, high in ((row.x0, row.x1), (row.y0, row.y1)))
    place = y.bitwise_lshift(literal_column("24")).bitwise_or(x)
    return case((row.shape.in_(_LABELS), WHOLE_IMAGE_CELL), else_=place)


def in_region(session: Session, scope: ReadScope, area: Area, frame: Frame, cell: int) -> Iterator[Count]:
    """Shapes whose centre lies in the area, per type and cell; the same cell can come more than once.

    Args:
        session: Where to read.
        scope: What may be seen.
        area: The rectangle.
        frame: Which frames.
        cell: Side of the grid's cells; 0 to count without a grid.
    """
    area = _within(area, scope)
    if area.is_empty:
        return
    inner = _whole_cells(area, scope) if cell % SUMMARY_CELL == 0 and scope.has_kept_counts else None
    if inner is not None:
        yield from _from_summary(session, scope, inner, frame, cell)
    yield from _from_rows(session, scope, area, inner, frame, cell)


def _from_summary(session: Session, scope: ReadScope, inner: Area, frame: Frame, cell: int) -> Iterator[Count]:
    """Sums of the counting cells that lie wholly in the area."""
    row = COUNTS.c
    x0, y0, x1, y1 = (value // SUMMARY_CELL for value in (inner.x0, inner.y0, inner.x1, inner.y1))
    column = row.cell.bitwise_and(_CELL_MASK)
    inside = (row.cell >= y0 << 24, row.cell < y1 << 24, column.between(x0, x1 - 1))
    if not cell:
        statement = select(row.type_id, func.sum(row.n)).where(*scope.summary(frame), *inside).group_by(row.type_id)
        for type_id, n in session.execute(statement):
            yield Count(type_id, 0, 0, int(n))
        return
    factor = cell // SUMMARY_CELL
    grouped = (
        select(row.type_id, row.cell, func.sum(row.n))
        .where(*scope.summary(frame), *inside)
        .group_by(row.type_id, row.cell)
    )
    for type_id, place, n in session.execute(grouped):
        yield Count(type_id, (place & _CELL_MASK) // factor, (place >> 24) // factor, int(n))


def _from_rows(
    session: Session, scope: ReadScope, area: Area, inner: Area | None, frame: Frame, cell: int
) -> Iterator[Count]:
    """Rows of the area by their centre, without those that the kept sums have answered."""
    strips = [area] if inner is None else _around(area, inner)
    places = merged(
        [place for strip in strips for place in ranges(strip.box, scope.image.longest, loose=False)],
    )
    if not places:
        return
    row = ROWS.c
    x, y = middle(row.x0, row.x1), middle(row.y0, row.y1)
    conditions = [*scope.revisions(frame), row.shape.not_in(_LABELS), _inside(x, y, area)]
    if inner is not None:
        conditions.append(not_(_inside(x, y, inner)))
    columns: list[ColumnElement[Any]] = [row.type_id]
    if cell:
        columns += [(x // cell).label("grid_column"), (y // cell).label("grid_row")]
    dialect = session.get_bind().dialect.name
    hits = rows_in_ranges(dialect, ROWS, columns, conditions, row.tile_key, places).subquery()
    statement = select(*hits.c, func.count()).group_by(*hits.c)
    for found in session.execute(statement):
        if cell:
            yield Count(found[0], int(found[1]), int(found[2]), found[3])
        else:
            yield Count(found[0], 0, 0, found[1])


def rows_in_area(
    session: Session, scope: ReadScope, area: Area, frame: Frame, columns: list[ColumnElement[Any]], limit: int
) -> list[Any]:
    """Columns of visible states whose centre lies in the area, labels of the image left out, by annotation.

    ``annotation_id`` is among the columns; one row more than the limit says that there are more.
    """
    area = _within(area, scope)
    places = [] if area.is_empty else ranges(area.box, scope.image.longest, loose=False)
    if not places:
        return []
    row = ROWS.c
    x, y = middle(row.x0, row.x1), middle(row.y0, row.y1)
    conditions = [*scope.revisions(frame), row.shape.not_in(_LABELS), _inside(x, y, area)]
    dialect = session.get_bind().dialect.name
    hits = rows_in_ranges(dialect, ROWS, columns, conditions, row.tile_key, places).subquery()
    return list(session.execute(select(hits).order_by(hits.c.annotation_id).limit(limit + 1)))


def _within(area: Area, scope: ReadScope) -> Area:
    """The part of the area on the image; centres of shapes never lie outside."""
    return Area(max(area.x0, 0), max(area.y0, 0), min(area.x1, scope.image.width), min(area.y1, scope.image.height))


def _whole_cells(area: Area, scope: ReadScope) -> Area | None:
    """The counting cells wholly inside of the area; the image's last column and row count as whole."""
    right = area.x1 if area.x1 < scope.image.width else area.x1 + SUMMARY_CELL - 1
    lower = area.y1 if area.y1 < scope.image.height else area.y1 + SUMMARY_CELL - 1
    inner = Area(
        -(-area.x0 // SUMMARY_CELL) * SUMMARY_CELL,
        -(-area.y0 // SUMMARY_CELL) * SUMMARY_CELL,
        right // SUMMARY_CELL * SUMMARY_CELL,
        lower // SUMMARY_CELL * SUMMARY_CELL,
    )
    return None if inner.is_empty else inner


def _around(area: Area, inner: Area) -> list[Area]:
    """What is left of the area without its inner part: up to four strips."""
    strips = [
        Area(area.x0, area.y0, area.x1, inner.y0),
        Area(area.x0, inner.y1, area.x1, area.y1),
        Area(area.x0, inner.y0, inner.x0, inner.y1),
        Area(inner.x1, inner.y0, area.x1, inner.y1),
    ]
    return [strip for strip in strips if not strip.is_empty]


def _inside(x: ColumnElement[int], y: ColumnElement[int], area: Area) -> ColumnElement[bool]:
    return and_(x >= area.x0, x < area.x1, y >= area.y0, y < area.y1)
