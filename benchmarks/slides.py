"""Slides for the benchmarks, composed from an openly licensed picture of tissue into a temporary folder."""

from __future__ import annotations

import random
from pathlib import Path

import pyvips
from skimage import data

TILE = 256
_BLOCK = 512


def write_pyramid(path: Path, side: int = 20_000, *, levels: bool = True, quality: int = 80) -> Path:
    """Write a tiled JPEG pyramid of ``side`` × ``side`` pixels, or only its full-size level.

    As with most slides, sizes of the small levels are rounded: not every one is exactly half of the one before.
    Blocks are turned, mirrored and differ in brightness, so that no two places compress alike.
    """
    generator = random.Random(1)
    piece = pyvips.Image.new_from_array(data.immunohistochemistry()).copy(interpretation="srgb")
    turned = [each.rot(f"d{angle}") for each in (piece, piece.fliphor()) for angle in (0, 90, 180, 270)]
    variants = [(each * gain).cast("uchar").copy_memory() for each in turned for gain in (0.86, 0.93, 1.0, 1.05)]
    across = -(-side // _BLOCK)
    blocks = [generator.choice(variants) for _ in range(across * across)]
    picture = pyvips.Image.arrayjoin(blocks, across=across).crop(0, 0, side, side).copy(interpretation="srgb")
    picture.tiffsave(
        str(path),
        tile=True,
        pyramid=levels,
        tile_width=TILE,
        tile_height=TILE,
        compression="jpeg",
        Q=quality,
        bigtiff=True,
        xres=4000,
        yres=4000,
        resunit="cm",
    )
    return path
