"""The real files, and what they show as OpenSlide, tifffile and Pillow read them, without any code of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import tifffile
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
NATIVE = "0.0.rgb"


@dataclass(frozen=True)
class RealPicture:
    """One file and what must come of it.

    Attributes:
        path: Below the folder of slides.
        size: Width and height.
        mpp: Micrometres per pixel; None where the file does not say.
        levels: Sizes of the levels that the file holds.
        stack: Planes, times, channels.
        read: Gives the pixels of each frame at full size, by address.
        tolerance: Mean difference in brightness that JPEG may make.
    """

    path: str
    size: tuple[int, int]
    mpp: float | None = None
    levels: tuple[tuple[int, int], ...] = ()
    stack: tuple[int, int, int] = (1, 1, 1)
    read: Callable[[Path], Mapping[str, Pixels]] = field(default=lambda path: _one(_pillow(path)))
    tolerance: float = 4.0


def _one(pixels: Pixels) -> dict[str, Pixels]:
    return {NATIVE: pixels}


def _pillow(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@cache
def _openslide(path: Path) -> Mapping[str, Pixels]:
    with openslide.OpenSlide(path) as slide:
        return _one(np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB")))


def _tiff(path: Path) -> Mapping[str, Pixels]:
    pixels = tifffile.imread(path)
    return _one(np.moveaxis(pixels, 0, -1) if pixels.shape[0] == 3 else pixels)


def _stretched(path: Path) -> Mapping[str, Pixels]:
    """Deep grey samples between their extremes, but for one in a thousand at either end."""
    samples = tifffile.imread(path).astype(float)
    low, high = np.percentile(samples, (0.1, 99.9))
    return _one(_grey(np.clip((samples - low) / (high - low) * 255, 0, 255)))


def _grey(samples: NDArray[Any]) -> Pixels:
    return np.repeat(samples[:, :, np.newaxis], 3, axis=2).astype(np.uint8)


def _stack(axis: int) -> Callable[[Path], Mapping[str, Pixels]]:
    """Pages of a stack, each in the colour that its palette rises to; along z (0), t (1) or c (2)."""

    def read(path: Path) -> Mapping[str, Pixels]:
        frames = {}
        with tifffile.TiffFile(path) as tiff:
            for number, page in enumerate(tiff.pages):
                place = ["0", "0", "rgb"]
                place[axis] = str(number)
                colored = page.asarray()[:, :, np.newaxis] * (_palette(path, number) / 255.0)
                frames[".".join(place)] = colored.round().astype(np.uint8)
        if axis == 2:
            mixed = sum(frame.astype(int) for frame in frames.values())
            frames[NATIVE] = np.minimum(mixed, 255).astype(np.uint8)
        return frames

    return read


def _palette(path: Path, number: int) -> NDArray[np.float64]:
    """The brightest colour of a page's palette, as Pillow reads it."""
    with Image.open(path) as picture:
        picture.seek(number)
        palette = picture.getpalette() or []
    return np.asarray(palette[-3:], dtype=float)


_CELLS = (93, 131)
REAL_PICTURES = (
    RealPicture("CMU-1-Small-Region.svs", (2220, 2967), 0.499, ((2220, 2967),), read=_openslide),
    RealPicture(
        "test3-DAPI-2-387.ndpi",
        (3968, 4864),
        0.228175,
        ((3968, 4864), (1984, 2432), (992, 1216), (496, 608), (248, 304), (124, 152), (62, 76)),
        read=_openslide,
    ),
    RealPicture("plain/he-512x680.jpg", (680, 512)),
    RealPicture("plain/he-512x680.png", (680, 512)),
    RealPicture("plain/he-512x680.tif", (680, 512)),
    RealPicture("plain/he-862x896.tiff", (896, 862)),
    RealPicture("frames/qupath-cells-1.jp2", (185, 261)),
    RealPicture("frames/qupath-cells.jpg", (185, 261)),
    RealPicture("frames/qupath-cells.png", _CELLS),
    RealPicture("frames/qupath-cells-gray8.png", _CELLS),
    RealPicture("frames/qupath-cells.tif", _CELLS, 0.25, read=_tiff),
    RealPicture("frames/qupath-cells.ome.tif", _CELLS, 0.25, read=_tiff),
    RealPicture("frames/qupath-cells-gray16.tif", _CELLS, 0.25, read=_stretched),
    RealPicture("frames/qupath-cells-gray32.tif", _CELLS, 0.25, read=_stretched),
    RealPicture("frames/qupath-cells-2z.ome.tif", _CELLS, 0.25, stack=(2, 1, 1), read=_stack(0)),
    RealPicture("frames/qupath-cells-2t.ome.tif", _CELLS, 0.25, stack=(1, 2, 1), read=_stack(1)),
    RealPicture("frames/qupath-cells-2c.ome.tif", _CELLS, 0.25, stack=(1, 1, 2), read=_stack(2)),
)


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture made smaller by averaging: whole squares of pixels where the size is that of whole squares."""
    picture = Image.fromarray(pixels)
    factor = round(picture.width / width)
    if (-(-picture.width // factor), -(-picture.height // factor)) == (width, height):
        return np.asarray(picture.reduce(factor))
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))


def level_of(path: Path, width: int, height: int) -> Pixels | None:
    """A smaller level of a slide as OpenSlide reads it, or None when the file has none of this size."""
    try:
        slide = openslide.OpenSlide(min(path.iterdir()) if path.is_dir() else path)
    except openslide.OpenSlideError:
        return None
    with slide:
        if (width, height) not in slide.level_dimensions:
            return None
        level = slide.level_dimensions.index((width, height))
        return np.asarray(slide.read_region((0, 0), level, (width, height)).convert("RGB"))
