"""How badly outlines cross themselves, found out before anything is asked that takes hours on a tangle.

GEOS says in milliseconds that an outline is sound or has a slip; on a scribble with millions of crossings the same
questions take minutes and gigabytes. A few sides against all others tell a scribble from an outline.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

LARGE = 20_000
"""Outlines with more vertices are sampled first."""

MOST_CROSSINGS = 1_000
"""Outlines that cross themselves more often are scribbles."""

_SAMPLES = 64
_SMALLEST_CHUNK, _LARGEST_CHUNK = 16, 512
_EXACT = 1 << 30  # products of differences up to this fit into int64

Segments = NDArray[np.int64]
"""Sides of outlines: ``(n, 4)`` as x0, y0, x1, y1."""


def sides_of(rings: Sequence[NDArray[np.int64]]) -> Segments:
    """The sides of closed rings."""
    return np.concatenate([np.hstack([ring, np.roll(ring, -1, axis=0)]) for ring in rings])


def scribble(rings: Sequence[NDArray[np.int64]]) -> tuple[int, int] | None:
    """A place at a crossing, when the rings seem to cross themselves or each other too often; else None."""
    if sum(map(len, rings)) <= LARGE:
        return None
    sides = sides_of(rings)
    chosen = np.linspace(0, len(sides) - 1, _SAMPLES).astype(np.int64)
    found = 0
    for side in sides[chosen]:
        found += len(_crossed_by(side, sides))
        if found / _SAMPLES * len(sides) / 2 > MOST_CROSSINGS:
            x, y = ((side[:2] + side[2:]) // 2).tolist()
            return x, y
    return None


def is_mendable(ring: NDArray[np.int64]) -> bool:
    """Whether a ring crosses itself seldom enough to be mended."""
    if len(ring) > 5 * LARGE:
        return False
    sides = sides_of([ring])
    lines = shapely.linestrings(sides.reshape(-1, 2, 2).astype(np.float64))
    tree = shapely.STRtree(lines)
    start, step, found = 0, _SMALLEST_CHUNK, 0
    while start < len(lines):
        pairs = tree.query(lines[start : start + step], predicate="intersects")
        apart = np.abs(pairs[0] + start - pairs[1])
        found += int(((apart > 1) & (apart < len(lines) - 1)).sum())
        if found > 2 * MOST_CROSSINGS:
            return False
        start, step = start + step, min(step * 2, _LARGEST_CHUNK)
    return True


def _crossed_by(side: NDArray[np.int64], sides: Segments) -> Segments:
    """The sides that cross one side, or lie along a part of it; those that only touch it do not count."""
    low, high = np.minimum(side[:2], side[2:]), np.maximum(side[:2], side[2:])
    near = np.ones(len(sides), bool)
    for axis in (0, 1):
        one, other = sides[:, axis], sides[:, axis + 2]
        near &= (np.minimum(one, other) <= high[axis]) & (np.maximum(one, other) >= low[axis])
    close = sides[near & (sides != side).any(axis=1)] - np.tile(low, 2)
    side = side - np.tile(low, 2)
    if np.abs(close).max(initial=0) > _EXACT or np.abs(side).max() > _EXACT:
        close, side = close.astype(np.float64), side.astype(np.float64)
    a, b, c, d = side[None, :2], side[None, 2:], close[:, :2], close[:, 2:]
    of_c, of_d, of_a, of_b = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    crosses = (np.sign(of_c) * np.sign(of_d) < 0) & (np.sign(of_a) * np.sign(of_b) < 0)
    axis = int(np.argmax(high - low))
    shared = np.minimum(np.maximum(c[:, axis], d[:, axis]), high[axis] - low[axis])
    shared = shared - np.maximum(np.minimum(c[:, axis], d[:, axis]), 0)
    along = (of_c == 0) & (of_d == 0) & (shared > 0)
    answer: Segments = close[crosses | along]
    return answer


def _turn(a: NDArray[np.int64], b: NDArray[np.int64], c: NDArray[np.int64]) -> NDArray[np.int64]:
    """Twice the signed area of the triangle."""
    turned: NDArray[np.int64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return turned
