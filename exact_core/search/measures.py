"""How large shapes are, many at once: areas and lengths from unpacked outlines.

Lengths are those between the centres of pixels, as the viewer shows them: a box from pixel 10 to pixel 30 is 20 wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.packing import Columns
from exact_core.api.contributions import Shape

AREAS = (Shape.BOX, Shape.ELLIPSE, Shape.POLYGON, Shape.ROTATED_BOX, Shape.MULTI_POLYGON)
"""Shapes that have an area."""

LINES = (Shape.LINE, Shape.POLYLINE)
_ELLIPSE_OF_BOX = np.pi / 4


def areas(columns: Columns) -> NDArray[np.float64]:
    """The area of each shape in square pixels, holes left out; 0 for what has none."""
    answer = np.zeros(len(columns))
    rings = _ring_areas(columns)
    signs = np.where(columns.ring_hole == 1, -1.0, 1.0)
    np.add.at(answer, _owners(columns), rings * signs)
    answer = np.maximum(answer, 0.0)
    number = columns.shape.astype(np.int64)
    cornered = np.isin(number, [Shape.BOX.number, Shape.ELLIPSE.number])
    if cornered.any():
        width, height = _extents(columns)
        boxes = (width * height)[cornered]
        answer[cornered] = np.where(number[cornered] == Shape.ELLIPSE.number, boxes * _ELLIPSE_OF_BOX, boxes)
    answer[~np.isin(number, [shape.number for shape in AREAS])] = 0.0
    return answer


def lengths(columns: Columns, scale_x: float, scale_y: float) -> NDArray[np.float64]:
    """The length of lines and the perimeter of areas, with holes; pixels have these sizes."""
    vertices = columns.vertices.astype(np.float64) * [scale_x, scale_y]
    length = columns.ring_length.astype(np.int64)
    ends = np.cumsum(length)
    begins = ends - length
    steps = np.zeros(len(vertices))
    steps[1:] = np.hypot(*np.diff(vertices, axis=0).T) if len(vertices) > 1 else 0.0
    steps[begins[length > 0]] = 0.0
    along = np.zeros(len(length))
    filled = length > 0
    if filled.any():
        along[filled] = np.add.reduceat(steps, begins[filled])
    number = columns.shape.astype(np.int64)
    owner = _owners(columns)
    closed = filled & np.isin(number, [shape.number for shape in AREAS])[owner]
    along[closed] += np.hypot(*(vertices[ends[closed] - 1] - vertices[begins[closed]]).T)
    answer = np.zeros(len(columns))
    np.add.at(answer, owner, along)
    cornered = np.isin(number, [Shape.BOX.number, Shape.ELLIPSE.number])
    if cornered.any():
        width, height = _extents(columns)
        a, b = width[cornered] * scale_x, height[cornered] * scale_y
        answer[cornered] = np.where(number[cornered] == Shape.BOX.number, 2 * (a + b), _ellipse_perimeter(a / 2, b / 2))
    return answer


def _ellipse_perimeter(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ramanujan's second formula, as the viewer has it."""
    both = a + b
    h = np.divide(a - b, both, out=np.zeros_like(both), where=both > 0) ** 2
    answer: NDArray[np.float64] = np.pi * both * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
    return answer


def _ring_areas(columns: Columns) -> NDArray[np.float64]:
    """Twice the shoelace sum of each ring, halved, without sign."""
    length = columns.ring_length.astype(np.int64)
    if not len(columns.vertices):
        return np.zeros(len(length))
    ends = np.cumsum(length)
    begins = ends - length
    vertices = columns.vertices.astype(np.float64)
    owner = np.repeat(np.arange(len(length)), length)
    origin = vertices[np.minimum(begins, len(vertices) - 1)][owner]
    local = vertices - origin  # far from the corner of a slide the products would lose digits
    following = np.arange(1, len(vertices) + 1)
    filled = length > 0
    following[ends[filled] - 1] = begins[filled]
    cross = local[:, 0] * local[following, 1] - local[following, 0] * local[:, 1]
    answer = np.zeros(len(length))
    np.add.at(answer, owner, cross)
    return np.abs(answer) / 2


def _owners(columns: Columns) -> NDArray[np.int64]:
    """The shape that each ring belongs to."""
    return np.repeat(np.arange(len(columns)), columns.rings)


def _extents(columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Width and height of what is given by two corners; 0 for shapes without vertices."""
    length = columns.ring_length.astype(np.int64)
    begins = np.cumsum(length) - length
    first_ring = np.minimum(columns.ring_start[:-1].astype(np.int64), max(len(length) - 1, 0))
    width, height = np.zeros(len(columns)), np.zeros(len(columns))
    has = columns.rings > 0
    if has.any():
        start = begins[first_ring[has]]
        last = start + length[first_ring[has]] - 1
        corner = columns.vertices.astype(np.float64)
        width[has], height[has] = np.abs(corner[last] - corner[start]).T
    return width, height
