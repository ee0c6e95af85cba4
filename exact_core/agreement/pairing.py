"""Marks of different readers that may be the same thing, and the pairs that two readers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.measures.areas import ious
from exact_core.agreement.measures.matching import Candidates, assign
from exact_core.agreement.outlines import WITH_AREA, outlines
from exact_core.agreement.readings import Ints, Marks, Readings
from exact_core.agreement.rules import AppliedRule, scales
from exact_core.api.errors import Invalid

MOST_PAIRS = 30_000_000
Geometries = Callable[[Sequence[int]], Sequence[bytes]]
"""The packed geometry of annotations, asked for only where outlines are compared."""


def candidates(readings: Readings, rule: AppliedRule, geometries: Geometries) -> Candidates:
    """Pairs of marks of two readers that the rule takes for the same thing, whatever their classes in one product.

    ``first`` is the mark of the reader who comes first. Labels of the whole image pair with each other; with the same
    label rather than with another one.
    """
    marks = readings.marks
    placed = _near(readings, rule) if rule.kind == "distance" else _overlapping(readings, rule, geometries)
    labels = _labels(marks)
    first = np.concatenate([placed.first, labels.first])
    second = np.concatenate([placed.second, labels.second])
    cost = np.concatenate([placed.cost, labels.cost])
    product = np.array([each.product_id for each in readings.classes], np.int64)[marks.type]
    fits = (marks.reader[first] != marks.reader[second]) & (product[first] == product[second])
    fits &= _same_frame(marks, first, second)
    first, second, cost = first[fits], second[fits], cost[fits]
    turned = marks.reader[first] > marks.reader[second]
    return Candidates(np.where(turned, second, first), np.where(turned, first, second), cost)


def shared(readings: Readings, found: Candidates, rule: AppliedRule, *, same_class: bool) -> Candidates:
    """The marks that each two readers have in common, one to one for each two of them.

    Args:
        readings: The marks.
        found: Their candidates.
        rule: How to assign them.
        same_class: Whether only marks of one class can be the same.
    """
    marks, readers = readings.marks, len(readings.readers)
    first, second, cost = found.first, found.second, found.cost
    if same_class:
        alike = marks.type[first] == marks.type[second]
        first, second, cost = first[alike], second[alike], cost[alike]
    # A mark can be matched once per other reader: each of those is an end of its own.
    ends = Candidates(first * readers + marks.reader[second], second * readers + marks.reader[first], cost)
    chosen = assign(ends, rule.method)
    return Candidates(chosen.first // readers, chosen.second // readers, chosen.cost)


def comparable(readings: Readings, rule: AppliedRule) -> NDArray[np.bool_]:
    """Which marks the rule can compare: points have no outline, and without a scale there is no µm."""
    marks = readings.marks
    fits = np.isfinite(scales(readings, rule.unit)[marks.image].sum(axis=1))
    if rule.kind == "overlap":
        fits &= np.isin(marks.shape, WITH_AREA)
    usable: NDArray[np.bool_] = marks.is_label | fits
    return usable


def _near(readings: Readings, rule: AppliedRule) -> Candidates:
    marks = readings.marks
    chosen = np.flatnonzero(comparable(readings, rule) & ~marks.is_label)
    places = marks.center[chosen] * scales(readings, rule.unit)[marks.image[chosen]]
    return _within(places, marks.image[chosen], rule.distance, chosen)


def _within(places: NDArray[np.float64], image: Ints, radius: float, index: Ints) -> Candidates:
    """Pairs at most so far apart on one image; all images lie side by side in one tree."""
    if len(places) < 2:
        return Candidates(index[:0], index[:0], np.zeros(0))
    from scipy.spatial import cKDTree

    places = places - places.min(axis=0)
    step = float(places[:, 0].max()) + 4 * radius + 1
    apart = places + np.stack([image * step, np.zeros(len(image))], axis=1)
    tree = cKDTree(apart)
    if tree.count_neighbors(tree, radius) > MOST_PAIRS:
        raise Invalid(
            f"Within {radius:g} there are so many marks beside each other that no match means anything; "
            "choose a shorter distance."
        )
    pairs = tree.query_pairs(radius, output_type="ndarray").astype(np.int64).reshape(-1, 2)
    a, b = pairs[:, 0], pairs[:, 1]
    return Candidates(index[a], index[b], np.hypot(*(places[a] - places[b]).T))


def _overlapping(readings: Readings, rule: AppliedRule, geometries: Geometries) -> Candidates:
    import shapely

    marks = readings.marks
    units = scales(readings, rule.unit)
    usable = comparable(readings, rule) & ~marks.is_label
    firsts, seconds, costs = [], [], []
    order = np.argsort(marks.image, kind="stable")
    bounds = np.searchsorted(marks.image[order], np.arange(len(readings.images) + 1))
    for image in range(len(readings.images)):
        here = order[bounds[image] : bounds[image + 1]]
        here = here[usable[here]]
        if len(np.unique(marks.reader[here])) < 2:
            continue
        areas = outlines(geometries(marks.id[here].tolist()), np.broadcast_to(units[image], (len(here), 2)))
        a, b = shapely.STRtree(areas).query(areas, predicate="intersects")
        wanted = (a < b) & (marks.reader[here[a]] != marks.reader[here[b]])
        a, b = a[wanted], b[wanted]
        iou = ious(areas[a], areas[b])
        fits = (iou >= rule.overlap) & (iou > 0)
        firsts.append(here[a[fits]])
        seconds.append(here[b[fits]])
        costs.append(1 - iou[fits])
    empty = np.zeros(0, np.int64)
    return Candidates(
        np.concatenate([empty, *firsts]), np.concatenate([empty, *seconds]), np.concatenate([np.zeros(0), *costs])
    )


def _labels(marks: Marks) -> Candidates:
    chosen = np.flatnonzero(marks.is_label)
    found = _within(np.zeros((len(chosen), 2)), marks.image[chosen], 0.5, chosen)
    differ = marks.type[found.first] != marks.type[found.second]
    return Candidates(found.first, found.second, differ.astype(np.float64))


def _same_frame(marks: Marks, first: Ints, second: Ints) -> NDArray[np.bool_]:
    a, b = marks.frame[first], marks.frame[second]
    same: NDArray[np.bool_] = ((a == b) | (a < 0) | (b < 0)).all(axis=1)
    return same
