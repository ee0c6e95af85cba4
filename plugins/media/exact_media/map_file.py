"""Writing a map as a pyramid, one row of tiles in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from exact_media.layout import PITCH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_QUALITY = 90


def write(target: Path, rows: Iterable[NDArray[np.uint8]], width: int, height: int) -> None:
    """Write a pyramid of JPEG tiles.

    Args:
        target: The file to write; a larger one lies beside it while this lasts.
        rows: Colours of each row of tiles from the top, (256, width, 3).
        width: Of the map, a multiple of 256.
        height: Of the map, a multiple of 256.
    """
    import pyvips
    import tifffile

    flat = target.with_suffix(".flat.tif")
    try:
        tifffile.imwrite(
            flat,
            _tiles(rows, width),
            shape=(height, width, 3),
            dtype="uint8",
            tile=(PITCH, PITCH),
            photometric="rgb",
            compression="zlib",
            compressionargs={"level": 1},
            bigtiff=True,
            maxworkers=1,
            metadata=None,
        )
        image = pyvips.Image.new_from_file(str(flat), access="sequential")
        image.tiffsave(
            str(target),
            tile=True,
            tile_width=PITCH,
            tile_height=PITCH,
            pyramid=True,
            compression="jpeg",
            Q=_QUALITY,
            bigtiff=True,
        )
    finally:
        flat.unlink(missing_ok=True)


def _tiles(rows: Iterable[NDArray[np.uint8]], width: int) -> Iterator[NDArray[np.uint8]]:
    import numpy as np

    for row in rows:
        for x in range(0, width, PITCH):
            yield np.ascontiguousarray(row[:, x : x + PITCH])
