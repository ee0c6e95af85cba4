"""How large shapes are and where their middle lies, for many at once; and shapes as shapely sees them.

Everything is in level-0 pixels, or in micrometres where micrometres per pixel are given. An ellipse is measured as the
ellipse it is; only shapely, which has no ellipses, sees a polygon of 64 corners. Labels without vertices (``image``,
``absent``) measure 0, and their centroid is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from exact_core.annotations.geometry import Geometry, from_rings
from exact_core.annotations.packing import Columns, columns_of
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

ELLIPSE_CORNERS = 64
"""Corners of the polygon that stands for an ellipse in shapely; they lie on the ellipse."""

Floats = NDArray[np.float64]

_POINT, _BOX, _ELLIPSE = Shape.POINT.number, Shape.BOX.number, Shape.ELLIPSE.number
_LINES = (Shape.LINE.number, Shape.POLYLINE.number)
_OUTLINED = (Shape.POLYGON.number, Shape.ROTATED_BOX.number, Shape.MULTI_POLYGON.number)
_TURN = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """One number per shape.

    Attributes:
        area: Of boxes, ellipses and polygons without their holes; else 0.
        length: Of lines and polylines; else 0.
        perimeter: Around areas, holes included; else 0.
        centroid: ``(n, 2)``, always in level-0 pixels: of the area, of the line, or the point itself.
    """

    area: Floats
    length: Floats
    perimeter: Floats
    centroid: Floats


def measure(columns: Columns, mpp_x: float = 1.0, mpp_y: float = 1.0) -> Measures:
    """Measure many shapes; in pixels, or in micrometres with the micrometres per pixel of each axis."""
    n = len(columns)
    found = Measures(np.zeros(n), np.zeros(n), np.zeros(n), np.full((n, 2), np.nan))
    if not len(columns.vertices):
        return found
    scale = np.array([mpp_x, mpp_y])
    xy = columns.xy
    shape = columns.shape.astype(np.int64)
    vertex = columns.ring_vertex[columns.ring_start.astype(np.int64)]
    _measure_cornered(found, shape, xy, vertex, scale)
    _measure_outlined(found, columns, xy, scale)
    points = shape == _POINT
    found.centroid[points] = xy[vertex[:-1][points]]
    return found


def area(geometry: Geometry, mpp_x: float = 1.0, mpp_y: float = 1.0) -> float:
    """The area of one shape in px², or in µm²."""
    return float(measure(columns_of([geometry]), mpp_x, mpp_y).area[0])


def length(geometry: Geometry, mpp_x: float = 1.0, mpp_y: float = 1.0) -> float:
    """The length of one line or polyline in px, or in µm."""
    return float(measure(columns_of([geometry]), mpp_x, mpp_y).length[0])


def perimeter(geometry: Geometry, mpp_x: float = 1.0, mpp_y: float = 1.0) -> float:
    """The way around one area in px, or in µm."""
    return float(measure(columns_of([geometry]), mpp_x, mpp_y).perimeter[0])


def centroid(geometry: Geometry) -> tuple[float, float]:
    """The middle of one shape in level-0 pixels."""
    x, y = measure(columns_of([geometry])).centroid[0].tolist()
    return x, y


def extents(columns: Columns) -> Floats:
    """Width and height of many shapes in level-0 pixels, ``(n, 2)``; 0 for points and labels without vertices."""
    answer = np.zeros((len(columns), 2))
    vertex = columns.ring_vertex[columns.ring_start.astype(np.int64)]
    has = np.diff(vertex) > 0
    if has.any():
        xy, start = columns.xy, vertex[:-1][has]
        answer[has] = np.maximum.reduceat(xy, start) - np.minimum.reduceat(xy, start)
    return answer


def to_shapely(geometry: Geometry) -> Any:
    """One shape as shapely has it; an empty polygon for a label without vertices."""
    return to_shapely_many(columns_of([geometry]))[0]


def to_shapely_many(columns: Columns) -> NDArray[np.object_]:
    """Many shapes as an array of shapely geometries, in level-0 pixels."""
    answer = np.full(len(columns), None, object)
    answer[:] = shapely.Polygon()
    xy, shape = columns.xy, columns.shape.astype(np.int64)
    vertex = columns.ring_vertex[columns.ring_start.astype(np.int64)]
    start, count = vertex[:-1], np.diff(vertex)

    points = shape == _POINT
    answer[points] = shapely.points(xy[start[points]])
    boxes = shape == _BOX
    low, high = xy[start[boxes]], xy[start[boxes] + 1]
    answer[boxes] = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    ellipses = shape == _ELLIPSE
    low, high = xy[start[ellipses]], xy[start[ellipses] + 1]
    corners = ((low + high) / 2)[:, None] + ((high - low) / 2)[:, None] * _CIRCLE
    answer[ellipses] = shapely.polygons(corners)
    lines = np.isin(shape, _LINES)
    if lines.any():
        chosen = np.repeat(lines, count)
        answer[lines] = shapely.linestrings(xy[chosen], indices=np.repeat(np.arange(lines.sum()), count[lines]))
    _add_areas(answer, columns, xy)
    return answer


def from_shapely(found: Any, width: int, height: int) -> Geometry:
    """A shapely geometry as a checked shape of an image of the given size; ``Invalid`` for what is none."""
    shape, rings, holes = rings_of_shapely(found)
    return from_rings(shape, rings, holes, width, height)


def rings_of_shapely(found: Any) -> tuple[Shape, list[Floats], list[bool]]:
    """The form, rings and holes of a shapely geometry; a collection of polygons is a multi polygon."""
    kind = found.geom_type
    if kind in ("Point", "LineString") and not found.is_empty:
        path = shapely.get_coordinates(found)
        shape = Shape.POINT if kind == "Point" else Shape.LINE if len(path) == 2 else Shape.POLYLINE
        return shape, [path], [False]
    parts = [part for part in shapely.get_parts(found) if part.geom_type == "Polygon" and not part.is_empty]
    if not parts or len(parts) < shapely.get_num_geometries(found):
        raise Invalid(f"A {'empty ' if found.is_empty else ''}{kind} cannot be kept as one shape.")
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    holes = [index > 0 for part in parts for index in range(1 + len(part.interiors))]
    shape = Shape.POLYGON if kind == "Polygon" else Shape.MULTI_POLYGON
    return shape, [shapely.get_coordinates(ring)[:-1] for ring in rings], holes


def _measure_cornered(
    found: Measures, shape: NDArray[np.int64], xy: Floats, vertex: NDArray[np.int64], scale: Floats
) -> None:
    """Boxes and ellipses, from their two corners."""
    cornered = np.flatnonzero(np.isin(shape, (_BOX, _ELLIPSE)))
    low, high = xy[vertex[cornered]], xy[vertex[cornered] + 1]
    width, height = ((high - low) * scale).T
    round_ = shape[cornered] == _ELLIPSE
    found.area[cornered] = width * height * np.where(round_, np.pi / 4, 1)
    found.perimeter[cornered] = np.where(round_, _around_ellipse(width / 2, height / 2), 2 * (width + height))
    found.centroid[cornered] = (low + high) / 2


def _measure_outlined(found: Measures, columns: Columns, xy: Floats, scale: Floats) -> None:
    """Lines and polygons, by sums over their segments."""
    owner = columns.ring_owner
    begin = columns.ring_vertex
    outlined = np.isin(columns.shape, _OUTLINED)
    lines = np.isin(columns.shape, _LINES)
    ring = np.flatnonzero((outlined | lines)[owner])
    if not len(ring):
        return
    count = np.diff(begin)[ring]
    stop = np.cumsum(count)
    start = stop - count
    vertices = np.repeat(begin[ring] - start, count) + np.arange(stop[-1])
    here = xy[vertices]
    origin = np.repeat(here[start], count, axis=0)  # sums stay exact far from the image's corner
    a = here - origin
    b = np.roll(a, -1, axis=0)
    b[stop - 1] = a[start]
    closed = outlined[owner[ring]]
    step = np.hypot(*((b - a) * scale).T)
    step[stop[~closed] - 1] = 0  # an open path has no way back
    path = np.add.reduceat(step, start)
    cross = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    twice = np.add.reduceat(cross, start)
    moment = np.add.reduceat((a + b) * cross[:, None], start, axis=0) / 3
    middle = np.add.reduceat((a + b) * np.where(closed.repeat(count), 0, step)[:, None], start, axis=0) / 2

    owns, n = owner[ring], len(columns)
    # Each ring counts by its own orientation: an outline adds, a hole takes away.
    sign = np.where(columns.ring_hole[ring] > 0, -1, 1) * np.where(twice < 0, -1, 1)
    weight = np.where(closed, sign * twice, path)
    moment = np.where(closed[:, None], moment * sign[:, None], middle) + here[start] * weight[:, None]
    total = np.bincount(owns, weights=weight, minlength=n)
    sums = np.stack([np.bincount(owns, weights=axis, minlength=n) for axis in moment.T], axis=1)
    walked = np.bincount(owns, weights=path, minlength=n)
    found.area[outlined] = total[outlined] / 2 * scale[0] * scale[1]
    found.perimeter[outlined] = walked[outlined]
    found.length[lines] = walked[lines]
    has = (outlined | lines) & (total > 0)
    found.centroid[has] = sums[has] / total[has, None]


def _around_ellipse(a: Floats, b: Floats) -> Floats:
    """The perimeter, by the arithmetic-geometric mean: every step doubles the correct digits."""
    if not len(a):
        return np.empty(0)
    x, y = np.maximum(a, b), np.minimum(a, b)
    safe = np.where(y > 0, y, 1)
    flat, largest = y <= 0, x
    x, y = np.where(flat, 1, x), np.where(flat, 1, safe)
    total, power = (x * x + y * y) / 2, 0.5
    for _ in range(12):
        x, y, gap = (x + y) / 2, np.sqrt(x * y), (x - y) / 2
        power *= 2
        total -= power * gap * gap
    around: Floats = np.where(flat, 4 * largest, 2 * np.pi * total / x)
    return around


def _add_areas(answer: NDArray[np.object_], columns: Columns, xy: Floats) -> None:
    """Polygons with their holes; the parts of several become one multi polygon."""
    owner = columns.ring_owner
    areas = np.isin(columns.shape, _OUTLINED)
    chosen = areas[owner]
    if not chosen.any():
        return
    length = columns.ring_length.astype(np.int64)
    rings = shapely.linearrings(
        xy[np.repeat(chosen, length)], indices=np.repeat(np.arange(chosen.sum()), length[chosen])
    )
    part = np.cumsum(columns.ring_hole[chosen] == 0) - 1
    parts = shapely.polygons(rings, indices=part)
    part_owner = owner[chosen][columns.ring_hole[chosen] == 0]
    several = columns.shape[part_owner] == Shape.MULTI_POLYGON.number
    answer[part_owner[~several]] = parts[~several]
    if several.any():
        owners, index = np.unique(part_owner[several], return_inverse=True)
        answer[owners] = shapely.multipolygons(parts[several], indices=index)
