"""Areas as polygons, for formats that have nothing else; and what is told about the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.exchange.document import Report, Ring, WrittenShape
from exact_core.exchange.outlines import box_outline, ellipse_outline
from exact_core.exchange.rings import level0_rings

Part = list[Ring]
"""An outline and the holes in it; rings are not closed."""

_AREAS = (Shape.BOX, Shape.ELLIPSE, Shape.ROTATED_BOX, Shape.POLYGON, Shape.MULTI_POLYGON)


def parts_of(shape: WrittenShape, report: Report, format_name: str) -> list[Part]:
    """An area as polygons, none for points, lines and labels; tells the report of ellipses."""
    form = shape.geometry.shape
    if form not in _AREAS:
        return []
    rings = level0_rings(shape.geometry)
    if form is Shape.BOX:
        return [[box_outline(rings[0])]]
    if form is Shape.ELLIPSE:
        report.lose(f"ellipses: {format_name} has none; they are polygons in it")
        return [[ellipse_outline(rings[0])]]
    parts: list[Part] = []
    for ring, hole in zip(rings, shape.geometry.ring_holes, strict=True):
        if hole:
            parts[-1].append(ring)
        else:
            parts.append([ring])
    return parts


def bounds_of(rings: Sequence[Ring]) -> tuple[float, float, float, float]:
    """The bounding box: left, top, right, bottom."""
    low, high = (
        np.min([ring.min(axis=0) for ring in rings], axis=0),
        np.max([ring.max(axis=0) for ring in rings], axis=0),
    )
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def area_of(parts: Sequence[Part]) -> float:
    """The area of polygons without their holes, in square pixels."""
    return sum(abs(_signed(outline)) - sum(abs(_signed(hole)) for hole in holes) for outline, *holes in parts)


def _signed(ring: Ring) -> float:
    x, y = (ring - ring[0]).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
