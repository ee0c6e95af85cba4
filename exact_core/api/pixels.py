"""Reading the pixels of an image where it cannot be opened as a file: jobs, models, remote workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from exact_core.api.drivers import SourceInfo
    from exact_core.api.images import ImageInfo

    Samples = NDArray[np.generic]


class PixelReader(Protocol):
    """An image that can be read in rectangles, whether its file lies on this machine or behind the server's API."""

    @property
    def image(self) -> ImageInfo:
        """Which image it is, with its size in level-0 pixels and its resolution."""

    @property
    def source(self) -> SourceInfo:
        """What its file offers: levels, channels, planes."""

    def read(
        self, x: int, y: int, width: int, height: int, level: int = 0, *, z: int = 0, t: int = 0, channel: int = 0
    ) -> Samples:
        """Read a rectangle of one level; what lies outside of the picture is white in colour pictures, else 0.

        Args:
            x: Left edge, in pixels of that level; may be negative.
            y: Upper edge, in pixels of that level; may be negative.
            width: Width in pixels of that level.
            height: Height in pixels of that level.
            level: Index into ``source.levels``; 0 is full size.
            z: Focal plane.
            t: Time point.
            channel: Channel index; of no meaning for colour.

        Returns:
            For colour an array ``(height, width, 3)`` of uint8, else ``(height, width)`` of the file's own type.

        Raises:
            Unavailable: The image was deleted, or the server does not answer.
        """

    @property
    def reopen(self) -> Callable[[], PixelReader]:
        """A function that can be pickled and opens the same image in another process, for prefetching."""

    def close(self) -> None:
        """Let go of the file or the connection."""
