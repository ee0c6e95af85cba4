"""Graded nuclei of the demo slide: the nucleus detector's own steps, and how brown each neighbourhood is.

Each nucleus gets a grade 0 to 4 by its DAB. Good enough to give the demo slide honest, checkable boxes; not a
diagnostic tool.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import openslide
from numpy.typing import NDArray
from scipy import ndimage

from exact_core.detectors.nuclei import components
from exact_core.detectors.stains import nuclear_contrast, separated

GRADE_LIMITS = (0.0105, 0.022, 0.055, 0.080)
"""DAB densities (scikit-image's HED units) that part grade 0 from 1, 1 from 2, 2 from 3, and 3 from 4."""

_LEVEL = 1  # half size: nuclei of the demo slide are then 5 to 12 px long
_MPP = 1.0
_CONTRAST = 0.012
_TILE = 960
_MARGIN = 24


@dataclass(frozen=True, slots=True)
class Nuclei:
    """Detections: ``boxes`` (n, 4) int32 as x0, y0, x1, y1 in level-0 pixels, ``grades`` (n,) 0..4, ``scores`` (n,)."""

    boxes: NDArray[np.int32]
    grades: NDArray[np.int8]
    scores: NDArray[np.float32]


def find_nuclei(path: Path, most: int) -> Nuclei:
    """Find the ``most`` clearest nuclei of a slide, over all of its tissue."""
    with openslide.OpenSlide(path) as slide:
        width, height = slide.level_dimensions[_LEVEL]
        thumbnail = np.asarray(slide.get_thumbnail((-(-width // _TILE) * 4, -(-height // _TILE) * 4)).convert("L"))
    origins = [
        (x, y)
        for y in range(0, height, _TILE)
        for x in range(0, width, _TILE)
        if _has_tissue(thumbnail, x / width, y / height, _TILE / width)
    ]
    with ProcessPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(partial(_find_in_tile, path), origins, chunksize=4))
    boxes, grades, scores = (np.concatenate(part) for part in zip(*found, strict=True))
    keep = np.sort(np.argsort(-scores, kind="stable")[:most])
    return Nuclei(boxes[keep], grades[keep], scores[keep])


def _has_tissue(thumbnail: NDArray[np.uint8], x: float, y: float, extent: float) -> bool:
    rows, columns = thumbnail.shape
    window = thumbnail[int(y * rows) : int((y + extent) * rows) + 1, int(x * columns) : int((x + extent) * columns) + 1]
    return bool(window.size and window.min() < 225)


def _find_in_tile(
    path: Path, origin: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.float32]]:
    """Detect in one tile with a margin; a nucleus belongs to the tile that holds its box's upper left corner."""
    scale = 2**_LEVEL
    x, y = origin[0] - _MARGIN, origin[1] - _MARGIN
    side = _TILE + 2 * _MARGIN
    with openslide.OpenSlide(path) as slide:
        pixels = np.asarray(slide.read_region((x * scale, y * scale), _LEVEL, (side, side)))
    stains = separated(pixels)
    contrast = nuclear_contrast(stains, _MPP)
    brown = ndimage.gaussian_filter(stains[..., 2], 4.0)
    found = components(contrast, _CONTRAST, pixels[..., 3] == 255)
    boxes, grades, scores = [], [], []
    for label, (rows, columns) in enumerate(found.slices, start=1):
        inside = _MARGIN <= rows.start < side - _MARGIN and _MARGIN <= columns.start < side - _MARGIN
        if not inside or not 14 <= found.areas[label - 1] <= 160:
            continue
        centre = ((rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2)
        boxes.append((columns.start + x, rows.start + y, columns.stop + x, rows.stop + y))
        grades.append(int(np.searchsorted(GRADE_LIMITS, brown[centre])))
        scores.append(float(contrast[rows, columns][found.labels[rows, columns] == label].mean()))
    return (
        (np.array(boxes, dtype=np.int32).reshape(-1, 4) * scale).astype(np.int32),
        np.array(grades, dtype=np.int8),
        np.array(scores, dtype=np.float32),
    )
