"""Sets of fields, and seconds per field, as few bytes: one bit and two bytes each, in chunks that change alone.

A mark writes one chunk, so it costs the same on ten fields and on a million.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from exact_screening.grid import Flags

CHUNK = 1024
"""Fields per chunk."""

EMPTY = bytes(CHUNK // 8)
"""Bits of a chunk of which nothing was seen."""

_TENTHS = 10
_MOST = 65_535  # tenths of a second that two bytes hold: 1.8 hours on one field


def pack(flags: NDArray[np.bool_]) -> bytes:
    """Flags as compressed bits, eight to a byte, the first one highest."""
    return zlib.compress(np.packbits(flags).tobytes(), 6)


def unpack(packed: bytes, count: int) -> Flags:
    """What ``pack`` made; ``count`` flags."""
    bits = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
    return np.unpackbits(bits, count=count).astype(bool)


def as_text(flags: NDArray[np.bool_]) -> str:
    """Flags as a browser reads them: base64 of the bits, the first one highest."""
    return b64encode(np.packbits(flags).tobytes()).decode()


def gathered(chunks: Mapping[int, bytes], count: int) -> Flags:
    """The flags of all fields from the bits of the chunks that there are."""
    flags = np.zeros(-(-count // CHUNK) * CHUNK, dtype=bool)
    for number, bits in chunks.items():
        flags[number * CHUNK : (number + 1) * CHUNK] = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))
    return flags[:count]


def split(flags: NDArray[np.bool_]) -> dict[int, bytes]:
    """The bits of each chunk in which something is set."""
    padded = np.zeros(-(-flags.size // CHUNK) * CHUNK, dtype=bool)
    padded[: flags.size] = flags
    rows = padded.reshape(-1, CHUNK)
    return {int(number): np.packbits(rows[number]).tobytes() for number in np.flatnonzero(rows.any(axis=1))}


def changed(bits: bytes, marks: Iterable[int], unmarks: Iterable[int]) -> tuple[bytes, int]:
    """Set and clear fields of one chunk.

    Args:
        bits: The chunk.
        marks: Fields within the chunk, 0 to ``CHUNK`` - 1.
        unmarks: Fields to clear, after the marks were set.

    Returns:
        The new bits, and by how many there are more set.
    """
    flags = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))
    before = int(flags.sum())
    flags[list(marks)] = 1
    flags[list(unmarks)] = 0
    return np.packbits(flags).tobytes(), int(flags.sum()) - before


def with_seconds(times: bytes, seconds: Mapping[int, float]) -> bytes:
    """Add seconds to fields of one chunk; tenths are kept, up to 1.8 hours per field."""
    kept = _tenths(times)
    for place, added in seconds.items():
        kept[place] = min(_MOST, int(kept[place]) + round(added * _TENTHS))
    return zlib.compress(kept.astype("<u2").tobytes(), 6)


def seconds_of(times: bytes) -> NDArray[np.float64]:
    """Seconds of each field of a chunk."""
    return _tenths(times) / _TENTHS


def _tenths(times: bytes) -> NDArray[np.int64]:
    if not times:
        return np.zeros(CHUNK, dtype=np.int64)
    return np.frombuffer(zlib.decompress(times), dtype="<u2").astype(np.int64)
