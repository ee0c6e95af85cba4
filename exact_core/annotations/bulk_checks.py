"""The checks of :mod:`exact_core.annotations.geometry` for very many shapes at once, with numpy.

What is certainly fine as it is goes through here; what needs cutting, mending or refusing is left to the ordinary way,
one by one. Both give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from exact_core.annotations import tangles
from exact_core.annotations.fixed_point import most_bits
from exact_core.annotations.geometry import Box
from exact_core.annotations.outlines import Flags, Longs, Outlines, Singles, fixed, replaced, spans, with_fewest_bits
from exact_core.annotations.packing import Columns, pack, pack_many, take
from exact_core.annotations.simple_rings import certainly_simple
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

_AREAS = (Shape.POLYGON.number, Shape.MULTI_POLYGON.number)
_CORNERS = (Shape.BOX.number, Shape.ELLIPSE.number)
_LINES = (Shape.LINE.number, Shape.POLYLINE.number)
_LABELS = tuple(shape.number for shape in Shape if shape.is_label)
_FEWEST = np.array([0, 1, 2, 2, 2, 2, 3, 4, 3, 0, 0])  # by number of the shape
_MOST = np.array([0, 1, 2, 2, 2, 2**31, 2**31, 4, 2**31, 0, 0])


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Shapes as they are stored; ``index`` says which of the given ones they are."""

    index: Longs
    shape: Longs
    packed: list[bytes]
    boxes: Longs


def check(given: Columns | Outlines, width: int, height: int, refused: dict[int, str]) -> Checked:
    """Shapes ready to be stored on an image of this size; those that cannot be kept go to ``refused`` with the reason.

    The good ones come first and in order, then those that were mended.
    """
    columns = fixed(given, width, height, refused) if isinstance(given, Outlines) else with_fewest_bits(given)
    extents = _extents(columns)
    doubtful, wrong = _doubtful(columns, extents, width, height)
    doubtful[list(refused)] = True
    good = np.flatnonzero(~doubtful)
    fine = _turned(columns, wrong)
    if len(good) < len(columns):
        fine = take(fine, ~doubtful)
    index, packed = good.tolist(), pack_many(fine)
    boxes = [_boxes(fine, extents[good], width, height)]
    singles = Singles(columns, columns.vertices, width, height)
    for number in np.flatnonzero(doubtful).tolist():
        if number in refused:
            continue
        bits = 0 if columns.fraction_bits is None else int(columns.fraction_bits[number])
        try:
            geometry = singles.geometry(number, bits)
        except Invalid as error:
            refused[number] = error.message
            continue
        index.append(number)
        packed.append(pack(geometry))
        boxes.append(np.array([geometry.box(width, height)], np.int64))
    order = np.array(index, np.int64)
    return Checked(order, columns.shape.astype(np.int64)[order], packed, np.concatenate(boxes))


def _doubtful(columns: Columns, extents: Longs, width: int, height: int) -> tuple[Flags, Flags]:
    """Shapes that are not certainly fine, and rings of the others that turn the wrong way.

    Doubtful are wrong counts, what is not wholly on the image, has no extent, repeats vertices or crosses itself.
    """
    number = columns.shape.astype(np.int64)
    rings, owner, n = columns.rings, columns.ring_owner, len(columns)
    length = columns.ring_length.astype(np.int64)
    bits = 0 if columns.fraction_bits is None else columns.fraction_bits.astype(np.int64)
    is_area, is_label = np.isin(number, _AREAS), np.isin(number, _LABELS)
    found = np.where(is_area, rings < 1, rings != ~is_label)
    found |= np.bincount(owner, weights=length, minlength=n) > tangles.LARGE
    found |= bits > most_bits(width, height)
    bad_ring = (length < _FEWEST[number[owner]]) | (length > _MOST[number[owner]])
    bad_ring |= is_area[owner] & _closed(columns)
    found |= np.bincount(owner[bad_ring], minlength=n) > 0
    found |= (is_area | (number == Shape.POLYLINE.number)) & _repeats_vertices(columns)
    found |= is_area & ~_starts_with_outlines(columns)
    far = np.stack([np.full(n, width) << bits, np.full(n, height) << bits], axis=1)
    outside = (extents[:, :2] < 0).any(axis=1) | (extents[:, 2:] > far).any(axis=1)
    sides = extents[:, 2:] - extents[:, :2]
    found |= ~is_label & (outside | (number == Shape.ROTATED_BOX.number))
    found |= np.isin(number, _CORNERS) & ((sides == 0).any(axis=1) | ~_corners_in_order(columns, extents))
    found |= np.isin(number, _LINES) & ~sides.any(axis=1)
    wrong = np.zeros(len(length), bool)
    sound = is_area & ~found
    if sound.any():
        valid, wrong[sound[owner]] = _valid_areas(take(columns, sound))
        found[np.flatnonzero(sound)[~valid]] = True
    return found, wrong


def _closed(columns: Columns) -> Flags:
    """Rings that repeat their first vertex at the end."""
    ends = columns.ring_vertex[1:]
    length = columns.ring_length.astype(np.int64)
    closed = np.zeros(len(length), bool)
    filled = length > 0
    first, last = columns.vertices[(ends - length)[filled]], columns.vertices[ends[filled] - 1]
    closed[filled] = (first == last).all(axis=1)
    return closed


def _repeats_vertices(columns: Columns) -> Flags:
    """Whether a vertex is the same as the one before it in its ring."""
    same = np.zeros(len(columns.vertices), bool)
    x, y = columns.vertices[:, 0], columns.vertices[:, 1]
    same[1:] = (x[1:] == x[:-1]) & (y[1:] == y[:-1])
    begins = columns.ring_vertex[:-1]
    same[begins[begins < len(same)]] = False
    ring = np.searchsorted(columns.ring_vertex, np.flatnonzero(same), side="right") - 1
    answer: Flags = np.bincount(columns.ring_owner[ring], minlength=len(columns)) > 0
    return answer


def _starts_with_outlines(columns: Columns) -> Flags:
    """Whether the first ring is an outline, and of a polygon the only one."""
    holes = columns.ring_hole > 0
    outlines = np.bincount(columns.ring_owner, weights=~holes, minlength=len(columns))
    begin = columns.ring_start[:-1].astype(np.int64)
    first = np.zeros(len(columns), bool)
    has = columns.rings > 0
    first[has] = ~holes[begin[has]]
    answer: Flags = first & ((outlines == 1) | (columns.shape == Shape.MULTI_POLYGON.number))
    return answer


def _corners_in_order(columns: Columns, extents: Longs) -> Flags:
    """Whether the first vertex is the upper left corner; meaningful for boxes and ellipses only."""
    has, begin = spans(columns)
    first = np.full((len(columns), 2), -1, np.int64)
    first[has] = columns.vertices[begin[has]]
    answer: Flags = (first == extents[:, :2]).all(axis=1)
    return answer


def _valid_areas(columns: Columns) -> tuple[Flags, Flags]:
    """Whether each polygon or multi polygon is valid, and which rings turn the wrong way."""
    owner, length = columns.ring_owner, columns.ring_length.astype(np.int64)
    simple, positive = certainly_simple(columns.vertices, length)
    valid = np.zeros(len(columns), bool)
    valid[owner[simple]] = True
    valid &= columns.rings == 1
    wrong = positive == (columns.ring_hole > 0)
    if not valid.all():
        rest = np.repeat(~valid, columns.rings)
        valid[~valid], wrong[rest] = _valid_by_shapely(take(columns, ~valid))
    return valid, wrong


def _valid_by_shapely(columns: Columns) -> tuple[Flags, Flags]:
    """The same for outlines of any form."""
    length = columns.ring_length.astype(np.int64)
    places = columns.vertices.astype(np.float64)
    rings = shapely.linearrings(places, indices=np.repeat(np.arange(len(length)), length))
    hole = columns.ring_hole > 0
    parts = shapely.polygons(rings, indices=np.cumsum(~hole) - 1)
    part_owner = columns.ring_owner[~hole]
    valid = np.ones(len(columns), bool)
    alone = np.bincount(part_owner, minlength=len(columns))[part_owner] == 1
    valid[part_owner[alone]] = shapely.is_valid(parts[alone])
    if not alone.all():
        several, index = np.unique(part_owner[~alone], return_inverse=True)
        valid[several] = shapely.is_valid(shapely.multipolygons(parts[~alone], indices=index))
    return valid, shapely.is_ccw(rings) == hole


def _turned(columns: Columns, wrong: Flags) -> Columns:
    """The same shapes with some rings the other way round, from the same first vertex."""
    if not wrong.any():
        return columns
    length = columns.ring_length.astype(np.int64)
    ring = np.repeat(np.arange(len(length)), length)
    begin = columns.ring_vertex[:-1][ring]
    place = np.arange(len(ring))
    back = wrong[ring] & (place > begin)
    vertices = columns.vertices[np.where(back, 2 * begin + length[ring] - place, place)]
    return replaced(columns, vertices, columns.fraction_bits)


def _extents(columns: Columns) -> Longs:
    """Least and greatest coordinates of each shape, in its units; zeros for labels."""
    answer = np.zeros((len(columns), 4), np.int64)
    has, begin = spans(columns)
    if has.any():
        answer[has, :2] = np.minimum.reduceat(columns.vertices, begin[has], axis=0)
        answer[has, 2:] = np.maximum.reduceat(columns.vertices, begin[has], axis=0)
    return answer


def _boxes(columns: Columns, answer: Longs, width: int, height: int) -> Longs:
    """Bounding boxes as :meth:`Geometry.box` gives them, from the extents, which are changed."""
    if columns.fraction_bits is not None:
        bits = columns.fraction_bits.astype(np.int64)[:, None]
        answer[:, :2] >>= bits
        answer[:, 2:] = -(-answer[:, 2:] >> bits)
    answer[:, :2] = np.minimum(answer[:, :2], 2 * np.array([width, height]) - 1 - answer[:, 2:])
    answer[np.isin(columns.shape, _LABELS)] = Box(0, 0, width, height)
    return answer
