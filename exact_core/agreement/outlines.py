"""Marks as areas of shapely, in the unit in which they are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from exact_core.annotations.packing import unpack_many
from exact_core.api.contributions import Shape

_FORMS = (Shape.BOX, Shape.ELLIPSE, Shape.ROTATED_BOX, Shape.POLYGON, Shape.MULTI_POLYGON)
WITH_AREA = tuple(shape.number for shape in _FORMS)
"""Numbers of the shapes that have one."""

_CIRCLE = np.array([(math.cos(a), math.sin(a)) for a in np.arange(64) / 64 * 2 * math.pi])
# A polygon with its corners on an ellipse is smaller than it; this makes the areas equal.
_CIRCLE *= math.sqrt(math.pi / (32 * math.sin(2 * math.pi / 64)))


def outlines(packed: Sequence[bytes], scale: NDArray[np.float64]) -> NDArray[Any]:
    """One area per stored geometry; an empty one where the shape has none.

    Args:
        packed: Stored geometries.
        scale: Units per pixel, ``(n, 2)``.
    """
    areas = np.full(len(packed), shapely.Polygon(), object)
    if not len(packed):
        return areas
    columns = unpack_many(packed)
    rings = columns.ring_start.astype(np.int64)
    vertex = np.concatenate([[0], np.cumsum(columns.ring_length, dtype=np.int64)])
    for number, shape in enumerate(columns.shape.tolist()):
        if shape in WITH_AREA:
            first, last = rings[number], rings[number + 1]
            parts = [
                (columns.vertices[vertex[ring] : vertex[ring + 1]] * scale[number], bool(columns.ring_hole[ring]))
                for ring in range(first, last)
            ]
            areas[number] = _area(shape, parts)
    return areas


def _area(shape: int, parts: Sequence[tuple[NDArray[np.float64], bool]]) -> Any:
    corners = parts[0][0]
    if shape == Shape.BOX.number:
        return shapely.box(*corners[0], *corners[1])
    if shape == Shape.ELLIPSE.number:
        return shapely.Polygon(corners.mean(axis=0) + _CIRCLE * (corners[1] - corners[0]) / 2)
    grouped: list[list[NDArray[np.float64]]] = []
    for ring, is_hole in parts:
        if is_hole:
            grouped[-1].append(ring)
        else:
            grouped.append([ring])
    polygons = [shapely.Polygon(outline, holes) for outline, *holes in grouped]
    area = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return area if area.is_valid else shapely.make_valid(area)
