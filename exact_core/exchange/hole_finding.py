"""Which outline a hole belongs to, for files that only say that something is a hole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from exact_core.api.contributions import Shape
from exact_core.exchange.document import ReadShape, Report, Ring
from exact_core.exchange.outlines import box_outline, ellipse_outline

_AREAS = (Shape.POLYGON, Shape.BOX, Shape.ELLIPSE, Shape.ROTATED_BOX, Shape.MULTI_POLYGON)


def with_holes(shapes: Sequence[ReadShape], holes: Sequence[ReadShape], report: Report) -> Iterator[ReadShape]:
    """The shapes with the holes in them.

    A hole lies in the smallest outline that contains it; one that crosses the border of outlines is cut out of all of
    them. A box or an ellipse with a hole becomes a polygon.
    """
    areas = [index for index, shape in enumerate(shapes) if shape.shape in _AREAS and len(_outlines(shape)[0]) >= 3]
    polygons = [_area(_outlines(shapes[index]), shapes[index].holes) for index in areas]
    tree = shapely.STRtree(polygons)
    inside: dict[int, list[Ring]] = defaultdict(list)
    crossing: dict[int, list[Ring]] = defaultdict(list)
    for hole in holes:
        ring = _outlines(hole)[0]
        if len(ring) < 3:
            report.lose("holes of less than three vertices: left out")
            continue
        cut = _area([ring], [False])
        near = [int(each) for each in tree.query(cut, predicate="intersects")]
        around = [each for each in near if polygons[each].covers(cut)]
        if around:
            inside[areas[min(around, key=lambda each: float(polygons[each].area))]].append(ring)
            continue
        cut_off = [each for each in near if polygons[each].intersection(cut).area > 0]
        if not cut_off:
            report.lose("holes outside of every outline: left out")
        for each in cut_off:
            crossing[areas[each]].append(ring)
    for index, shape in enumerate(shapes):
        if index in inside or index in crossing:
            yield from _cut(shape, inside[index], crossing[index], report)
        else:
            yield shape


def _cut(shape: ReadShape, inside: list[Ring], crossing: list[Ring], report: Report) -> Iterator[ReadShape]:
    outlines = _outlines(shape)
    rings = [*outlines, *inside]
    if not crossing and shape.shape is not Shape.MULTI_POLYGON and shapely.Polygon(rings[0], rings[1:]).is_valid:
        yield replace(shape, shape=Shape.POLYGON, rings=rings, holes=[index > 0 for index in range(len(rings))])
        return
    holes = shapely.union_all([_area([ring], [False]) for ring in (*inside, *crossing)])
    left = _area(outlines, shape.holes).difference(holes)
    if left.area > 0:
        yield replace(shape, **_drawn(left))
    else:
        report.lose("outlines that their holes cover completely: left out")


def as_one(areas: Sequence[tuple[Sequence[Ring], Sequence[bool]]]) -> dict[str, Any]:
    """``shape``, ``rings`` and ``holes`` of several polygons as one: as they are, or merged where they overlap."""
    polygons = [_area(rings, holes) for rings, holes in areas]
    if all(each.geom_type == "Polygon" for each in polygons) and shapely.MultiPolygon(polygons).is_valid:
        rings = [ring for found, _ in areas for ring in found]
        return {"shape": Shape.MULTI_POLYGON, "rings": rings, "holes": [hole for _, found in areas for hole in found]}
    return _drawn(shapely.union_all(polygons))


def _drawn(area: Any) -> dict[str, Any]:
    parts = [part for part in shapely.get_parts(area) if part.geom_type == "Polygon"]
    pieces = [(ring, index > 0) for part in parts for index, ring in enumerate([part.exterior, *part.interiors])]
    return {
        "shape": Shape.POLYGON if len(parts) == 1 else Shape.MULTI_POLYGON,
        "rings": [np.asarray(shapely.get_coordinates(ring)[:-1]) for ring, _ in pieces],
        "holes": [hole for _, hole in pieces],
    }


def _outlines(shape: ReadShape) -> list[Ring]:
    """The rings of an area, as those of a polygon."""
    rings = [np.asarray(ring, np.float64) for ring in shape.rings]
    if shape.shape is Shape.BOX:
        return [box_outline(rings[0])]
    return [ellipse_outline(rings[0])] if shape.shape is Shape.ELLIPSE else rings


def _area(rings: Sequence[Ring], holes: Sequence[bool]) -> Any:
    parts: list[list[Ring]] = []
    for index, ring in enumerate(rings):
        if index and index < len(holes) and holes[index]:
            parts[-1].append(ring)
        else:
            parts.append([ring])
    polygons = [shapely.Polygon(outline, inner) for outline, *inner in parts]
    area = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return area if area.is_valid else shapely.make_valid(area)


def nested(rings: Sequence[Ring]) -> tuple[list[Ring], list[bool]]:
    """Rings in the order of shapes with holes: one that lies inside of an odd number of others is a hole.

    Each outline comes with the holes after it that lie directly inside.
    """
    polygons = [_area([ring], [False]) for ring in rings]
    tree = shapely.STRtree(polygons)
    sizes = [float(polygon.area) for polygon in polygons]
    around: list[list[int]] = []
    for index, polygon in enumerate(polygons):
        near = [int(each) for each in tree.query(polygon, predicate="covered_by")]
        larger = [each for each in near if each != index and (sizes[each], -each) > (sizes[index], -index)]
        around.append(sorted(larger, key=lambda each: sizes[each]))
    holes_of: dict[int, list[int]] = defaultdict(list)
    for index, outer in enumerate(around):
        if len(outer) % 2:
            holes_of[outer[0]].append(index)
    order = [
        (each, each != index)
        for index, outer in enumerate(around)
        if len(outer) % 2 == 0
        for each in (index, *holes_of[index])
    ]
    return [rings[index] for index, _ in order], [hole for _, hole in order]
