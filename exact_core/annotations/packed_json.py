"""The JSON form of a stored geometry, as every edit is answered with: of small ordinary shapes without numpy."""

from __future__ import annotations

from struct import Struct, unpack
from typing import Any

from exact_core.annotations.packing import WHOLE
from exact_core.annotations.packing import unpack as geometry_of
from exact_core.api.contributions import Shape

_FIRST = Struct("<Iii")
_FEW = 64


def packed_json(packed: bytes) -> dict[str, Any]:
    """What :meth:`Geometry.to_json` gives of the geometry."""
    header, steps = int.from_bytes(packed[:4], "little"), (len(packed) - _FIRST.size) // 2
    number = header >> 8 & 0xFF
    # One ring of whole pixels in 16-bit steps; numpy would take longer to begin.
    is_ordinary = header >> 16 == 1 and header & 0xFF == WHOLE << 4 and steps <= 2 * _FEW
    if not is_ordinary or number == Shape.MULTI_POLYGON.number:
        return geometry_of(packed).to_json()
    _, x, y = _FIRST.unpack_from(packed)
    ring = [[x, y]]
    moves = iter(unpack(f"<{steps}h", packed[_FIRST.size :]))
    for right, down in zip(moves, moves, strict=True):
        x, y = x + right, y + down
        ring.append([x, y])
    return {"shape": Shape.from_number(number).value, "rings": [ring]}
