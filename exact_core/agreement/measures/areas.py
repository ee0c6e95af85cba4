"""How alike two outlines are: overlap, and how far their borders lie apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def iou(first: Any, second: Any) -> float:
    """Intersection over union of two areas (Jaccard 1901); NaN when both are empty."""
    shared = first.intersection(second).area
    together = first.area + second.area - shared
    return shared / together if together > 0 else float("nan")


def ious(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    """Intersection over union of areas (shapely) one by one; 0 where both are empty."""
    import shapely

    shared = shapely.area(shapely.intersection(first, second))
    together = shapely.area(first) + shapely.area(second) - shared
    found: Floats = np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)
    return found


def dice(first: Any, second: Any) -> float:
    """Twice the intersection over the sum of two areas (Dice 1945); NaN when both are empty."""
    both = first.area + second.area
    return 2 * first.intersection(second).area / both if both > 0 else float("nan")


def hausdorff(first: Any, second: Any, percentile: float = 100.0, step: float = 1.0) -> float:
    """How far the borders of two areas lie apart at most, or within a percentile of the border.

    The larger of the two directed distances: for points of one border every ``step``, the distance to the other
    border, of which the maximum (100) or a percentile (mostly 95) is taken; as MONAI and "Metrics Reloaded" have it.
    Huttenlocher et al., IEEE PAMI 15 (1993) 850.

    Args:
        first: An area (shapely); its unit is that of the answer, mostly µm.
        second: The other.
        percentile: 100 for the Hausdorff distance itself.
        step: How densely borders are sampled; the error is half of it at most.
    """
    if first.is_empty or second.is_empty:
        return float("nan")
    return max(
        _directed(first.boundary, second.boundary, percentile, step),
        _directed(second.boundary, first.boundary, percentile, step),
    )


def _directed(border: Any, other: Any, percentile: float, step: float) -> float:
    import shapely

    distances = shapely.distance(shapely.points(_samples(border, step)), other)
    return float(np.percentile(distances, percentile))


def _samples(border: Any, step: float) -> Floats:
    """Points on a border at equal distances, so that long straight sides count by their length; with every corner."""
    import shapely

    parts = [_along(line, step) for line in _lines(border)]
    return np.concatenate([*parts, shapely.get_coordinates(border)])


def _along(line: Any, step: float) -> Floats:
    import shapely

    count = max(int(np.ceil(line.length / step)), 4)
    places = np.arange(count) / count * line.length
    points: Floats = shapely.get_coordinates(shapely.line_interpolate_point(line, places))
    return points


def _lines(border: Any) -> Iterator[Any]:
    if border.geom_type in ("LineString", "LinearRing"):
        yield border
    else:
        yield from border.geoms
