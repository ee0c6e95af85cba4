"""Maps of values as pyramids: a file of ready PNG tiles that the web process only copies ranges of.

Level 0 is the map as the model gave it; each further level has half its size, averaged, down to one tile. The file is
the tiles one after the other, then where each begins as uint64 (level by level, row by row, and the end), then how
many they are as uint64. A tile in which all is 0 takes no room. Tiles are 8-bit grey, 256 pixels wide and high; those
at the right and lower edge are cut to the map.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from imagecodecs import png_decode, png_encode
from numpy.typing import NDArray

from exact_core.api.errors import Invalid, NotFound

TILE = 256
MOST_PIXELS = 1 << 36
_NUMBER = np.dtype("<u8")


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of one level."""

    width: int
    height: int

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return -(-self.width // TILE)

    @property
    def rows(self) -> int:
        """Tiles one above the other."""
        return -(-self.height // TILE)


def levels_of(width: int, height: int) -> list[Grid]:
    """The levels of a map, finest first; the last one is a single tile."""
    found = [Grid(width, height)]
    while max(found[-1].width, found[-1].height) > TILE:
        found.append(Grid(-(-found[-1].width // 2), -(-found[-1].height // 2)))
    return found


class PyramidWriter:
    """Takes the rows of a map from the top and keeps no more than two rows of tiles of each level in memory."""

    def __init__(self, file: BinaryIO, width: int, height: int) -> None:
        if width < 1 or height < 1 or width * height > MOST_PIXELS:
            raise Invalid(f"A map of {width} × {height} pixels cannot be kept; give it a larger downsample.")
        self._file = file
        self._levels = levels_of(width, height)
        self._begun = [np.zeros((each.rows, each.columns, 2), _NUMBER) for each in self._levels]
        self._bands = [np.zeros((TILE, each.width), np.uint8) for each in self._levels]
        self._filled = [0] * len(self._levels)
        self._written = [0] * len(self._levels)
        self._odd: list[NDArray[np.uint8] | None] = [None] * len(self._levels)

    def write(self, band: NDArray[np.uint8]) -> None:
        """Take the next rows, as ``MapWriter`` says."""
        if band.dtype != np.uint8 or band.ndim != 2 or band.shape[1] != self._levels[0].width:
            raise Invalid(f"A band of this map is an array of uint8 with {self._levels[0].width} columns.")
        if self._written[0] + self._filled[0] + len(band) > self._levels[0].height:
            raise Invalid(f"There are more rows than the {self._levels[0].height} of the map.")
        self._take(0, band)

    def finish(self) -> None:
        """Write what is left and the table of the tiles.

        Raises:
            Invalid: Rows are missing.
        """
        if self._written[0] + self._filled[0] != self._levels[0].height:
            raise Invalid(f"The map ended after {self._written[0] + self._filled[0]} of its rows.")
        for level in range(len(self._levels)):
            self._flush(level)
            odd = self._odd[level]
            if odd is not None:
                self._odd[level] = None
                self._take(level + 1, _halved(np.concatenate([odd, odd])))
        table = np.concatenate([each.reshape(-1) for each in self._begun])
        self._file.write(table.tobytes())
        self._file.write(np.array([len(table)], _NUMBER).tobytes())

    def _take(self, level: int, band: NDArray[np.uint8]) -> None:
        while len(band):
            room = min(TILE - self._filled[level], len(band))
            at = self._filled[level]
            self._bands[level][at : at + room] = band[:room]
            self._filled[level] += room
            band = band[room:]
            if self._filled[level] == TILE:
                self._flush(level)

    def _flush(self, level: int) -> None:
        """Write the row of tiles that is collected, and hand its half to the next level."""
        filled = self._filled[level]
        if not filled:
            return
        band = self._bands[level][:filled].copy()
        row = self._written[level] // TILE
        for column in range(self._levels[level].columns):
            tile = np.ascontiguousarray(band[:, column * TILE : (column + 1) * TILE])
            if tile.any():
                body = png_encode(tile, level=3)
                self._begun[level][row, column] = self._file.tell(), len(body)
                self._file.write(body)
        self._written[level] += filled
        self._filled[level] = 0
        if level + 1 == len(self._levels):
            return
        odd = self._odd[level]
        rows = band if odd is None else np.concatenate([odd, band])
        even = len(rows) // 2 * 2
        self._odd[level] = rows[even:] if even < len(rows) else None
        if even:
            self._take(level + 1, _halved(rows[:even]))


def _halved(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average two by two; an odd last column counts for itself."""
    wide = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)), mode="edge").astype(np.uint16)
    total = wide.reshape(len(wide) // 2, 2, -1, 2).sum(axis=(1, 3))
    half: NDArray[np.uint8] = ((total + 2) // 4).astype(np.uint8)
    return half


@contextmanager
def writing(path: Path, width: int, height: int) -> Iterator[PyramidWriter]:
    """A pyramid that is whole when the block ends well, and is removed when it raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = False
    try:
        with path.open("wb") as file:
            writer = PyramidWriter(file, width, height)
            yield writer
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        done = True
    finally:
        if not done:
            path.unlink(missing_ok=True)


def tile(path: Path, width: int, height: int, level: int, column: int, row: int) -> bytes:
    """One tile as PNG; nothing when all of it is 0.

    Raises:
        NotFound: The map has no such tile, or its file is gone.
    """
    levels = levels_of(width, height)
    if not (0 <= level < len(levels) and 0 <= column < levels[level].columns and 0 <= row < levels[level].rows):
        raise NotFound(f"The map has no tile {column}_{row} on level {level}.")
    before = sum(each.columns * each.rows for each in levels[:level])
    place = before + row * levels[level].columns + column
    count = 2 * sum(each.columns * each.rows for each in levels)
    try:
        with path.open("rb") as file:
            file.seek(-(count + 1 - 2 * place) * _NUMBER.itemsize, os.SEEK_END)
            begin, length = np.frombuffer(file.read(2 * _NUMBER.itemsize), _NUMBER).tolist()
            file.seek(begin)
            return file.read(length)
    except FileNotFoundError:
        raise NotFound("The file of this map is gone; delete the run and make it again.") from None


def pixels(path: Path, width: int, height: int, level: int) -> NDArray[np.uint8]:
    """All of one level, for levels that are small enough to be read whole."""
    grid = levels_of(width, height)[level]
    answer = np.zeros((grid.height, grid.width), np.uint8)
    for row in range(grid.rows):
        for column in range(grid.columns):
            body = tile(path, width, height, level, column, row)
            if body:
                part = png_decode(body)
                y, x = row * TILE, column * TILE
                answer[y : y + part.shape[0], x : x + part.shape[1]] = part
    return answer
