"""Where tiles begin, how they are padded, and how their overlapping answers become rows of one map (ml-spec 0.5)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid

Array = NDArray[Any]
Floats = NDArray[np.float32]
Window = Literal["uniform", "hann"]

MULTIPLE = 32
"""Sides of what a network is given are multiples of this."""

_FLOOR = 1e-3


def starts(length: int, tile: int, step: int) -> list[int]:
    """Where tiles begin along an axis: every step, and once flush with the end.

    Args:
        length: Of the axis, in pixels.
        tile: Side of a tile, in pixels.
        step: From one tile to the next, at most a tile, so that no pixel is left out.

    Returns:
        ``[0]`` when the axis is no longer than a tile, else ``ceil((length - tile) / step) + 1`` places.

    Raises:
        Invalid: A number is not positive, or the step is longer than the tile.
    """
    if length < 1 or tile < 1 or not 1 <= step <= tile:
        raise Invalid(
            f"Tiles of {tile} px every {step} px cannot cover {length} px: "
            "all three must be positive, and the step no longer than the tile."
        )
    return [0] if length <= tile else [*range(0, length - tile, step), length - tile]


def padded_length(length: int, multiple: int = MULTIPLE) -> int:
    """The next multiple that is no shorter than a length."""
    return -(-length // multiple) * multiple


def reflected(length: int, before: int, after: int) -> NDArray[np.int64]:
    """Which pixel stands at each place of a padded axis: mirrored at its ends, whose own pixel is not repeated.

    Args:
        length: Of the axis.
        before: Places before its first pixel.
        after: Places behind its last pixel; both may be longer than the axis, which is then mirrored again and again.

    Returns:
        ``(before + length + after,)`` indices from 0 to ``length - 1``.
    """
    places = np.arange(-before, length + after)
    if length < 2:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    folded = places % period
    found: NDArray[np.int64] = np.where(folded < length, folded, period - folded)
    return found


def pad_to_multiple(image: Array, multiple: int = MULTIPLE) -> Array:
    """Pad a picture at its right and lower edge by reflection.

    Args:
        image: ``(h, w, ...)``.
        multiple: What its sides become multiples of.

    Returns:
        ``(H, W, ...)`` of the same dtype; the same array when nothing is to be done.
    """
    height, width = image.shape[:2]
    below, right = padded_length(height, multiple) - height, padded_length(width, multiple) - width
    if below:
        image = image[reflected(height, 0, below)]
    return image[:, reflected(width, 0, right)] if right else image


def window_weights(height: int, width: int, window: Window = "uniform") -> Floats:
    """How much each pixel of a tile counts where tiles overlap.

    ``uniform`` is 1 everywhere; ``hann`` is the outer product of raised cosines ``(1 - cos(2 pi (i + 1/2) / n)) / 2``
    plus 0.001, so that no pixel is without weight.

    Args:
        height: Of the tile, in pixels.
        width: Of the tile, in pixels.
        window: Which of the two.

    Returns:
        ``(height, width)``.
    """
    if window == "uniform":
        return np.ones((height, width), np.float32)
    rows, columns = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n) for n in (height, width))
    return (np.outer(rows, columns) + _FLOOR).astype(np.float32)


def accumulator_bytes(width: int, classes: int, tile: int, step: int) -> int:
    """What :class:`BandStitcher` holds for an image of any height (ml-spec 0.5, rule 2)."""
    return (classes + 1) * width * (tile + step) * 4


class BandStitcher:
    """Averages probabilities of overlapping tiles; keeps only rows that tiles to come still touch.

    Tiles may come in any order as long as each belongs to the first row of tiles that is not complete, or to the next.

    Attributes:
        top: First row of the image that was not handed out yet.
    """

    def __init__(
        self, width: int, height: int, classes: int, tile_height: int, rows: list[int], window: Floats, top: int = 0
    ) -> None:
        """Begin at the top, or at a row.

        Args:
            width: Of the map, in pixels.
            height: Of the map, in pixels.
            classes: How many maps there are.
            tile_height: Rows of a tile that lie in the map.
            rows: Where rows of tiles begin, ascending.
            window: ``(tile_height, tile_width)`` weights.
            top: Rows above it are finished already, and thrown away.
        """
        self.top = top
        self._height = height
        self._rows, self._tile_height, self._window = rows, tile_height, window
        self._row = 0
        longest = max((after - row for row, after in pairwise(rows)), default=0)
        kept = min(height, tile_height + longest)
        self._first = rows[0]
        self._sums = np.zeros((kept, classes, width), np.float32)
        self._weights = np.zeros((kept, width), np.float32)

    @property
    def nbytes(self) -> int:
        """Memory of the accumulators."""
        return self._sums.nbytes + self._weights.nbytes

    def add(self, x: int, y: int, probabilities: Array) -> None:
        """Add the answer for one tile.

        Args:
            x: Left edge of the tile in the map.
            y: Upper edge of the tile in the map.
            probabilities: ``(classes, h, w)``, what was padded cut off.

        Raises:
            Invalid: The tile lies outside of the rows that are kept.
        """
        _, height, width = probabilities.shape
        first = y - self._first
        if first < 0 or first + height > len(self._weights):
            raise Invalid(f"A tile at row {y} came while rows {self._first} to {self._first + len(self._weights)} are.")
        rows, columns = slice(first, first + height), slice(x, x + width)
        window = self._window[:height, :width]
        self._sums[rows, :, columns] += (probabilities * window).transpose(1, 0, 2)
        self._weights[rows, columns] += window

    def finish_row(self) -> tuple[int, Floats, NDArray[np.bool_]] | None:
        """Say that the first open row of tiles is complete.

        Returns:
            The first row, the averages ``(classes, rows, width)`` and where there is one ``(rows, width)``: what no
            tile touched is 0 and not covered. They are views, good until :meth:`forget`. None when no row became final.
        """
        self._row += 1
        is_last = self._row == len(self._rows)
        end = self._height if is_last else self._rows[self._row]
        count, skipped = end - self._first, max(0, min(self.top, end) - self._first)
        sums, weights = self._sums[skipped:count], self._weights[skipped:count]
        band = None
        if count > skipped:
            covered = weights > 0
            np.divide(sums, weights[:, None, :], out=sums, where=covered[:, None, :])
            band = (self._first + skipped, sums.transpose(1, 0, 2), covered)
            self.top = end
        self._pending = count
        return band

    def forget(self) -> None:
        """Free the rows that :meth:`finish_row` handed out, after they were used."""
        count, kept = self._pending, len(self._weights)
        # Row by row: numpy would make a copy of everything to move overlapping rows at once.
        for row in range(kept - count):
            self._sums[row] = self._sums[row + count]
            self._weights[row] = self._weights[row + count]
        self._sums[max(0, kept - count) :] = 0
        self._weights[max(0, kept - count) :] = 0
        self._first += count
        self._pending = 0
