"""Which shapes of several readers mean the same object, and whether that is agreement by the rule of a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from exact_core.annotations.geometry import Box, Geometry
from exact_core.annotations.packing import unpack
from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.review.settings import StopRule
from exact_core.storage.models import EVERY_FRAME

_TURN = np.linspace(0, 2 * np.pi, 64, endpoint=False)


@dataclass(frozen=True, slots=True)
class ReadShape:
    """One shape of one reader, in level-0 pixels."""

    id: int
    type_id: int
    shape: Shape
    box: Box
    frame: Frame
    packed: bytes

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of its bounding box."""
        return (self.box.x0 + self.box.x1) / 2, (self.box.y0 + self.box.y1) / 2


@dataclass(slots=True)
class Group:
    """Shapes of different readers that mean the same object; ``measures`` are those of the matches that made it."""

    shapes: dict[int, ReadShape]  # by reader
    measures: list[float] = field(default_factory=list)

    def agrees(self, readers: Sequence[int], rule: StopRule) -> bool:
        """Whether every reader has it, as the same class where that matters."""
        if len(self.shapes) < len(readers):
            return False
        return not rule.same_class or len({shape.type_id for shape in self.shapes.values()}) == 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found when the work of readers was laid side by side."""

    agrees: bool
    groups: list[Group]
    disagreements: list[Group]
    details: dict[str, Any]


def compare(
    work: Mapping[int, Sequence[ReadShape]], rule: StopRule, mpp: tuple[float | None, float | None]
) -> Comparison:
    """Lay the shapes of readers (by number) side by side.

    Args:
        work: The shapes of each reader, of one item.
        rule: What counts as the same object and as agreement.
        mpp: Micrometres per pixel; where they are not known, ``distance_um`` counts pixels.
    """
    readers = sorted(work)
    groups = _groups(work, readers, rule, mpp)
    if rule.kind == "count":
        agrees = _same_counts(work, rule.count_difference)
        apart = [group for group in groups if not group.agrees(readers, rule)]
    elif rule.kind == "class":
        agrees = len({frozenset(shape.type_id for shape in shapes) for shapes in work.values()}) <= 1
        apart = [group for group in groups if not group.agrees(readers, rule)]
    else:
        apart = [group for group in groups if not group.agrees(readers, rule)]
        agrees = rule.kind == "never" or (rule.kind == "detection" and len(apart) <= rule.unmatched)
    details = {
        "rule": rule.kind,
        "groups": len(groups),
        "disagreements": len(apart),
        "unit": "iou" if rule.iou is not None else "um" if mpp[0] else "px",
    }
    return Comparison(agrees, groups, apart, details)


def _same_counts(work: Mapping[int, Sequence[ReadShape]], most: int) -> bool:
    counts: list[dict[int, int]] = []
    for shapes in work.values():
        found: dict[int, int] = {}
        for shape in shapes:
            found[shape.type_id] = found.get(shape.type_id, 0) + 1
        counts.append(found)
    types = {type_id for found in counts for type_id in found}
    return all(
        max(found.get(each, 0) for found in counts) - min(found.get(each, 0) for found in counts) <= most
        for each in types
    )


def _groups(
    work: Mapping[int, Sequence[ReadShape]],
    readers: Sequence[int],
    rule: StopRule,
    mpp: tuple[float | None, float | None],
) -> list[Group]:
    """Each reader's shapes in turn go to the groups that they fit best; what fits nowhere begins its own."""
    groups: list[Group] = []
    for reader in readers:
        shapes = list(work[reader])
        placed: set[int] = set()
        for group_number, number, measure in match([next(iter(g.shapes.values())) for g in groups], shapes, rule, mpp):
            groups[group_number].shapes[reader] = shapes[number]
            groups[group_number].measures.append(measure)
            placed.add(number)
        groups += [Group({reader: shape}) for number, shape in enumerate(shapes) if number not in placed]
    return groups


def match(
    left: Sequence[ReadShape],
    right: Sequence[ReadShape],
    rule: StopRule,
    mpp: tuple[float | None, float | None],
) -> list[tuple[int, int, float]]:
    """Pairs of shapes that mean the same object, each shape in one pair at most: the nearest pairs first.

    Pairs of one class come before those of different classes, so that a crowd does not tear good pairs apart. The
    measure is a distance (µm, or pixels without a scale), or the overlap when the rule is by IoU; labels of the whole
    image are paired by class, what is there never with what is absent.
    """
    found: list[tuple[bool, float, int, int]] = []
    labels: dict[tuple[int, Shape], list[int]] = {}
    for number, shape in enumerate(right):
        if shape.shape.is_label:
            labels.setdefault((shape.type_id, shape.shape), []).append(number)
    for number, shape in enumerate(left):
        if shape.shape.is_label:
            found += [(False, 0.0, number, other) for other in labels.get((shape.type_id, shape.shape), [])]
    near = _overlapping(left, right, rule.iou) if rule.iou is not None else _near(left, right, rule.distance_um, mpp)
    for number, other, measure in near:
        one, two = left[number], right[other]
        if _same_frame(one.frame, two.frame):
            cost = -measure if rule.iou is not None else measure
            found.append((one.type_id != two.type_id, cost, number, other))
    pairs, used = [], (set[int](), set[int]())
    for _, cost, number, other in sorted(found):
        if number not in used[0] and other not in used[1]:
            used[0].add(number)
            used[1].add(other)
            pairs.append((number, other, abs(cost)))
    return pairs


def _same_frame(one: Frame, two: Frame) -> bool:
    pairs = ((one.z, two.z), (one.t, two.t), (one.c, two.c))
    return all(EVERY_FRAME in pair or pair[0] == pair[1] for pair in pairs)


def _placed(shapes: Sequence[ReadShape]) -> list[int]:
    return [number for number, shape in enumerate(shapes) if not shape.shape.is_label]


def _near(
    left: Sequence[ReadShape],
    right: Sequence[ReadShape],
    distance: float | None,
    mpp: tuple[float | None, float | None],
) -> list[tuple[int, int, float]]:
    ours, theirs = _placed(left), _placed(right)
    if not ours or not theirs:
        return []
    mpp_x = mpp[0] or mpp[1] or 1.0
    scale = np.array([mpp_x, mpp[1] or mpp_x])
    one = shapely.points(np.array([left[number].centre for number in ours]) * scale)
    two = shapely.points(np.array([right[number].centre for number in theirs]) * scale)
    most = distance if distance is not None else 10.0
    pairs: NDArray[np.int64] = shapely.STRtree(two).query(one, predicate="dwithin", distance=most)
    measures = shapely.distance(one[pairs[0]], two[pairs[1]])
    return [(ours[a], theirs[b], float(m)) for a, b, m in zip(*pairs.tolist(), measures.tolist(), strict=True)]


def _overlapping(left: Sequence[ReadShape], right: Sequence[ReadShape], least: float) -> list[tuple[int, int, float]]:
    ours, theirs = _placed(left), _placed(right)
    if not ours or not theirs:
        return []
    one = np.array([_area(unpack(left[number].packed)) for number in ours], object)
    two = np.array([_area(unpack(right[number].packed)) for number in theirs], object)
    pairs: NDArray[np.int64] = shapely.STRtree(two).query(one, predicate="intersects")
    shared = shapely.area(shapely.intersection(one[pairs[0]], two[pairs[1]]))
    together = shapely.area(one)[pairs[0]] + shapely.area(two)[pairs[1]] - shared
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = np.nan_to_num(shared / together)  # what has no area overlaps nothing
    return [
        (ours[a], theirs[b], float(m)) for a, b, m in zip(*pairs.tolist(), overlap.tolist(), strict=True) if m >= least
    ]


def _area(geometry: Geometry) -> Any:
    """The shape as shapely knows it; an ellipse becomes a polygon of 64 corners."""
    rings = np.split(geometry.xy, np.cumsum(geometry.ring_lengths)[:-1])  # pixels, also of shapes with fractions
    if geometry.shape is Shape.BOX:
        (x0, y0), (x1, y1) = rings[0].tolist()
        return shapely.box(x0, y0, x1, y1)
    if geometry.shape is Shape.ELLIPSE:
        (x0, y0), (x1, y1) = rings[0].tolist()
        circle = np.stack([np.cos(_TURN) * (x1 - x0) / 2, np.sin(_TURN) * (y1 - y0) / 2], axis=1)
        return shapely.polygons(circle + np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
    if geometry.shape in (Shape.POLYGON, Shape.ROTATED_BOX, Shape.MULTI_POLYGON):
        parts: list[tuple[Any, list[Any]]] = []
        for ring, is_hole in zip(rings, geometry.ring_holes, strict=True):
            if is_hole:
                parts[-1][1].append(ring)
            else:
                parts.append((ring, []))
        area = shapely.union_all([shapely.Polygon(outline, holes) for outline, holes in parts])
        return area if area.is_valid else shapely.make_valid(area)
    if len(rings[0]) == 1:
        return shapely.points(rings[0][0].astype(float))
    return shapely.linestrings(rings[0].astype(float))
