"""The compact stored form of a geometry, and packing and unpacking of many at once with numpy.

Little-endian 32-bit words, so that a join of packed geometries is one aligned array:

- header: byte 0 version (high half) and coding (low half), byte 1 shape number, bytes 2-3 number of rings. Coding is 0
  for int16 deltas and 1 for int32. Version 1 is whole pixels; version 2 has fractions, whose bits less one are the
  upper three bits of the coding;
- ring table, only when there is not exactly one ring: per ring its vertices, with bit 31 set for a hole;
- the first vertex of each ring, int32 x and y;
- the further vertices of all rings: int16 steps from the vertex before (one word), or int32 x and y (two words).

Coordinates are in the geometry's units: level-0 pixels, or a pixel divided by two to the power of the fraction bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from struct import pack as pack_numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.geometry import Geometry
from exact_core.api.contributions import Shape

WHOLE, FRACTIONS = 1, 2
"""Versions of the stored form."""

_HOLE = np.uint32(1 << 31)
_WIDE = 1
_ORDINARY = Struct("<Iii")  # the header and the first vertex of a shape of one ring
_FEW = 64
_INT16_MAX, _INT32_MAX = 2**15 - 1, 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Many geometries as flat arrays; rings of geometry ``i`` are ``ring_start[i]`` to ``ring_start[i + 1]``.

    A vertex of geometry ``i`` divided by ``2**fraction_bits[i]`` is its place in level-0 pixels; None: all are whole.
    """

    shape: NDArray[np.uint8]
    ring_start: NDArray[np.uint32]
    ring_length: NDArray[np.uint32]
    ring_hole: NDArray[np.uint8]
    vertices: NDArray[np.int32]  # (m, 2)
    fraction_bits: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.shape)

    @property
    def ring_vertex(self) -> NDArray[np.int64]:
        """Where each ring begins among the vertices, and one more for the end."""
        return np.concatenate([[0], np.cumsum(self.ring_length, dtype=np.int64)])

    @property
    def ring_owner(self) -> NDArray[np.int64]:
        """To which geometry each ring belongs."""
        return np.repeat(np.arange(len(self)), self.rings)

    @property
    def xy(self) -> NDArray[np.float64]:
        """The vertices in level-0 pixels, ``(m, 2)``."""
        places = self.vertices.astype(np.float64)
        if self.fraction_bits is not None and self.fraction_bits.any():
            owner = np.repeat(self.ring_owner, self.ring_length.astype(np.int64))
            places /= np.ldexp(1.0, self.fraction_bits.astype(np.int64))[owner, None]
        return places

    @property
    def rings(self) -> NDArray[np.int64]:
        """How many rings each geometry has."""
        starts = self.ring_start.astype(np.int64)
        return starts[1:] - starts[:-1]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Unpacked geometries as the wire wants them: first vertices and int16 steps, or all vertices."""

    shape: NDArray[np.uint8]
    ring_start: NDArray[np.uint32]
    ring_length: NDArray[np.uint32]
    ring_hole: NDArray[np.uint8]
    first: NDArray[np.int32]  # (rings, 2)
    delta: NDArray[np.int16] | None  # (vertices - rings, 2); None when some geometry needs int32
    wide: NDArray[np.int32] | None  # (vertices, 2) then
    fraction_bits: NDArray[np.uint8] | None  # of each geometry; None when all are whole pixels


def pack(geometry: Geometry) -> bytes:
    """The stored form of one geometry."""
    vertices, bits = geometry.vertices, geometry.fraction_bits
    if len(geometry.ring_lengths) == 1 and len(vertices):
        steps = _few_steps(vertices) if len(vertices) <= _FEW else _narrow_steps(vertices)
        if steps is not None:
            coding = FRACTIONS << 4 | bits - 1 << 1 if bits else WHOLE << 4
            header = coding | geometry.shape.number << 8 | 1 << 16
            return _ORDINARY.pack(header, *vertices[0].tolist()) + steps
    return pack_many(columns_of([geometry]))[0]


def _few_steps(vertices: NDArray[np.int32]) -> bytes | None:
    """Steps from vertex to vertex without numpy, which would take longer to begin; None when one is too long."""
    steps = [after - before for pair in pairwise(vertices.tolist()) for before, after in zip(*pair, strict=True)]
    if steps and (max(steps) > _INT16_MAX or min(steps) < -_INT16_MAX):
        return None
    return pack_numbers(f"<{len(steps)}h", *steps)


def _narrow_steps(vertices: NDArray[np.int32]) -> bytes | None:
    steps = vertices[1:] - vertices[:-1].astype(np.int64)
    if steps.max() > _INT16_MAX or steps.min() < -_INT16_MAX:
        return None
    return steps.astype("<i2").tobytes()


def unpack(packed: bytes) -> Geometry:
    """The geometry of its stored form."""
    header = int.from_bytes(packed[:4], "little")
    version = header >> 4 & 0x0F
    if header >> 16 == 1 and not header & _WIDE and WHOLE <= version <= FRACTIONS:
        _, x, y = _ORDINARY.unpack_from(packed)
        steps = np.frombuffer(packed, "<i2", offset=_ORDINARY.size).reshape(-1, 2)
        vertices = np.empty((len(steps) + 1, 2), np.int32)
        vertices[0] = x, y
        vertices[1:] = steps
        np.cumsum(vertices, axis=0, out=vertices)
        bits = 1 + (header >> 1 & 0x07) if version == FRACTIONS else 0
        return Geometry(Shape.from_number(header >> 8 & 0xFF), vertices, (len(vertices),), (False,), bits)
    columns = unpack_many([packed])
    return Geometry(
        Shape.from_number(int(columns.shape[0])),
        columns.vertices,
        tuple(columns.ring_length.tolist()),
        tuple(bool(hole) for hole in columns.ring_hole),
        0 if columns.fraction_bits is None else int(columns.fraction_bits[0]),
    )


def columns_of(geometries: Sequence[Geometry]) -> Columns:
    """Values as flat arrays."""
    lengths = [length for geometry in geometries for length in geometry.ring_lengths]
    holes = [hole for geometry in geometries for hole in geometry.ring_holes]
    starts = np.zeros(len(geometries) + 1, np.uint32)
    np.cumsum([len(geometry.ring_lengths) for geometry in geometries], out=starts[1:])
    vertices = [geometry.vertices for geometry in geometries]
    return Columns(
        np.array([geometry.shape.number for geometry in geometries], np.uint8),
        starts,
        np.array(lengths, np.uint32),
        np.array(holes, np.uint8),
        np.concatenate(vertices) if vertices else np.empty((0, 2), np.int32),
        np.array([geometry.fraction_bits for geometry in geometries], np.uint8),
    )


def take(columns: Columns, chosen: NDArray[np.bool_]) -> Columns:
    """Some of many geometries."""
    rings = columns.rings
    ring = np.repeat(chosen, rings)
    vertex = np.repeat(ring, columns.ring_length.astype(np.int64))
    starts = np.concatenate([[0], np.cumsum(rings[chosen])]).astype(np.uint32)
    return Columns(
        columns.shape[chosen],
        starts,
        columns.ring_length[ring],
        columns.ring_hole[ring],
        columns.vertices[vertex],
        None if columns.fraction_bits is None else columns.fraction_bits[chosen],
    )


def pack_many(columns: Columns) -> list[bytes]:
    """The stored form of many geometries."""
    if not len(columns):
        return []
    ordinary = _pack_ordinary(columns)
    if ordinary is not None:
        return ordinary
    rings = columns.rings
    length = columns.ring_length.astype(np.int64)
    ring_vertex = np.concatenate([[0], np.cumsum(length)])
    owner = np.repeat(np.arange(len(columns)), rings)  # of each ring
    vertices = np.bincount(owner, weights=length, minlength=len(columns)).astype(np.int64)

    rest, steps = _steps(columns.vertices, ring_vertex[:-1])
    step_owner = np.repeat(owner, length - 1)
    far = np.abs(steps) > _INT16_MAX
    too_far = far[:, 0] | far[:, 1]
    wide = np.bincount(step_owner, weights=too_far, minlength=len(columns)) > 0

    table = np.where(rings == 1, 0, rings)
    body = (vertices - rings) * np.where(wide, 2, 1)
    size = 1 + table + 2 * rings + body
    start = np.concatenate([[0], np.cumsum(size)])
    words = np.zeros(start[-1], "<u4")

    words[start[:-1]] = _headers(columns, wide)
    in_table = (table > 0)[owner]
    words[_spread(start[:-1] + 1, table)] = (
        columns.ring_length[in_table].astype(np.uint32) | columns.ring_hole[in_table].astype(np.uint32) << 31
    )
    words[_spread(start[:-1] + 1 + table, 2 * rings)] = _as_words(columns.vertices[ring_vertex[:-1]])
    at = start[:-1] + 1 + table + 2 * rings
    is_wide = wide[step_owner]
    words[_spread(at[~wide], body[~wide])] = _narrow_words(steps[~is_wide])
    words[_spread(at[wide], body[wide])] = _as_words(columns.vertices[rest][is_wide])
    return _cut(words, start)


def _pack_ordinary(columns: Columns) -> list[bytes] | None:
    """The same for shapes of one ring each, none with a long step: a header, a vertex and steps; else None."""
    length = columns.ring_length.astype(np.int64)
    if len(length) != len(columns) or (columns.rings != 1).any() or not length.all():
        return None
    x, y = columns.vertices[:, 0], columns.vertices[:, 1]
    if max(int(x.max()) - int(x.min()), int(y.max()) - int(y.min())) > _INT32_MAX:
        return None  # a step could be more than 32 bits
    first = np.cumsum(length) - length
    steps = np.zeros((len(x), 2), np.int32)
    np.subtract(columns.vertices[1:], columns.vertices[:-1], out=steps[1:], dtype=np.int32)
    steps[first] = 0
    if int(steps.max()) > _INT16_MAX or int(steps.min()) < -_INT16_MAX:
        return None
    start = np.concatenate([[0], np.cumsum(length + 2)])
    words = np.empty(start[-1], "<u4")
    words[np.arange(len(x)) + np.repeat(2 * np.arange(1, len(length) + 1), length)] = _narrow_words(steps)
    words[start[:-1]] = _headers(columns, np.zeros(len(length), bool))
    words[start[:-1] + 1] = _as_words(x[first])
    words[start[:-1] + 2] = _as_words(y[first])
    return _cut(words, start)


def _cut(words: NDArray[np.uint32], start: NDArray[np.int64]) -> list[bytes]:
    everything = words.tobytes()
    return [everything[a:b] for a, b in pairwise((start * 4).tolist())]


def unpack_steps(packed: Sequence[bytes]) -> Steps:
    """Many stored geometries as first vertices and steps, without decoding a single vertex where that is possible."""
    return steps_of(b"".join(packed), np.fromiter(map(len, packed), np.int64, len(packed)))


def steps_of(packed: bytes, length: NDArray[np.int64]) -> Steps:
    """The same for geometries that are joined already; ``length`` is that of each in bytes."""
    words = np.frombuffer(packed, "<u4")
    size = length >> 2
    start = np.cumsum(size) - size
    header = words[start]
    version = header >> 4 & 0x0F
    if len(size) and ((version < WHOLE) | (version > FRACTIONS)).any():
        raise ValueError("a stored geometry has an unknown version; it was written by a newer release")
    fractions = version == FRACTIONS
    bits = np.where(fractions, 1 + (header >> 1 & 0x07), 0).astype(np.uint8) if fractions.any() else None
    shape = (header >> 8 & 0xFF).astype(np.uint8)
    rings = (header >> 16).astype(np.int64)
    wide = header & _WIDE == _WIDE
    if (rings == 1).all() and not wide.any():
        return _ordinary_steps(words, start, size, shape, bits)
    table = np.where(rings == 1, 0, rings)
    body = size - 1 - table - 2 * rings
    rows = words[_spread(start + 1, table)]

    ring_length = np.empty(rings.sum(), np.uint32)
    hole = np.zeros(len(ring_length), np.uint8)
    single = np.repeat(rings == 1, rings)
    one = rings == 1
    ring_length[single] = 1 + body[one] // np.where(wide[one], 2, 1)
    ring_length[~single] = rows & ~_HOLE
    hole[~single] = rows >> 31

    first = words[_spread(start + 1 + table, 2 * rings)].view("<i4").reshape(-1, 2)
    ring_start = np.concatenate([[0], np.cumsum(rings)]).astype(np.uint32)
    at = start + 1 + table + 2 * rings
    if not wide.any():
        delta = words[_spread(at, body)].view("<i2").reshape(-1, 2)
        return Steps(shape, ring_start, ring_length, hole, first, delta, None, bits)
    owner = np.repeat(np.arange(len(size)), rings)
    step_wide = np.repeat(wide[owner], ring_length.astype(np.int64) - 1)
    vertices = np.empty((int(ring_length.sum(dtype=np.int64)), 2), np.int64)
    ring_vertex = np.concatenate([[0], np.cumsum(ring_length, dtype=np.int64)])[:-1]
    rest = _rest(len(vertices), ring_vertex)
    values = np.empty((len(rest), 2), np.int64)
    values[~step_wide] = words[_spread(at[~wide], body[~wide])].view("<i2").reshape(-1, 2)
    values[step_wide] = words[_spread(at[wide], body[wide])].view("<i4").reshape(-1, 2)
    vertices[ring_vertex] = first
    vertices[rest] = values
    narrow_vertex = np.repeat(~wide[owner], ring_length.astype(np.int64))
    vertices = _summed(vertices, ring_vertex, ring_length.astype(np.int64), narrow_vertex)
    return Steps(shape, ring_start, ring_length, hole, first, None, vertices.astype(np.int32), bits)


def _ordinary_steps(
    words: NDArray[np.uint32],
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    shape: NDArray[np.uint8],
    bits: NDArray[np.uint8] | None,
) -> Steps:
    """Steps of shapes of one ring each, none with a long step: all words but three of each shape."""
    first = np.empty((len(start), 2), "<u4")
    is_step = np.ones(len(words), bool)
    is_step[start] = False
    for axis in (0, 1):
        first[:, axis] = words[start + 1 + axis]
        is_step[start + 1 + axis] = False
    return Steps(
        shape,
        np.arange(len(start) + 1, dtype=np.uint32),
        (size - 2).astype(np.uint32),
        np.zeros(len(start), np.uint8),
        first.view("<i4"),
        words[is_step].view("<i2").reshape(-1, 2),
        None,
        bits,
    )


def unpack_many(packed: Sequence[bytes]) -> Columns:
    """Many stored geometries as flat arrays of vertices."""
    steps = unpack_steps(packed)
    vertices = steps.wide
    if vertices is None and steps.delta is not None:
        length = steps.ring_length.astype(np.int64)
        ring_vertex = np.concatenate([[0], np.cumsum(length)])[:-1]
        values = np.empty((int(length.sum()), 2), np.int64)
        values[ring_vertex] = steps.first
        values[_rest(len(values), ring_vertex)] = steps.delta
        vertices = _summed(values, ring_vertex, length, np.ones(len(values), bool)).astype(np.int32)
    assert vertices is not None
    return Columns(steps.shape, steps.ring_start, steps.ring_length, steps.ring_hole, vertices, steps.fraction_bits)


def _headers(columns: Columns, wide: NDArray[np.bool_]) -> NDArray[np.int64]:
    coding = wide.astype(np.int64) | WHOLE << 4
    if columns.fraction_bits is not None:
        bits = columns.fraction_bits.astype(np.int64)
        coding = np.where(bits > 0, wide | bits - 1 << 1 | FRACTIONS << 4, coding)
    headers: NDArray[np.int64] = coding | columns.shape.astype(np.int64) << 8 | columns.rings << 16
    return headers


def _steps(vertices: NDArray[np.int32], ring_vertex: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the vertices that do not begin a ring, and their distance from the vertex before."""
    rest = _rest(len(vertices), ring_vertex)
    wide = vertices.astype(np.int64)
    return rest, wide[rest] - wide[rest - 1]


def _rest(count: int, ring_vertex: NDArray[np.int64]) -> NDArray[np.int64]:
    begins = np.zeros(count, bool)
    begins[ring_vertex] = True
    return np.flatnonzero(~begins)


def _summed(
    values: NDArray[np.int64], ring_vertex: NDArray[np.int64], length: NDArray[np.int64], steps: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Running sums within each ring for the vertices that are steps; the others stay."""
    if not len(values):
        return values
    moving = np.where(steps[:, None], values, 0)
    total = np.cumsum(moving, axis=0)
    before = total[ring_vertex] - moving[ring_vertex]
    return np.where(steps[:, None], total - np.repeat(before, length, axis=0), values)


def _spread(start: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices ``start[i] .. start[i] + count[i]`` of all ``i``, one after another."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(start - (ends - count), count) + np.arange(total)


def _as_words(values: NDArray[np.int32]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(values, "<i4").view("<u4").reshape(-1)


def _narrow_words(steps: NDArray[Any]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(steps.astype("<i2")).view("<u4").reshape(-1)
