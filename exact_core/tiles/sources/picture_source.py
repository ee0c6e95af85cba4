"""Plain pictures: what Pillow decodes whole, and TIFF of every kind through tifffile."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from exact_core.api.drivers import Channel, ImageSource, SourceInfo, SourceLevel, UnknownFormat, UnreadableImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "JPEG2000", "PPM", "MPO")
MOST_PIXELS = 2**32
DECODED_WHOLE = 2**24  # 4096 × 4096; anything larger is converted to a pyramid once
_ORIENTATION = 0x0112
_SIDEWAYS = {5, 6, 7, 8}
_DEEP_MODES = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError)

# Own checks of the size follow; Pillow's would only warn.
Image.MAX_IMAGE_PIXELS = None


def open_picture(path: Path) -> ImageSource:
    """Open a plain picture or a TIFF; this is the driver ``picture``."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        from exact_core.tiles.sources.tiff_source import TiffSource

        return TiffSource(path)
    return PlainSource(path)


def _orientation(image: Image.Image) -> int:
    """How the camera was held; asking PNG and others for it when they carry nothing would decode them whole."""
    return int(image.getexif().get(_ORIENTATION, 1)) if "exif" in image.info else 1


class PlainSource:
    """One picture that is decoded whole at its first use, upright, without any of its metadata."""

    def __init__(self, path: Path) -> None:
        try:
            self._image = Image.open(path, formats=FORMATS)
            orientation = _orientation(self._image)
        except _BROKEN:
            raise UnknownFormat(
                "It is not JPEG, PNG, TIFF, BMP, GIF, WebP or JPEG 2000, or its start is damaged."
            ) from None
        width, height = self._image.size
        if width < 1 or height < 1 or width * height > MOST_PIXELS:
            raise UnreadableImage(f"The picture claims {width} × {height} pixels, which is more than can be shown.")
        self._is_upright = orientation == 1
        if orientation in _SIDEWAYS:
            width, height = height, width
        self._pixels: NDArray[np.generic] | None = None
        is_large = width * height > DECODED_WHOLE
        is_color = self._image.mode not in _DEEP_MODES | {"L", "1"}
        self.info = SourceInfo(
            vendor=(self._image.format or "picture").lower(),
            levels=(SourceLevel(width, height, 1.0),),
            is_color=is_color,
            channels=() if is_color else (Channel("Grey"),),
            conversion_reason="It is a large picture without smaller versions." if is_large else "",
        )

    @property
    def memory_bytes(self) -> int:
        """The decoded picture."""
        return 0 if self._pixels is None else int(self._pixels.nbytes)

    def read(
        self, level: int, x: int, y: int, width: int, height: int, z: int, t: int, channel: int
    ) -> NDArray[np.generic]:
        """Cut a rectangle out of the decoded picture."""
        if self._pixels is None:
            self._pixels = self._decode()
        return self._pixels[y : y + height, x : x + width]

    def check_large(self) -> None:
        """Decode a picture that is too large to keep, in strips, to see that it is whole.

        Raises:
            UnreadableImage: When a part is missing or damaged.
        """
        import pyvips

        try:
            picture = pyvips.Image.new_from_file(self._image.filename, access="sequential", fail_on="truncated")
            picture.avg()
        except pyvips.Error as error:
            reason = str(error.detail or error.message).strip().splitlines()
            raise UnreadableImage(f"The picture is cut off or damaged: {reason[0][:200] if reason else ''}") from None

    def associated(self, name: str) -> NDArray[np.uint8]:
        """Plain pictures carry no other ones that are shown."""
        raise UnreadableImage(f"The picture has no other picture {name!r}.")

    def close(self) -> None:
        """Let go of the file and the decoded picture."""
        self._pixels = None
        with contextlib.suppress(OSError):
            self._image.close()

    def _decode(self) -> NDArray[np.generic]:
        try:
            self._image.load()
            image = self._image if self._is_upright else ImageOps.exif_transpose(self._image)
        except _BROKEN as error:
            raise UnreadableImage(f"The picture is cut off or damaged: {str(error)[:200]}.") from None
        if image.mode in _DEEP_MODES:
            return np.asarray(image)
        if image.mode in {"L", "1"}:
            return np.asarray(image.convert("L"))
        if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
            image = image.convert("RGBA")
            flat = Image.new("RGB", image.size, (255, 255, 255))
            flat.paste(image, mask=image.getchannel("A"))
            return np.asarray(flat)
        return np.asarray(image.convert("RGB"))
