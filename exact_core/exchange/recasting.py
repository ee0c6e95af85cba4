"""Shapes that an annotation type does not allow, drawn as one that it does, where that is the same or nearly so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_core.api.contributions import Shape
from exact_core.exchange.document import Ring
from exact_core.exchange.placing import Places

_TURN = np.linspace(0, 2 * np.pi, 64, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)

_INSTEAD: Mapping[Shape, tuple[Shape, ...]] = {
    Shape.BOX: (Shape.POLYGON, Shape.MULTI_POLYGON, Shape.ROTATED_BOX),
    Shape.ROTATED_BOX: (Shape.POLYGON, Shape.MULTI_POLYGON),
    Shape.ELLIPSE: (Shape.POLYGON, Shape.MULTI_POLYGON),
    Shape.POLYGON: (Shape.MULTI_POLYGON,),
    Shape.MULTI_POLYGON: (Shape.POLYGON,),
    Shape.LINE: (Shape.POLYLINE,),
    Shape.POLYLINE: (Shape.LINE,),
}


@dataclass(frozen=True, slots=True, eq=False)
class Recast:
    """Shapes as their types allow them, how many of which were drawn as what, and which cannot be."""

    places: Places
    told: Counter[tuple[Shape, Shape]]
    refused: list[int]


def recast(places: Places, type_ids: NDArray[np.int64], allowed: Mapping[int, Sequence[Shape]]) -> Recast:
    """Draw shapes as their types allow them; ``allowed`` says which shapes a type allows."""
    changed: dict[int, tuple[Shape, list[Ring]]] = {}
    told: Counter[tuple[Shape, Shape]] = Counter()
    refused: list[int] = []
    pairs = type_ids << 8 | places.shape
    for pair in np.unique(pairs).tolist():
        form, shapes = Shape.from_number(pair & 0xFF), allowed[pair >> 8]
        if form in shapes:
            continue
        targets = [target for target in _INSTEAD.get(form, ()) if target in shapes]
        for number in np.flatnonzero(pairs == pair).tolist():
            target = next((each for each in targets if _fits(places, number, each)), None)
            if target is None:
                refused.append(number)
                continue
            changed[number] = (target, _rings(places, number, form))
            told[form, target] += 1
    return Recast(_rebuilt(places, changed) if changed else places, told, refused)


def _fits(places: Places, number: int, target: Shape) -> bool:
    """Whether a shape of several parts or vertices can be the simpler one."""
    first, last = places.ring_start[number], places.ring_start[number + 1]
    if target is Shape.POLYGON:
        return int(np.count_nonzero(places.ring_hole[first:last] == 0)) == 1
    return target is not Shape.LINE or int(places.ring_length[first]) == 2


def _rings(places: Places, number: int, form: Shape) -> list[Ring]:
    start = int(places.ring_length[: places.ring_start[number]].sum())
    length = places.ring_length[places.ring_start[number] : places.ring_start[number + 1]]
    xy = places.xy[start : start + int(length.sum())]
    if form is Shape.BOX and len(xy) == 2:
        (x0, y0), (x1, y1) = xy.tolist()
        return [np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])]
    if form is Shape.ELLIPSE and len(xy) == 2:
        return [(xy[0] + xy[1]) / 2 + (xy[1] - xy[0]) / 2 * _CIRCLE]
    return np.split(xy, np.cumsum(length)[:-1])


def _rebuilt(places: Places, changed: Mapping[int, tuple[Shape, list[Ring]]]) -> Places:
    """The same shapes with some of them replaced."""
    shape = places.shape.copy()
    vertex = np.concatenate([[0], np.cumsum(places.ring_length)])
    xy: list[Ring] = []
    length: list[NDArray[np.int64]] = []
    done = 0
    for number, (form, rings) in sorted(changed.items()):
        first, last = int(places.ring_start[number]), int(places.ring_start[number + 1])
        shape[number] = form.number
        xy += [places.xy[vertex[done] : vertex[first]], *rings]
        length += [places.ring_length[done:first], np.array([len(ring) for ring in rings], np.int64)]
        done = last
    xy.append(places.xy[vertex[done] :])
    length.append(places.ring_length[done:])
    return Places(shape, places.ring_start, np.concatenate(length), places.ring_hole, np.concatenate(xy))
