"""COCO's run-length codes of masks: lengths of runs of 0 and 1 in turn, down each column, columns from left to right.

Neither way a whole mask is in memory: a mask on a slide has billions of pixels, and a few thousand runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_core.exchange.document import Ring
from exact_core.exchange.mask_drawing import draw
from exact_core.exchange.mask_tracing import MaskTracer

Runs = NDArray[np.int64]

_STRIP_PIXELS = 16_000_000
_MOST_PIXELS = 4_000_000_000  # inside of the bounding box of a mask
_MOST_RUNS = 8_000_000


def decoded(counts: object) -> Runs:
    """The lengths of runs: from a list of numbers, or from COCO's text.

    Raises:
        Invalid: It is neither.
    """
    if isinstance(counts, list):
        runs = np.asarray(counts)
        if runs.ndim != 1 or runs.dtype.kind not in "iu":
            raise Invalid("The counts of a mask are no whole numbers.")
        runs = runs.astype(np.int64)
    elif isinstance(counts, str):
        runs = _of_text(counts)
    else:
        raise Invalid("A mask has no counts.")
    if len(runs) > _MOST_RUNS or (runs < 0).any() or (runs > 2**40).any():
        raise Invalid("The counts of a mask are no lengths of runs, or too many.")
    return runs


def encoded(runs: Runs) -> str:
    """COCO's text for lengths of runs."""
    values = runs.copy()
    values[3:] -= runs[1:-2]  # a run is told by how it differs from the one two before
    text = bytearray()
    for value in values.tolist():
        more = True
        while more:
            piece = value & 0x1F
            value >>= 5
            more = value != -1 if piece & 0x10 else value != 0
            text.append(48 + (piece | 0x20 if more else piece))
    return text.decode()


def _of_text(text: str) -> Runs:
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int64) - 48
    if not len(codes):
        return np.empty(0, np.int64)
    if (codes < 0).any() or (codes > 63).any() or codes[-1] & 0x20:
        raise Invalid("The counts of a mask are no text of COCO's.")
    last = np.flatnonzero(codes & 0x20 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    if place.max() > 8:
        raise Invalid("The counts of a mask are no text of COCO's.")
    values = np.add.reduceat((codes & 0x1F) << (5 * place), first)
    negative = codes[last] & 0x10 > 0
    values[negative] -= 1 << (5 * (place[last[negative]] + 1))
    # Each value is the difference from the one two before, from the fourth on: two sums that alternate.
    for start in (1, 2):
        values[start::2] = np.cumsum(values[start::2])
    return values


def regions_of(runs: Runs, width: int, height: int) -> Iterator[tuple[Ring, list[Ring]]]:
    """The parts of a mask as outlines along the edges of pixels, with their holes, in pixels of its image.

    Raises:
        Invalid: The runs do not fit the size of the mask.
    """
    ends = np.cumsum(runs)
    if width < 1 or height < 1 or not len(ends) or ends[-1] > width * height:
        raise Invalid(f"The counts of a mask do not fit its size, {width} × {height} pixels.")
    start, stop = ends[0::2][: len(ends[1::2])], ends[1::2]
    filled = stop > start
    start, stop = start[filled], stop[filled]
    if not len(start):
        raise Invalid("The mask is empty.")
    column, row, length = _split_by_column(start, stop, height)
    top, bottom = int(row.min()), int((row + length).max())
    left, right = int(column.min()), int(column.max()) + 1
    if (right - left) * (bottom - top) > _MOST_PIXELS:
        raise Invalid("The mask is larger than what can be made a polygon of.")
    tracer = MaskTracer()
    # Columns are handed over as rows, since those are what follows one another here; x and y are changed back after.
    step = max(1, _STRIP_PIXELS // (bottom - top))
    for first in range(left, right, step):
        last = min(first + step, right)
        here = slice(*np.searchsorted(column, [first, last]).tolist())
        strip = np.zeros((last - first, bottom - top + 1), np.int8)
        np.add.at(strip, (column[here] - first, row[here] - top), 1)
        np.add.at(strip, (column[here] - first, row[here] + length[here] - top), -1)
        tracer.add(np.cumsum(strip, axis=1)[:, :-1] > 0, first)
    offset = np.array([0.0, top])
    for region in tracer.regions():
        yield region.outline[:, ::-1] + offset, [hole[:, ::-1] + offset for hole in region.holes]


def _split_by_column(start: Runs, stop: Runs, height: int) -> tuple[Runs, Runs, Runs]:
    """Runs cut where a column ends: their column, row and length, in order."""
    first, last = start // height, (stop - 1) // height
    count = last - first + 1
    if count.sum() > _MOST_RUNS:
        raise Invalid("The mask has more runs than can be made a polygon of.")
    owner = np.repeat(np.arange(len(start)), count)
    column = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    begin = np.maximum(start[owner], column * height)
    end = np.minimum(stop[owner], (column + 1) * height)
    return column, begin - column * height, end - begin


def runs_of(rings: Sequence[Ring], width: int, height: int) -> Runs:
    """The mask of an area in an image: the pixels whose centres an odd number of rings contains."""
    turned = [ring[:, ::-1] for ring in rings]
    low = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0)).astype(np.int64)
    high = np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0)).astype(np.int64)
    left, top = np.maximum(low, 0).tolist()
    right, bottom = np.minimum(high, [width, height]).tolist()
    changes: list[Runs] = []
    step = max(1, _STRIP_PIXELS // max(bottom - top, 1))
    for first in range(left, right, step):
        last = min(first + step, right)
        mask = draw(turned, top, first, bottom - top, last - first)  # rows of it are columns of the image
        edge = np.diff(mask.astype(np.int8), axis=1, prepend=0, append=0)
        column, row = np.nonzero(edge)
        changes.append((column + first) * height + row + top)
    places = np.concatenate(changes) if changes else np.empty(0, np.int64)
    # Where a run ends at the bottom of a column and another begins at the top of the next, it is one run.
    same = places[1:-1:2] == places[2::2]
    keep = np.ones(len(places), bool)
    keep[1:-1:2], keep[2::2] = ~same, ~same
    return np.diff(places[keep], prepend=0, append=width * height)
