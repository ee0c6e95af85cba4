"""Finding tissue on a small picture of a slide: what absorbs light, by Otsu's threshold, with holes closed."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BRIGHT = 128  # a border brighter than this is glass; a darker one belongs to a fluorescence picture
_FAINT = 0.06  # optical density, or brightness from 0 to 1, below which nothing is tissue
_EVEN = 0.02  # a picture whose values differ less than this shows one thing only


def find_tissue(jpeg: bytes) -> NDArray[np.bool_]:
    """Where a slide holds tissue.

    On a bright slide tissue is what absorbs light or has colour; on a dark one what shines.

    Args:
        jpeg: A small picture of the whole slide.

    Returns:
        (rows, columns) flags, one for each pixel of the picture; none is set on an empty slide.
    """
    pixels = np.asarray(Image.open(BytesIO(jpeg)).convert("RGB"), dtype=np.float32)
    signal = _smooth(_absorbed(pixels) if _is_bright(pixels) else pixels.max(axis=2) / np.float32(255))
    if float(signal.max() - signal.min()) < _EVEN:
        # one thing only: all of it is tissue, or nothing is
        return np.full(signal.shape, float(signal.mean()) > 3 * _FAINT)
    # Half of Otsu's threshold: pale stroma must not be left out because nuclei are dark.
    found = signal > max(otsu(signal) / 2, _FAINT)
    return closed(opened(found, 1), 3)


def _is_bright(pixels: NDArray[np.float32]) -> bool:
    brightness = pixels.mean(axis=2)
    border = np.concatenate([brightness[0], brightness[-1], brightness[:, 0], brightness[:, -1]])
    return float(np.median(border)) > _BRIGHT or float(np.median(brightness)) > _BRIGHT


def _absorbed(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Optical density against the brightest glass, of the channel that absorbs most, plus the colour's strength."""
    white = np.percentile(pixels.reshape(-1, 3), 99, axis=0).clip(64, 255)
    density = -np.log10((pixels.clip(1, None) / white).clip(1 / 255, 1))
    strength = (pixels.max(axis=2) - pixels.min(axis=2)) / 255
    return np.asarray(density.max(axis=2) + strength, dtype=np.float32)


def otsu(values: NDArray[np.float32]) -> float:
    """The threshold that parts values into two groups of the least variance (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * middles).cumsum()
    usable = (below > 0) & (above > 0)
    mean_below = sums[usable] / below[usable]
    mean_above = (sums[-1] - sums[usable]) / above[usable]
    between = below[usable] * above[usable] * (mean_below - mean_above) ** 2
    return float(edges[1:][usable][int(np.argmax(between))])


def grown(cells: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Flags set within a square of ``by`` cells around those that are set."""
    for axis in (0, 1):
        padded = np.pad(cells, [(by, by) if each == axis else (0, 0) for each in (0, 1)])
        size = cells.shape[axis]
        cells = np.logical_or.reduce([padded.take(range(shift, shift + size), axis) for shift in range(2 * by + 1)])
    return cells


def closed(cells: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Holes and gaps up to ``2 * by`` cells filled."""
    padded = np.pad(cells, by)
    filled = ~grown(~grown(padded, by), by)
    return filled[by:-by, by:-by]


def opened(cells: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Specks up to ``2 * by`` cells removed; what reaches the edge stays."""
    padded = np.pad(cells, by, mode="edge")
    kept = grown(~grown(~padded, by), by)
    return kept[by:-by, by:-by]


def _smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of 3 × 3 cells: noise of a JPEG is no tissue."""
    padded = np.pad(values, 1, mode="edge")
    rows, columns = values.shape
    total = sum(padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3))
    return np.asarray(total / 9, dtype=np.float32)
