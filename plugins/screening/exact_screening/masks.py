"""Where something lies in an image, as a small raster: tissue, or the inside of a polygon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from exact_screening.grid import Box, Flags, Grid

_FINEST = 2048  # cells along the longer side of a polygon's raster


@dataclass(frozen=True, slots=True)
class Mask:
    """A raster over a rectangle of the image.

    Attributes:
        cells: (rows, columns) flags.
        bounds: The rectangle, in level-0 pixels.
    """

    cells: NDArray[np.bool_]
    bounds: Box

    def shares(self, grid: Grid) -> NDArray[np.float64]:
        """The part of each field of a grid that is set, 0 to 1; outside of the rectangle nothing is."""
        rows, columns = self.cells.shape
        sums = np.zeros((rows + 1, columns + 1), dtype=np.int64)
        sums[1:, 1:] = self.cells.cumsum(axis=0).cumsum(axis=1)
        left, right = _cells_of(grid.lefts() - self.bounds.x0, grid.width, columns / self.bounds.width, columns)
        top, lower = _cells_of(grid.tops() - self.bounds.y0, grid.height, rows / self.bounds.height, rows)
        found = sums[np.ix_(lower, right)] - sums[np.ix_(top, right)] - sums[np.ix_(lower, left)]
        found += sums[np.ix_(top, left)]
        sizes = np.outer(lower - top, right - left)
        return (found / np.maximum(sizes, 1)).reshape(-1)

    @property
    def area(self) -> float:
        """Square level-0 pixels that are set."""
        return float(self.cells.mean()) * self.bounds.area


def _cells_of(starts: NDArray[np.int64], size: int, scale: float, count: int) -> tuple[NDArray[np.int64], ...]:
    """First cell and the one after the last of each field along an axis; at least one cell inside of the raster."""
    first = np.clip(np.floor(starts * scale).astype(np.int64), 0, count)
    last = np.clip(np.ceil((starts + size) * scale).astype(np.int64), 0, count)
    return first, np.maximum(last, first)


def of_polygon(points: Sequence[tuple[float, float]], bounds: Box) -> Mask:
    """The inside of a polygon, and its outline, within its bounding box."""
    scale = min(1.0, _FINEST / max(bounds.width, bounds.height))
    size = max(1, round(bounds.width * scale)), max(1, round(bounds.height * scale))
    scale_x, scale_y = size[0] / bounds.width, size[1] / bounds.height
    picture = Image.new("1", size)
    corners = [((x - bounds.x0) * scale_x, (y - bounds.y0) * scale_y) for x, y in points]
    ImageDraw.Draw(picture).polygon(corners, fill=1, outline=1)
    return Mask(np.asarray(picture, dtype=bool), bounds)


def choose(grid: Grid, region: Mask | None, tissue: Mask | None, share: float) -> Flags:
    """The fields that touch a region and hold at least a share of tissue."""
    chosen = np.ones(grid.count, dtype=bool)
    if region is not None:
        chosen &= region.shares(grid) > 0
    if tissue is not None:
        found = tissue.shares(grid)
        chosen &= (found > 0) & (found >= share)
    return chosen
