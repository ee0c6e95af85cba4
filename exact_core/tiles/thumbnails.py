"""The whole picture, small: made once and kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import NotFound
from exact_core.storage.models import Image
from exact_core.tiles.endpoint import UnreadableTile
from exact_core.tiles.frames import Frame
from exact_core.tiles.served_images import slide_of

if TYPE_CHECKING:
    from exact_core.storage.blobs import Blobs
    from exact_core.storage.database import Database
    from exact_core.tiles.decode_pool import DecodePool
    from exact_core.tiles.slide_file import SlideFile

SIZES = (64, 128, 256, 512, 1024)
"""Longer sides in pixels."""


class Thumbnails:
    """Small pictures of images, for routes and plugins; who asks has checked the rights."""

    def __init__(self, database: Database, blobs: Blobs, decoder: DecodePool) -> None:
        self._database = database
        self._blobs = blobs
        self._decoder = decoder

    def __call__(self, image_id: int, size: int) -> bytes:
        """The default frame of an image in all colours, as JPEG."""
        with self._database.read() as session:
            image = session.get(Image, image_id)
            if image is None:
                raise NotFound(f"There is no image {image_id}.")
            slide, version = slide_of(image, self._blobs), image.content_version
        return self.of(slide, image_id, version, default_frame(image), longest_side(size))

    def of(self, slide: SlideFile, image_id: int, version: str, frame: Frame, longest: int) -> bytes:
        """A frame of an image as JPEG, with one of ``SIZES`` as its longer side."""
        kept = f"derived/{image_id}/thumbnails/{version or 'first'}-{frame}-{longest}.jpg"
        path = self._blobs.path(kept)
        if path.exists():
            return path.read_bytes()
        try:
            data = self._decoder.thumbnail_now(slide, longest, frame)
        except UnreadableImage as problem:
            raise UnreadableTile(f"The image cannot be shown. {problem}") from None
        self._blobs.write(kept, data)
        return data


def default_frame(image: Image) -> Frame:
    """The frame to show first: the middle plane of the first time, in all colours."""
    return Frame((image.size_z - 1) // 2, 0)


def longest_side(size: int) -> int:
    """The smallest of ``SIZES`` that is not below a size; the largest one where there is none."""
    return next((each for each in SIZES if each >= size), SIZES[-1])
