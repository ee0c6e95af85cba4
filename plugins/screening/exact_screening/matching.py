"""Two people's shapes side by side: which mean the same object, which only one of them drew."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """Where somebody marked something.

    Attributes:
        id: The annotation.
        x: Its centre, in µm, or in pixels where the image has no scale.
        y: As ``x``.
        kind: Its annotation type.
    """

    id: int
    x: float
    y: float
    kind: int


@dataclass(frozen=True, slots=True)
class Match:
    """A mark of one person, of the other one, or of both."""

    first: Mark | None
    second: Mark | None

    @property
    def agrees(self) -> bool:
        """Whether both drew it and called it the same."""
        return self.first is not None and self.second is not None and self.first.kind == self.second.kind


def match(first: Sequence[Mark], second: Sequence[Mark], farthest: float) -> list[Match]:
    """Pair marks of two people, the nearest first; each belongs to one pair at most.

    Args:
        first: One person's marks.
        second: The other's.
        farthest: Marks further from each other are never the same, in the unit of their places.

    Returns:
        Pairs and single marks, by the annotation's number. The same input gives the same answer in any order.
    """
    taken_first: dict[int, Mark] = {}
    taken_second: set[int] = set()
    for _, one, other in sorted(_near(first, second, farthest), key=lambda each: (each[0], each[1].id, each[2].id)):
        if one.id not in taken_first and other.id not in taken_second:
            taken_first[one.id] = other
            taken_second.add(other.id)
    found = [Match(one, taken_first.get(one.id)) for one in first]
    found += [Match(None, other) for other in second if other.id not in taken_second]
    return sorted(found, key=_order)


def _order(each: Match) -> tuple[int, int]:
    mark = each.first or each.second
    assert mark is not None
    return mark.id, 0 if each.first else 1


def _near(first: Sequence[Mark], second: Sequence[Mark], farthest: float) -> Iterator[tuple[float, Mark, Mark]]:
    """All pairs that are near enough, found through squares as wide as the distance."""
    side = max(farthest, 1e-9)
    squares: dict[tuple[int, int], list[Mark]] = defaultdict(list)
    for other in second:
        squares[math.floor(other.x / side), math.floor(other.y / side)].append(other)
    for one in first:
        column, row = math.floor(one.x / side), math.floor(one.y / side)
        for place in ((column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)):
            for other in squares.get(place, ()):
                distance = math.hypot(one.x - other.x, one.y - other.y)
                if distance <= farthest:
                    yield distance, one, other
