"""Shapes as values: checked on entry, mended where that is safe, refused with the reason where it is not.

Coordinates are level-0 pixels. A coordinate names the *centre* of a pixel: ``(0, 0)`` is the centre of the upper left
pixel, and an image of width ``w`` reaches from 0 to ``w - 1``. Fractions are rounded to the nearest pixel centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

MAX_VERTICES = 1_000_000
MAX_RINGS = 65_535
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

_EXACT_VERTICES = {Shape.POINT: 1, Shape.BOX: 2, Shape.ELLIPSE: 2, Shape.LINE: 2, Shape.ROTATED_BOX: 4}
_AREAS = (Shape.POLYGON, Shape.MULTI_POLYGON)
# These keep their form when they stick out of the image; cutting them would change what was measured.
_MAY_STICK_OUT = (Shape.ELLIPSE, Shape.ROTATED_BOX)

Vertices = NDArray[np.int32]


class Box(NamedTuple):
    """An upright rectangle of level-0 pixels, both ends inclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def center(self) -> tuple[int, int]:
        """The pixel in the middle, towards the upper left."""
        return (self.x0 + self.x1) >> 1, (self.y0 + self.y1) >> 1


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """A checked shape: vertices of all rings in one array, with the length and kind of each ring.

    Vertices are fixed-point numbers: a vertex divided by ``2**fraction_bits`` is its place in level-0 pixels.
    """

    shape: Shape
    vertices: Vertices  # (n, 2)
    ring_lengths: tuple[int, ...]
    ring_holes: tuple[bool, ...]
    fraction_bits: int = 0

    @property
    def xy(self) -> NDArray[np.float64]:
        """The vertices in level-0 pixels, ``(n, 2)``."""
        places: NDArray[np.float64] = self.vertices / float(1 << self.fraction_bits)
        return places

    def box(self, width: int, height: int) -> Box:
        """The bounding box; a label of the whole image has the image's."""
        if not len(self.vertices):
            return Box(0, 0, max(width - 1, 0), max(height - 1, 0))
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))

    def rings(self) -> list[Vertices]:
        """The vertices ring by ring."""
        return np.split(self.vertices, np.cumsum(self.ring_lengths)[:-1]) if self.ring_lengths else []

    def to_json(self) -> dict[str, Any]:
        """The form that people and scripts read; several parts are told apart by ``holes``."""
        answer: dict[str, Any] = {"shape": self.shape.value, "rings": [ring.tolist() for ring in self.rings()]}
        if self.shape is Shape.MULTI_POLYGON:
            answer["holes"] = list(self.ring_holes)
            answer["parts"] = _parts(answer["rings"], self.ring_holes)
        return answer


def _parts(rings: Sequence[Any], holes: Sequence[bool]) -> list[list[Any]]:
    """Each outline with the holes after it."""
    parts: list[list[Any]] = []
    for ring, hole in zip(rings, holes, strict=True):
        if hole:
            parts[-1].append(ring)
        else:
            parts.append([ring])
    return parts


def rounded(values: NDArray[np.float64]) -> Vertices:
    """Coordinates as pixel centres; ``Invalid`` for what is not finite or outside of 32 bits."""
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise Invalid(f"Vertex {int(bad.argmax())} is not finite (NaN or infinity).")
    nearest = np.floor(values + 0.5)
    outside = ((nearest < INT32_MIN) | (nearest > INT32_MAX)).any(axis=1)
    if outside.any():
        raise Invalid(f"Vertex {int(outside.argmax())} is outside of what 32-bit pixels can address.")
    return nearest.astype(np.int32)


def whole_image() -> Geometry:
    """The geometry of a label that belongs to the whole image or frame."""
    return Geometry(Shape.IMAGE, np.empty((0, 2), np.int32), (), ())


def parse(value: object, width: int, height: int) -> Geometry:
    """Check the JSON form of a geometry against an image of the given size and return it as a value."""
    if not isinstance(value, Mapping):
        raise Invalid("The geometry must be an object with 'shape' and 'rings'.")
    try:
        shape = Shape(str(value.get("shape")))
    except ValueError:
        known = ", ".join(Shape)
        raise Invalid(f"The geometry's shape {value.get('shape')!r} is unknown; use one of {known}.") from None
    rings, holes = _rings_of(shape, value)
    if shape is Shape.IMAGE:
        if rings:
            raise Invalid("A label of the whole image has no vertices; leave 'rings' empty.")
        return whole_image()
    if not rings:
        raise Invalid(f"The {_spoken(shape)} is empty: it has no vertices.")
    if sum(len(ring) for ring in rings if isinstance(ring, Sequence)) > MAX_VERTICES or len(rings) > MAX_RINGS:
        raise Invalid(
            f"The {_spoken(shape)} has more than {MAX_VERTICES:,} vertices or {MAX_RINGS:,} rings; simplify it."
        )
    arrays = [_checked_ring(shape, number, ring) for number, ring in enumerate(rings)]
    return from_rings(shape, arrays, holes, width, height)


def from_rings(shape: Shape, rings: Sequence[NDArray[Any]], holes: Sequence[bool], width: int, height: int) -> Geometry:
    """Build a geometry of rings: order corners, cut to the image, mend polygons that cross themselves."""
    rings = [ring if ring.dtype == np.int32 else rounded(np.asarray(ring, np.float64)) for ring in rings]
    if len(rings) != 1 and shape not in _AREAS:
        raise Invalid(f"A {_spoken(shape)} has exactly one ring of vertices, not {len(rings)}.")
    rings = [without_repeats(ring) for ring in rings] if shape in _AREAS else list(rings)
    for number, ring in enumerate(rings):
        _check_count(shape, number, len(ring))
    _check_place(shape, rings, width, height)
    if shape in _AREAS:
        rings, holes = _mended(shape, rings, holes, width, height)
    elif shape not in _MAY_STICK_OUT:
        rings = [np.clip(ring, 0, [width - 1, height - 1]).astype(np.int32) for ring in rings]
    if shape in (Shape.BOX, Shape.ELLIPSE):
        rings = [np.stack([rings[0].min(axis=0), rings[0].max(axis=0)])]
    _check_extent(shape, rings[0])
    vertices = np.ascontiguousarray(np.concatenate(rings), dtype=np.int32)
    return Geometry(shape, vertices, tuple(len(ring) for ring in rings), tuple(bool(hole) for hole in holes))


def _rings_of(shape: Shape, value: Mapping[str, Any]) -> tuple[list[Any], list[bool]]:
    """The rings of any of the accepted spellings: ``parts`` or ``rings`` with ``holes``, or ``points`` of one ring."""
    key = next((key for key in ("parts", "rings", "points") if value.get(key) is not None), "rings")
    found = value.get(key) or []
    if not isinstance(found, list):
        raise Invalid(f"The geometry's {key!r} must be a list.")
    if key == "parts":
        if shape is not Shape.MULTI_POLYGON or not all(isinstance(part, list) for part in found):
            raise Invalid("'parts' is a list of lists of rings and belongs to multi_polygon only.")
        return [ring for part in found for ring in part], [index > 0 for part in found for index in range(len(part))]
    rings = [found] if key == "points" and found else list(found)
    if shape is Shape.POLYGON:
        return rings, [index > 0 for index in range(len(rings))]
    holes = (value.get("holes") if shape is Shape.MULTI_POLYGON else None) or [False] * len(rings)
    if not isinstance(holes, list) or len(holes) != len(rings) or (holes and holes[0]):
        raise Invalid("'holes' must say true or false for each ring, and the first ring is never a hole.")
    return rings, [bool(hole) for hole in holes]


def _checked_ring(shape: Shape, number: int, ring: object) -> Vertices:
    """One ring as int32 vertices; everything that is not a finite pair of numbers is refused with its place."""
    place = f"ring {number} of the {_spoken(shape)}"
    try:
        array = np.asarray(ring)
    except (ValueError, OverflowError):
        raise Invalid(f"In {place} some vertices are not pairs of numbers.") from None
    if array.size == 0:
        raise Invalid(f"In {place} there are no vertices.")
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iufO":
        raise Invalid(f"In {place} the vertices must be pairs of numbers, [[x, y], ...].")
    try:
        values = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"In {place} some coordinates are not numbers.") from None
    try:
        return rounded(values)
    except Invalid as error:
        raise Invalid(f"In {place}: {error.message}") from None


def without_repeats(ring: Vertices) -> Vertices:
    """A closed ring without its repeated first vertex and without vertices that repeat the one before."""
    if len(ring) < 2:
        return ring
    differs = np.ones(len(ring), bool)
    differs[1:] = (ring[1:] != ring[:-1]).any(axis=1)
    ring = ring[differs]
    return ring[:-1] if len(ring) > 1 and (ring[0] == ring[-1]).all() else ring


def _check_count(shape: Shape, number: int, count: int) -> None:
    exact = _EXACT_VERTICES.get(shape)
    if exact is not None and count != exact:
        raise Invalid(f"A {_spoken(shape)} has {exact} {'vertex' if exact == 1 else 'vertices'}, not {count}.")
    if shape is Shape.POLYLINE and count < 2:
        raise Invalid("A polyline needs at least 2 vertices.")
    if shape in _AREAS and count < 3:
        raise Invalid(f"Ring {number} of the {_spoken(shape)} has {count} different vertices; it needs at least 3.")


def _check_place(shape: Shape, rings: Sequence[Vertices], width: int, height: int) -> None:
    """Refuse shapes that lie beside the image or reach too far out of it; a little overshoot is cut later."""
    size = f"the image, which is {width} × {height} pixels"
    for number, ring in enumerate(rings):
        reach = np.array([max(256, width // 4), max(256, height // 4)])
        wide = ring.astype(np.int64)
        far = ((wide < -reach) | (wide > np.array([width - 1, height - 1]) + reach)).any(axis=1)
        if far.any():
            index = int(far.argmax())
            x, y = ring[index].tolist()
            raise Invalid(f"Vertex {index} of ring {number} at ({x}, {y}) is far outside of {size}.")
    low = np.min([ring.min(axis=0) for ring in rings], axis=0)
    high = np.max([ring.max(axis=0) for ring in rings], axis=0)
    if (high < 0).any() or low[0] >= width or low[1] >= height:
        raise Invalid(f"The {_spoken(shape)} lies completely outside of {size}.")
    if shape in _MAY_STICK_OUT:
        x, y = ((low.astype(np.int64) + high) >> 1).tolist()
        if not (0 <= x < width and 0 <= y < height):
            raise Invalid(f"The centre ({x}, {y}) of the {_spoken(shape)} is outside of {size}.")


def _check_extent(shape: Shape, ring: Vertices) -> None:
    extent = ring.max(axis=0).astype(np.int64) - ring.min(axis=0)
    if shape in (Shape.BOX, Shape.ELLIPSE) and (extent == 0).any():
        raise Invalid(f"The {_spoken(shape)} has no area: its corners share a row or a column.")
    if shape in (Shape.LINE, Shape.POLYLINE) and not extent.any():
        raise Invalid(f"The {_spoken(shape)} has no length: all its vertices are the same.")
    if shape is Shape.ROTATED_BOX:
        _check_rectangle(ring.astype(np.float64))


def _check_rectangle(corners: NDArray[np.float64]) -> None:
    """Refuse four corners that are no rectangle; rounding each corner moves it by less than a pixel."""
    a, b, c, d = corners
    sides = np.hypot(*(b - a)), np.hypot(*(c - b))
    skew = np.abs((a + c) - (b + d)).max()
    difference = abs(float(np.hypot(*(c - a)) - np.hypot(*(d - b))))
    if min(sides) < 1 or skew > 3 or difference > 3 + 0.01 * max(sides):
        raise Invalid("The 4 corners of the rotated box are no rectangle in order; use a polygon for other forms.")


def _mended(
    shape: Shape, rings: Sequence[Vertices], holes: Sequence[bool], width: int, height: int
) -> tuple[list[Vertices], list[bool]]:
    """The rings as they are when they are valid and inside; else cut to the image and mended, if that is clear."""
    area = _to_shapely(rings, holes)
    inside = all((ring >= 0).all() and (ring < [width, height]).all() for ring in rings)
    if inside and area.is_valid:
        return list(rings), list(holes)
    mended = area if area.is_valid else shapely.make_valid(area)
    parts = _polygons(mended)
    if shape is Shape.POLYGON and len(parts) > 1:
        raise Invalid(f"The polygon crosses itself: {_where(area)}. Draw it without the crossing.")
    parts = _polygons(shapely.intersection(mended, shapely.box(0, 0, width - 1, height - 1)))
    # A grid of 1 px rounds new corners in such a way that the result stays valid.
    parts = [piece for part in parts for piece in _polygons(shapely.set_precision(part, 1.0))]
    if not parts:
        raise Invalid(f"The {_spoken(shape)} has no area inside of the image.")
    if shape is Shape.POLYGON and len(parts) > 1:
        raise Invalid(
            f"The polygon falls into {len(parts)} pieces ({_where(area)}, or cut by the edge of the image); "
            "draw them one by one."
        )
    new_rings: list[Vertices] = []
    new_holes: list[bool] = []
    for part in parts:
        for index, ring in enumerate([part.exterior, *part.interiors]):
            new_rings.append(shapely.get_coordinates(ring)[:-1].round().astype(np.int32))
            new_holes.append(index > 0)
    return new_rings, new_holes


def _to_shapely(rings: Sequence[Vertices], holes: Sequence[bool]) -> Any:
    polygons = [shapely.Polygon(outline, inner) for outline, *inner in _parts(rings, holes)]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def _polygons(found: Any) -> list[Any]:
    return [part for part in shapely.get_parts(found, return_index=False) for part in _flat(part) if part.area > 0]


def _flat(part: Any) -> list[Any]:
    if part.geom_type == "Polygon":
        return [part]
    return [inner for inner in shapely.get_parts(part) if inner.geom_type == "Polygon"]


def _where(area: Any) -> str:
    """Shapely's reason with the place in whole pixels, as in ``Self-intersection at (12, 34)``."""
    reason, _, place = str(shapely.is_valid_reason(area)).partition("[")
    numbers = [round(float(number)) for number in place.rstrip("]").split()]
    return f"{reason} at ({', '.join(map(str, numbers))})" if numbers else reason


def _spoken(shape: Shape) -> str:
    return shape.value.replace("_", " ")
