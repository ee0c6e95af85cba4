"""Pictures written for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

_PERIOD = 1000


def tissue(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    """A smooth coloured picture with some structure, which JPEG keeps well."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0 : min(height, _PERIOD), 0 : min(width, _PERIOD)].astype(np.float32) * (2 * np.pi / _PERIOD)
    waves = [np.sin(x * f) * np.cos(y * g) for f, g in generator.integers(1, 9, (3, 2))]
    piece = np.stack([(wave * 80 + 150) for wave in waves], axis=2).astype(np.uint8)
    return np.tile(piece, (-(-height // _PERIOD), -(-width // _PERIOD), 1))[:height, :width]


def write_jpeg_pyramid(path: Path, pixels: NDArray[np.uint8], *, levels: int = 3, tile: int = 256) -> Path:
    """Write an ordinary pyramid of JPEG tiles in RGB: every level a page, each half of the one before."""
    with tifffile.TiffWriter(path) as writer:
        for number in range(levels):
            writer.write(
                pixels[:: 2**number, :: 2**number],
                tile=(tile, tile),
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": 90, "colorspace": "RGB", "outcolorspace": "RGB"},
                subfiletype=1 if number else 0,
                metadata=None,
                resolution=(40_000, 40_000),
                resolutionunit="CENTIMETER",
            )
    return path
