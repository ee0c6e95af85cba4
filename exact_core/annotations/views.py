"""What is in a rectangle of an image, bounded: whole shapes, centroids for what is small, counts for what is many.

Three levels of detail. A view of at most ``limit`` shapes has all of them whole. Shapes smaller than about two screen
pixels, or beyond the limit, are stood in for by their centroids; more than :data:`MAX_CENTROIDS` of them by the kept
counts per cell. Shapes that are large on the screen come whole in each case, in the arrays ``large_*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnCollection, ColumnElement, case, cast, func, literal_column, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations import wire
from exact_core.annotations.counts import past_counts
from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Steps, steps_of
from exact_core.annotations.scope import COUNTS, EVERYTHING, ROWS, Frame, ReadScope
from exact_core.annotations.spatial import SUMMARY_CELL, ranges, rows_in_ranges
from exact_core.api.contributions import Shape
from exact_core.storage.database import plain_rows

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 50_000
MAX_CENTROIDS = 50_000
_SMALL_ON_SCREEN = 2.0  # pixels of the screen
# A larger view asks the kept counts first, so that it never reads rows that it would not send.
_CELLS_READ_BLINDLY = 64

_Rows: TypeAlias = Sequence[tuple[Any, ...]]


def _pair(low: ColumnElement[int], high: ColumnElement[int]) -> ColumnElement[int]:
    """Two 32-bit numbers as one, which is fetched in half of the time."""
    wide = cast(low, BigInteger).bitwise_lshift(literal_column("32"))
    return wide.bitwise_or(cast(high, BigInteger).bitwise_and(literal_column("4294967295")))


_COLUMNS: tuple[ColumnElement[Any], ...] = (
    ROWS.c.annotation_id,
    ROWS.c.type_id,
    func.coalesce(ROWS.c.author_id, literal_column("0")).label("author_id"),
    ROWS.c.valid_from,
    _pair(ROWS.c.x0, ROWS.c.x1).label("x"),
    _pair(ROWS.c.y0, ROWS.c.y1).label("y"),
)
"""What a view reads of each shape, before its outline."""

_ID, _GEOMETRY = 0, len(_COLUMNS)
_SMALL_NUMBER = 1 << 20
_PART = 512
_N = itemgetter(2)  # how many, of a kept count


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


def view(session: Session, scope: ReadScope, request: ViewRequest) -> bytes:
    """The encoded view; one query for rows, and one more for counts when the rectangle is large."""
    if scope.has_kept_counts and _cells_in(request.box) > _CELLS_READ_BLINDLY:
        cells = _summary(session, scope, request)
        if sum(map(_N, cells)) > max(MAX_CENTROIDS, request.limit):
            return _encode_summary(session, scope, request, cells)
    bound = max(MAX_CENTROIDS, request.limit)
    rows = rows_of(session, scope, request, bound + 1)
    if len(rows) > bound:
        return _encode_summary(session, scope, request, _summary(session, scope, request))
    whole = _with_outlines(request, rows)
    if len(whole) > request.limit:
        whole = sorted(whole, key=_extent, reverse=True)[: request.limit]
    if len(whole) == len(rows):
        return encode_shapes(scope, request, whole)
    kept = {row[_ID] for row in whole}
    return _encode_centroids(scope, request, [row for row in rows if row[_ID] not in kept], whole)


def rows_of(session: Session, scope: ReadScope, request: ViewRequest, limit: int, lowest_level: int = 0) -> _Rows:
    """Rows whose box meets the rectangle; the outline is left out of those that are too small to see.

    They are the driver's own tuples, as :data:`_COLUMNS` names them: a view can have fifty thousand.
    """
    row = ROWS.c
    box = request.box
    geometry: ColumnElement[Any] = row.geometry
    if request.small > 1:
        seen = or_(row.shape == Shape.POINT.number, _width() >= request.small, _height() >= request.small)
        geometry = case((seen, row.geometry), else_=None)
    columns: list[ColumnElement[Any]] = [*_COLUMNS, geometry.label("geometry")]
    meets = [row.x0 <= box.x1, row.x1 >= box.x0, row.y0 <= box.y1, row.y1 >= box.y0]
    statement = rows_in_ranges(
        session.get_bind().dialect.name,
        ROWS,
        columns,
        [*scope.revisions(request.frame), *meets],
        row.tile_key,
        ranges(box, scope.image.longest, lowest_level=lowest_level),
    )
    return plain_rows(session, statement.limit(limit))


def _with_outlines(request: ViewRequest, rows: _Rows) -> _Rows:
    return rows if request.small <= 1 else [row for row in rows if row[_GEOMETRY] is not None]


def encode_shapes(scope: ReadScope, request: ViewRequest, rows: _Rows) -> bytes:
    """A view of whole shapes, from rows that all have their outlines."""
    return wire.encode(*_shapes(scope, request, "shapes", rows))


def _width() -> ColumnElement[int]:
    return ROWS.c.x1 - ROWS.c.x0


def _height() -> ColumnElement[int]:
    return ROWS.c.y1 - ROWS.c.y0


def _extent(row: Any) -> int:
    [[x1, x0], [y1, y0]] = _unpaired(np.array(row[4:6], np.int64)).tolist()
    return int(max(x1 - x0, y1 - y0))


def _summary(session: Session, scope: ReadScope, request: ViewRequest) -> _Rows:
    """Kept counts per type and cell of the cells that the rectangle meets."""
    x0, y0, x1, y1 = _cell_box(request.box)
    if scope.has_kept_counts:
        row: ColumnCollection[str, ColumnElement[Any]] = COUNTS.c
        chosen = select(row.type_id, row.cell, func.sum(row.n).label("n")).where(*scope.summary(request.frame))
    else:
        row = past_counts(scope, request.frame).c
        chosen = select(row.type_id, row.cell, func.sum(row.n).label("n"))
    column = row.cell.bitwise_and(0xFFFFFF)
    inside = (row.cell >= y0 << 24, row.cell < y1 + 1 << 24, column.between(x0, x1))
    return plain_rows(session, chosen.where(*inside).group_by(row.type_id, row.cell))


def _encode_summary(session: Session, scope: ReadScope, request: ViewRequest, cells: _Rows) -> bytes:
    """Counts for all, and whole those shapes that are too large to disappear in a cell's count."""
    large = _with_outlines(request, rows_of(session, scope, request, request.limit, 1))
    header, arrays = _shapes(scope, request, "summary", large, "large_")
    type_ids, place, numbers = np.array(cells, np.int64).reshape(-1, 3).T
    types, index = _indexed(type_ids, header["types"])
    counts: dict[str, NDArray[Any]] = {
        "type": index,
        "cell": np.stack([place & 0xFFFFFF, place >> 24], axis=1).astype(np.uint32),
        "count": numbers.astype(np.uint32),
    }
    header |= {"n": len(cells), "types": types, "large": len(large)}
    return wire.encode(header, counts | arrays)


def _encode_centroids(scope: ReadScope, request: ViewRequest, small: _Rows, whole: _Rows) -> bytes:
    header, arrays = _shapes(scope, request, "centroids", whole, "large_")
    ids, type_ids, author_ids, _, x, y = _numbers_of(small)
    types, type_index = _indexed(type_ids, header["types"])
    authors, author_index = _indexed(author_ids, header["authors"], scope)
    middles = [
        (pairs[:, 0] + pairs[:, 1]) >> 1 for pairs in (_unpaired(x).astype(np.int64), _unpaired(y).astype(np.int64))
    ]
    centroids: dict[str, NDArray[Any]] = {
        "id": ids.astype(np.float64),
        "type": type_index,
        "author": author_index,
        "xy": np.stack(middles, axis=1).astype(np.int32),
    }
    header |= {"n": len(small), "types": types, "authors": authors, "large": len(whole)}
    return wire.encode(header, centroids | arrays)


def _shapes(
    scope: ReadScope, request: ViewRequest, kind: str, rows: _Rows, prefix: str = ""
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of whole shapes."""
    (ids, type_ids, author_ids, revisions, x, y), steps = _numbers_and_steps_of(rows)
    types, type_index = _indexed(type_ids, [])
    authors, author_index = _indexed(author_ids, [], scope)
    boxes = np.empty((len(rows), 4), np.int32)
    boxes[:, 2::-2], boxes[:, 3::-2] = _unpaired(x), _unpaired(y)
    arrays: dict[str, NDArray[Any]] = {
        "id": ids.astype(np.float64),
        "type": type_index,
        "author": author_index,
        "shape": steps.shape,
        "revision": revisions.astype(np.int32),
        "box": boxes,
        "ring_start": steps.ring_start,
        "ring_length": steps.ring_length,
        "ring_hole": steps.ring_hole,
    }
    if steps.wide is None and steps.delta is not None:
        arrays |= {"first": steps.first, "delta": steps.delta}
    elif steps.wide is not None:
        arrays["xy"] = steps.wide
    if steps.fraction_bits is not None:
        arrays["fraction_bits"] = steps.fraction_bits
    header = {
        "kind": kind,
        "revision": scope.revision,
        "n": len(rows),
        "box": list(request.box),
        "types": types,
        "authors": authors,
        "coordinates": "int32" if steps.delta is None else "int16-delta",
        "cell": SUMMARY_CELL,
    }
    return header, {prefix + name: array for name, array in arrays.items()}


def _indexed(
    values: NDArray[np.int64], known: list[int], scope: ReadScope | None = None
) -> tuple[list[int], NDArray[np.uint16]]:
    """The distinct values after those that are known, and the place of each value among them.

    With a scope they are authors: 0 stands for none, and for who is masked.
    """
    found, inverse = _distinct(values)
    places = {value: place for place, value in enumerate(known)}
    names = found if scope is None else [scope.author(value) or 0 for value in found]
    at = np.array([places.setdefault(value, len(places)) for value in names], np.uint16)
    return list(places), at[inverse]


def _distinct(values: NDArray[np.int64]) -> tuple[list[int], NDArray[np.int64]]:
    """The distinct values, and the place of each value among them; without sorting where numbers are small."""
    if not len(values) or values.min() < 0 or values.max() > _SMALL_NUMBER:
        found, inverse = np.unique(values, return_inverse=True)
        return found.tolist(), inverse
    found = np.flatnonzero(np.bincount(values))
    place = np.zeros(int(found[-1]) + 1, np.int64)
    place[found] = np.arange(len(found))
    return found.tolist(), place[values]


def _unpaired(values: NDArray[np.int64]) -> NDArray[np.int32]:
    """The upper and the lower end of each pair that :func:`_pair` made, ``(n, 2)``."""
    return values.astype("<i8", copy=False).view("<i4").reshape(-1, 2)


def _numbers_of(rows: _Rows) -> NDArray[np.int64]:
    """The numbers of rows, column by column, without their outlines."""
    numbers = np.empty((len(_COLUMNS), len(rows)), np.int64)
    for part, columns in _parts_of(rows):
        for own, values in zip(numbers, columns[:_GEOMETRY], strict=True):
            own[part] = np.fromiter(values, np.int64, len(values))
    return numbers


def _numbers_and_steps_of(rows: _Rows) -> tuple[NDArray[np.int64], Steps]:
    """The same of rows that all have their outlines, and these."""
    numbers = np.empty((len(_COLUMNS), len(rows)), np.int64)
    lengths = np.empty(len(rows), np.int64)
    outlines: list[bytes] = []
    for part, (*columns, geometries) in _parts_of(rows):
        for own, values in zip(numbers, columns, strict=True):
            own[part] = np.fromiter(values, np.int64, len(values))
        lengths[part] = np.fromiter(map(len, geometries), np.int64, len(geometries))
        outlines.append(b"".join(geometries))
    return numbers, steps_of(b"".join(outlines), lengths)


def _parts_of(rows: _Rows) -> Iterator[tuple[slice, tuple[tuple[Any, ...], ...]]]:
    """Rows column by column, in parts whose values fit into the processor's cache."""
    for start in range(0, len(rows), _PART):
        some = rows[start : start + _PART]
        yield slice(start, start + len(some)), tuple(zip(*some, strict=True))


def _cell_box(box: Box) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (max(value, 0) // SUMMARY_CELL for value in box)
    return x0, y0, min(x1, 0xFFFFFF), min(y1, 0xFFFFFF)


def _cells_in(box: Box) -> int:
    x0, y0, x1, y1 = _cell_box(box)
    return max(x1 - x0 + 1, 0) * max(y1 - y0 + 1, 0)
