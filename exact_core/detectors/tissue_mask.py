"""Where tissue lies, at low resolution: how far the colour of a place is from that of glass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters

from exact_core.detectors.levels import Working, read_working, size_at, working_level

if TYPE_CHECKING:
    from exact_core.api.pixels import PixelReader

MASK_MPP = 16.0
"""Micrometres per pixel of the mask that spares other detectors the glass."""

_MOST_SIDE = 8192
_BAND_PIXELS = 1 << 24
_SMOOTHING = 1.0  # pixels
_LEAST_THRESHOLD = 0.035
"""Saturation below which nothing is tissue: of an empty slide Otsu's method would call half of the noise so."""

_SLOPE = 0.25  # of the threshold: from 27 % to 73 % probability


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Probabilities of tissue, ``(height, width)``, each pixel ``downsample`` level-0 pixels."""

    probability: NDArray[np.float32]
    downsample: float

    def has_tissue(self, x0: float, y0: float, x1: float, y1: float) -> bool:
        """Whether some of a rectangle in level-0 pixels is more likely tissue than not."""
        left, top = int(x0 / self.downsample), int(y0 / self.downsample)
        right, bottom = math.ceil(x1 / self.downsample), math.ceil(y1 / self.downsample)
        return bool((self.probability[top:bottom, left:right] >= 0.5).any())


def tissue_mask(image: PixelReader, mpp: float, go_on: Callable[[], None], resolution: float = MASK_MPP) -> Mask:
    """Probabilities of tissue over the whole image.

    The threshold is Otsu's (IEEE Trans. SMC 9 (1979), 62-66) over the saturation of the whole image, so that it is the
    same whatever the area that is asked for.

    Args:
        image: The image, in colours.
        mpp: Its micrometres per level-0 pixel.
        go_on: Raises when the work should end.
        resolution: Micrometres per pixel of the mask.
    """
    longest = max(image.image.width, image.image.height)
    at = working_level(image, mpp, max(resolution, longest * mpp / _MOST_SIDE))
    width, height = size_at(image, at)
    saturation = np.zeros((height, width), np.float32)
    for y, rows in _bands(at, width, height):
        go_on()
        pixels = read_working(image, at, 0, y, width, rows)
        saturation[y : y + rows] = (pixels.max(axis=2) - pixels.min(axis=2)).astype(np.float32) / 255
    smooth = ndimage.gaussian_filter(saturation, _SMOOTHING)
    flat = smooth.min() == smooth.max()
    threshold = max(_LEAST_THRESHOLD, 0.0 if flat else float(filters.threshold_otsu(smooth)) * 0.75)
    probability = 1 / (1 + np.exp((threshold - smooth) / (_SLOPE * threshold)))
    return Mask(probability.astype(np.float32), at.downsample)


def _bands(at: Working, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Upper edge and height of bands that are read at a time."""
    step = max(1, _BAND_PIXELS // (width * at.times * at.times))
    for y in range(0, height, step):
        yield y, min(step, height - y)
