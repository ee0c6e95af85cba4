"""Shapes of a run in chunks: those of one label, about one size and one neighbourhood together, as packed arrays.

A slide has 100,000 nuclei and nobody asks for one of them by its row: they are read by rectangle, all columns, and
never changed. A row for each took 6 (SQLite) to 14 (PostgreSQL) times the processor time of writing 100,000 nuclei in
chunks, and twice to three times that of reading them. A chunk has the bounding box of its shapes, so that a rectangle
finds it by an index, and the numbers of its scores, so that counts above a threshold are known without reading shapes.
A shape's number in its run is its chunk's first plus its place there; decisions name shapes by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.packing import Columns, Steps, steps_of, unpack_many
from exact_core.predictions.arrays import Found

STEPS = 64
"""Steps of score that are counted."""

NEIGHBOURHOOD = 2048
"""Side of the cell, in level-0 pixels, whose shapes are kept together when they are smaller than it."""

_MOST_LEVELS = 22
_SHAPE = np.dtype([("score", "<f4"), ("uncertainty", "<f4"), ("bytes", "<u4")])


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A row of ``prediction_chunk`` before it has a number."""

    n: int
    label: int
    box: tuple[int, int, int, int]
    histogram: bytes
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Shapes of several chunks side by side.

    Attributes:
        number: ``(n,)`` number in the run.
        label: ``(n,)`` index in the run's labels.
        score: ``(n,)`` float32.
        uncertainty: ``(n,)`` float32, NaN where the model does not say.
        packed: Each geometry in the stored form of annotations.
    """

    number: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    packed: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.number)

    def where(self, chosen: NDArray[np.bool_]) -> Shapes:
        """Some of them."""
        if chosen.all():
            return self
        places = np.flatnonzero(chosen)
        packed = [self.packed[place] for place in places.tolist()]
        return Shapes(self.number[places], self.label[places], self.score[places], self.uncertainty[places], packed)

    def steps(self) -> Steps:
        """The outlines as the wire wants them."""
        lengths = np.fromiter(map(len, self.packed), np.int64, len(self.packed))
        return steps_of(b"".join(self.packed), lengths)

    def columns(self) -> Columns:
        """The outlines as flat arrays."""
        return unpack_many(self.packed)

    def boxes(self) -> NDArray[np.float64]:
        """``(n, 4)`` x0, y0, x1, y1 in level-0 pixels; zeros for a label of the whole image."""
        answer = np.zeros((len(self), 4))
        columns = self.columns()
        begin = columns.ring_vertex[columns.ring_start.astype(np.int64)]
        has = begin[1:] > begin[:-1]
        if has.any():
            answer[has, :2] = np.minimum.reduceat(columns.xy, begin[:-1][has], axis=0)
            answer[has, 2:] = np.maximum.reduceat(columns.xy, begin[:-1][has], axis=0)
        return answer


def in_chunks(found: Found) -> Iterator[Chunk]:
    """Shapes in chunks, in the order of label, size and place."""
    keys = np.column_stack([found.labels, _neighbourhoods(found.boxes)])
    order = np.lexsort(keys.T[::-1])
    changes = np.flatnonzero((np.diff(keys[order], axis=0) != 0).any(axis=1)) + 1
    for part in np.split(order, changes):
        if len(part):
            yield _chunk(found, part)


def _neighbourhoods(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Size, row and column of the cell of each box: a cell is at least as large as the shapes in it."""
    extent = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    level = np.zeros(len(boxes), np.int64)
    for step in range(_MOST_LEVELS):
        level += extent > NEIGHBOURHOOD << step
    side = NEIGHBOURHOOD << level
    row = (boxes[:, 1] + boxes[:, 3] >> 1) // side
    column = (boxes[:, 0] + boxes[:, 2] >> 1) // side
    return np.column_stack([level, row, column])


def _chunk(found: Found, part: NDArray[np.int64]) -> Chunk:
    packed = [found.packed[place] for place in part.tolist()]
    shapes = np.empty(len(part), _SHAPE)
    shapes["score"], shapes["uncertainty"] = found.scores[part], found.uncertainties[part]
    shapes["bytes"] = np.fromiter(map(len, packed), np.uint32, len(packed))
    boxes = found.boxes[part]
    x0, y0 = boxes[:, :2].min(axis=0).tolist()
    x1, y1 = boxes[:, 2:].max(axis=0).tolist()
    return Chunk(
        len(part),
        int(found.labels[part[0]]),
        (x0, y0, x1, y1),
        histogram_of(found.scores[part]).astype("<u4").tobytes(),
        b"".join([shapes.tobytes(), *packed]),
    )


def histogram_of(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """How many scores lie in each of the steps; a step has its lower end, the last one both."""
    steps = np.minimum((scores * STEPS).astype(np.int64), STEPS - 1)
    return np.bincount(steps, minlength=STEPS)


def joined(rows: Sequence[tuple[int, int, int, bytes]]) -> Shapes:
    """The shapes of chunks, each given as first number, count, label and data."""
    numbers, labels, heads = [], [], []
    packed: list[bytes] = []
    for first, n, label, data in rows:
        head = np.frombuffer(data, _SHAPE, n)
        ends = np.cumsum(head["bytes"], dtype=np.int64) + n * _SHAPE.itemsize
        begins = ends - head["bytes"]
        packed += [data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        numbers.append(np.arange(first, first + n))
        labels.append(np.full(n, label))
        heads.append(head)
    if not rows:
        nothing = np.zeros(0, np.int64)
        return Shapes(nothing, nothing, np.zeros(0, np.float32), np.zeros(0, np.float32), [])
    head = np.concatenate(heads)
    return Shapes(
        np.concatenate(numbers),
        np.concatenate(labels),
        np.ascontiguousarray(head["score"]),
        np.ascontiguousarray(head["uncertainty"]),
        packed,
    )
