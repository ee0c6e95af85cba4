"""What of an area was seen with one grid, as fields of another one: exact, in whole pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exact_screening.grid import Fields, Flags, Grid

_MOST_CELLS = 64_000_000  # between all edges: a quarter of a gigabyte


def carried_over(earlier: Sequence[tuple[Grid, Flags]], new: Grid) -> Flags:
    """The fields of a new grid whose whole area lies in fields that were seen with earlier ones.

    The edges of all grids cut the image into cells that each lie wholly inside or outside of any field; so the
    answer is exact, whatever the sizes and overlaps. Grids that cut it into too many cells (one of a million
    columns, one of a million rows) carry nothing over: nobody is told to have seen what they have not.
    """
    grids = [new, *(grid for grid, _ in earlier)]
    xs = np.unique(np.concatenate([_edges(grid.lefts(), grid.width) for grid in grids]))
    ys = np.unique(np.concatenate([_edges(grid.tops(), grid.height) for grid in grids]))
    if xs.size * ys.size > _MOST_CELLS:
        return np.zeros(new.count, dtype=bool)
    missing = np.ones((ys.size - 1, xs.size - 1), dtype=bool)
    for grid, seen in earlier:
        missing &= ~_covered(grid, seen, xs, ys)
    sums = np.zeros((ys.size, xs.size), dtype=np.int32)
    sums[1:, 1:] = missing
    np.cumsum(sums, axis=0, out=sums)
    np.cumsum(sums, axis=1, out=sums)
    x0, x1 = np.searchsorted(xs, new.lefts()), np.searchsorted(xs, new.lefts() + new.width)
    y0, y1 = np.searchsorted(ys, new.tops()), np.searchsorted(ys, new.tops() + new.height)
    found = sums[np.ix_(y1, x1)] - sums[np.ix_(y0, x1)] - sums[np.ix_(y1, x0)] + sums[np.ix_(y0, x0)]
    return np.asarray(found == 0).reshape(-1)


def covered_area(grid: Grid, seen: Flags) -> int:
    """Square pixels that lie in at least one seen field."""
    xs, ys = np.unique(_edges(grid.lefts(), grid.width)), np.unique(_edges(grid.tops(), grid.height))
    covered = _covered(grid, seen, xs, ys)
    return int(np.diff(ys) @ (covered @ np.diff(xs)))


def _edges(starts: Fields, size: int) -> Fields:
    return np.concatenate([starts, starts + size])


def _covered(grid: Grid, seen: Flags, xs: Fields, ys: Fields) -> NDArray[np.bool_]:
    """Whether each cell between the edges lies in a seen field."""
    rows, columns = np.divmod(np.flatnonzero(seen), grid.columns)
    left, top = grid.lefts()[columns], grid.tops()[rows]
    x0, x1 = np.searchsorted(xs, left), np.searchsorted(xs, left + grid.width)
    y0, y1 = np.searchsorted(ys, top), np.searchsorted(ys, top + grid.height)
    return _painted(x0, x1, y0, y1, (ys.size, xs.size))[:-1, :-1]


def cells_in_fields(grid: Grid, seen: Flags, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each point of a lattice, given by its ascending coordinates, lies in a seen field: (rows, columns)."""
    rows, columns = np.divmod(np.flatnonzero(seen), grid.columns)
    left, top = grid.lefts()[columns], grid.tops()[rows]
    x0, x1 = np.searchsorted(xs, left), np.searchsorted(xs, left + grid.width)
    y0, y1 = np.searchsorted(ys, top), np.searchsorted(ys, top + grid.height)
    return _painted(x0, x1, y0, y1, (ys.size + 1, xs.size + 1))[:-1, :-1]


def _painted(x0: Fields, x1: Fields, y0: Fields, y1: Fields, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Cells that at least one rectangle covers."""
    # Every rectangle adds one from its upper left corner on and takes it back behind its other corners.
    depth = np.zeros(shape, dtype=np.int32)
    for y, x, sign in ((y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)):
        np.add.at(depth, (y, x), sign)
    np.cumsum(depth, axis=0, out=depth)
    np.cumsum(depth, axis=1, out=depth)
    return np.asarray(depth > 0)
