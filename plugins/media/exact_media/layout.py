"""Where each spectrogram of a map lies: rows of one height, filled from left to right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PITCH = 256
"""From one row to the next, in pixels: a row of tiles, so that the file can be written row by row."""

GAP = 16
HEIGHT = PITCH - GAP
"""Height of a spectrogram in pixels."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The place of a spectrogram: its upper left corner, and how wide it is, in pixels."""

    x: int
    row: int
    width: int

    @property
    def y(self) -> int:
        """Its upper edge."""
        return self.row * PITCH + GAP // 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of all spectrograms, in the order given, and the size of the map in pixels."""

    cells: tuple[Cell, ...]
    width: int
    rows: int

    @property
    def height(self) -> int:
        """Height of the map."""
        return self.rows * PITCH


def lay_out(widths: Sequence[int]) -> Layout:
    """Lay spectrograms out in a map that is about as wide as it is high."""
    if not widths:
        raise ValueError("there is nothing to lay out")
    area = sum(width + GAP for width in widths) * PITCH
    widest = max(max(widths) + 2 * GAP, math.isqrt(area))
    width = -(-widest // PITCH) * PITCH
    cells: list[Cell] = []
    x, row = GAP, 0
    for each in widths:
        if x + each + GAP > width and x > GAP:
            x, row = GAP, row + 1
        cells.append(Cell(x, row, each))
        x += each + GAP
    return Layout(tuple(cells), width, row + 1)
