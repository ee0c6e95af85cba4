"""Readings that were put side by side under a rule: the things, the pairs, and how alike outlines are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.items import Items, gather
from exact_core.agreement.measures.areas import dice, hausdorff, iou
from exact_core.agreement.measures.matching import Candidates
from exact_core.agreement.outlines import outlines
from exact_core.agreement.pairing import Geometries, candidates, comparable, shared
from exact_core.agreement.readings import Ints, Readings
from exact_core.agreement.rules import AppliedRule, MatchRule, applied, scales
from exact_core.api.contributions import Shape

MOST_OUTLINES = 400
"""Outlines whose borders are measured per pair of readers; more would take minutes and tell no more."""

_DRAWN = (Shape.POLYGON.number, Shape.MULTI_POLYGON.number)


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Matched outlines of two readers: image of each, and IoU, Dice, Hausdorff, 95 % Hausdorff."""

    image: Ints
    values: NDArray[np.float64]
    of: int  # of how many matched outlines these are


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Readings under a rule.

    Attributes:
        readings: Marks of the chosen readers and classes.
        rule: The rule as it was applied.
        usable: Which marks the rule can compare.
        items: Things that all readers together marked.
        matched: Marks of one class that each two readers have in common; what F1 rests on.
        alike: The same whatever the class, where outlines are compared.
        values: What the classes stand for, where they are grades; None where they are names.
    """

    readings: Readings
    rule: AppliedRule
    usable: NDArray[np.bool_]
    items: Items
    matched: Candidates
    alike: Candidates
    values: NDArray[np.float64] | None
    geometries: Geometries

    def overlaps(self, first: int, second: int) -> Overlaps | None:
        """How alike the outlines are that two readers have in common; None where there are none."""
        marks = self.readings.marks
        a, b = self.alike.first, self.alike.second
        both = (marks.reader[a] == first) & (marks.reader[b] == second)
        chosen = np.flatnonzero(both)
        units = scales(self.readings, self.rule.unit)
        chosen = chosen[np.isfinite(units[marks.image[a[chosen]]]).all(axis=1)]
        if not len(chosen):
            return None
        some = chosen[np.unique(np.linspace(0, len(chosen) - 1, MOST_OUTLINES).astype(int))]
        image = marks.image[a[some]]
        mine = outlines(self.geometries(marks.id[a[some]].tolist()), units[image])
        theirs = outlines(self.geometries(marks.id[b[some]].tolist()), units[image])
        step = float(units[image].mean())  # a pixel
        values = [
            (iou(x, y), dice(x, y), hausdorff(x, y, step=step), hausdorff(x, y, 95, step))
            for x, y in zip(mine, theirs, strict=True)
        ]
        return Overlaps(image, np.array(values), len(chosen))


def compare(readings: Readings, rule: MatchRule, geometries: Geometries, *, ordered: bool | None = None) -> Compared:
    """Put readings side by side.

    Args:
        readings: Marks of the chosen readers and classes.
        rule: When two marks are the same thing.
        geometries: Where outlines come from.
        ordered: Whether classes are grades in the order of their product; unless given, when all are numbers.
    """
    how = applied(rule, readings)
    usable = comparable(readings, how)
    found = candidates(readings, how, geometries)
    return Compared(
        readings,
        how,
        usable,
        gather(readings, found, usable),
        shared(readings, found, how, same_class=True),
        shared(readings, _between_outlines(readings, found), how, same_class=False),
        grades(readings, ordered),
        geometries,
    )


def _between_outlines(readings: Readings, found: Candidates) -> Candidates:
    drawn = np.isin(readings.marks.shape, _DRAWN)
    both = drawn[found.first] & drawn[found.second]
    return Candidates(found.first[both], found.second[both], found.cost[both])


def grades(readings: Readings, ordered: bool | None) -> NDArray[np.float64] | None:
    """The numbers that classes stand for; None when they are names only."""
    names = [each.name.strip().replace(",", ".") for each in readings.classes]
    if ordered is False or len(names) < 2:
        return None
    try:
        values = np.array([float(name) for name in names])
    except ValueError:
        return np.arange(len(names), dtype=np.float64) if ordered else None
    if not np.isfinite(values).all() or len(set(values.tolist())) < len(values):
        return np.arange(len(names), dtype=np.float64) if ordered else None
    return values
