"""Contracts of named drivers: what a reader of pictures must offer, and where it is registered.

A driver of the namespace ``exact.image_sources`` is a callable that takes the path of the main file and returns an
``ImageSource``. Register it as an entry point of that group; the hook ``exact_image_sources`` says for which
files it is asked. Drivers run in limited processes only: they may crash, hang or ask for too much memory without harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.generic]
    Pixels = NDArray[np.uint8]

IMAGE_SOURCES = "exact.image_sources"


class UnreadableImage(Exception):
    """The file cannot be shown; the message is the reason that the user reads."""


class UnknownFormat(UnreadableImage):
    """The file is of a kind that the driver does not read at all; another driver may."""


@dataclass(frozen=True, slots=True)
class SourceLevel:
    """One resolution that the file itself holds.

    Attributes:
        width: Width in pixels of this level.
        height: Height in pixels of this level.
        downsample: How many level-0 pixels one pixel of this level spans.
        tile_width: Width of the file's own tiles, 0 when it has none.
        tile_height: Height of the file's own tiles, 0 when it has none.
    """

    width: int
    height: int
    downsample: float
    tile_width: int = 0
    tile_height: int = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a picture that is not plain colour.

    Attributes:
        name: What the file or the microscope calls it.
        color: Its colour when channels are mixed, ``#rrggbb``.
        low: Sample value shown as black.
        high: Sample value shown at full brightness.
    """

    name: str
    color: str = "#ffffff"
    low: float = 0.0
    high: float = 255.0


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a reader knows about a file after opening it.

    Attributes:
        vendor: Short name of the format, such as ``aperio``.
        levels: Finest first; the first one is the full picture.
        is_color: Whether ``read`` returns red, green and blue; else it returns one channel at a time.
        size_z: Number of focal planes.
        size_t: Number of time points.
        channels: One entry per channel; empty for colour.
        z_spacing_um: Distance of focal planes.
        t_interval_s: Time between time points.
        mpp_x: Micrometres per level-0 pixel, horizontally; None when the file does not say.
        mpp_y: The same, vertically.
        objective_power: Magnification of the objective.
        associated: Names of label, macro and other pictures in the same file.
        conversion_reason: Why the file should be converted to a pyramid once; empty when it need not be.
        notes: Further facts worth showing, as text.
    """

    vendor: str
    levels: tuple[SourceLevel, ...]
    is_color: bool = True
    size_z: int = 1
    size_t: int = 1
    channels: tuple[Channel, ...] = ()
    z_spacing_um: float | None = None
    t_interval_s: float | None = None
    mpp_x: float | None = None
    mpp_y: float | None = None
    objective_power: float | None = None
    associated: tuple[str, ...] = ()
    conversion_reason: str = ""
    notes: dict[str, str] = field(default_factory=dict)


class ImageSource(Protocol):
    """An opened picture of any size."""

    @property
    def info(self) -> SourceInfo:
        """Describe the picture; the same value at every call."""

    @property
    def memory_bytes(self) -> int:
        """Say how much memory the opened picture holds, so that few large ones are kept open."""

    def read(self, level: int, x: int, y: int, width: int, height: int, z: int, t: int, channel: int) -> Samples:
        """Read a rectangle of one level that lies inside the level.

        Args:
            level: Index into ``info.levels``.
            x: Left edge, in pixels of that level.
            y: Upper edge, in pixels of that level.
            width: Width in pixels of that level.
            height: Height in pixels of that level.
            z: Focal plane.
            t: Time point.
            channel: Channel index; of no meaning when ``info.is_color``.

        Returns:
            For colour an array ``(height, width, 3)`` of uint8, else ``(height, width)`` of the file's own type.
        """

    def associated(self, name: str) -> Pixels:
        """Read a whole associated picture as ``(height, width, 3)`` of uint8."""

    def close(self) -> None:
        """Let go of the file."""


if TYPE_CHECKING:
    ImageSourceDriver = Callable[[Path], ImageSource]
