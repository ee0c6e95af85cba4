"""Masks as polygons with holes along the edges of their pixels, exact: drawn again they are the same mask.

A mask goes in as strips of rows, so that it is never in memory as a whole. What is kept are the corners of its
outlines: on each grid line between pixels they pair up as ends of straight edges, which gives the rings without ever
following single pixels. Pixels that touch at a corner only are separate parts, as in a raster of regions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from exact_core.exchange.document import Ring

Mask = NDArray[np.bool_]
Corners = NDArray[np.int64]


@dataclass(slots=True)
class Region:
    """A connected part of a mask."""

    outline: Ring
    holes: list[Ring] = field(default_factory=list)


class MaskTracer:
    """Collects the corners of a mask, strip by strip from the top, and makes regions of them."""

    def __init__(self) -> None:
        self._found: list[Corners] = []
        self._above: Mask | None = None
        self._next_row = 0

    def add(self, strip: Mask, row: int) -> None:
        """Add rows of the mask, the first of them ``row``; rows between strips are empty."""
        if not strip.shape[0]:
            return
        if self._above is not None and row > self._next_row:
            self._close()
        above = self._above if self._above is not None else np.zeros(strip.shape[1], bool)
        self._corners(np.vstack([above[None], strip]), row)
        self._above, self._next_row = strip[-1].copy(), row + strip.shape[0]

    def regions(self) -> Iterator[Region]:
        """The regions, by their upper left corners; outlines clockwise as one sees them. Call it once."""
        self._close()
        corners = np.concatenate(self._found) if self._found else np.empty((0, 6), np.int64)
        self._found = []
        yield from _regions(corners)

    def _close(self) -> None:
        if self._above is not None and self._above.any():
            self._corners(np.vstack([self._above, np.zeros_like(self._above)]), self._next_row)
        self._above = None

    def _corners(self, rows: Mask, first: int) -> None:
        """Note the corners on the grid lines above all rows but the first.

        Columns: x, y, order along x and y where two corners share a place, pixel to the lower right inside, shared.
        """
        wide = np.pad(rows, ((0, 0), (1, 1)))
        a, c, d = wide[:-1, :-1], wide[1:, :-1], wide[1:, 1:]
        beside = wide[:, :-1] ^ wide[:, 1:]
        odd = beside[:-1] ^ beside[1:]
        crossing = beside[:-1] & beside[1:] & (a ^ c)
        falling = crossing & a
        rising = crossing & ~a
        for found, orders in ((odd, ((0, 0),)), (falling, ((0, 0), (1, 1))), (rising, ((0, 1), (1, 0)))):
            y, x = np.divmod(np.flatnonzero(found), found.shape[1])  # many times faster than nonzero
            inside = d[y, x].astype(np.int64)
            for along_x, along_y in orders if len(x) else ():
                same = [np.full(len(x), value) for value in (along_x, along_y, found is not odd)]
                columns = x, y + first, same[0], same[1], inside, same[2]
                self._found.append(np.stack(columns, axis=1).astype(np.int64))


def mask_regions(mask: Mask) -> Iterator[Region]:
    """The regions of a mask that is in memory."""
    tracer = MaskTracer()
    tracer.add(np.asarray(mask, bool), 0)
    return tracer.regions()


def _regions(corners: Corners) -> Iterator[Region]:
    if not len(corners):
        return
    corners = corners[np.lexsort((corners[:, 2], corners[:, 0], corners[:, 1]))]
    regions: list[Region] = []
    loose: list[list[Ring]] = []
    for indices in _walks(corners):
        ring = corners[indices]
        loops = _simple(ring[:, :2]) if ring[:, 5].any() else [ring[:, :2].astype(np.float64)]
        if ring[0, 4]:
            areas = [_area(loop) for loop in loops] if len(loops) > 1 else [1.0]
            outline = next(loop for loop, area in zip(loops, areas, strict=True) if area > 0)
            regions.append(Region(outline, [loop for loop, area in zip(loops, areas, strict=True) if area <= 0]))
        else:
            loose.append(loops)
    _give_holes(regions, loose)
    yield from regions


def _walks(corners: Corners) -> Iterator[list[int]]:
    """The indices of each ring, from its upper left corner to the right; corners are sorted by row and column."""
    count = len(corners)
    beside = np.arange(count) ^ 1  # along a grid line, the corners are ends of edges in turn
    by_column = np.lexsort((corners[:, 3], corners[:, 1], corners[:, 0]))
    below = np.empty(count, np.int64)
    below[by_column] = by_column[np.arange(count) ^ 1]
    across, down = beside.tolist(), below.tolist()
    seen = bytearray(count)
    for start in range(count):
        if seen[start]:
            continue
        ring: list[int] = []
        at = start
        while not seen[at]:
            other = across[at]
            seen[at] = seen[other] = 1
            ring += (at, other)
            at = down[other]
        yield ring


def _simple(places: Corners) -> list[Ring]:
    """The loops of a ring that may touch itself at corners; a ring that does not is one loop."""
    loops: list[Ring] = []
    path: list[tuple[int, int]] = []
    where: dict[tuple[int, int], int] = {}
    for x, y in places.tolist():
        start = where.get((x, y))
        if start is not None:
            loops.append(np.array(path[start:], np.float64))
            for place in path[start + 1 :]:
                del where[place]
            del path[start + 1 :]
        else:
            where[x, y] = len(path)
            path.append((x, y))
    return [*loops, np.array(path, np.float64)]


def _area(ring: Ring) -> float:
    """Twice the area, positive when the ring runs clockwise as one sees it."""
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def _give_holes(regions: list[Region], loose: list[list[Ring]]) -> None:
    """Each hole goes to the smallest outline around the pixel above its upper left corner."""
    if not loose:
        return
    outlines = [shapely.Polygon(region.outline) for region in regions]
    sizes = shapely.area(outlines)
    tops = []
    for loops in loose:
        x, y = min((tuple(vertex) for loop in loops for vertex in loop.tolist()), key=lambda each: (each[1], each[0]))
        tops.append((x + 0.5, y - 0.5))
    holes, around = shapely.STRtree(outlines).query(shapely.points(tops), predicate="within")
    order = np.lexsort((sizes[around], holes))
    holes, around = holes[order], around[order]
    _, first = np.unique(holes, return_index=True)
    for index in first.tolist():
        regions[around[index]].holes += loose[holes[index]]
