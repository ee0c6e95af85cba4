"""Very many shapes as they come, before they are checked: with their fractions, then as fixed-point numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.fixed_point import INT32_MAX, INT32_MIN, MAX_BITS, most_bits
from exact_core.annotations.geometry import Geometry, from_rings
from exact_core.annotations.packing import Columns
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

Longs = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """Many shapes as a file or a model gives them: unchecked, in level-0 pixels with fractions.

    Rings of shape ``i`` are ``ring_start[i]`` to ``ring_start[i + 1]``; closed ones may repeat their first vertex.
    """

    shape: NDArray[np.uint8]
    ring_start: NDArray[np.uint32]
    ring_length: NDArray[np.uint32]
    ring_hole: NDArray[np.uint8]
    xy: NDArray[np.float64]  # (m, 2)

    def __len__(self) -> int:
        return len(self.shape)

    @classmethod
    def of(cls, shapes: Iterable[tuple[Shape, Sequence[NDArray[Any]], Sequence[bool]]]) -> Outlines:
        """Shapes with their rings, and for each ring whether it is a hole (of a polygon all but the first are)."""
        numbers: list[int] = []
        counts = [0]
        lengths: list[int] = []
        holes: list[bool] = []
        rings: list[NDArray[Any]] = []
        for shape, own, own_holes in shapes:
            numbers.append(shape.number)
            counts.append(len(own))
            lengths += map(len, own)
            is_multi = shape is Shape.MULTI_POLYGON and len(own_holes) == len(own)
            holes += own_holes if is_multi else [shape is Shape.POLYGON and place > 0 for place in range(len(own))]
            rings += own
        return cls(
            np.array(numbers, np.uint8),
            np.cumsum(counts).astype(np.uint32),
            np.array(lengths, np.uint32),
            np.array(holes, np.uint8),
            np.concatenate(rings).astype(np.float64) if rings else np.empty((0, 2)),
        )


class Singles:
    """Takes single shapes out of many, for the ordinary way."""

    def __init__(self, shapes: Columns | Outlines, vertices: NDArray[Any], width: int, height: int) -> None:
        self._shapes = shapes
        self._vertices = vertices
        self._size = width, height
        self._ends = np.cumsum(shapes.ring_length, dtype=np.int64)

    def geometry(self, number: int, bits: int = 0) -> Geometry:
        """The checked shape; ``Invalid`` when it cannot be kept."""
        shapes = self._shapes
        own = slice(int(shapes.ring_start[number]), int(shapes.ring_start[number + 1]))
        lengths = shapes.ring_length[own].tolist()
        rings = [self._vertices[end - n : end] for end, n in zip(self._ends[own].tolist(), lengths, strict=True)]
        shape = Shape.from_number(int(shapes.shape[number]))
        holes = [bool(hole) for hole in shapes.ring_hole[own]]
        return from_rings(shape, rings, holes, *self._size, fraction_bits=bits)


def fixed(outlines: Outlines, width: int, height: int, refused: dict[int, str]) -> Columns:
    """Outlines as fixed-point numbers with the fewest bits; what is no place at all is refused."""
    bits = most_bits(width, height)
    with np.errstate(invalid="ignore", over="ignore"):
        units = np.floor(outlines.xy * float(1 << bits) + 0.5)
    unusable = ~((units >= INT32_MIN) & (units <= INT32_MAX)).all(axis=1)
    if unusable.any():
        start = outlines.ring_start.astype(np.int64)
        owner = np.repeat(np.repeat(np.arange(len(outlines)), start[1:] - start[:-1]), outlines.ring_length)
        singles = Singles(outlines, outlines.xy, width, height)
        for number in np.unique(owner[unusable]).tolist():
            try:
                singles.geometry(number)
            except Invalid as error:
                refused[number] = error.message
        units[unusable] = 0
    columns = Columns(
        outlines.shape,
        outlines.ring_start,
        outlines.ring_length,
        outlines.ring_hole,
        units.astype(np.int32),
        np.full(len(outlines), bits, np.uint8),
    )
    return with_fewest_bits(columns)


def with_fewest_bits(columns: Columns) -> Columns:
    """The same shapes, each with the fewest fraction bits that hold its vertices."""
    if columns.fraction_bits is None or not columns.fraction_bits.any():
        return columns
    has, begin = spans(columns)
    used = np.zeros(len(columns), np.int64)
    flat = np.bitwise_or(columns.vertices[:, 0], columns.vertices[:, 1])
    used[has] = np.bitwise_or.reduceat(flat, begin[has])
    spare = np.zeros(len(columns), np.int64)
    for step in range(1, MAX_BITS + 1):
        spare += used & (1 << step) - 1 == 0
    bits = columns.fraction_bits.astype(np.int64)
    spare = np.minimum(spare, bits)
    vertices = columns.vertices
    if spare.any():
        owner = np.repeat(columns.ring_owner, columns.ring_length.astype(np.int64))
        vertices = vertices >> spare[owner, None].astype(np.int32)
    return replaced(columns, vertices, (bits - spare).astype(np.uint8))


def replaced(columns: Columns, vertices: NDArray[np.int32], bits: NDArray[np.uint8] | None) -> Columns:
    """The same rings with other vertices."""
    has_bits = bits is not None and bits.any()
    return Columns(
        columns.shape,
        columns.ring_start,
        columns.ring_length,
        columns.ring_hole,
        vertices,
        bits if has_bits else None,
    )


def spans(columns: Columns) -> tuple[Flags, Longs]:
    """Which shapes have vertices, and where those of each begin."""
    vertex = columns.ring_vertex[columns.ring_start.astype(np.int64)]
    return vertex[1:] > vertex[:-1], vertex[:-1]
