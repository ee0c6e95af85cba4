"""Which marks of one reader are those of another: one to one, by distance or by overlap.

First the candidates are found (:class:`Candidates`: who is near enough to whom), then they are assigned. Greedy takes
the nearest pair, then the next nearest that is still free; optimal makes the most pairs, and among those the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exact_core.agreement.measures.areas import ious

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Method = Literal["greedy", "optimal"]

_MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs that may be the same thing; ``cost`` is 0 for what fits best."""

    first: Ints
    second: Ints
    cost: Floats


@dataclass(frozen=True, slots=True)
class Detection:
    """How well marks meet a reference: found, wrongly marked, missed."""

    hits: int
    extra: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the marks that are right."""
        return float(precision(self.hits, self.extra))

    @property
    def recall(self) -> float:
        """Share of the reference that was found."""
        return float(recall(self.hits, self.missed))

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return float(f1(self.hits, self.extra, self.missed))


def near(first: ArrayLike, second: ArrayLike, radius: float) -> Candidates:
    """Points at most ``radius`` apart; ``(n, 2)`` places in one unit, mostly µm. The cost is the distance."""
    a, b = _places(first), _places(second)
    if not len(a) or not len(b):
        return _none()
    from scipy.spatial import cKDTree

    found = cKDTree(a).sparse_distance_matrix(cKDTree(b), radius, output_type="ndarray")
    return Candidates(found["i"].astype(np.int64), found["j"].astype(np.int64), found["v"].astype(np.float64))


def overlapping(first: Sequence[Any], second: Sequence[Any], least: float) -> Candidates:
    """Areas (shapely) whose intersection over union is at least ``least``. The cost is one minus that."""
    if not len(first) or not len(second):
        return _none()
    import shapely

    a, b = np.asarray(first, object), np.asarray(second, object)
    rows, columns = shapely.STRtree(b).query(a, predicate="intersects")
    iou = ious(a[rows], b[columns])
    fits = (iou >= least) & (iou > 0)
    return Candidates(rows[fits].astype(np.int64), columns[fits].astype(np.int64), 1 - iou[fits])


def assign(candidates: Candidates, method: Method = "optimal") -> Candidates:
    """The chosen pairs: nobody on either side is in two of them."""
    chosen = _greedy(candidates) if method == "greedy" else _optimal(candidates)
    order = chosen[np.lexsort((candidates.second[chosen], candidates.first[chosen]))]
    return Candidates(candidates.first[order], candidates.second[order], candidates.cost[order])


def match_points(first: ArrayLike, second: ArrayLike, radius: float, method: Method = "optimal") -> Candidates:
    """One-to-one pairs of points at most ``radius`` apart."""
    return assign(near(first, second, radius), method)


def match_areas(
    first: Sequence[Any], second: Sequence[Any], least: float = 0.5, method: Method = "optimal"
) -> Candidates:
    """One-to-one pairs of areas that overlap by at least ``least`` (intersection over union)."""
    return assign(overlapping(first, second, least), method)


def detection(marks: int, reference: int, matched: int) -> Detection:
    """The counts behind F1, from how many marks there are on each side and how many pairs."""
    return Detection(matched, marks - matched, reference - matched)


def precision(hits: ArrayLike, extra: ArrayLike) -> Floats:
    """``hits / (hits + extra)``; NaN without any mark."""
    return _share(hits, _added(hits, extra))


def recall(hits: ArrayLike, missed: ArrayLike) -> Floats:
    """``hits / (hits + missed)``; NaN without any reference."""
    return _share(hits, _added(hits, missed))


def f1(hits: ArrayLike, extra: ArrayLike, missed: ArrayLike) -> Floats:
    """``2 hits / (2 hits + extra + missed)``; NaN where there is nothing on both sides. Which side is the reference
    does not matter.
    """
    double = 2 * np.asarray(hits, np.float64)
    return _share(double, _added(double, _added(extra, missed)))


def froc(confidence: ArrayLike, is_hit: ArrayLike, reference: int, images: int) -> tuple[Floats, Floats]:
    """The free-response curve of marks with a confidence: false marks per image, and the share found, at each level.

    Chakraborty & Winter, Radiology 174 (1990) 873. A reader without confidences is the single last point.

    Args:
        confidence: Of each mark; higher is surer.
        is_hit: Whether the mark was matched to something of the reference.
        reference: How many there are to find.
        images: How many images were read.
    """
    sure, hit = np.asarray(confidence, np.float64), np.asarray(is_hit, bool)
    if not len(sure):
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-sure, kind="stable")
    sure, hit = sure[order], hit[order]
    ends = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)  # marks of one confidence are one step
    false = np.cumsum(~hit)[ends] / images
    found = np.cumsum(hit)[ends] / reference if reference else np.full(len(ends), np.nan)
    return false, found


def _greedy(candidates: Candidates) -> Ints:
    """Indices of the pairs that taking the nearest first chooses; ties go to the lower numbers.

    A pair that is the best one left for both of its ends would be taken before any other of theirs, so all such pairs
    can be taken at once: a few rounds over arrays instead of one step per pair.
    """
    order = np.lexsort((candidates.second, candidates.first, candidates.cost))
    first, second = _dense(candidates.first[order]), _dense(candidates.second[order])
    left = np.arange(len(order))
    taken = []
    for _ in range(_MOST_ROUNDS):
        if not len(left):
            break
        a, b = first[left], second[left]
        best_a, best_b = _first_places(a), _first_places(b)
        mutual = np.flatnonzero((best_a[a] == np.arange(len(left))) & (best_b[b] == np.arange(len(left))))
        taken.append(left[mutual])
        used_a, used_b = np.zeros(len(best_a), bool), np.zeros(len(best_b), bool)
        used_a[a[mutual]] = used_b[b[mutual]] = True
        left = left[~(used_a[a] | used_b[b])]
    taken.append(_one_by_one(left, first, second))
    return order[np.concatenate(taken)] if taken else np.zeros(0, np.int64)


def _one_by_one(left: Ints, first: Ints, second: Ints) -> Ints:
    """The same for what long chains of ever nearer pairs leave over."""
    used_a: set[int] = set()
    used_b: set[int] = set()
    taken = []
    for place, a, b in zip(left.tolist(), first[left].tolist(), second[left].tolist(), strict=True):
        if a not in used_a and b not in used_b:
            used_a.add(a)
            used_b.add(b)
            taken.append(place)
    return np.array(taken, np.int64)


def _optimal(candidates: Candidates) -> Ints:
    """Indices of the pairs of a maximum matching of least total cost."""
    if not len(candidates.first):
        return np.zeros(0, np.int64)
    first, second = _dense(candidates.first), _dense(candidates.second)
    # A pair whose ends have no other candidate is certain; in most data that leaves little to solve.
    certain = (np.bincount(first)[first] == 1) & (np.bincount(second)[second] == 1)
    doubtful = np.flatnonzero(~certain)
    solved = _solved(_dense(first[doubtful]), _dense(second[doubtful]), candidates.cost[doubtful])
    return np.concatenate([np.flatnonzero(certain), doubtful[solved]])


def _solved(first: Ints, second: Ints, cost: Floats) -> Ints:
    """The same by sparse LAPJV of scipy.

    Each one of the first side also has a partner of its own that means "unmatched" and costs more than any detour
    could save, so that the least sum has the most pairs.
    """
    if not len(first):
        return np.zeros(0, np.int64)
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, columns = int(first.max()) + 1, int(second.max()) + 1
    detour = float(cost.max()) * min(rows, columns) * 2 + 1
    # Costs of zero would vanish from a sparse matrix; one more for all changes no comparison of equally many pairs.
    costs = np.concatenate([cost + 1, np.full(rows, detour + rows + 1)])
    row = np.concatenate([first, np.arange(rows)])
    column = np.concatenate([second, columns + np.arange(rows)])
    graph = csr_array((costs, (row, column)), shape=(rows, columns + rows))
    chosen_rows, chosen_columns = min_weight_full_bipartite_matching(graph)
    real = chosen_columns < columns
    keys = first * columns + second
    order = np.argsort(keys)
    chosen: Ints = order[np.searchsorted(keys[order], chosen_rows[real] * columns + chosen_columns[real])]
    return chosen


def _dense(values: Ints) -> Ints:
    """The same numbers without gaps, from 0."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _first_places(values: Ints) -> Ints:
    """Where each number stands first; the numbers begin at 0 and may have gaps."""
    places = np.full(int(values.max()) + 1, len(values), np.int64)
    np.minimum.at(places, values, np.arange(len(values)))
    return places


def _places(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float64).reshape(-1, 2)


def _none() -> Candidates:
    return Candidates(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _added(first: ArrayLike, second: ArrayLike) -> Floats:
    total: Floats = np.asarray(first, np.float64) + np.asarray(second, np.float64)
    return total


def _share(part: ArrayLike, whole: ArrayLike) -> Floats:
    above, below = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    shares: Floats = np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)
    return shares
