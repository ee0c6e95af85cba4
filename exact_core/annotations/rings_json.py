"""The JSON form of a geometry, read into arrays; everything that is not made of pairs of numbers is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.mending import spoken
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

_NAMES = frozenset(shape.value for shape in Shape)
_SIMPLE = {"shape", "points"}


def read(value: object) -> tuple[Shape, list[Any], list[bool]]:
    """The shape, its rings as they stand, and which of them are holes.

    Accepts ``parts``, ``rings`` with ``holes``, or ``points`` of one ring.
    """
    if not isinstance(value, Mapping):
        raise Invalid("The geometry must be an object with 'shape' and 'rings'.")
    name = value.get("shape")
    if not isinstance(name, str) or name not in _NAMES:
        given = repr(name[:40]) if isinstance(name, str) else "is missing or no text, so it"
        raise Invalid(f"The geometry's shape {given} is unknown; use one of {', '.join(Shape)}.")
    shape = Shape(name)
    key = next((key for key in ("parts", "rings", "points") if value.get(key) is not None), "rings")
    found = value.get(key) or []
    if not isinstance(found, list):
        raise Invalid(f"The geometry's {key!r} must be a list.")
    if key == "parts":
        if shape is not Shape.MULTI_POLYGON or not all(isinstance(part, list) for part in found):
            raise Invalid("'parts' is a list of lists of rings and belongs to multi_polygon only.")
        return shape, [ring for part in found for ring in part], [n > 0 for part in found for n in range(len(part))]
    rings = [found] if key == "points" and found else list(found)
    holes = (value.get("holes") if shape is Shape.MULTI_POLYGON else None) or [False] * len(rings)
    if not isinstance(holes, list) or len(holes) != len(rings) or (holes and holes[0]):
        raise Invalid("'holes' must say true or false for each ring, and the first ring is never a hole.")
    return shape, rings, [bool(hole) for hole in holes]


def corners_of(value: object) -> tuple[int, int, int, int] | None:
    """Left, upper, right and lower edge of a box with corners of whole pixels; None for all that needs a closer look.

    It is what is drawn most, and takes a tenth of the ordinary way.
    """
    if not isinstance(value, Mapping) or value.get("shape") != "box" or value.keys() - _SIMPLE:
        return None
    points = value.get("points")
    if not isinstance(points, list) or len(points) != 2 or not all(isinstance(each, list) for each in points):
        return None
    numbers = [*points[0], *points[1]]
    if len(points[0]) != 2 or len(numbers) != 4 or any(type(each) is not int for each in numbers):
        return None
    a, b, c, d = numbers
    return min(a, c), min(b, d), max(a, c), max(b, d)


def ring_of(shape: Shape, number: int, ring: object) -> NDArray[Any]:
    """One ring as an array of pairs of floats."""
    place = f"ring {number} of the {spoken(shape)}"
    try:
        array = np.asarray(ring)
    except (ValueError, OverflowError):
        raise Invalid(f"In {place} some vertices are not pairs of numbers.") from None
    if array.size == 0:
        raise Invalid(f"In {place} there are no vertices.")
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iufO":
        raise Invalid(f"In {place} the vertices must be pairs of numbers, [[x, y], ...].")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"In {place} some coordinates are not numbers.") from None
