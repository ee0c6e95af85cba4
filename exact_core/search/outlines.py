"""Outlines as shapely geometries, many at once, in pixels or in micrometres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from exact_core.annotations.packing import Columns, take
from exact_core.api.contributions import Shape

_CORNERS_OF_ELLIPSE = 256
_CIRCLE = np.stack(
    [np.cos(turn := np.linspace(0, 2 * np.pi, _CORNERS_OF_ELLIPSE, endpoint=False)), np.sin(turn)], axis=1
)


def outlines(columns: Columns, scale_x: float = 1.0, scale_y: float = 1.0) -> NDArray[Any]:
    """A geometry per shape; None for labels of the whole image, which lie nowhere."""
    answer = np.full(len(columns), None, dtype=object)
    number = columns.shape.astype(np.int64)
    for shape, make in _MAKERS.items():
        chosen = number == shape.number
        if chosen.any():
            part = take(columns, chosen)
            answer[chosen] = make(part, part.vertices.astype(np.float64) * [scale_x, scale_y])
    return answer


def _points(_: Columns, vertices: NDArray[np.float64]) -> Any:
    return shapely.points(vertices)


def _boxes(_: Columns, vertices: NDArray[np.float64]) -> Any:
    low, high = vertices[::2], vertices[1::2]
    return shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])


def _ellipses(_: Columns, vertices: NDArray[np.float64]) -> Any:
    low, high = vertices[::2], vertices[1::2]
    rings = (low + high)[:, None, :] / 2 + (high - low)[:, None, :] / 2 * _CIRCLE[None, :, :]
    return shapely.polygons(rings)


def _lines(columns: Columns, vertices: NDArray[np.float64]) -> Any:
    owner = np.repeat(np.arange(len(columns)), columns.ring_length.astype(np.int64))
    return shapely.linestrings(vertices, indices=owner)


def _areas(columns: Columns, vertices: NDArray[np.float64]) -> Any:
    """Polygons with holes; several parts become one geometry."""
    length = columns.ring_length.astype(np.int64)
    rings = shapely.linearrings(vertices, indices=np.repeat(np.arange(len(length)), length))
    outer = columns.ring_hole == 0
    part = np.cumsum(outer) - 1
    polygons = shapely.polygons(rings, indices=part)
    owner = np.repeat(np.arange(len(columns)), columns.rings)[outer]
    if len(owner) == len(columns):
        return polygons
    return shapely.multipolygons(polygons, indices=owner)


_MAKERS: dict[Shape, Callable[[Columns, NDArray[np.float64]], Any]] = {
    Shape.POINT: _points,
    Shape.BOX: _boxes,
    Shape.ELLIPSE: _ellipses,
    Shape.LINE: _lines,
    Shape.POLYLINE: _lines,
    Shape.POLYGON: _areas,
    Shape.ROTATED_BOX: _areas,
    Shape.MULTI_POLYGON: _areas,
}
