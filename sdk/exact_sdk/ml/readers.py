"""Images without a file, for tests and benchmarks of what reads pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np

from exact_core.api.drivers import Channel, SourceInfo, SourceLevel
from exact_core.api.images import ImageInfo
from exact_sdk.ml.stitching import Array

_WHITE = 255


@dataclass(slots=True)
class ArrayReader:
    """An image that lies in memory: an array ``(h, w, 3)`` of uint8 in colour, else ``(h, w, channels)``.

    Attributes:
        pixels: The array.
        mpp: Micrometres per pixel.
    """

    pixels: Array
    mpp: float | None = None

    @property
    def image(self) -> ImageInfo:
        """A record with the number 0."""
        height, width, channels = self.pixels.shape
        count = 1 if self.source.is_color else channels
        return ImageInfo(0, 0, "array", width, height, size_c=count, mpp_x=self.mpp, mpp_y=self.mpp)

    @property
    def source(self) -> SourceInfo:
        """One level."""
        height, width, channels = self.pixels.shape
        is_color = channels == 3 and self.pixels.dtype == np.uint8
        names = () if is_color else tuple(Channel(f"channel {number}") for number in range(channels))
        return SourceInfo("array", (SourceLevel(width, height, 1.0),), is_color, channels=names, mpp_x=self.mpp)

    def read(
        self, x: int, y: int, width: int, height: int, level: int = 0, *, z: int = 0, t: int = 0, channel: int = 0
    ) -> Array:
        """Read a rectangle; as ``PixelReader.read``."""
        is_color = self.source.is_color
        samples = self.pixels if is_color else self.pixels[:, :, channel]
        out = np.full((height, width, *samples.shape[2:]), _WHITE if is_color else 0, samples.dtype)
        x0, y0 = max(0, x), max(0, y)
        x1, y1 = max(x0, min(x + width, samples.shape[1])), max(y0, min(y + height, samples.shape[0]))
        out[y0 - y : y1 - y, x0 - x : x1 - x] = samples[y0:y1, x0:x1]
        return out

    @property
    def reopen(self) -> Callable[[], Self]:
        """The array is copied into the other process."""
        return partial(type(self), self.pixels, self.mpp)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class PatternReader:
    """A colour image of any size whose pixels follow from their place; nothing of it is stored.

    Red is ``7 x + 13 y``, green ``x xor y`` and blue ``x / 64 + y / 64``, each modulo 256.

    Attributes:
        width: In pixels.
        height: In pixels.
        reads: How often it was read.
    """

    width: int
    height: int
    reads: int = field(default=0, compare=False)

    @property
    def image(self) -> ImageInfo:
        """A record with the number 0."""
        return ImageInfo(0, 0, "pattern", self.width, self.height)

    @property
    def source(self) -> SourceInfo:
        """One level."""
        return SourceInfo("pattern", (SourceLevel(self.width, self.height, 1.0),))

    def read(
        self, x: int, y: int, width: int, height: int, level: int = 0, *, z: int = 0, t: int = 0, channel: int = 0
    ) -> Array:
        """Read a rectangle; as ``PixelReader.read``."""
        self.reads += 1
        columns, rows = np.arange(x, x + width)[None, :], np.arange(y, y + height)[:, None]
        found = np.empty((height, width, 3), np.uint8)
        found[..., 0] = (7 * columns + 13 * rows) & 255
        found[..., 1] = (columns ^ rows) & 255
        found[..., 2] = ((columns >> 6) + (rows >> 6)) & 255
        found[:, ((columns < 0) | (columns >= self.width))[0]] = _WHITE
        found[((rows < 0) | (rows >= self.height))[:, 0]] = _WHITE
        return found

    @property
    def reopen(self) -> Callable[[], Self]:
        """The same pattern."""
        return partial(type(self), self.width, self.height)

    def close(self) -> None:
        """Nothing is held."""
