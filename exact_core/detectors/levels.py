"""At which resolution an image is analysed: the coarsest level that is fine enough, averaged down."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid

if TYPE_CHECKING:
    from exact_core.api.pixels import PixelReader


@dataclass(frozen=True, slots=True)
class Working:
    """A resolution: ``times`` × ``times`` pixels of ``level`` are one; ``downsample`` level-0 pixels, ``mpp`` µm."""

    level: int
    times: int
    downsample: float
    mpp: float


def require_color(image: PixelReader) -> None:
    """Refuse what is no bright-field picture in colours."""
    if not image.source.is_color:
        raise Invalid(f"Image {image.image.name} has single channels; this model needs a bright-field image in colour.")


def mpp_of(image: PixelReader, assumed: float) -> float:
    """Micrometres per level-0 pixel, the mean of both axes; what is assumed where the file does not say."""
    known = [value for value in (image.image.mpp_x, image.image.mpp_y) if value]
    return sum(known) / len(known) if known else assumed


def working_level(image: PixelReader, mpp: float, coarsest: float) -> Working:
    """The resolution to work at.

    Args:
        image: The image.
        mpp: Its micrometres per level-0 pixel.
        coarsest: Most micrometres per pixel that are still fine enough.
    """
    downsamples = [image.image.width / level.width for level in image.source.levels]
    level = max(
        (number for number, each in enumerate(downsamples) if each * mpp <= coarsest),
        key=lambda number: downsamples[number],
        default=0,
    )
    times = max(1, int(coarsest / (downsamples[level] * mpp)))
    downsample = downsamples[level] * times
    return Working(level, times, downsample, downsample * mpp)


def read_working(image: PixelReader, at: Working, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
    """A rectangle in pixels of a working resolution, RGB; white outside of the image."""
    n = at.times
    pixels = image.read(x * n, y * n, width * n, height * n, at.level)
    if n == 1:
        return np.asarray(pixels, np.uint8)
    total = pixels.reshape(height, n, width, n, 3).sum(axis=(1, 3), dtype=np.uint32)
    mean: NDArray[np.uint8] = ((total + n * n // 2) // (n * n)).astype(np.uint8)
    return mean


def size_at(image: PixelReader, at: Working) -> tuple[int, int]:
    """Width and height of the whole image at a working resolution, rounded up."""
    level = image.source.levels[at.level]
    return math.ceil(level.width / at.times), math.ceil(level.height / at.times)


def halted(told: Callable[[float, str], None]) -> Callable[[], None]:
    """What only asks whether to go on, without saying how far it is."""
    return lambda: told(0.0, "")
