"""What is in a rectangle of an image, bounded: whole shapes, centroids for what is small, counts for what is many.

Three levels of detail. A view of at most ``limit`` shapes has all of them whole. Shapes smaller than about two screen
pixels, or beyond the limit, are stood in for by their centroids; more than :data:`MAX_CENTROIDS` of them by the kept
counts per cell. Shapes that are large on the screen come whole in each case, in the arrays ``large_*``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnCollection, ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations import wire
from exact_core.annotations.counts import past_counts
from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import unpack_steps
from exact_core.annotations.scope import COUNTS, EVERYTHING, ROWS, Frame, ReadScope
from exact_core.annotations.spatial import SUMMARY_CELL, ranges, rows_in_ranges
from exact_core.api.contributions import Shape

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 50_000
MAX_CENTROIDS = 50_000
_SMALL_ON_SCREEN = 2.0  # pixels of the screen
# A larger view asks the kept counts first, so that it never reads rows that it would not send.
_CELLS_READ_BLINDLY = 64

_Rows: TypeAlias = Sequence[Any]


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
        if sum(row.n for row in cells) > max(MAX_CENTROIDS, request.limit):
            return _encode_summary(session, scope, request, cells)
    bound = max(MAX_CENTROIDS, request.limit)
    rows = rows_of(session, scope, request, bound + 1)
    if len(rows) > bound:
        return _encode_summary(session, scope, request, _summary(session, scope, request))
    whole = [row for row in rows if row.geometry is not None]
    if len(whole) > request.limit:
        whole.sort(key=_extent, reverse=True)
        whole = whole[: request.limit]
    if len(whole) == len(rows):
        return encode_shapes(scope, request, whole)
    kept = {row.annotation_id for row in whole}
    return _encode_centroids(scope, request, [row for row in rows if row.annotation_id not in kept], whole)


def rows_of(session: Session, scope: ReadScope, request: ViewRequest, limit: int, lowest_level: int = 0) -> _Rows:
    """Rows whose box meets the rectangle; the outline is left out of those that are too small to see."""
    row = ROWS.c
    box = request.box
    geometry: ColumnElement[Any] = row.geometry
    if request.small > 1:
        seen = or_(row.shape == Shape.POINT.number, _width() >= request.small, _height() >= request.small)
        geometry = case((seen, row.geometry), else_=None)
    columns: list[ColumnElement[Any]] = [
        row.annotation_id,
        row.type_id,
        row.author_id,
        row.shape,
        row.valid_from,
        row.x0,
        row.y0,
        row.x1,
        row.y1,
        geometry.label("geometry"),
    ]
    meets = [row.x0 <= box.x1, row.x1 >= box.x0, row.y0 <= box.y1, row.y1 >= box.y0]
    statement = rows_in_ranges(
        session.get_bind().dialect.name,
        ROWS,
        columns,
        [*scope.revisions(request.frame), *meets],
        row.tile_key,
        ranges(box, scope.image.longest, lowest_level=lowest_level),
    )
    return session.execute(statement.limit(limit)).all()


def encode_shapes(scope: ReadScope, request: ViewRequest, rows: _Rows) -> bytes:
    """A view of whole shapes, from rows that all have their outlines."""
    return wire.encode(*_shapes(scope, request, "shapes", rows))


def _width() -> ColumnElement[int]:
    return ROWS.c.x1 - ROWS.c.x0


def _height() -> ColumnElement[int]:
    return ROWS.c.y1 - ROWS.c.y0


def _extent(row: Any) -> int:
    return int(max(row.x1 - row.x0, row.y1 - row.y0))


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
    return session.execute(chosen.where(*inside).group_by(row.type_id, row.cell)).all()


def _encode_summary(session: Session, scope: ReadScope, request: ViewRequest, cells: _Rows) -> bytes:
    """Counts for all, and whole those shapes that are too large to disappear in a cell's count."""
    large = [row for row in rows_of(session, scope, request, request.limit, 1) if row.geometry is not None]
    header, arrays = _shapes(scope, request, "summary", large, "large_")
    types, index = _indexed([row.type_id for row in cells], header["types"])
    place = np.array([row.cell for row in cells], np.int64)
    counts: dict[str, NDArray[Any]] = {
        "type": index,
        "cell": np.stack([place & 0xFFFFFF, place >> 24], axis=1).astype(np.uint32),
        "count": np.array([row.n for row in cells], np.uint32),
    }
    header |= {"n": len(cells), "types": types, "large": len(large)}
    return wire.encode(header, counts | arrays)


def _encode_centroids(scope: ReadScope, request: ViewRequest, small: _Rows, whole: _Rows) -> bytes:
    header, arrays = _shapes(scope, request, "centroids", whole, "large_")
    types, type_index = _indexed([row.type_id for row in small], header["types"])
    authors, author_index = _indexed([scope.author(row.author_id) or 0 for row in small], header["authors"])
    boxes = _boxes(small)
    centroids: dict[str, NDArray[Any]] = {
        "id": np.array([row.annotation_id for row in small], np.float64),
        "type": type_index,
        "author": author_index,
        "xy": (boxes[:, :2].astype(np.int64) + boxes[:, 2:] >> 1).astype(np.int32),
    }
    header |= {"n": len(small), "types": types, "authors": authors, "large": len(whole)}
    return wire.encode(header, centroids | arrays)


def _shapes(
    scope: ReadScope, request: ViewRequest, kind: str, rows: _Rows, prefix: str = ""
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of whole shapes."""
    steps = unpack_steps([row.geometry for row in rows])
    types, type_index = _indexed([row.type_id for row in rows], [])
    authors, author_index = _indexed([scope.author(row.author_id) or 0 for row in rows], [])
    arrays: dict[str, NDArray[Any]] = {
        "id": np.array([row.annotation_id for row in rows], np.float64),
        "type": type_index,
        "author": author_index,
        "shape": steps.shape,
        "revision": np.array([row.valid_from for row in rows], np.int32),
        "box": _boxes(rows),
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


def _indexed(values: list[int], known: list[int]) -> tuple[list[int], NDArray[np.uint16]]:
    """The distinct values after those that are known, and the place of each value among them."""
    places = {value: place for place, value in enumerate(known)}
    index = np.fromiter((places.setdefault(value, len(places)) for value in values), np.uint16, len(values))
    return list(places), index


def _boxes(rows: _Rows) -> NDArray[np.int32]:
    return np.array([(row.x0, row.y0, row.x1, row.y1) for row in rows], np.int32).reshape(-1, 4)


def _cell_box(box: Box) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (max(value, 0) // SUMMARY_CELL for value in box)
    return x0, y0, min(x1, 0xFFFFFF), min(y1, 0xFFFFFF)


def _cells_in(box: Box) -> int:
    x0, y0, x1, y1 = _cell_box(box)
    return max(x1 - x0 + 1, 0) * max(y1 - y0 + 1, 0)
