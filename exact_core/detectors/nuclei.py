"""A classical nucleus detector: tissue first, then stain separation, local contrast, connected components, outlines.

The slide is cut into tiles of one grid that begins at the corner of the image. A tile is analysed with a margin that
holds the reach of the filters and the largest nucleus, and keeps what is centred in it: each nucleus is found once,
and the same whatever the area that was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure, segmentation

from exact_core.api.errors import Invalid
from exact_core.api.predictions import PredictedShapes
from exact_core.detectors import stains
from exact_core.detectors.levels import Working, halted, mpp_of, read_working, require_color, working_level
from exact_core.detectors.settings import NucleusSettings
from exact_core.detectors.tissue_mask import Mask, tissue_mask

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exact_core.api.annotations import Region
    from exact_core.api.models import StoredModel
    from exact_core.api.pixels import PixelReader
    from exact_core.api.predictions import PredictionWriter

_TILE = 1024
_COARSEST_MPP = 0.8
_ELONGATION = 3.0
"""A nucleus is at most so many times longer than a circle of the largest area is wide."""

_LEAST_RADIUS, _SMOOTHING = 2.0, 0.7  # µm: of a nucleus that is parted from another; of its border
_TIE = 1e-4  # pixels: less than any difference of depth that means something
_HALF_SCORE = 0.03  # contrast of a round nucleus that scores one half


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Places of high contrast in a tile: ``labels`` marks them, ``slices`` and ``areas`` (pixels) tell of each."""

    labels: NDArray[np.int32]
    slices: list[tuple[slice, slice]]
    areas: NDArray[np.int64]


def components(contrast: stains.Stains, least: float, opaque: NDArray[np.bool_] | None = None) -> Components:
    """Connected places where the contrast is above ``least``, and the slide is there."""
    is_high = contrast > least
    labels, count = ndimage.label(is_high if opaque is None else is_high & opaque)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return Components(labels, ndimage.find_objects(labels), areas)


def parted(found: Components, mpp: float, corner: tuple[int, int] = (0, 0)) -> Components:
    """Components with touching nuclei parted, where they are waisted.

    Watershed of the distance to the border, smoothed. What decides lies within a nucleus' width, and where two places
    are equally deep their coordinates decide, so that the parts do not depend on where the tile begins.

    Args:
        found: The components.
        mpp: Micrometres per pixel.
        corner: x and y of the first pixel, in pixels of the whole image at this resolution.
    """
    inside = found.labels > 0
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(inside).astype(np.float32), _SMOOTHING / mpp)
    distance[~inside] = 0
    width = 2 * max(1, round(_LEAST_RADIUS / mpp)) + 1
    tops = (distance == ndimage.maximum_filter(distance, width)) & inside
    markers, _ = ndimage.label(tops, np.ones((3, 3)))
    depth = distance.astype(np.float64) + _TIE * _scattered(corner, distance.shape)
    labels = segmentation.watershed(-depth, markers, mask=inside)
    areas = np.bincount(labels.ravel(), minlength=int(labels.max()) + 1)[1:]
    return Components(labels, ndimage.find_objects(labels), areas)


def _scattered(corner: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Numbers from 0 to 1 without order that belong to the coordinates."""
    x = np.arange(corner[0], corner[0] + shape[1], dtype=np.int64).astype(np.uint64)
    y = np.arange(corner[1], corner[1] + shape[0], dtype=np.int64).astype(np.uint64)
    mixed = (x[None, :] * np.uint64(0x9E3779B97F4A7C15)) ^ (y[:, None] * np.uint64(0xC2B2AE3D27D4EB4F))
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)


class NucleusDetector:
    """Finds nuclei in bright-field colour images (driver ``exact_nuclei``)."""

    def __init__(self, model: StoredModel, settings: BaseModel | None, device: str) -> None:
        self._settings = settings if isinstance(settings, NucleusSettings) else NucleusSettings()
        if self._settings.smallest > self._settings.largest:
            raise Invalid("smallest: the smallest area must not be above the largest.")

    def predict(
        self,
        image: PixelReader,
        area: Region | None,
        out: PredictionWriter,
        told: Callable[[float, str], None],
    ) -> None:
        """Run on one image, tile by tile where there is tissue."""
        require_color(image)
        told(0.0, "Looking for tissue")
        mpp = mpp_of(image, self._settings.assumed_mpp)
        working = working_level(image, mpp, _COARSEST_MPP)
        mask = tissue_mask(image, mpp, halted(told))
        tiles = list(_tiles(image, working, mask, area))
        found = 0
        for number, (column, row) in enumerate(tiles):
            told(number / len(tiles), f"{found:,} nuclei")
            shapes = self._in_tile(image, working, column, row, area)
            if shapes is not None:
                found += len(shapes)
                out.add(shapes)
        told(1.0, f"{found:,} nuclei")

    def close(self) -> None:
        """Nothing is held."""

    def _in_tile(
        self, image: PixelReader, working: Working, column: int, row: int, area: Region | None
    ) -> PredictedShapes | None:
        """Nuclei centred in one tile."""
        settings, mpp = self._settings, working.mpp
        longest = math.ceil(_ELONGATION * 2 * math.sqrt(settings.largest / math.pi) / mpp)
        around = stains.reach(mpp)
        margin = around + longest
        x, y = column * _TILE - margin, row * _TILE - margin
        side = _TILE + 2 * margin
        separated = stains.separated(read_working(image, working, x, y, side, side))
        inner = slice(around, side - around)
        contrast = stains.nuclear_contrast(separated, mpp)[inner, inner]
        found = parted(components(contrast, settings.contrast), mpp, (x + around, y + around))
        outlines: list[list[NDArray[np.float64]]] = []
        scores: list[float] = []
        for number, (rows, columns) in enumerate(found.slices, start=1):
            is_sized = settings.smallest <= found.areas[number - 1] * mpp * mpp <= settings.largest
            if not is_sized or _is_cut((rows, columns), len(contrast), longest):
                continue
            center_x = (columns.start + columns.stop) / 2 - longest
            center_y = (rows.start + rows.stop) / 2 - longest
            if not (0 <= center_x < _TILE and 0 <= center_y < _TILE):
                continue
            if area is not None and not _is_inside(area, working, column * _TILE + center_x, row * _TILE + center_y):
                continue
            outline, score = _outline(contrast, found.labels, number, (rows, columns), settings.contrast)
            if outline is not None and score >= settings.least_score:
                outlines.append([(outline + np.array([x + around, y + around])) * working.downsample])
                scores.append(score)
        if not outlines:
            return None
        values = np.array(scores)
        return PredictedShapes.of_polygons(outlines, np.zeros(len(values), np.int64), values, entropy(values))


def entropy(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of a choice between two, in bits: 1 where nothing is known, 0 where all is."""
    p = np.clip(probabilities, 1e-12, 1 - 1e-12)
    bits: NDArray[np.float64] = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return np.clip(bits, 0, 1)


def _tiles(image: PixelReader, working: Working, mask: Mask, area: Region | None) -> Iterator[tuple[int, int]]:
    """Column and row of the tiles that hold tissue and, where one was asked for, a part of the area."""
    step = _TILE * working.downsample
    left, top, right, bottom = (
        (0, 0, image.image.width, image.image.height) if area is None else (area.x0, area.y0, area.x1, area.y1)
    )
    for row in range(int(max(top, 0) // step), math.ceil(min(bottom, image.image.height) / step)):
        for column in range(int(max(left, 0) // step), math.ceil(min(right, image.image.width) / step)):
            if mask.has_tissue(column * step, row * step, (column + 1) * step, (row + 1) * step):
                yield column, row


def _is_cut(place: tuple[slice, slice], side: int, longest: int) -> bool:
    """Whether a component is longer than any nucleus, or may go on beyond what was analysed."""
    return any(each.start == 0 or each.stop == side or each.stop - each.start > longest for each in place)


def _is_inside(area: Region, working: Working, x: float, y: float) -> bool:
    x, y = x * working.downsample, y * working.downsample
    return area.x0 <= x < area.x1 and area.y0 <= y < area.y1


def _outline(
    contrast: stains.Stains, labels: NDArray[np.int32], number: int, place: tuple[slice, slice], least: float
) -> tuple[NDArray[np.float64] | None, float]:
    """The line around a component where the contrast crosses the threshold, as x, y of the analysed part; its score.

    The score is its mean contrast as a share, times how round it is.
    """
    rows, columns = place
    window = (slice(rows.start - 1, rows.stop + 1), slice(columns.start - 1, columns.stop + 1))  # it touches no edge
    own = labels[window] == number
    # What belongs to others lies as far below the threshold as half of it: a line through equal values would break.
    values = np.where(own, contrast[window], np.minimum(contrast[window], least / 2))
    lines: list[NDArray[Any]] = measure.find_contours(values, least)
    closed = [line for line in lines if len(line) > 3 and (line[0] == line[-1]).all()]
    if not closed:
        return None, 0.0
    line = max(closed, key=_area)
    if _area(line) <= 0:
        return None, 0.0
    perimeter = float(np.hypot(*np.diff(line, axis=0).T).sum())
    roundness = min(1.0, 4 * math.pi * _area(line) / perimeter**2)
    mean = float(contrast[window][own].mean())
    # scikit-image's pixels are points at whole numbers; ours have their middle at a half.
    outline = line[:-1, ::-1] + (window[1].start + 0.5, window[0].start + 0.5)
    return measure.approximate_polygon(np.vstack([outline, outline[:1]]), 0.25)[:-1], mean / (
        mean + _HALF_SCORE
    ) * roundness


def _area(line: NDArray[np.float64]) -> float:
    y, x = line.T
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2
