"""A classical nucleus detector: stain separation, local contrast, connected components.

Nuclei are darker in haematoxylin than what surrounds them; each gets a grade 0 to 4 by how brown (DAB) its
neighbourhood is. Good enough to give the demo slide honest, checkable boxes; not a diagnostic tool.
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
from skimage import color

GRADE_LIMITS = (0.0105, 0.022, 0.055, 0.080)
"""DAB densities (scikit-image's HED units) that part grade 0 from 1, 1 from 2, 2 from 3, and 3 from 4."""

_LEVEL = 1  # half size: nuclei of the demo slide are then 5 to 12 px long
_TILE = 960
_MARGIN = 24
_OPTICAL_DENSITY = -np.log(np.maximum(np.arange(256) / 255, 1e-6)).astype(np.float32) / np.float32(np.log(1e6))
_HED = color.hed_from_rgb.astype(np.float32)


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
    opaque = pixels[..., 3] == 255
    stains = _OPTICAL_DENSITY[pixels[..., :3]] @ _HED
    blueness = stains[..., 0] - 0.5 * stains[..., 2]  # brown membranes leak into the haematoxylin channel
    contrast = ndimage.gaussian_filter(blueness, 1.0) - ndimage.gaussian_filter(blueness, 9.0)
    brown = ndimage.gaussian_filter(stains[..., 2], 4.0)
    labels, count = ndimage.label((contrast > 0.012) & opaque)
    boxes, grades, scores = [], [], []
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        inside = _MARGIN <= rows.start < side - _MARGIN and _MARGIN <= columns.start < side - _MARGIN
        if not inside or not 14 <= areas[label] <= 160:
            continue
        centre = ((rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2)
        boxes.append((columns.start + x, rows.start + y, columns.stop + x, rows.stop + y))
        grades.append(int(np.searchsorted(GRADE_LIMITS, brown[centre])))
        scores.append(float(contrast[rows, columns][labels[rows, columns] == label].mean()))
    return (
        (np.array(boxes, dtype=np.int32).reshape(-1, 4) * scale).astype(np.int32),
        np.array(grades, dtype=np.int8),
        np.array(scores, dtype=np.float32),
    )
