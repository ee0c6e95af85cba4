"""Things on images, as all readers together marked them: which marks are one thing, and who missed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.measures.matching import Candidates
from exact_core.agreement.readings import Ints, Readings

MISSED = -1
"""The reader has read the image and did not mark this."""

UNREAD = -2
"""The reader has not read the image."""


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Things in the order of images.

    Attributes:
        image: Index of the image of each.
        said: ``(items, readers)``: index of the class, ``MISSED`` or ``UNREAD``.
        mark: ``(items, readers)``: index of the mark, or -1.
    """

    image: Ints
    said: Ints
    mark: Ints

    def __len__(self) -> int:
        return len(self.image)


def gather(readings: Readings, found: Candidates, usable: NDArray[np.bool_]) -> Items:
    """Put marks together: the nearest first, never two of one reader, and every two of a thing are near.

    Args:
        readings: The marks.
        found: Which of them may be the same.
        usable: Which marks the rule can compare; the others are no items.
    """
    marks = readings.marks
    thing = _things(len(marks), marks.reader, found)
    chosen = np.flatnonzero(usable)
    first = np.full(int(thing.max(initial=-1)) + 1, len(marks))
    np.minimum.at(first, thing[chosen], chosen)
    kept = np.flatnonzero(first < len(marks))
    # Things lie by image and then by their first mark, so that the same state gives the same list.
    kept = kept[np.lexsort((marks.id[first[kept]], marks.image[first[kept]]))]
    place = np.full(len(first), -1)
    place[kept] = np.arange(len(kept))
    image = marks.image[first[kept]]
    said = np.where(readings.has_read[image], MISSED, UNREAD)
    mark = np.full(said.shape, -1)
    said[place[thing[chosen]], marks.reader[chosen]] = marks.type[chosen]
    mark[place[thing[chosen]], marks.reader[chosen]] = chosen
    return Items(image, said, mark)


def _things(count: int, reader: Ints, found: Candidates) -> Ints:
    """A number for each mark: marks of one thing have the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(found.first), bool), (found.first, found.second)), shape=(count, count))
    number, labels = connected_components(graph, directed=False)
    component: Ints = labels.astype(np.int64)
    size = np.bincount(component, minlength=number)
    pairs = np.bincount(component[found.first], minlength=number)
    readers = int(reader.max(initial=0)) + 1
    distinct = np.bincount(np.unique(component * readers + reader) // readers, minlength=number)
    # Mostly everybody's mark is near everybody else's and nobody has two: then there is nothing to decide.
    is_clear = (pairs == size * (size - 1) // 2) & (distinct == size)
    doubtful = ~is_clear[component[found.first]]
    if not doubtful.any():
        return component
    loose = ~is_clear[component]
    thing = component.copy()
    thing[loose] = number + np.flatnonzero(loose)
    for members in _joined(found, np.flatnonzero(doubtful), reader):
        thing[list(members)] = number + min(members)
    return numbered(thing)


def numbered(values: Ints) -> Ints:
    """The same without gaps, from 0."""
    places: Ints = np.unique(values, return_inverse=True)[1].astype(np.int64)
    return places


def _joined(found: Candidates, doubtful: Ints, reader: Ints) -> Sequence[Sequence[int]]:
    """Groups of marks, made by joining the nearest pairs first (complete linkage)."""
    order = doubtful[np.lexsort((found.second[doubtful], found.first[doubtful], found.cost[doubtful]))]
    firsts, seconds = found.first[order].tolist(), found.second[order].tolist()
    near = set(zip(firsts, seconds, strict=True))
    readers = reader.tolist()
    group: dict[int, list[int]] = {}
    for a, b in zip(firsts, seconds, strict=True):
        one, other = group.setdefault(a, [a]), group.setdefault(b, [b])
        if one is other or {readers[m] for m in one} & {readers[m] for m in other}:
            continue
        if all((m, n) in near or (n, m) in near for m in one for n in other):
            one.extend(other)
            for member in other:
                group[member] = one
    return list({id(members): members for members in group.values()}.values())
