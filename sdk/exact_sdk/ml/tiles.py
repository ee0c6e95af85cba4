"""Reading the tiles of an image one after the other, here or ahead of time in other processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid, Unavailable
from exact_sdk.ml.stitching import MULTIPLE, Array, padded_length, reflected, starts

if TYPE_CHECKING:
    from exact_core.api.pixels import PixelReader

_reopen: Callable[[], PixelReader] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of an image at one level, in pixels of that level; it may reach over the edge.

    Attributes:
        row: Row of tiles, from 0.
        column: Column of tiles, from 0.
        x: Left edge.
        y: Upper edge.
        width: In pixels.
        height: In pixels.
    """

    row: int
    column: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How a map is covered with tiles of one size.

    Attributes:
        width: Of the map, in pixels.
        height: Of the map, in pixels.
        tile: Side of a tile, a multiple of ``multiple``.
        step: From one tile to the next.
        multiple: What the sides of a tile that is cut by the size of the map are padded to.
    """

    width: int
    height: int
    tile: int = 512
    step: int = 384
    multiple: int = MULTIPLE

    def __post_init__(self) -> None:
        starts(min(self.width, self.height), self.tile, self.step)
        if self.tile % self.multiple:
            raise Invalid(f"Tiles of {self.tile} px are no multiple of {self.multiple}: take the next one that is.")

    @property
    def rows(self) -> list[int]:
        """Where rows of tiles begin."""
        return starts(self.height, self.tile, self.step)

    @property
    def columns(self) -> list[int]:
        """Where columns of tiles begin."""
        return starts(self.width, self.tile, self.step)

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.rows) * len(self.columns)

    @property
    def inside(self) -> tuple[int, int]:
        """Height and width of the part of a tile that lies in the map."""
        return min(self.tile, self.height), min(self.tile, self.width)

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of what a network is given."""
        height, width = self.inside
        return padded_length(height, self.multiple), padded_length(width, self.multiple)

    def places(self, first_row: int = 0) -> Iterator[Place]:
        """The tiles from a row of tiles on, row by row."""
        height, width = self.padded
        columns = self.columns
        for row, y in list(enumerate(self.rows))[first_row:]:
            for column, x in enumerate(columns):
                yield Place(row, column, x, y, width, height)


@dataclass(frozen=True, slots=True)
class Frame:
    """Which pixels of an image are read.

    Attributes:
        level: Index into the levels of the source.
        z: Focal plane.
        t: Time point.
        channels: Which channels, in the order of the result; of no meaning for colour.
        outside: What lies around the image: its reflection, or what the reader gives there, which has no objects.
    """

    level: int = 0
    z: int = 0
    t: int = 0
    channels: tuple[int, ...] = (0,)
    outside: Literal["reflected", "blank"] = "reflected"


def read_tile(reader: PixelReader, place: Place, frame: Frame) -> Array:
    """Read a rectangle, which may reach over the edge of the image.

    Args:
        reader: The image.
        place: In pixels of the frame's level.
        frame: What is read.

    Returns:
        ``(height, width, channels)`` of the image's own type.

    Raises:
        Invalid: The rectangle does not touch the image.
    """
    level = reader.source.levels[frame.level]
    x0, y0 = max(0, place.x), max(0, place.y)
    x1, y1 = min(level.width, place.x + place.width), min(level.height, place.y + place.height)
    if x0 >= x1 or y0 >= y1:
        raise Invalid(f"The tile at {place.x}, {place.y} lies outside of {level.width} x {level.height} px.")
    if frame.outside == "blank":
        return _samples(reader, (place.x, place.y, place.width, place.height), frame)
    found = _samples(reader, (x0, y0, x1 - x0, y1 - y0), frame)
    rows = reflected(y1 - y0, y0 - place.y, place.y + place.height - y1)
    columns = reflected(x1 - x0, x0 - place.x, place.x + place.width - x1)
    if len(rows) != y1 - y0:
        found = found[rows]
    return found if len(columns) == x1 - x0 else found[:, columns]


def _samples(reader: PixelReader, area: tuple[int, int, int, int], frame: Frame) -> Array:
    if reader.source.is_color:
        return reader.read(*area, frame.level, z=frame.z, t=frame.t)
    planes = [reader.read(*area, frame.level, z=frame.z, t=frame.t, channel=one) for one in frame.channels]
    return np.stack(planes, axis=-1)


def skip_empty(mask: NDArray[np.bool_], width: int, height: int) -> Callable[[Place], bool]:
    """Make the rule that leaves out tiles without a valid pixel (ml-spec 0.5, rule 5).

    Args:
        mask: ``(rows, columns)`` of any size over the whole map, true where it is worth looking.
        width: Of the map, in pixels.
        height: Of the map, in pixels.
    """
    rows, columns = mask.shape
    filled = np.zeros((rows + 1, columns + 1), np.int64)
    filled[1:, 1:] = mask.cumsum(0).cumsum(1)

    def is_empty(place: Place) -> bool:
        top, left = max(0, place.y) * rows // height, max(0, place.x) * columns // width
        bottom = min(rows, -(-(place.y + place.height) * rows // height))
        right = min(columns, -(-(place.x + place.width) * columns // width))
        return bool(filled[bottom, right] - filled[top, right] - filled[bottom, left] + filled[top, left] == 0)

    return is_empty


@contextmanager
def tiles_of(
    reader: PixelReader, places: Iterable[Place], frame: Frame, processes: int = 0, ahead: int = 16
) -> Iterator[Iterator[tuple[Place, Array]]]:
    """Read tiles in the order given.

    Args:
        reader: The image; other processes open it again.
        places: Which tiles.
        frame: Which pixels of them.
        processes: How many processes read ahead; 0 reads in this one, when a tile is asked for.
        ahead: At most so many tiles wait, which bounds the memory.

    Raises:
        Unavailable: A process that read ended, or the image went away.
    """
    if processes < 1:
        yield ((place, read_tile(reader, place, frame)) for place in places)
        return
    # Spawned, not forked: the parent may have threads, and a reader is not made to be shared.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _open, (reader.reopen,))
    try:
        with closing(_ahead(pool, iter(places), frame, max(ahead, processes))) as found:
            yield found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ahead(
    pool: ProcessPoolExecutor, places: Iterator[Place], frame: Frame, ahead: int
) -> Generator[tuple[Place, Array], None, None]:
    waiting: deque[tuple[Place, Future[Array]]] = deque()
    try:
        for place in places:
            waiting.append((place, pool.submit(_read, place, frame)))
            if len(waiting) >= ahead:
                done, tile = waiting.popleft()
                yield done, tile.result()
        while waiting:
            done, tile = waiting.popleft()
            yield done, tile.result()
    except BrokenProcessPool:
        raise Unavailable("A process that read the image ended, mostly for want of memory; read with fewer.") from None


def _open(reopen: Callable[[], PixelReader]) -> None:
    global _reopen
    _reopen = reopen


def _read(place: Place, frame: Frame) -> NDArray[Any]:
    return read_tile(_opened(), place, frame)


@cache
def _opened() -> PixelReader:
    """The reader of this process; opened with the first tile, so that a failure is told as the tile's."""
    assert _reopen is not None
    reader = _reopen()
    Finalize(None, reader.close, exitpriority=1)  # atexit is not asked in processes of multiprocessing
    return reader
