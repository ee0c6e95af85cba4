"""What is in a rectangle of an image, bounded: whole shapes, centroids for what is small, counts for what is many.

Three levels of detail. A view of at most ``limit`` shapes has all of them whole. Shapes smaller than about two screen
pixels, or beyond the limit, are stood in for by their centroids; more than :data:`MAX_CENTROIDS` of them by the kept
counts per cell. Shapes that are large on the screen come whole in each case, in the arrays ``large_*``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from exact_core.annotations import wire
from exact_core.annotations.packing import Steps, steps_of
from exact_core.annotations.scope import ReadScope
from exact_core.annotations.spatial import SUMMARY_CELL
from exact_core.annotations.view_rows import COLUMNS, DEFAULT_LIMIT, GEOMETRY, Rows, ViewRequest, cells_of, rows_of

__all__ = ["DEFAULT_LIMIT", "MAX_CENTROIDS", "MAX_LIMIT", "ViewRequest", "encode_shapes", "rows_of", "view"]

MAX_LIMIT = 50_000
MAX_CENTROIDS = 50_000
# A larger view asks the kept counts first, so that it never reads rows that it would not send.
_CELLS_READ_BLINDLY = 64
_ID = 0
_SMALL_NUMBER = 1 << 20
_PART = 512


def view(session: Session, scope: ReadScope, request: ViewRequest) -> bytes:
    """The encoded view; one query for rows, and one more for counts when the rectangle is large."""
    bound = max(MAX_CENTROIDS, request.limit)
    if scope.has_kept_counts and request.n_cells > _CELLS_READ_BLINDLY:
        cells = cells_of(session, scope, request)
        if cells[:, 2].sum() > bound:
            return _encode_summary(session, scope, request, cells)
    rows = rows_of(session, scope, request, bound + 1)
    if len(rows) > bound:
        return _encode_summary(session, scope, request, cells_of(session, scope, request))
    whole = _with_outlines(request, rows)
    if len(whole) > request.limit:
        whole = sorted(whole, key=_extent, reverse=True)[: request.limit]
    if len(whole) == len(rows):
        return encode_shapes(scope, request, whole)
    kept = {row[_ID] for row in whole}
    return _encode_centroids(scope, request, [row for row in rows if row[_ID] not in kept], whole)


def _with_outlines(request: ViewRequest, rows: Rows) -> Rows:
    return [row for row in rows if row[GEOMETRY] is not None] if request.has_small else rows


def encode_shapes(scope: ReadScope, request: ViewRequest, rows: Rows) -> bytes:
    """A view of whole shapes, from rows that all have their outlines."""
    return wire.encode(*_shapes(scope, request, "shapes", rows))


def _extent(row: Any) -> int:
    [[x1, x0], [y1, y0]] = _unpaired(np.array(row[4:6], np.int64)).tolist()
    return int(max(x1 - x0, y1 - y0))


def _encode_summary(session: Session, scope: ReadScope, request: ViewRequest, cells: NDArray[np.int64]) -> bytes:
    """Counts for all, and whole those shapes that are too large to disappear in a cell's count."""
    large = _with_outlines(request, rows_of(session, scope, request, request.limit, 1))
    header, arrays = _shapes(scope, request, "summary", large, "large_")
    type_ids, place, numbers = cells.T
    types, index = _indexed(type_ids, header["types"])
    counts: dict[str, NDArray[Any]] = {
        "type": index,
        "cell": np.stack([place & 0xFFFFFF, place >> 24], axis=1).astype(np.uint32),
        "count": numbers.astype(np.uint32),
    }
    header |= {"n": len(cells), "types": types, "large": len(large)}
    return wire.encode(header, counts | arrays)


def _encode_centroids(scope: ReadScope, request: ViewRequest, small: Rows, whole: Rows) -> bytes:
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
    scope: ReadScope, request: ViewRequest, kind: str, rows: Rows, prefix: str = ""
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


def _numbers_of(rows: Rows) -> NDArray[np.int64]:
    """The numbers of rows, column by column, without their outlines."""
    numbers = np.empty((len(COLUMNS), len(rows)), np.int64)
    for part, columns in _parts_of(rows):
        for own, values in zip(numbers, columns[:GEOMETRY], strict=True):
            own[part] = np.fromiter(values, np.int64, len(values))
    return numbers


def _numbers_and_steps_of(rows: Rows) -> tuple[NDArray[np.int64], Steps]:
    """The same of rows that all have their outlines, and these."""
    numbers = np.empty((len(COLUMNS), len(rows)), np.int64)
    lengths = np.empty(len(rows), np.int64)
    outlines: list[bytes] = []
    for part, (*columns, geometries) in _parts_of(rows):
        for own, values in zip(numbers, columns, strict=True):
            own[part] = np.fromiter(values, np.int64, len(values))
        lengths[part] = np.fromiter(map(len, geometries), np.int64, len(geometries))
        outlines.append(b"".join(geometries))
    return numbers, steps_of(b"".join(outlines), lengths)


def _parts_of(rows: Rows) -> Iterator[tuple[slice, tuple[tuple[Any, ...], ...]]]:
    """Rows column by column, in parts whose values fit into the processor's cache."""
    for start in range(0, len(rows), _PART):
        some = rows[start : start + _PART]
        yield slice(start, start + len(some)), tuple(zip(*some, strict=True))
