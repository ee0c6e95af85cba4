"""Synthetic slides: small tiled pyramids with round dark cells at known places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GLASS = (243, 240, 244)
_TISSUE = (226, 178, 205)
_CELL = (92, 58, 130)
_RADIUS = 14


@dataclass(frozen=True, slots=True)
class Slide:
    """A slide on disk.

    Attributes:
        path: The file, a tiled pyramid that every driver for ordinary TIFF reads.
        width: Level-0 pixels.
        height: Level-0 pixels.
        mpp: Micrometres per level-0 pixel.
        cells: Centres of its cells, in level-0 pixels.
        radius: Of the cells, in level-0 pixels.
    """

    path: Path
    width: int
    height: int
    mpp: float
    cells: tuple[tuple[int, int], ...]
    radius: int = _RADIUS


def write_slide(path: Path, width: int = 2048, height: int = 1536, *, mpp: float = 0.5, cells: int = 60) -> Slide:
    """Write a slide: glass, one piece of tissue, and cells in it; the same numbers give the same slide.

    Args:
        path: The file to write; its name ends with ``.tif``.
        width: Level-0 pixels.
        height: Level-0 pixels.
        mpp: Micrometres per level-0 pixel.
        cells: How many cells.
    """
    import numpy as np
    import pyvips

    random = np.random.default_rng(cells)
    pixels: NDArray[np.uint8] = np.empty((height, width, 3), np.uint8)
    pixels[:] = _GLASS
    y, x = np.ogrid[0:height, 0:width]
    tissue = ((x - width / 2) / (width * 0.42)) ** 2 + ((y - height / 2) / (height * 0.42)) ** 2 < 1
    pixels[tissue] = _TISSUE
    angles, distances = random.random(cells) * 2 * np.pi, np.sqrt(random.random(cells)) * 0.38
    centres = [
        (int(width * (0.5 + distance * np.cos(angle))), int(height * (0.5 + distance * np.sin(angle))))
        for angle, distance in zip(angles, distances, strict=True)
    ]
    for centre in centres:
        _paint_cell(pixels, *centre)
    noise = random.integers(-6, 7, size=(height, width, 1))
    pixels = np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    picture = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb", xres=1000 / mpp, yres=1000 / mpp)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.tiffsave(
        str(path),
        tile=True,
        pyramid=True,
        tile_width=256,
        tile_height=256,
        compression="jpeg",
        Q=85,
        bigtiff=True,
        resunit="cm",
    )
    return Slide(path, width, height, mpp, tuple(centres))


def _paint_cell(pixels: NDArray[np.uint8], x: int, y: int) -> None:
    import numpy as np

    top, left = max(0, y - _RADIUS), max(0, x - _RADIUS)
    part = pixels[top : y + _RADIUS + 1, left : x + _RADIUS + 1]
    rows, columns = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    part[(columns - x) ** 2 + (rows - y) ** 2 <= _RADIUS**2] = _CELL
