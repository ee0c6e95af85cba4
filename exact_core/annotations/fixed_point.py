"""Coordinates as fixed-point numbers: an int32 divided by ``2**bits`` is a place in level-0 pixels.

Whole pixels need no bits. Fractions are rounded to 1/256 pixel, halves up, or to what still fits into 32 bits on a very
large image. A shape always has the fewest bits that hold its vertices, so that equal shapes have equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid

MAX_BITS = 8
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

Units = NDArray[np.int64]
"""Vertices in units of ``2**-bits`` pixels, ``(n, 2)``."""


def reach_of(side: int) -> int:
    """How far a vertex may lie outside of an image of this width or height before the shape is refused."""
    return max(256, side // 4)


def most_bits(width: int, height: int) -> int:
    """The bits that every vertex of a shape on an image of this size can have."""
    longest = max(width, height)
    return max(0, min(MAX_BITS, 31 - (longest + reach_of(longest) + 1).bit_length()))


def to_units(values: NDArray[np.float64], bits: int) -> Units:
    """Pixels as units of ``2**-bits`` pixels; ``Invalid`` for what is not finite or beyond 32-bit pixels."""
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise Invalid(f"Vertex {int(bad.argmax())} is not finite (NaN or infinity).")
    outside = ((values < INT32_MIN) | (values > INT32_MAX)).any(axis=1)
    if outside.any():
        raise Invalid(f"Vertex {int(outside.argmax())} is outside of what 32-bit pixels can address.")
    return np.floor(values * float(1 << bits) + 0.5).astype(np.int64)


def fewer_bits(units: Units, bits: int, fewer: int) -> Units:
    """The same places with fewer bits, rounded to the nearest, halves up."""
    return units if fewer >= bits else units + (1 << bits - fewer >> 1) >> bits - fewer


def rings_in_units(rings: Sequence[NDArray[Any]], bits: int, most: int) -> tuple[list[Units], int]:
    """Rings with the fewest bits.

    Args:
        rings: Integers in units of ``2**-bits`` pixels, or floats in pixels.
        bits: Of integer rings.
        most: More bits than these are rounded away.
    """
    units: list[Units] = []
    floats = any(ring.dtype.kind == "f" for ring in rings)
    for number, ring in enumerate(rings):
        if not floats:
            units.append(fewer_bits(ring.astype(np.int64), bits, most))
            continue
        places = ring.astype(np.float64) if ring.dtype.kind == "f" else ring / float(1 << bits)
        try:
            units.append(to_units(places, most))
        except Invalid as error:
            raise Invalid(f"In ring {number}: {error.message}") from None
    return reduced(units, most if floats else min(bits, most))


def reduced(rings: Sequence[Units], bits: int) -> tuple[list[Units], int]:
    """The same rings with the fewest bits that hold all their vertices."""
    if not bits:
        return list(rings), 0
    used = 0
    for ring in rings:
        used |= int(np.bitwise_or.reduce(ring, axis=None))
    spare = spare_bits(used, bits)
    return [ring >> spare for ring in rings] if spare else list(rings), bits - spare


def spare_bits(used: int, bits: int) -> int:
    """How many of the bits are zero in every number; ``used`` is all numbers or-ed together."""
    return min(bits, (used & -used).bit_length() - 1) if used else bits
