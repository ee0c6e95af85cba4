"""JPEG in and out, by libjpeg-turbo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import simplejpeg

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUALITY = 87


def encode_jpeg(pixels: NDArray[np.uint8], *, keep_colors: bool = False) -> bytes:
    """Encode ``(height, width, 3)``; ``keep_colors`` stores colour at full resolution, for thin coloured signals."""
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=QUALITY,
        colorspace="RGB",
        colorsubsampling="444" if keep_colors else "420",
    )
    return encoded


def decode_jpeg(data: bytes, *, reduce: int = 1) -> NDArray[np.uint8]:
    """Decode to red, green and blue; ``reduce`` of 2, 4 or 8 averages while decoding, which is much faster.

    Raises:
        ValueError: When the bytes are no JPEG picture.
    """
    if reduce == 1:
        full: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
        return full
    # simplejpeg picks the smallest scale that still covers the asked size: ask for exactly that scale.
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    small: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data,
        colorspace="RGB",
        fastdct=True,
        fastupsample=True,
        min_height=-(-height // reduce),
        min_width=-(-width // reduce),
        min_factor=1,
    )
    if small.shape[0] != -(-height // reduce) or small.shape[1] != -(-width // reduce):
        raise ValueError(f"A tile of {width} × {height} pixels cannot be reduced by {reduce} while decoding.")
    return small
