"""What a view reads: the rows of shapes that meet a rectangle, and the kept counts of its cells.

Views are asked for all the time, and SQLAlchemy takes longer to put such a statement together than the database to
answer it. So each form of it is made once, with parameters in place of the image, the actor, the revision and the
rectangle; only what single items of a review reveal is put together anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    ColumnCollection,
    ColumnElement,
    Float,
    Integer,
    Select,
    SmallInteger,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from exact_core.annotations.counts import past_counts
from exact_core.annotations.geometry import Box
from exact_core.annotations.scope import COUNTS, EVERYTHING, ROWS, Frame, ReadScope
from exact_core.annotations.sharing import NOTHING
from exact_core.annotations.spatial import SUMMARY_CELL, ranges, ranges_given, rows_in_ranges
from exact_core.api.contributions import Shape
from exact_core.storage.database import plain_rows
from exact_core.storage.models import EVERY_FRAME
from exact_core.storage.prepared import Prepared
from exact_core.storage.sent_arrays import received, sent

DEFAULT_LIMIT = 5_000
_SMALL_ON_SCREEN = 2.0  # pixels of the screen
_CELL_BITS = 48  # of a cell, beside the place of its type

Rows: TypeAlias = Sequence[tuple[Any, ...]]
"""The driver's own tuples, as :data:`COLUMNS` and then the outline: a view can have fifty thousand."""


def _pair(low: ColumnElement[int], high: ColumnElement[int]) -> ColumnElement[int]:
    """Two 32-bit numbers as one, which is fetched in half of the time."""
    wide = cast(low, BigInteger).bitwise_lshift(literal_column("32"))
    return wide.bitwise_or(cast(high, BigInteger).bitwise_and(literal_column("4294967295")))


COLUMNS: tuple[ColumnElement[Any], ...] = (
    ROWS.c.annotation_id,
    ROWS.c.type_id,
    func.coalesce(ROWS.c.author_id, literal_column("0")).label("author_id"),
    ROWS.c.valid_from,
    _pair(ROWS.c.x0, ROWS.c.x1).label("x"),
    _pair(ROWS.c.y0, ROWS.c.y1).label("y"),
)
"""What a view reads of each shape, before its outline."""

GEOMETRY = len(COLUMNS)
"""The place of the outline."""


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """A rectangle to look at.

    Attributes:
        box: The rectangle; what only touches it belongs to it.
        scale: Screen pixels per image pixel; None when every shape is wanted whole.
        frame: Which frames.
        limit: Most shapes that come whole.
    """

    box: Box
    scale: float | None = None
    frame: Frame = EVERYTHING
    limit: int = DEFAULT_LIMIT

    @property
    def small(self) -> float:
        """Shapes whose box is smaller than this, in image pixels, are too small to see."""
        return _SMALL_ON_SCREEN / self.scale if self.scale else 0.0

    @property
    def has_small(self) -> bool:
        """Whether a shape can be too small to see."""
        return self.small > 1

    @property
    def cells(self) -> tuple[int, int, int, int]:
        """First column and row, and last column and row, of the counting cells that the rectangle meets."""
        x0, y0, x1, y1 = (max(value, 0) // SUMMARY_CELL for value in self.box)
        return x0, y0, min(x1, 0xFFFFFF), min(y1, 0xFFFFFF)

    @property
    def n_cells(self) -> int:
        """How many these are."""
        x0, y0, x1, y1 = self.cells
        return max(x1 - x0 + 1, 0) * max(y1 - y0 + 1, 0)


@dataclass(frozen=True, slots=True)
class _Form:
    """What a statement depends on."""

    dialect: str
    is_past: bool
    has_author: bool
    frames: tuple[bool, ...]  # which axes are asked for one frame of
    has_small: bool


def rows_of(session: Session, scope: ReadScope, request: ViewRequest, limit: int, lowest_level: int = 0) -> Rows:
    """Rows whose box meets the rectangle; the outline is left out of those that are too small to see."""
    dialect = session.get_bind().dialect.name
    places = ranges(request.box, scope.image.longest, lowest_level=lowest_level)
    values = {
        **ranges_given(dialect, places),
        **dict(zip(("x0", "y0", "x1", "y1"), request.box, strict=True)),
        "limit": limit,
        "small": request.small,
    }
    if scope.shared.has_parts:
        return plain_rows(session, _meeting(dialect, scope, request.frame, request.has_small), values)
    return _made(_ROWS, _meeting, session, scope, request).plain_rows(session, values | _given(scope, request.frame))


def cells_of(session: Session, scope: ReadScope, request: ViewRequest) -> NDArray[np.int64]:
    """Type, cell and number of shapes of the cells that the rectangle meets, ``(n, 3)``; no pair comes twice."""
    x0, y0, x1, y1 = request.cells
    values = {"first_cell": y0 << 24, "end_cell": y1 + 1 << 24, "first_column": x0, "last_column": x1}
    if not scope.has_kept_counts:
        row = past_counts(scope, request.frame).c
        counted = _inside(select(row.type_id, row.cell, func.sum(row.n)), row.cell).group_by(row.type_id, row.cell)
        return _as_numbers(plain_rows(session, counted, values))
    values |= _given(scope, request.frame)
    found = _made(_CELLS, _counted, session, scope, request).plain_rows(session, values)
    if session.get_bind().dialect.name == "sqlite":
        return _as_numbers(found)
    return _summed(*(received(value, column) for value, column in zip(found[0], _SENT, strict=True)))


_SENT: tuple[ColumnElement[Any], ...] = (COUNTS.c.type_id, COUNTS.c.cell, COUNTS.c.n)
_Make: TypeAlias = Callable[[str, ReadScope, Frame, bool], Select[Any]]
_ROWS: dict[_Form, Prepared] = {}
_CELLS: dict[_Form, Prepared] = {}


def _made(
    made: dict[_Form, Prepared], make: _Make, session: Session, scope: ReadScope, request: ViewRequest
) -> Prepared:
    """The statement for everybody who may see as much, on any image."""
    frame = request.frame
    is_given = tuple(value != EVERY_FRAME for value in (frame.z, frame.t, frame.c))
    has_author = scope.only_author is not None
    form = _Form(session.get_bind().dialect.name, scope.at is not None, has_author, is_given, request.has_small)
    if form not in made:
        anybody: Any = {"only_author": bindparam("author", type_=BigInteger)} if has_author else {}
        if form.is_past:
            anybody["at"] = bindparam("at", type_=Integer)
        image: Any = bindparam("image", type_=BigInteger)
        whole = replace(scope, image=replace(scope.image, image_id=image), shared=NOTHING, **anybody)
        frames: Any = {
            axis: bindparam(axis, type_=SmallInteger) for axis, given in zip("ztc", is_given, strict=True) if given
        }
        made[form] = Prepared(make(form.dialect, whole, replace(EVERYTHING, **frames), form.has_small))
    return made[form]


def _given(scope: ReadScope, frame: Frame) -> dict[str, Any]:
    """The parameters of :func:`_made`."""
    frames = {"z": frame.z, "t": frame.t, "c": frame.c}
    return {"image": scope.image.image_id, "author": scope.only_author, "at": scope.at, **frames}


def _meeting(dialect: str, scope: ReadScope, frame: Frame, has_small: bool) -> Select[Any]:
    """Rows of a scope in ranges and in a rectangle."""
    row = ROWS.c
    geometry: ColumnElement[Any] = row.geometry
    if has_small:
        small: Any = bindparam("small", type_=Float)
        seen = or_(row.shape == Shape.POINT.number, row.x1 - row.x0 >= small, row.y1 - row.y0 >= small)
        geometry = case((seen, row.geometry), else_=None)
    columns: list[ColumnElement[Any]] = [*COLUMNS, geometry.label("geometry")]
    meets = [
        row.x0 <= bindparam("x1", type_=Integer), row.x1 >= bindparam("x0", type_=Integer),
        row.y0 <= bindparam("y1", type_=Integer), row.y1 >= bindparam("y0", type_=Integer),
    ]  # fmt: skip
    statement = rows_in_ranges(dialect, ROWS, columns, [*scope.revisions(frame), *meets], row.tile_key)
    return statement.limit(bindparam("limit", type_=Integer))


def _counted(dialect: str, scope: ReadScope, frame: Frame, _has_small: bool) -> Select[Any]:
    """Kept counts: on SQLite as rows; PostgreSQL sends as arrays what it would take longer to add up and send."""
    row: ColumnCollection[str, ColumnElement[Any]] = COUNTS.c
    kept = scope.summary(frame)
    if dialect == "sqlite":
        counted = select(row.type_id, row.cell, func.sum(row.n)).where(*kept)
        return _inside(counted, row.cell).group_by(row.type_id, row.cell)
    arrays: Any = select(*map(sent, _SENT))
    return _inside(arrays.where(*kept), row.cell)


def _inside(statement: Select[Any], cell: ColumnElement[Any]) -> Select[Any]:
    first, end = bindparam("first_cell", type_=BigInteger), bindparam("end_cell", type_=BigInteger)
    columns = bindparam("first_column", type_=BigInteger), bindparam("last_column", type_=BigInteger)
    return statement.where(cell >= first, cell < end, cell.bitwise_and(literal_column("16777215")).between(*columns))


def _as_numbers(rows: Rows) -> NDArray[np.int64]:
    """Rows of three whole numbers; PostgreSQL's sums of sums are decimals."""
    return np.fromiter(map(int, chain.from_iterable(rows)), np.int64, 3 * len(rows)).reshape(-1, 3)


def _summed(type_ids: NDArray[np.int64], cells: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sums of what has the same type and cell, of several authors and frames."""
    types, place = np.unique(type_ids, return_inverse=True)
    pairs, first, inverse = np.unique(place << _CELL_BITS | cells, return_index=True, return_inverse=True)
    if len(pairs) == len(cells):
        return np.stack([type_ids, cells, numbers], axis=1)
    sums = np.bincount(inverse, numbers).astype(np.int64)
    return np.stack([types[place[first]], cells[first], sums], axis=1)
