"""A picture in memory that is read as an image, and a writer that keeps what a model hands over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from exact_core.api.drivers import SourceInfo, SourceLevel
from exact_core.api.images import ImageInfo
from exact_core.api.predictions import PredictedShapes


class PictureReader:
    """``exact_core.api.PixelReader`` over an RGB array, with a second level of a quarter of the side."""

    def __init__(self, pixels: NDArray[np.uint8], mpp: float | None = 1.0, *, is_color: bool = True) -> None:
        quarter = pixels[::4, ::4]
        self._levels = [pixels, quarter]
        self.image = ImageInfo(1, 1, "picture", pixels.shape[1], pixels.shape[0], mpp_x=mpp, mpp_y=mpp)
        sizes = [each.shape for each in self._levels]
        levels = tuple(SourceLevel(size[1], size[0], 4.0**n, 256, 256) for n, size in enumerate(sizes))
        self.source = SourceInfo("picture", levels, is_color=is_color, mpp_x=mpp, mpp_y=mpp)

    def read(self, x, y, width, height, level=0, *, z=0, t=0, channel=0) -> NDArray[np.uint8]:
        pixels = self._levels[level]
        answer = np.full((height, width, 3), 255, np.uint8)
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + width, pixels.shape[1]), min(y + height, pixels.shape[0])
        if x1 > x0 and y1 > y0:
            answer[y0 - y : y1 - y, x0 - x : x1 - x] = pixels[y0:y1, x0:x1]
        return answer


class Kept:
    """``exact_core.api.PredictionWriter`` that keeps everything in memory."""

    def __init__(self) -> None:
        self.shapes: list[PredictedShapes] = []
        self.maps: dict[str, NDArray[np.uint8]] = {}

    def add(self, shapes: PredictedShapes) -> None:
        self.shapes.append(shapes)

    @contextmanager
    def map(self, name: str, *, width: int, height: int, **_: object) -> Iterator[Kept]:
        self._bands: list[NDArray[np.uint8]] = []
        yield self
        self.maps[name] = np.concatenate(self._bands)
        assert self.maps[name].shape == (height, width)

    def write(self, band: NDArray[np.uint8]) -> None:
        self._bands.append(band)

    @property
    def outlines(self) -> list[list[NDArray[np.float64]]]:
        """Every shape as its rings."""
        return [
            [each.points[each.rings[ring] : each.rings[ring + 1]] for ring in range(each.starts[n], each.starts[n + 1])]
            for each in self.shapes
            for n in range(len(each))
        ]
