"""What a plugin may know about an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exact_core.storage.models import Image


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """One readable image.

    Attributes:
        id: The image.
        image_set_id: The image set that it belongs to.
        name: Its public name; the private file name needs a right of its own and is not here.
        width: Level-0 width in pixels.
        height: Level-0 height in pixels.
        size_z: Number of focal planes.
        size_t: Number of time points.
        size_c: Number of channels.
        mpp_x: Micrometres per level-0 pixel; None when the file does not say.
        mpp_y: Micrometres per level-0 pixel; None when the file does not say.
    """

    id: int
    image_set_id: int
    name: str
    width: int
    height: int
    size_z: int = 1
    size_t: int = 1
    size_c: int = 1
    mpp_x: float | None = None
    mpp_y: float | None = None

    @classmethod
    def of(cls, image: Image) -> ImageInfo:
        """What a plugin may know of a row of ``core.Image``."""
        return cls(
            image.id,
            image.image_set_id,
            image.name,
            image.width,
            image.height,
            image.size_z,
            image.size_t,
            image.size_c,
            image.mpp_x,
            image.mpp_y,
        )


@dataclass(frozen=True, slots=True)
class TileRequest:
    """Which tile of an image a browser asks for.

    Attributes:
        image_id: The image.
        image_set_id: The image set that it belongs to.
        frame: ``z.t.c``, with ``rgb`` for c when all channels are shown in colour.
        level: 0 is full size.
        column: Column of the tile on its level.
        row: Row of the tile on its level.
    """

    image_id: int
    image_set_id: int
    frame: str
    level: int
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class RenderedTile:
    """An encoded tile.

    Attributes:
        data: The encoded picture.
        media_type: ``image/jpeg``, ``image/png`` or ``image/webp``.
    """

    data: bytes
    media_type: str = "image/jpeg"
