"""Readers of images for portable jobs: of the file, when it lies on this machine, else through the job's host."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from exact_core.jobs.hosts.protocol import JobHost
from exact_core.tiles.samples import Window

if TYPE_CHECKING:
    from exact_core.api.drivers import SourceInfo
    from exact_core.api.images import ImageInfo
    from exact_core.api.pixels import PixelReader
    from exact_core.jobs.hosts.protocol import HostedImage
    from exact_core.tiles.samples import Samples


class Reads(Protocol):
    """What a reader needs of a host; ``reopen`` can be pickled and connects another process to the same host."""

    def read(self, image_id: int, window: Window) -> Samples:
        """Read a rectangle of an image."""

    @property
    def reopen(self) -> Callable[[], Reads]:
        """Connects again."""

    def close(self) -> None:
        """Let go of the connection."""


class ReadingHost(JobHost, Reads, Protocol):
    """A host away from the files, to which other processes can connect too."""


class HostedPixelReader:
    """An image that is read through the host (``exact_core.api.pixels.PixelReader``)."""

    def __init__(self, image: ImageInfo, source: SourceInfo, reads: Reads, *, closes: bool = False) -> None:
        self._image = image
        self._source = source
        self._reads = reads
        self._closes = closes

    @classmethod
    def over(cls, image: ImageInfo, source: SourceInfo, connect: Callable[[], Reads]) -> HostedPixelReader:
        """A reader with a connection of its own."""
        return cls(image, source, connect(), closes=True)

    @property
    def image(self) -> ImageInfo:
        """Which image it is."""
        return self._image

    @property
    def source(self) -> SourceInfo:
        """What its file offers."""
        return self._source

    def read(
        self, x: int, y: int, width: int, height: int, level: int = 0, *, z: int = 0, t: int = 0, channel: int = 0
    ) -> Samples:
        """Read a rectangle of one level, in pixels of that level; see ``exact_core.api.pixels.PixelReader``."""
        window = Window(x, y, width, height, level, z, t, channel)
        window.require(self._source)
        return self._reads.read(self._image.id, window)

    @property
    def reopen(self) -> Callable[[], HostedPixelReader]:
        """Opens the same image in another process."""
        return functools.partial(HostedPixelReader.over, self._image, self._source, self._reads.reopen)

    def close(self) -> None:
        """Let go of a connection of its own."""
        if self._closes:
            self._reads.close()


def open_hosted(host: ReadingHost, image_id: int) -> PixelReader:
    """Open an image: by its file where that lies here and its driver is installed here, else through the host."""
    from exact_core.api.drivers import IMAGE_SOURCES
    from exact_core.kernel.drivers import driver_names
    from exact_core.tiles.pixels import FilePixelReader

    hosted: HostedImage = host.image(image_id)
    if hosted.slide is not None and hosted.slide.driver in driver_names(IMAGE_SOURCES):
        return FilePixelReader(hosted.info, hosted.slide)
    return HostedPixelReader(hosted.info, hosted.source, host)
