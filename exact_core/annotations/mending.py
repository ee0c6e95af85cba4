"""Polygons made sound: outlines that cross themselves, holes beside their outline, parts that overlap, wrong winding.

What is meant beyond doubt is mended: a spike, a slip of the hand under 1 % of the area, parts that overlap, a hole
that reaches over the outline, what sticks out of the image. All else is refused with the reason and the place.
Coordinates here are whole numbers of the shape's own units; results lie on the same grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from exact_core.annotations import tangles
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

SLIP = 0.01
"""A loop, or what lies apart, of at most this part of the area is a slip of the hand."""

Ring = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the rings lie on: the image's size in units, and how many units a pixel has."""

    width: int
    height: int
    per_pixel: int

    def at(self, x: float, y: float) -> str:
        """A place in whole pixels, for messages."""
        return f"at ({round(x / self.per_pixel)}, {round(y / self.per_pixel)})"


def sound_rings(
    shape: Shape, rings: Sequence[Ring], holes: Sequence[bool], sheet: Sheet
) -> tuple[list[Ring], list[bool]]:
    """The rings as they are when they are valid and on the image, else mended; outlines turn one way, holes the other.

    The sum over the corners (x0 · y1 - x1 · y0) is positive for outlines, as in GeoJSON: clockwise on the screen.
    """
    place = tangles.scribble(rings)
    if place is not None:
        raise Invalid(f"The {spoken(shape)} crosses itself very often, as {sheet.at(*place)}. Draw it anew.")
    parts = grouped(rings, holes)
    area = _shapely_of(parts)
    inside = all((ring >= 0).all() and (ring <= [sheet.width, sheet.height]).all() for ring in rings)
    if inside and area.is_valid:
        return [turned(ring, hole) for ring, hole in zip(rings, holes, strict=True)], list(holes)
    if not area.is_valid:
        area = _Mender(shape, rings, sheet).mended(parts)
    return _rings_of(_on_sheet(shape, area, sheet))


def turned(ring: Ring, hole: bool) -> Ring:
    """The ring in the direction of an outline or a hole; its first vertex stays the first."""
    closed = shapely.linearrings(ring.astype(np.float64))
    return ring if bool(shapely.is_ccw(closed)) is not hole else np.concatenate([ring[:1], ring[:0:-1]])


def grouped(rings: Sequence[Any], holes: Sequence[bool]) -> list[list[Any]]:
    """Each outline with the holes after it."""
    parts: list[list[Any]] = []
    for ring, hole in zip(rings, holes, strict=True):
        if hole:
            parts[-1].append(ring)
        else:
            parts.append([ring])
    return parts


def spoken(shape: Shape) -> str:
    """The shape's name in a sentence."""
    return shape.value.replace("_", " ")


class _Mender:
    """Works out what one polygon or multi polygon means."""

    def __init__(self, shape: Shape, rings: Sequence[Ring], sheet: Sheet) -> None:
        self._name = spoken(shape)
        self._sheet = sheet
        self._numbers = {id(ring): number for number, ring in enumerate(rings)}

    def mended(self, parts: Sequence[Sequence[Ring]]) -> Any:
        """The area of all parts together."""
        areas = [self._part(outline, inner) for outline, *inner in parts]
        self._require_apart(areas, [self._numbers[id(part[0])] for part in parts])
        return shapely.union_all(areas)

    def _part(self, outline: Ring, inner: Sequence[Ring]) -> Any:
        whole = shapely.Polygon(outline, inner)
        if whole.is_valid:
            return whole
        shell = self._filled(outline)
        if shell.is_empty:
            raise Invalid(f"The {self._name} has no area: {self._place(outline)} all its vertices lie on a line.")
        gaps, numbers = [], []
        for ring in inner:
            gap = self._filled(ring)
            if gap.is_empty:
                continue  # a hole without area takes nothing away
            number = self._numbers[id(ring)]
            if not shapely.relate_pattern(shell, gap, "T********"):
                raise Invalid(f"Ring {number} of the {self._name} is a hole {self._place(ring)} beside its outline.")
            gaps.append(gap)
            numbers.append(number)
        self._require_apart(gaps, numbers)
        return shapely.difference(shell, shapely.union_all(gaps))

    def _filled(self, ring: Ring) -> Any:
        """What a ring goes around, however often; refused when that depends on how it is read."""
        polygon = shapely.Polygon(ring)
        if polygon.is_valid:
            return polygon
        if not tangles.is_mendable(ring):
            raise self._crossing(polygon)
        filled = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
        # Going around a place twice, or the other way, makes the sum over the corners differ from the area.
        if abs(_signed_area(ring) - filled.area) > 2 * SLIP * filled.area:
            raise self._crossing(polygon)
        return filled

    def _crossing(self, polygon: Any) -> Invalid:
        reason, _, place = str(shapely.is_valid_reason(polygon)).partition("[")
        numbers = [float(number) for number in place.rstrip("]").split()][:2]
        where = f"{reason} {self._sheet.at(*numbers)}" if len(numbers) == 2 else reason
        return Invalid(f"The {self._name} crosses itself: {where}. Draw it without the crossing.")

    def _require_apart(self, areas: Sequence[Any], numbers: Sequence[int]) -> None:
        """Refuse an area inside another of the same kind: nobody can tell whether it is an island or a mistake."""
        if len(areas) < 2:
            return
        inner, around = shapely.STRtree(areas).query(areas, predicate="within")
        nested = np.flatnonzero(around != inner)
        if len(nested):
            first = nested[0]
            x, y = shapely.get_coordinates(shapely.point_on_surface(areas[inner[first]]))[0]
            raise Invalid(
                f"Ring {numbers[inner[first]]} of the {self._name} {self._sheet.at(x, y)} lies inside ring "
                f"{numbers[around[first]]}, which is of the same kind: say which of them is a hole, or leave one out."
            )

    def _place(self, ring: Ring) -> str:
        return self._sheet.at(*ring[0].tolist())


def _signed_area(ring: Ring) -> float:
    """What the ring goes around; positive for most of it, whichever way it turns."""
    x, y = (ring - ring[0]).astype(np.float64).T
    return abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2


def _on_sheet(shape: Shape, area: Any, sheet: Sheet) -> list[Any]:
    """The polygons of an area, cut to the image and on the grid."""
    cut = shapely.intersection(area, shapely.box(0, 0, sheet.width, sheet.height))
    # A grid of 1 rounds new corners in such a way that the result stays valid.
    parts = _polygons(shapely.set_precision(shapely.MultiPolygon(_polygons(cut)), 1.0))
    if not parts:
        raise Invalid(f"The {spoken(shape)} has no area inside of the image.")
    if shape is Shape.POLYGON and len(parts) > 1:
        sizes = shapely.area(parts)
        if sizes.sum() - sizes.max() > SLIP * sizes.sum():
            x, y = shapely.get_coordinates(shapely.point_on_surface(parts[int(np.argsort(-sizes)[1])]))[0]
            raise Invalid(
                f"The polygon falls into {len(parts)} pieces, one of them {sheet.at(x, y)}: it crosses or touches "
                "itself there, or the edge of the image cuts it. Draw them one by one."
            )
        parts = [parts[int(sizes.argmax())]]
    return parts


def _polygons(found: Any) -> list[Any]:
    """The polygons among the parts of what shapely answered."""
    parts = shapely.get_parts(shapely.get_parts(found))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 0]


def _rings_of(parts: Sequence[Any]) -> tuple[list[Ring], list[bool]]:
    rings: list[Ring] = []
    holes: list[bool] = []
    for part in shapely.orient_polygons(np.array(parts, object), exterior_cw=False):
        for index, ring in enumerate([part.exterior, *part.interiors]):
            rings.append(shapely.get_coordinates(ring)[:-1].round().astype(np.int64))
            holes.append(index > 0)
    return rings, holes


def _shapely_of(parts: Sequence[Sequence[Ring]]) -> Any:
    polygons = [shapely.Polygon(outline, inner) for outline, *inner in parts]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
