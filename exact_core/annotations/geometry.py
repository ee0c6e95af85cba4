"""Shapes as values: checked on entry, mended where that is safe, refused with the reason where it is not.

Frame of reference: continuous level-0 pixels, x right, y down. ``(0, 0)`` is the outer corner of the upper left pixel,
so an image of width ``w`` reaches from 0 to ``w``, a box around the pixels 10 to 19 goes from 10 to 20, and the middle
of pixel 10 is 10.5. Fractions are kept as fixed-point numbers (:mod:`exact_core.annotations.fixed_point`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations import rings_json
from exact_core.annotations.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    Units,
    most_bits,
    reach_of,
    reduced,
    rings_in_units,
    to_units,
)
from exact_core.annotations.mending import Sheet, grouped, sound_rings, spoken
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

__all__ = ["INT32_MAX", "INT32_MIN", "Box", "Geometry", "from_rings", "label", "parse", "rounded", "without_repeats"]

MAX_VERTICES = 1_000_000
MAX_RINGS = 65_535
_FEW = 64

_EXACT_VERTICES = {Shape.POINT: 1, Shape.BOX: 2, Shape.ELLIPSE: 2, Shape.LINE: 2, Shape.ROTATED_BOX: 4}
_AREAS = (Shape.POLYGON, Shape.MULTI_POLYGON)
# These keep their form when they stick out of the image; cutting them would change what was measured.
_MAY_STICK_OUT = (Shape.ELLIPSE, Shape.ROTATED_BOX)

Vertices = NDArray[np.int32]


class Box(NamedTuple):
    """An upright rectangle in whole level-0 pixels: its edges, which belong to it."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def center(self) -> tuple[int, int]:
        """The pixel that holds the middle."""
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
        """The bounding box, rounded outward to whole pixels; a label of the whole image has the image's.

        Its middle lies on the image: what lies on the right or lower edge counts in the last pixel.
        """
        if not len(self.vertices):
            return Box(0, 0, width, height)
        bits = self.fraction_bits
        if len(self.vertices) <= _FEW:  # numpy would take longer to begin
            xs, ys = zip(*self.vertices.tolist(), strict=True)
            low, high = (min(xs), min(ys)), (max(xs), max(ys))
        else:
            low, high = self.vertices.min(axis=0).tolist(), self.vertices.max(axis=0).tolist()
        x0, y0 = (value >> bits for value in low)
        x1, y1 = (-(-value >> bits) for value in high)
        return Box(min(x0, 2 * width - 1 - x1), min(y0, 2 * height - 1 - y1), x1, y1)

    def rings(self) -> list[Vertices]:
        """The vertices ring by ring, as they are stored."""
        return np.split(self.vertices, np.cumsum(self.ring_lengths)[:-1]) if self.ring_lengths else []

    def to_json(self) -> dict[str, Any]:
        """The form that people and scripts read, in pixels; several parts are told apart by ``holes``."""
        places = self.xy if self.fraction_bits else self.vertices
        ends = itertools.accumulate(self.ring_lengths)
        rings = [places[end - n : end].tolist() for n, end in zip(self.ring_lengths, ends, strict=True)]
        answer: dict[str, Any] = {"shape": self.shape.value, "rings": rings}
        if self.shape is Shape.MULTI_POLYGON:
            answer["holes"] = list(self.ring_holes)
            answer["parts"] = grouped(answer["rings"], self.ring_holes)
        return answer


def rounded(values: NDArray[np.float64]) -> Vertices:
    """Coordinates as whole pixels, halves up; ``Invalid`` for what is not finite or outside of 32 bits."""
    return to_units(values, 0).astype(np.int32)


def label(shape: Shape = Shape.IMAGE) -> Geometry:
    """The geometry of what is said of the whole image or frame: ``image`` or ``absent``."""
    return Geometry(shape, np.empty((0, 2), np.int32), (), ())


def parse(value: object, width: int, height: int) -> Geometry:
    """Check the JSON form of a geometry against an image of the given size and return it as a value."""
    corners = rings_json.corners_of(value)
    if corners is not None:
        x0, y0, x1, y1 = corners
        if 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height:
            return Geometry(Shape.BOX, np.array([[x0, y0], [x1, y1]], np.int32), (2,), (False,))
    shape, found, holes = rings_json.read(value)
    _check_number(shape, len(found), sum(len(ring) for ring in found if isinstance(ring, Sequence)))
    rings = [rings_json.ring_of(shape, number, ring) for number, ring in enumerate(found)]
    return from_rings(shape, rings, holes, width, height)


def from_rings(
    shape: Shape,
    rings: Sequence[NDArray[Any]],
    holes: Sequence[bool],
    width: int,
    height: int,
    *,
    fraction_bits: int = 0,
) -> Geometry:
    """Build a geometry of rings: order corners, cut to the image, mend polygons that cross themselves.

    Args:
        shape: What it is drawn as.
        rings: ``(n, 2)`` each. Floats are pixels, whose fractions are kept; integers are units of the bits.
        holes: For each ring of a multi polygon whether it is a hole; else not looked at.
        width: Of the image.
        height: Of the image.
        fraction_bits: A unit of integer rings is ``2**-fraction_bits`` pixels.
    """
    if shape.is_label:
        if rings:
            raise Invalid(f"A label of the whole image ({shape.value}) has no vertices; leave 'rings' empty.")
        return label(shape)
    if not rings:
        raise Invalid(f"The {spoken(shape)} is empty: it has no vertices.")
    if len(rings) != 1 and shape not in _AREAS:
        raise Invalid(f"A {spoken(shape)} has exactly one ring of vertices, not {len(rings)}.")
    _check_number(shape, len(rings), sum(map(len, rings)))
    holes = _checked_holes(shape, len(rings), holes)
    units, bits = rings_in_units(rings, fraction_bits, most_bits(width, height))
    sheet = Sheet(width << bits, height << bits, 1 << bits)
    if shape in _AREAS:
        units = [without_repeats(ring) for ring in units]
    for number, ring in enumerate(units):
        _check_count(shape, number, len(ring))
    _check_place(shape, units, width, height, bits)
    if shape in _AREAS:
        units, holes = sound_rings(shape, units, holes, sheet)
    elif shape not in _MAY_STICK_OUT:
        units = [np.clip(ring, 0, [sheet.width, sheet.height]) for ring in units]
    if shape in (Shape.BOX, Shape.ELLIPSE):
        units = [np.stack([units[0].min(axis=0), units[0].max(axis=0)])]
    if shape is Shape.POLYLINE:
        units = [without_repeats(units[0], closed=False)]
    _check_extent(shape, units[0], sheet)
    units, bits = reduced(units, bits)
    vertices = np.ascontiguousarray(np.concatenate(units), dtype=np.int32)
    return Geometry(shape, vertices, tuple(len(ring) for ring in units), tuple(bool(hole) for hole in holes), bits)


def without_repeats(ring: NDArray[Any], *, closed: bool = True) -> NDArray[Any]:
    """A ring without vertices that repeat the one before; a closed one without its repeated first vertex too."""
    if len(ring) < 2:
        return ring
    differs = np.ones(len(ring), bool)
    differs[1:] = (ring[1:] != ring[:-1]).any(axis=1)
    ring = ring[differs]
    return ring[:-1] if closed and len(ring) > 1 and (ring[0] == ring[-1]).all() else ring


def _checked_holes(shape: Shape, count: int, holes: Sequence[bool]) -> list[bool]:
    """Of a polygon all but the first ring are holes; a multi polygon says it for each."""
    if shape is not Shape.MULTI_POLYGON:
        return [number > 0 for number in range(count)]
    if len(holes) != count or holes[0]:
        raise Invalid("'holes' must say true or false for each ring, and the first ring is never a hole.")
    return list(holes)


def _check_number(shape: Shape, rings: int, vertices: int) -> None:
    if vertices > MAX_VERTICES or rings > MAX_RINGS:
        raise Invalid(
            f"The {spoken(shape)} has more than {MAX_VERTICES:,} vertices or {MAX_RINGS:,} rings; simplify it."
        )


def _check_count(shape: Shape, number: int, count: int) -> None:
    exact = _EXACT_VERTICES.get(shape)
    if exact is not None and count != exact:
        raise Invalid(f"A {spoken(shape)} has {exact} {'vertex' if exact == 1 else 'vertices'}, not {count}.")
    if shape is Shape.POLYLINE and count < 2:
        raise Invalid("A polyline needs at least 2 vertices.")
    if shape in _AREAS and count < 3:
        raise Invalid(f"Ring {number} of the {spoken(shape)} has {count} different vertices; it needs at least 3.")


def _check_place(shape: Shape, rings: Sequence[Units], width: int, height: int, bits: int) -> None:
    """Refuse shapes that lie beside the image or reach too far out of it; a little overshoot is cut later."""
    size = f"the image, which is {width} × {height} pixels"
    reach = np.array([reach_of(width), reach_of(height)]) << bits
    corner = np.array([width, height]) << bits
    for number, ring in enumerate(rings):
        far = ((ring < -reach) | (ring > corner + reach)).any(axis=1)
        if far.any():
            index = int(far.argmax())
            x, y = (ring[index] >> bits).tolist()
            raise Invalid(f"Vertex {index} of ring {number} at ({x}, {y}) is far outside of {size}.")
    low = np.min([ring.min(axis=0) for ring in rings], axis=0)
    high = np.max([ring.max(axis=0) for ring in rings], axis=0)
    if (high < 0).any() or (low > corner).any():
        raise Invalid(f"The {spoken(shape)} lies completely outside of {size}.")
    if shape in _MAY_STICK_OUT:
        middle = (low + high) / 2
        if (middle < 0).any() or (middle >= corner).any():
            x, y = (middle / (1 << bits)).tolist()
            raise Invalid(f"The centre ({x:g}, {y:g}) of the {spoken(shape)} is outside of {size}.")


def _check_extent(shape: Shape, ring: Units, sheet: Sheet) -> None:
    extent = ring.max(axis=0) - ring.min(axis=0)
    if shape in (Shape.BOX, Shape.ELLIPSE) and (extent == 0).any():
        raise Invalid(f"The {spoken(shape)} has no area: its corners share a row or a column.")
    if shape in (Shape.LINE, Shape.POLYLINE) and not extent.any():
        raise Invalid(f"The {spoken(shape)} has no length: all its vertices are the same.")
    if shape is Shape.ROTATED_BOX:
        _check_rectangle(ring / sheet.per_pixel)


def _check_rectangle(corners: NDArray[np.float64]) -> None:
    """Refuse four corners that are no rectangle; rounding each corner moves it by less than a pixel."""
    a, b, c, d = corners
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    skew = np.abs((a + c) - (b + d)).max()
    difference = abs(float(np.hypot(*(c - a)) - np.hypot(*(d - b))))
    longest = float(np.hypot(*sides.T).max())
    if not ((turns > 0).all() or (turns < 0).all()) or skew > 3 or difference > 3 + 0.01 * longest:
        raise Invalid("The 4 corners of the rotated box are no rectangle in order; use a polygon for other forms.")
