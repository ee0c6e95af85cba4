"""The demo slide: a gigapixel pyramid laid out from composed tissue, with glass around it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyvips
from scipy import ndimage

from exact_core.demo.tissue import Pixels, make_tissue, smooth_noise

SIDE = 30_720
"""Width and height of the slide in pixels."""

MICROMETRES_PER_PIXEL = 0.5

_CANVAS = 2560
_BLOCK = 2048
_MASK_STEP = 16  # the masks are drawn 16 times smaller and enlarged
_GLASS = (243, 241, 244)
_CANVASES = ((0.75, 11), (1.1, 12), (1.6, 13))  # (brownness, seed)


def compose_slide(path: Path, progress: Callable[[float], None], side: int = SIDE, seed: int = 7) -> None:
    """Write a tiled JPEG pyramid that OpenSlide reads as ``generic-tiff``.

    Args:
        path: The file to write; it appears only when it is complete.
        progress: Told the share that is done, 0 to 1.
        side: Width and height in pixels, a multiple of 2048.
        seed: Everything random follows from it.
    """
    with ProcessPoolExecutor(max_workers=2) as pool:
        canvases = list(pool.map(make_tissue, *zip(*[(_CANVAS, b, s) for b, s in _CANVASES], strict=True)))
    progress(0.25)
    random = np.random.default_rng(seed)
    sheets = [pyvips.Image.new_from_array(canvas) for canvas in canvases]
    brownness = ndimage.zoom(random.random((5, 5)), (side // _BLOCK + 1) / 5, order=1)
    slide = _mosaic(sheets, side, 0, 0, brownness, random)
    # Each further layer hides the seams of those below it behind soft irregular edges.
    for right, down in ((True, False), (False, True), (True, True)):
        layer = _mosaic(sheets, side, _BLOCK // 2 * right, _BLOCK // 2 * down, brownness, random)
        slide = _enlarge(_patch_mask(side, right, down, random), side).ifthenelse(layer, slide, blend=True)
    glass = (pyvips.Image.black(side, side, bands=3) + _GLASS).cast("uchar")
    slide = _enlarge(_tissue_mask(side, random), side).ifthenelse(slide, glass, blend=True)
    _save(slide.copy(interpretation="srgb"), path, progress)


def _mosaic(
    sheets: list[pyvips.Image],
    side: int,
    right: int,
    down: int,
    brownness: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    random: np.random.Generator,
) -> pyvips.Image:
    """Blocks cut anywhere from the sheets, turned, laid out edge to edge and shifted."""
    count = side // _BLOCK + 1
    blocks = []
    for row in range(count):
        for column in range(count):
            wanted = brownness[row, column] * (len(sheets) - 1) + random.normal(0, 0.5)
            sheet = sheets[int(np.clip(round(wanted), 0, len(sheets) - 1))]
            x, y = (int(v) for v in random.integers(0, _CANVAS - _BLOCK, size=2))
            block = sheet.crop(x, y, _BLOCK, _BLOCK).rot(f"d{90 * random.integers(4)}")
            blocks.append(block.flip("horizontal") if random.integers(2) else block)
    return pyvips.Image.arrayjoin(blocks, across=count).crop(right, down, side, side)


def _patch_mask(side: int, right: bool, down: bool, random: np.random.Generator) -> Pixels:
    """Where a shifted layer shows: irregular patches that stay off that layer's own seams."""
    size, block = side // _MASK_STEP, _BLOCK // _MASK_STEP
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    # distance to this layer's nearest seam, 0 on it and 1 in the middle of a block
    own_x = 1 - np.abs(((x + block / 2 * right) % block) / (block / 2) - 1)
    own_y = 1 - np.abs(((y + block / 2 * down) % block) / (block / 2) - 1)
    ragged = np.clip(0.06 * smooth_noise((size, size), 14, random), -0.17, 0.17)
    reach = np.minimum(own_x, own_y) + ragged
    mask: Pixels = (np.clip((reach - 0.25) * block / 4, 0, 1) * 255).astype(np.uint8)
    return mask


def _tissue_mask(side: int, random: np.random.Generator) -> Pixels:
    """Two pieces of tissue with ragged edges, small holes and tears; the rest is glass."""
    size = side // _MASK_STEP
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    pieces = np.maximum(
        1 - np.hypot((x + 0.22) / 0.62, (y + 0.06) / 0.78),
        1 - np.hypot((x - 0.66) / 0.24, (y - 0.30) / 0.50),
    )
    edge = pieces + 0.09 * smooth_noise((size, size), size / 6, random)
    edge += 0.025 * smooth_noise((size, size), size / 40, random)
    tears = np.abs(smooth_noise((size, size), size / 8, random)) + 0.35 * smooth_noise((size, size), size / 60, random)
    holes = smooth_noise((size, size), size / 50, random)
    mask = np.clip(edge * size / 14, 0, 1) * np.clip((tears + 0.62) * 20, 0, 1) * np.clip((2.3 - holes) * 16, 0, 1)
    thickness = 0.93 + 0.05 * np.tanh(smooth_noise((size, size), size / 10, random))
    shown: Pixels = (mask * thickness * 255).astype(np.uint8)
    return shown


def _enlarge(mask: Pixels, side: int) -> pyvips.Image:
    return pyvips.Image.new_from_array(mask).resize(_MASK_STEP, kernel="linear").crop(0, 0, side, side)


def _save(slide: pyvips.Image, path: Path, progress: Callable[[float], None]) -> None:
    unfinished = path.with_suffix(".part.tif")
    slide.set_progress(True)
    slide.signal_connect("eval", lambda _image, state: progress(0.25 + 0.75 * state.percent / 100))
    pixels_per_mm = 1000 / MICROMETRES_PER_PIXEL
    slide.copy(xres=pixels_per_mm, yres=pixels_per_mm).tiffsave(
        str(unfinished),
        tile=True,
        pyramid=True,
        tile_width=256,
        tile_height=256,
        compression="jpeg",
        Q=82,
        bigtiff=True,
        resunit="cm",
    )
    unfinished.replace(path)
