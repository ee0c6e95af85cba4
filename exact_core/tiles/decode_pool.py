"""The pool of limited processes that renders pixels for the server: bounded, joined, unharmed by any file."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import Invalid, NotFound, Unavailable
from exact_core.tiles.messages import Header
from exact_core.tiles.pyramid import Level
from exact_core.tiles.samples import samples_from, source_from_json
from exact_core.tiles.worker_process import WorkerProcess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from exact_core.api.drivers import SourceInfo
    from exact_core.settings import Settings
    from exact_core.tiles.frames import Frame
    from exact_core.tiles.samples import Samples, Window
    from exact_core.tiles.slide_file import SlideFile

_MOST_WAITING = 512
_LARGEST_SIDE = 4096
_Answer = tuple[Header, bytes]


class DecodePool:
    """A few limited processes behind as many threads; callers of the same tile share one rendering.

    Processes start with the first request. One that crashes, hangs or takes too much memory fails its request only,
    as ``UnreadableImage`` with the reason.
    """

    def __init__(self, processes: int, memory_mib: int, seconds: float) -> None:
        self._seconds = seconds
        self._memory_mib = memory_mib
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="exact-decode")
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._workers: list[WorkerProcess] = []
        self._joined: dict[tuple[object, ...], Future[_Answer]] = {}
        self._is_closed = False

    @classmethod
    def from_settings(cls, settings: Settings) -> DecodePool:
        """Make the pool of one server process."""
        return cls(settings.decode_processes, settings.decode_memory_mib, settings.decode_seconds)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The processes that run now."""
        with self._lock:
            return tuple(worker.pid for worker in self._workers if worker.pid is not None)

    async def tile(self, slide: SlideFile, level: Level, column: int, row: int, frame: Frame) -> bytes:
        """Render one tile as JPEG."""
        return (await _shared(self._submit_tile(slide, level, column, row, frame)))[1]

    def tile_now(self, slide: SlideFile, level: Level, column: int, row: int, frame: Frame) -> bytes:
        """Do the same from a thread."""
        return self._submit_tile(slide, level, column, row, frame).result()[1]

    async def region(
        self, slide: SlideFile, frame: Frame, x: int, y: int, width: int, height: int, downsample: float = 1.0
    ) -> NDArray[np.uint8]:
        """Read a region in colour: ``x``, ``y`` in level-0 pixels, the size in pixels of the result."""
        return _as_pixels(await _shared(self._submit_region(slide, frame, x, y, width, height, downsample)))

    def region_now(
        self, slide: SlideFile, frame: Frame, x: int, y: int, width: int, height: int, downsample: float = 1.0
    ) -> NDArray[np.uint8]:
        """Do the same from a thread."""
        return _as_pixels(self._submit_region(slide, frame, x, y, width, height, downsample).result())

    async def thumbnail(self, slide: SlideFile, size: int, frame: Frame) -> bytes:
        """Render the whole picture as JPEG with a longer side of ``size``."""
        return (await _shared(self._submit_thumbnail(slide, size, frame)))[1]

    def thumbnail_now(self, slide: SlideFile, size: int, frame: Frame) -> bytes:
        """Do the same from a thread."""
        return self._submit_thumbnail(slide, size, frame).result()[1]

    def describe_now(self, slide: SlideFile) -> SourceInfo:
        """What the file of an image offers, as its driver says."""
        header, _ = self._start((slide.key, slide.path, "describe"), slide, "describe", {}).result()
        return source_from_json(header["source"])

    def samples_now(self, slide: SlideFile, window: Window) -> Samples:
        """Read the file's own samples in a rectangle; see ``tiles/samples.py``."""
        key = (slide.key, slide.path, "samples", window)
        return samples_from(*self._start(key, slide, "samples", {"window": window.as_json()}).result())

    async def associated(self, slide: SlideFile, name: str, size: int = 2048) -> bytes:
        """Read a label, macro or other associated picture as JPEG."""
        return (await _shared(self._submit(slide, "associated", size, name=name)))[1]

    def associated_now(self, slide: SlideFile, name: str, size: int = 2048) -> bytes:
        """Do the same from a thread."""
        return self._submit(slide, "associated", size, name=name).result()[1]

    def close(self) -> None:
        """End all processes; requests that still wait fail."""
        with self._lock:
            self._is_closed = True
            waiting = list(self._joined.values())
        for future in waiting:
            future.cancel()
        # Ending a process makes the thread that waits for it return at once.
        for worker in self._workers:
            worker.interrupt()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.stop()

    def _submit_tile(self, slide: SlideFile, level: Level, column: int, row: int, frame: Frame) -> Future[_Answer]:
        if not level.has(column, row):
            raise NotFound(f"Level {level.index} has no tile in column {column}, row {row}.")
        extra = {"levels": [level.as_json()], "column": column, "row": row, "frame": [frame.z, frame.t, frame.c]}
        return self._start((slide.key, slide.path, "tile", level.index, column, row, frame), slide, "tile", extra)

    def _submit_region(
        self, slide: SlideFile, frame: Frame, x: int, y: int, width: int, height: int, downsample: float
    ) -> Future[_Answer]:
        if not (1 <= width <= _LARGEST_SIDE and 1 <= height <= _LARGEST_SIDE):
            raise Invalid(f"A region of {width} × {height} pixels is out of bounds; ask for 1 to {_LARGEST_SIDE} each.")
        if not 0 < downsample < 1e6:
            raise Invalid(f"The downsample factor {downsample!r} is not a sensible number.")
        box = {"x": x, "y": y, "width": width, "height": height, "downsample": downsample}
        levels = [level.as_json() for level in slide.levels]
        extra = {**box, "levels": levels, "frame": [frame.z, frame.t, frame.c]}
        return self._start((slide.key, slide.path, "region", *box.values(), frame), slide, "region", extra)

    def _submit_thumbnail(self, slide: SlideFile, size: int, frame: Frame) -> Future[_Answer]:
        if not 16 <= size <= _LARGEST_SIDE:
            raise Invalid(f"A size of {size} pixels is out of bounds; ask for 16 to {_LARGEST_SIDE}.")
        levels = [level.as_json() for level in slide.levels]
        extra = {"size": size, "levels": levels, "frame": [frame.z, frame.t, frame.c]}
        return self._start((slide.key, slide.path, "thumbnail", size, frame), slide, "thumbnail", extra)

    def _submit(self, slide: SlideFile, operation: str, size: int, name: str) -> Future[_Answer]:
        extra = {"name": name, "size": size}
        return self._start((slide.key, slide.path, operation, name, size), slide, operation, extra)

    def _start(
        self, key: tuple[object, ...], slide: SlideFile, operation: str, extra: dict[str, Any]
    ) -> Future[_Answer]:
        """Queue a request, or join the same one that is under way."""
        with self._lock:
            if self._is_closed:
                raise Unavailable("The server is shutting down.")
            running = self._joined.get(key)
            if running is not None:
                return running
            if len(self._joined) >= _MOST_WAITING:
                raise Unavailable("Too many pictures are being read; try again in a moment.")
            request = {"operation": operation, "slide": slide.as_json(), **extra}
            future = self._threads.submit(self._ask, request)
            self._joined[key] = future
        future.add_done_callback(lambda _: self._forget(key))
        return future

    def _forget(self, key: tuple[object, ...]) -> None:
        with self._lock:
            self._joined.pop(key, None)

    def _ask(self, request: dict[str, Any]) -> _Answer:
        worker: WorkerProcess | None = getattr(self._mine, "worker", None)
        if worker is None:
            worker = self._mine.worker = WorkerProcess(self._memory_mib)
            with self._lock:
                self._workers.append(worker)
        if self._is_closed:
            raise Unavailable("The server is shutting down.")
        return worker.ask(request, self._seconds)


def _shared(future: Future[_Answer]) -> asyncio.Future[_Answer]:
    """Wait for a future that others may wait for too: one who leaves does not cancel it for the others."""
    return asyncio.shield(asyncio.wrap_future(future))


def _as_pixels(answer: _Answer) -> NDArray[np.uint8]:
    header, body = answer
    height, width = int(header["height"]), int(header["width"])
    if height * width * 3 != len(body):
        raise UnreadableImage("The reader returned a region of the wrong size.")
    return np.frombuffer(body, np.uint8).reshape(height, width, 3)
