"""Vertices between stored shapes and exchange documents: the same level-0 pixels, as flat arrays on their way in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.geometry import INT32_MAX, INT32_MIN, MAX_RINGS, MAX_VERTICES, Geometry
from exact_core.annotations.outlines import Outlines, fixed
from exact_core.annotations.packing import Columns
from exact_core.api.contributions import Shape

_AREA_NUMBERS = (Shape.POLYGON.number, Shape.MULTI_POLYGON.number)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Shapes of a document as flat arrays; rings of shape ``i`` are ``ring_start[i]`` to ``ring_start[i + 1]``."""

    shape: NDArray[np.uint8]
    ring_start: NDArray[np.int64]
    ring_length: NDArray[np.int64]
    ring_hole: NDArray[np.uint8]
    xy: NDArray[np.float64]  # (m, 2)

    def __len__(self) -> int:
        return len(self.shape)

    @property
    def ring_owner(self) -> NDArray[np.int64]:
        """To which shape each ring belongs."""
        return np.repeat(np.arange(len(self)), np.diff(self.ring_start))

    @property
    def vertex_owner(self) -> NDArray[np.int64]:
        """To which shape each vertex belongs."""
        return np.repeat(self.ring_owner, self.ring_length)

    def boxes(self) -> NDArray[np.float64]:
        """Bounding boxes, ``(n, 4)``; NaN for shapes without vertices."""
        answer = np.full((len(self), 4), np.nan)
        vertex = np.concatenate([[0], np.cumsum(self.ring_length)])[self.ring_start]
        has = np.diff(vertex) > 0
        if has.any():
            answer[has, :2] = np.minimum.reduceat(self.xy, vertex[:-1][has], axis=0)
            answer[has, 2:] = np.maximum.reduceat(self.xy, vertex[:-1][has], axis=0)
        return answer


def places_of(geometries: Sequence[Geometry]) -> NDArray[np.float64]:
    """The vertices of many shapes in level-0 pixels, one after another, ``(m, 2)``."""
    if not geometries:
        return np.empty((0, 2))
    xy = np.concatenate([geometry.vertices for geometry in geometries]).astype(np.float64)
    bits = [getattr(geometry, "fraction_bits", 0) for geometry in geometries]
    if any(bits):
        xy /= np.repeat(np.ldexp(1.0, bits), [len(geometry.vertices) for geometry in geometries])[:, None]
    return xy


def columns_of_places(places: Places, width: int, height: int) -> tuple[Columns, dict[int, str]]:
    """Shapes of a document as the platform's columns, in fixed-point pixels; and why some are none at all.

    Refused shapes keep their place, as labels without vertices, so that numbers stay what they were.
    """
    refused = _refused(places)
    if refused:
        places = _emptied(places, refused)
    outlines = Outlines(
        places.shape,
        places.ring_start.astype(np.uint32),
        places.ring_length.astype(np.uint32),
        places.ring_hole,
        places.xy,
    )
    return _without_repeats(fixed(outlines, width, height, refused)), refused


def _refused(places: Places) -> dict[int, str]:
    """Shapes with numbers that are none, and those too large to be drawn as one."""
    found: dict[int, str] = {}
    rings = np.diff(places.ring_start)
    vertices = np.bincount(places.vertex_owner, minlength=len(places))
    for number in np.flatnonzero((vertices > MAX_VERTICES) | (rings > MAX_RINGS)).tolist():
        found[number] = (
            f"It has {vertices[number]:,} vertices in {rings[number]:,} rings; at most {MAX_VERTICES:,} in "
            f"{MAX_RINGS:,} can be kept as one shape."
        )
    finite = np.isfinite(places.xy).all(axis=1)
    with np.errstate(invalid="ignore"):
        near = ((places.xy > INT32_MIN + 1) & (places.xy < INT32_MAX)).all(axis=1)
    owner = places.vertex_owner
    for number in np.unique(owner[~near]).tolist():
        found[number] = "A coordinate is farther out than 32-bit pixels can address."
    for number in np.unique(owner[~finite]).tolist():
        found[number] = "A coordinate is not a finite number (NaN or infinity)."
    return found


def _emptied(places: Places, chosen: dict[int, str]) -> Places:
    """The same shapes, some of them without their vertices."""
    keep = np.ones(len(places), bool)
    keep[list(chosen)] = False
    shape = np.where(keep, places.shape, Shape.IMAGE.number).astype(np.uint8)
    ring = keep[places.ring_owner]
    count = np.where(keep, np.diff(places.ring_start), 0)
    start = np.concatenate([[0], np.cumsum(count)])
    return Places(shape, start, places.ring_length[ring], places.ring_hole[ring], places.xy[keep[places.vertex_owner]])


def _without_repeats(columns: Columns) -> Columns:
    """Outlines without vertices that repeat the one before, as rounding makes them, and without the closing one."""
    length = columns.ring_length.astype(np.int64)
    if not len(columns.vertices):
        return columns
    ends = np.cumsum(length)
    starts = ends - length
    is_area = np.isin(columns.shape, _AREA_NUMBERS)
    owner = np.repeat(np.arange(len(columns)), columns.rings)
    drop = np.zeros(len(columns.vertices), bool)
    drop[1:] = (columns.vertices[1:] == columns.vertices[:-1]).all(axis=1)
    filled = length > 0
    drop[starts[filled]] = False
    drop &= np.repeat(is_area[owner], length)
    kept_last = _last_kept(drop, starts, ends, filled)
    closing = filled & is_area[owner] & (kept_last > starts)
    same = (columns.vertices[kept_last[closing]] == columns.vertices[starts[closing]]).all(axis=1)
    drop[kept_last[closing][same]] = True
    if not drop.any():
        return columns
    kept = np.concatenate([[0], np.cumsum(~drop)])
    return Columns(
        columns.shape,
        columns.ring_start,
        (kept[ends] - kept[starts]).astype(np.uint32),
        columns.ring_hole,
        columns.vertices[~drop],
        columns.fraction_bits,
    )


def _last_kept(
    drop: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64], filled: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The last vertex of each ring that is not dropped; the first one never is."""
    index = np.where(drop, -1, np.arange(len(drop)))
    newest = np.maximum.accumulate(index)
    answer = starts.copy()
    answer[filled] = newest[ends[filled] - 1]
    return answer
