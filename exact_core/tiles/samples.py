"""Rectangles of an opened picture with the file's own samples, and what travels about them between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exact_core.api.drivers import Channel, SourceInfo, SourceLevel
from exact_core.api.errors import Invalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from exact_core.api.drivers import ImageSource

    Samples = NDArray[np.generic]

LARGEST_WINDOW = 64 * 1024 * 1024
"""Most pixels of one reading."""

_FURTHEST = 2**31 - 1
_WHITE = 255


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of one level and plane, in pixels of that level; it may lie outside of the picture."""

    x: int
    y: int
    width: int
    height: int
    level: int = 0
    z: int = 0
    t: int = 0
    channel: int = 0

    def require(self, info: SourceInfo) -> None:
        """Raise ``Invalid`` when the picture has no such level or plane, or when the rectangle is out of bounds."""
        if self.width < 1 or self.height < 1 or self.width * self.height > LARGEST_WINDOW:
            raise Invalid(
                f"width, height: {self.width} × {self.height} pixels cannot be read at once;"
                f" ask for 1 to {LARGEST_WINDOW:,} in all."
            )
        if max(abs(self.x), abs(self.y)) > _FURTHEST:
            raise Invalid(f"x, y: {self.x}, {self.y} is too far from the picture.")
        channels = 1 if info.is_color else max(1, len(info.channels))
        for name, value, count in (
            ("level", self.level, len(info.levels)),
            ("z", self.z, info.size_z),
            ("t", self.t, info.size_t),
            ("channel", self.channel, channels),
        ):
            if not 0 <= value < count and not (name == "channel" and info.is_color):
                raise Invalid(f"{name}: the image has 0 to {count - 1}, not {value}.")

    def as_json(self) -> dict[str, int]:
        """Plain values; ``Window(**values)`` reads them."""
        return asdict(self)


def read_window(source: ImageSource, window: Window) -> Samples:
    """Read a rectangle; what lies outside of the picture is white in colour pictures, else 0.

    Args:
        source: The opened picture.
        window: Which rectangle, in pixels of its level.

    Returns:
        ``(height, width, 3)`` of uint8 for colour, else ``(height, width)`` of the file's type in native byte order.

    Raises:
        Invalid: There is no such level or plane.
    """
    info = source.info
    window.require(info)
    level = info.levels[window.level]
    left, top = max(window.x, 0), max(window.y, 0)
    right = min(window.x + window.width, level.width)
    bottom = min(window.y + window.height, level.height)
    is_inside = left < right and top < bottom
    # A pixel is read where nothing is wanted: it tells the type of the samples.
    box = (left, top, right - left, bottom - top) if is_inside else (0, 0, 1, 1)
    found = source.read(window.level, *box, window.z, window.t, window.channel)
    found = np.asarray(found, np.uint8 if info.is_color else found.dtype.newbyteorder("="))
    if is_inside and found.shape[:2] == (window.height, window.width):
        return np.ascontiguousarray(found)
    canvas = np.full((window.height, window.width, *found.shape[2:]), _WHITE if info.is_color else 0, dtype=found.dtype)
    if is_inside:
        canvas[top - window.y : bottom - window.y, left - window.x : right - window.x] = found
    return canvas


def samples_header(samples: Samples) -> dict[str, Any]:
    """What must be known to read the bytes of an array again."""
    return {"shape": list(samples.shape), "dtype": samples.dtype.newbyteorder("<").str}


def samples_from(header: Mapping[str, Any], body: bytes) -> Samples:
    """The array of a header and the bytes after it; it may be written to.

    Raises:
        Invalid: The bytes do not fit the header, or it names no type of numbers.
    """
    try:
        dtype = np.dtype(str(header["dtype"]))
        shape = tuple(int(side) for side in header["shape"])
        if dtype.kind not in "uif" or dtype.itemsize > 8:
            raise ValueError(dtype.str)
        array = np.frombuffer(body, dtype).reshape(shape)
    except (LookupError, TypeError, ValueError) as error:
        raise Invalid(f"The samples that came are not what was announced ({error}).") from None
    return array.astype(dtype.newbyteorder("="))


def source_as_json(info: SourceInfo) -> dict[str, Any]:
    """Plain values of what a reader knows about a file."""
    return asdict(info)


def source_from_json(value: Mapping[str, Any]) -> SourceInfo:
    """Read what :func:`source_as_json` wrote."""
    plain = dict(value)
    plain["levels"] = tuple(SourceLevel(**level) for level in value["levels"])
    plain["channels"] = tuple(Channel(**channel) for channel in value["channels"])
    plain["associated"] = tuple(value["associated"])
    return SourceInfo(**plain)
