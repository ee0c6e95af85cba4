"""Reading an image whose file lies on this machine: by a limited process of one's own, which may crash without harm."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from exact_core.api.drivers import SourceInfo, UnreadableImage
from exact_core.api.errors import Invalid, Unavailable
from exact_core.tiles.samples import Window, samples_from, source_from_json
from exact_core.tiles.worker_process import WorkerProcess

if TYPE_CHECKING:
    from exact_core.api.images import ImageInfo
    from exact_core.tiles.messages import Header
    from exact_core.tiles.samples import Samples
    from exact_core.tiles.slide_file import SlideFile

DEFAULT_MEMORY_MIB = 2048
DEFAULT_SECONDS = 60.0


class FilePixelReader:
    """An image opened by the driver of its file in a limited process (``exact_core.api.pixels.PixelReader``).

    Each reader has a process of its own, started at the first reading. Threads may share a reader; they take turns.
    Processes that prefetch call ``reopen`` each.
    """

    def __init__(
        self,
        image: ImageInfo,
        slide: SlideFile,
        *,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        self._image = image
        self._slide = slide
        self._memory_mib = memory_mib
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process = WorkerProcess(memory_mib)
        self._source: SourceInfo | None = None
        self._is_closed = False

    @property
    def image(self) -> ImageInfo:
        """Which image it is."""
        return self._image

    @property
    def source(self) -> SourceInfo:
        """What its file offers."""
        if self._source is None:
            header, _ = self._ask({"operation": "describe"})
            self._source = source_from_json(header["source"])
        return self._source

    def read(
        self, x: int, y: int, width: int, height: int, level: int = 0, *, z: int = 0, t: int = 0, channel: int = 0
    ) -> Samples:
        """Read a rectangle of one level, in pixels of that level; see ``exact_core.api.pixels.PixelReader``.

        Raises:
            Invalid: There is no such level or plane, or the file cannot be read; the message says which and why.
            Unavailable: No process can be started, or the reader was closed.
        """
        window = Window(x, y, width, height, level, z, t, channel)
        window.require(self.source)
        header, body = self._ask({"operation": "samples", "window": window.as_json()})
        return samples_from(header, body)

    @property
    def reopen(self) -> Callable[[], FilePixelReader]:
        """Opens the same image in another process."""
        return functools.partial(
            FilePixelReader, self._image, self._slide, memory_mib=self._memory_mib, seconds=self._seconds
        )

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._is_closed = True
            self._process.stop()

    def _ask(self, request: dict[str, object]) -> tuple[Header, bytes]:
        with self._lock:
            if self._is_closed:
                raise Unavailable(f"The reader of image {self._image.id} was closed.")
            try:
                return self._process.ask({**request, "slide": self._slide.as_json()}, self._seconds)
            except UnreadableImage as problem:
                raise Invalid(f"Image {self._image.id} cannot be read. {problem}") from None
