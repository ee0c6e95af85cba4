"""Where most shapes lie within an area of a given size: the densest window over counts of small cells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exact_screening.grid import Box

FINENESS = 12
"""Cells along the longer side of the window: it is placed to within a twelfth of it."""

_MOST_CELLS = 16_000_000


@dataclass(frozen=True, slots=True)
class Hotspot:
    """The densest place.

    Attributes:
        box: The window in level-0 pixels, within the image.
        count: Shapes whose centre lies in it.
    """

    box: Box
    count: int


def window_size(area_mm2: float, aspect: float, mpp_x: float, mpp_y: float) -> tuple[int, int]:
    """Width and height in level-0 pixels of a window of an area in mm² and a ratio of width to height."""
    area_um2 = area_mm2 * 1e6
    width_um = math.sqrt(area_um2 * aspect)
    return max(1, round(width_um / mpp_x)), max(1, round(area_um2 / width_um / mpp_y))


def around(x: float, y: float, width: int, height: int, image_width: int, image_height: int) -> Box:
    """A window around a point, moved inwards at the edges of the image; never larger than the image."""
    width, height = min(width, image_width), min(height, image_height)
    left = min(max(0, round(x - width / 2)), image_width - width)
    top = min(max(0, round(y - height / 2)), image_height - height)
    return Box(left, top, left + width, top + height)


def cell_for(width: int, height: int, image_width: int, image_height: int) -> int:
    """Side of the cells to count in for a window, in level-0 pixels."""
    wanted = max(1, round(max(min(width, image_width), min(height, image_height)) / FINENESS))
    least = math.ceil(math.sqrt(image_width * image_height / _MOST_CELLS))
    return max(wanted, least)


def densest(
    counts: Mapping[tuple[int, int], int], cell: int, width: int, height: int, image_width: int, image_height: int
) -> Hotspot | None:
    """The window that holds most shapes; the upper left one among equals.

    Args:
        counts: Shapes by (column, row) of cells over the image.
        cell: Side of a cell in level-0 pixels.
        width: Width of the window in level-0 pixels.
        height: Height of the window in level-0 pixels.
        image_width: Width of the image in level-0 pixels.
        image_height: Height of the image in level-0 pixels.

    Returns:
        The window, as many whole cells as fit into the wanted size; None without a shape.
    """
    rows, columns = -(-image_height // cell), -(-image_width // cell)
    sums = np.zeros((rows + 1, columns + 1), dtype=np.int64)
    for (column, row), count in counts.items():
        if 0 <= row < rows and 0 <= column < columns:
            sums[row + 1, column + 1] += count
    np.cumsum(sums, axis=0, out=sums)
    np.cumsum(sums, axis=1, out=sums)
    if not sums[-1, -1]:
        return None
    across, down = min(columns, max(1, width // cell)), min(rows, max(1, height // cell))
    held = sums[down:, across:] - sums[:-down, across:] - sums[down:, :-across] + sums[:-down, :-across]
    row, column = divmod(int(np.argmax(held)), held.shape[1])
    x, y = (column + across / 2) * cell, (row + down / 2) * cell
    return Hotspot(around(x, y, width, height, image_width, image_height), int(held[row, column]))
