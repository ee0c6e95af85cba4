"""What an object looks like, in numbers: colours and stains inside and around it, its size, its form, its texture.

Everything is measured at one resolution, so that a model of one scanner can be used on pictures of another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from exact_core.api.errors import Invalid
from exact_core.detectors.stains import separated

if TYPE_CHECKING:
    from exact_core.api.pixels import PixelReader

Floats = NDArray[np.float64]
Rings = Sequence[NDArray[np.floating]]

_CHANNELS = {"color": ("red", "green", "blue", "haematoxylin", "eosin", "dab"), "grey": ("intensity",)}
_OF_CHANNEL = ("mean", "deviation", "tenth", "ninetieth", "around", "contrast", "gradient")
_OF_FORM = ("area", "perimeter", "circularity", "elongation", "solidity")
_LARGEST_SIDE = 512
"""Pixels; a larger object is measured at a coarser scale, its size still in µm or pixels of level 0."""

_MARGIN = 6
_PERCENTILES = (10, 90)


@dataclass(frozen=True, slots=True)
class Scale:
    """At which resolution objects are measured.

    Attributes:
        mpp: Micrometres per measured pixel; None where images have no resolution, then level-0 pixels count.
        radius: Of the disc that stands for an object drawn as a point, in µm, or in level-0 pixels.
    """

    mpp: float | None = 0.5
    radius: float = 6.0


def names_of(mode: str) -> tuple[str, ...]:
    """Names of the features in their order.

    Args:
        mode: ``color`` for pictures with red, green and blue, ``grey`` for those with one channel.
    """
    return (*(f"{channel} {word}" for channel in _CHANNELS[mode] for word in _OF_CHANNEL), *_OF_FORM)


def mode_of(reader: PixelReader) -> str:
    """Which features an image has."""
    return "color" if reader.source.is_color else "grey"


def features_of(reader: PixelReader, objects: Sequence[Rings], scale: Scale) -> Floats:
    """Measure objects of one image.

    Args:
        reader: The image.
        objects: Of each object its rings ``(v, 2)`` in level-0 pixels, the outline first and then holes; a point is one
            ring of one vertex.
        scale: At which resolution.

    Returns:
        ``(n, features)`` in the order of :func:`names_of`; areas in µm² and lengths in µm where the image has a
        resolution, else in level-0 pixels.

    Raises:
        Invalid: The scale is in µm and the image has no resolution.
    """
    mode = mode_of(reader)
    unit = _unit_of(reader, scale)
    found = np.zeros((len(objects), len(names_of(mode))))
    for number, rings in enumerate(objects):
        outline = _disc(rings[0][0], scale.radius / unit) if len(rings[0]) == 1 else np.asarray(rings[0], np.float64)
        holes = [np.asarray(ring, np.float64) for ring in rings[1:]]
        found[number] = _measured(reader, mode, outline, holes, 1.0 if scale.mpp is None else scale.mpp / unit, unit)
    return found


def _unit_of(reader: PixelReader, scale: Scale) -> float:
    """Micrometres of a level-0 pixel; 1 where pixels are the unit."""
    if scale.mpp is None:
        return 1.0
    mpp_x, mpp_y = reader.image.mpp_x, reader.image.mpp_y
    if not mpp_x or not mpp_y:
        raise Invalid(
            f"Image {reader.image.name!r} has no resolution, and the model measures in µm. Give the image its"
            " resolution, or set 'measure in' to pixels."
        )
    return math.sqrt(mpp_x * mpp_y)


def _measured(
    reader: PixelReader, mode: str, outline: Floats, holes: Sequence[Floats], factor: float, unit: float
) -> Floats:
    low, high = outline.min(axis=0), outline.max(axis=0)
    factor = max(factor, float((high - low).max()) / _LARGEST_SIDE, 1e-6)
    level, downsample = _level_for(reader, factor)
    x0, y0 = (math.floor(value / factor) - _MARGIN for value in low)
    x1, y1 = (math.ceil(value / factor) + _MARGIN for value in high)
    pixels = _read(reader, level, downsample, factor, (x0, y0, x1, y1))
    inside = _mask(outline, holes, factor, x0, y0, pixels.shape[:2])
    around = ndimage.binary_dilation(inside, iterations=_MARGIN - 1) & ~ndimage.binary_dilation(inside)
    values = [part for channel in _channels(pixels, mode) for part in _of_channel(channel, inside, around)]
    return np.array([*values, *_form(outline, holes, inside, unit)])


def _level_for(reader: PixelReader, factor: float) -> tuple[int, float]:
    """The coarsest level that is not coarser than wanted."""
    levels = reader.source.levels
    fitting = [number for number, level in enumerate(levels) if level.downsample <= factor * 1.01]
    best = max(fitting, key=lambda number: levels[number].downsample, default=0)
    return best, levels[best].downsample


def _read(
    reader: PixelReader, level: int, downsample: float, factor: float, window: tuple[int, int, int, int]
) -> Floats:
    """Samples of a window that is given in measured pixels, resampled bilinearly from the level."""
    x0, y0, x1, y1 = window
    ratio = factor / downsample
    left, top = math.floor(x0 * ratio) - 1, math.floor(y0 * ratio) - 1
    width, height = math.ceil(x1 * ratio) + 2 - left, math.ceil(y1 * ratio) + 2 - top
    samples = np.asarray(reader.read(left, top, width, height, level), np.float64)
    samples = samples[..., None] if samples.ndim == 2 else samples
    if abs(ratio - 1) < 0.01:
        near_columns, near_rows = np.arange(x0, x1) - left, np.arange(y0, y1) - top
        return samples[np.clip(near_rows, 0, height - 1)[:, None], np.clip(near_columns, 0, width - 1)[None, :]]
    columns = (np.arange(x0, x1) + 0.5) * ratio - 0.5 - left
    rows = (np.arange(y0, y1) + 0.5) * ratio - 0.5 - top
    if ratio > 1.5:
        samples = ndimage.gaussian_filter(samples, (ratio / 2.5, ratio / 2.5, 0))
    grid = np.meshgrid(rows, columns, indexing="ij")
    layers = [
        ndimage.map_coordinates(samples[..., each], grid, order=1, mode="nearest") for each in range(samples.shape[2])
    ]
    return np.stack(layers, axis=-1)


def _mask(
    outline: Floats, holes: Sequence[Floats], factor: float, x0: int, y0: int, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    from skimage.draw import polygon2mask

    def filled(ring: Floats) -> NDArray[np.bool_]:
        places = ring[:, ::-1] / factor - np.array([y0, x0]) - 0.5  # centres of pixels lie at whole numbers
        drawn: NDArray[np.bool_] = polygon2mask(shape, places)
        return drawn

    inside = filled(outline)
    for hole in holes:
        inside &= ~filled(hole)
    if not inside.any():  # thinner than a pixel
        middle = outline.mean(axis=0) / factor - np.array([x0, y0])
        column, row = np.clip(middle.astype(int), 0, [shape[1] - 1, shape[0] - 1])
        inside[row, column] = True
    return inside


def _channels(pixels: Floats, mode: str) -> list[Floats]:
    if mode == "grey":
        return [pixels[..., 0]]
    stains = separated(np.rint(pixels).astype(np.uint8)).astype(np.float64)
    return [*(pixels[..., each] / 255 for each in range(3)), *(stains[..., each] for each in range(3))]


def _of_channel(channel: Floats, inside: NDArray[np.bool_], around: NDArray[np.bool_]) -> tuple[float, ...]:
    own = channel[inside]
    beside = float(channel[around].mean()) if around.any() else float(own.mean())
    gradient = np.hypot(*np.gradient(channel))[inside].mean()
    low, high = np.percentile(own, _PERCENTILES)
    return float(own.mean()), float(own.std()), low, high, beside, float(own.mean()) - beside, float(gradient)


def _form(outline: Floats, holes: Sequence[Floats], inside: NDArray[np.bool_], unit: float) -> tuple[float, ...]:
    from shapely import Polygon

    shape = Polygon(outline, holes) if len(outline) > 2 else Polygon()
    area, perimeter = float(shape.area), float(shape.length)
    if area <= 0:
        return float(inside.sum()) * unit * unit, 0.0, 0.0, 1.0, 1.0
    rows, columns = np.nonzero(inside)
    spread = np.cov(np.stack([rows, columns])) if len(rows) > 2 else np.eye(2)
    small, large = np.linalg.eigvalsh(spread + np.eye(2) / 12)  # a pixel is a square, not a point
    return (
        area * unit * unit,
        perimeter * unit,
        4 * math.pi * area / perimeter**2,
        math.sqrt(large / small),
        area / float(shape.convex_hull.area),
    )


def _disc(centre: NDArray[np.floating], radius: float) -> Floats:
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    return np.asarray(centre, np.float64) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
