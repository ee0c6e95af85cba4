"""The tile index of an image: where its ready JPEG tiles lie in the file, validated, in a file of our own.

Layout: ``EXACTTI1``, uint32 length of a JSON header, the header, padding to 8 bytes, then the arrays: per level the
offsets (uint64) and lengths (uint32) of all tiles, plane after plane, row after row. A length of 0 means that the tile
must be rendered. Headers are the bytes that go before a tile to make it a complete picture.
"""

from __future__ import annotations

import base64
import json
import mmap
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exact_core.api.errors import ExactError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"EXACTTI1"
LONGEST_HEADER = 16 * 1024 * 1024
LARGEST_TILE = 16 * 1024 * 1024
_PREFIX = struct.Struct("<8sI")


class BrokenTileIndex(ExactError):
    """A tile index does not fit its image; probing the image again makes a new one."""

    code = "broken-tile-index"


@dataclass(frozen=True, slots=True)
class TileTable:
    """Ready tiles of one level as the probe found them; arrays are ``(planes, rows, columns)``."""

    source_level: int
    tile_width: int
    tile_height: int
    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint32]
    headers: Sequence[bytes]  # one per plane


class JpegLevel:
    """Ready tiles of one level, for looking up without making objects."""

    __slots__ = (
        "_headers",
        "_lengths",
        "_offsets",
        "_plane_size",
        "columns",
        "planes",
        "rows",
        "tile_height",
        "tile_width",
    )

    def __init__(self, facts: Mapping[str, Any], arrays: memoryview, headers: Sequence[bytes], file_size: int) -> None:
        self.columns, self.rows, self.planes = (int(facts[name]) for name in ("columns", "rows", "planes"))
        self.tile_width, self.tile_height = int(facts["tile_width"]), int(facts["tile_height"])
        self._plane_size = self.columns * self.rows
        count = self._plane_size * self.planes
        self._headers = [headers[int(number)] for number in facts["headers"]]
        if min(self.columns, self.rows, self.planes, self.tile_width, self.tile_height) < 1:
            raise ValueError("a level without tiles")
        if len(self._headers) != self.planes:
            raise ValueError("headers do not fit planes")
        start, then = int(facts["offsets"]), int(facts["lengths"])
        if min(start, then) < 0 or start % 8 or then % 4 or max(start + 8 * count, then + 4 * count) > len(arrays):
            raise ValueError("arrays lie outside of the file")
        self._offsets = arrays[start : start + 8 * count].cast("Q")
        self._lengths = arrays[then : then + 4 * count].cast("I")
        offsets, lengths = np.frombuffer(self._offsets, np.uint64), np.frombuffer(self._lengths, np.uint32)
        if np.any(lengths > LARGEST_TILE) or np.any(offsets > file_size) or np.any(offsets + lengths > file_size):
            raise ValueError("tiles lie outside of the image file")

    def read(self, descriptor: int, plane: int, column: int, row: int) -> bytes | None:
        """Read a complete JPEG picture with one read; None when the tile must be rendered."""
        position = plane * self._plane_size + row * self.columns + column
        length = self._lengths[position]
        if length < 4:
            return None
        # The header replaces the tile's own first marker, which is 2 bytes long.
        return self._headers[plane] + os.pread(descriptor, length - 2, self._offsets[position] + 2)


class TileIndex:
    """An opened tile index; keeps its file mapped and checked against the image file."""

    __slots__ = ("_map", "file_size", "levels")

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            view = memoryview(self._map)
            magic, length = _PREFIX.unpack_from(view)
            if magic != MAGIC or length > LONGEST_HEADER or _PREFIX.size + length > len(view):
                raise ValueError("not a tile index")
            header = json.loads(bytes(view[_PREFIX.size : _PREFIX.size + length]))
            arrays = view[_aligned(_PREFIX.size + length) :]
            self.file_size = int(header["file_size"])
            headers = [base64.b64decode(text) for text in header["headers"]]
            self.levels = {
                int(facts["source_level"]): JpegLevel(facts, arrays, headers, self.file_size)
                for facts in header["levels"]
            }
        except (OSError, ValueError, LookupError, TypeError, struct.error) as error:
            raise BrokenTileIndex(
                f"The tile index {path.name} cannot be used ({error}); probe the image again."
            ) from None


def pack_tile_index(file_size: int, tables: Sequence[TileTable]) -> bytes:
    """Write an index as bytes."""
    headers: list[bytes] = []
    levels: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    position = 0
    for table in tables:
        numbers = []
        for header in table.headers:
            if header not in headers:
                headers.append(header)
            numbers.append(headers.index(header))
        starts = []
        for block in (table.offsets.astype("<u8").tobytes(), table.lengths.astype("<u4").tobytes()):
            starts.append(position)
            blocks.append(block.ljust(_aligned(len(block)), b"\0"))
            position += len(blocks[-1])
        planes, rows, columns = table.offsets.shape
        levels.append(
            {
                "source_level": table.source_level,
                "columns": columns,
                "rows": rows,
                "planes": planes,
                "tile_width": table.tile_width,
                "tile_height": table.tile_height,
                "headers": numbers,
                "offsets": starts[0],
                "lengths": starts[1],
            }
        )
    facts = {
        "file_size": file_size,
        "headers": [base64.b64encode(header).decode() for header in headers],
        "levels": levels,
    }
    text = json.dumps(facts, separators=(",", ":")).encode()
    prefix = _PREFIX.pack(MAGIC, len(text)) + text
    return prefix.ljust(_aligned(len(prefix)), b"\0") + b"".join(blocks)


def _aligned(length: int) -> int:
    return -(-length // 8) * 8
