"""The heat map as a picture: mean grades coloured, stretched over the whole image."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLORS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], dtype=np.float32)
"""Colours of grade 0 to 4: even steps of lightness, told apart with any colour vision."""

_LONGER_SIDE = 640
_ALPHA = 190


def paint(means: NDArray[np.float32], side: int, width: int, height: int) -> bytes:
    """Paint mean grades as a PNG that covers an image.

    Args:
        means: (rows, columns) mean grades 0 to 4, NaN for clear.
        side: Side of a square in level-0 pixels.
        width: Width of the image in level-0 pixels.
        height: Height of the image in level-0 pixels.

    Returns:
        An RGBA PNG of the image's proportions, 640 px along its longer side.
    """
    scale = _LONGER_SIDE / max(width, height)
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    rows = ((np.arange(shape[0]) + 0.5) * height / shape[0] / side).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) * width / shape[1] / side).astype(int)
    return _png(_colored(means)[rows[:, None], columns])


def _colored(means: NDArray[np.float32]) -> NDArray[np.uint8]:
    grades = np.nan_to_num(means)
    lower = np.clip(grades.astype(int), 0, 3)
    share = (grades - lower)[..., None]
    pixels = np.zeros((*means.shape, 4), dtype=np.uint8)
    pixels[..., :3] = COLORS[lower] * (1 - share) + COLORS[lower + 1] * share
    pixels[..., 3] = np.where(np.isnan(means), 0, _ALPHA)
    return pixels


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels, "RGBA").save(file, "PNG", compress_level=4)
    return file.getvalue()
