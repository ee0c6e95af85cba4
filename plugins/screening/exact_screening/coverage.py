"""What of an image was really on a screen, and how large: a small raster of flags for each magnification.

Views are rectangles that a browser showed for a while. The image is cut into square cells, 1024 along its longer
side; a cell counts as seen when its middle was in view for long enough. Magnifications are steps of two: step ``k``
holds what was shown with at least ``2 ** -k`` screen pixels per image pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_screening.grid import Box

CELLS = 1024
"""Cells along the longer side."""

STEPS = 12
"""Magnifications that are told apart: from every image pixel to one of 2048."""


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle that was on a screen.

    Attributes:
        box: What was shown, in level-0 pixels, cut to the image.
        zoom: Screen pixels per image pixel.
        seconds: For how long.
    """

    box: Box
    zoom: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Raster:
    """Square cells over an image."""

    width: int
    height: int
    cells: int = CELLS

    @property
    def cell(self) -> int:
        """Side of a cell in level-0 pixels."""
        return max(1, -(-max(self.width, self.height) // self.cells))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns; the last ones may hang over the edge."""
        return -(-self.height // self.cell), -(-self.width // self.cell)

    def show(self, cells: NDArray[np.bool_], box: Box) -> None:
        """Set the cells whose middle, as far as they lie on the image, is in a rectangle."""
        x0, x1 = self._between(box.x0, box.x1, self.width, self.shape[1])
        y0, y1 = self._between(box.y0, box.y1, self.height, self.shape[0])
        cells[y0:y1, x0:x1] = True

    def area(self, cells: NDArray[np.bool_]) -> int:
        """Square level-0 pixels of the cells that are set; what hangs over the edge does not count."""
        rows, columns = self.shape
        heights = np.minimum(self.cell, self.height - np.arange(rows) * self.cell)
        widths = np.minimum(self.cell, self.width - np.arange(columns) * self.cell)
        return int(heights @ (cells @ widths))

    def middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The middles of columns and of rows, as far as these lie on the image, in level-0 pixels."""
        rows, columns = self.shape
        return self._middles(self.width, columns), self._middles(self.height, rows)

    def _middles(self, size: int, count: int) -> NDArray[np.float64]:
        starts = np.arange(count) * self.cell
        return starts + np.minimum(self.cell, size - starts) / 2

    def _between(self, low: int, high: int, size: int, count: int) -> tuple[int, int]:
        """First cell, and the one after the last, whose middle is at least ``low`` and below ``high``."""
        middles = self._middles(size, count)
        return int(np.searchsorted(middles, low)), int(np.searchsorted(middles, high))


def step_of(zoom: float) -> int:
    """The magnification that a zoom reaches: ``zoom >= 2 ** -step``."""
    return min(max(0, math.ceil(-math.log2(zoom) - 1e-6)), STEPS - 1)


def shown(raster: Raster, views: Iterable[View], least_seconds: float) -> dict[int, NDArray[np.bool_]]:
    """The cells that views showed for long enough, by magnification."""
    found: dict[int, NDArray[np.bool_]] = {}
    for view in views:
        if view.seconds >= least_seconds and view.zoom > 0 and view.box.area > 0:
            cells = found.setdefault(step_of(view.zoom), np.zeros(raster.shape, dtype=bool))
            raster.show(cells, view.box)
    return found


def at_least(steps: Mapping[int, NDArray[np.bool_]], step: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """What was shown at a magnification or a larger one."""
    cells = np.zeros(shape, dtype=bool)
    for each, own in steps.items():
        if each <= step:
            cells |= own
    return cells
