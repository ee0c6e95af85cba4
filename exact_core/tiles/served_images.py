"""Images as the tile endpoint needs them: read from the database once, files kept open, a bounded number of them."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exact_core.api.errors import Conflict, NotFound, Unavailable
from exact_core.auth.access_state import has_shown_pixels
from exact_core.storage.models import Image
from exact_core.tiles.builtin import builtin_drivers
from exact_core.tiles.frames import ALL_CHANNELS, Frame
from exact_core.tiles.pyramid import level_from_json
from exact_core.tiles.slide_file import SlideFile, channel_from_json
from exact_core.tiles.tile_index import BrokenTileIndex, JpegLevel, TileIndex

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.storage.blobs import Blobs
    from exact_core.tiles.pyramid import Level

_WAITING = {
    "probing": "The image is still being read; try again in a moment.",
    "converting": "The image is still being converted; try again when that has finished.",
}


@dataclass(slots=True)
class ServedImage:
    """One readable image: where its pixels are, and its ready tiles."""

    slide: SlideFile
    size_z: int
    size_t: int
    size_c: int
    descriptor: int = -1
    index: TileIndex | None = None

    def ready_level(self, level: Level, frame: Frame) -> JpegLevel | None:
        """Find the table of ready tiles that covers a level of a frame."""
        if self.index is None or level.factor != 1 or frame.c != ALL_CHANNELS:
            return None
        ready = self.index.levels.get(level.source_level)
        fits = ready is not None and (ready.columns, ready.rows) == (level.columns, level.rows)
        return ready if fits and ready is not None and ready.planes == self.size_z * self.size_t else None

    def require(self, frame: Frame, level: int, column: int, row: int) -> None:
        """Raise ``NotFound`` when there is no such tile."""
        if frame.z >= self.size_z or frame.t >= self.size_t or frame.c >= self.size_c:
            raise NotFound(f"The image has no frame {frame}.")
        levels = self.slide.levels
        if level >= len(levels) or column >= levels[level].columns or row >= levels[level].rows:
            raise NotFound(f"The image has no tile in column {column}, row {row} of level {level}.")

    def close(self) -> None:
        """Close the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class ServedImages:
    """The images in use, by number, least recently used closed first; used by the event loop's thread only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: OrderedDict[int, ServedImage] = OrderedDict()

    def get(self, image_id: int, content_version: str) -> ServedImage | None:
        """Return an opened image unless its pixels have changed since."""
        image = self._open.get(image_id)
        if image is None or image.slide.key != content_version:
            return None
        self._open.move_to_end(image_id)
        return image

    def put(self, image_id: int, image: ServedImage) -> None:
        """Keep an opened image, and close what is too many."""
        old = self._open.pop(image_id, None)
        if old is not None:
            old.close()
        self._open[image_id] = image
        while len(self._open) > self._most:
            self._open.popitem(last=False)[1].close()

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem()[1].close()

    def __len__(self) -> int:
        return len(self._open)


def slide_of(image: Image, blobs: Blobs) -> SlideFile:
    """Collect what limited processes need to know of a ready image.

    Raises:
        Conflict: When the image is not ready; the message says why.
    """
    if image.status != "ready":
        raise Conflict(_WAITING.get(image.status) or f"The image cannot be shown: {image.status_reason}")
    channels = image.frames.get("channels", []) if image.frames else []
    return SlideFile(
        key=image.content_version,
        path=str(blobs.resolve(image.pyramid_path or image.file_path)),
        driver=image.source_driver,
        index_path=str(blobs.resolve(image.tile_index_path)) if image.tile_index_path else "",
        channels=tuple(channel_from_json(channel) for channel in channels),
        levels=tuple(level_from_json(level) for level in image.levels),
    )


def original_of(image: Image, blobs: Blobs) -> SlideFile:
    """Describe the file that was imported, which holds label and macro even when a pyramid was made from it."""
    slide = slide_of(image, blobs)
    if not image.pyramid_path:
        return slide
    path = blobs.resolve(image.file_path)
    driver = next(iter(builtin_drivers(path)), slide.driver)
    return SlideFile(slide.key + "-original", str(path), driver, "", (), ())


def open_served_image(session: Session, blobs: Blobs, image_id: int) -> ServedImage:
    """Read an image's row, open its file and map its tile index.

    Raises:
        NotFound: When there is no such image.
        Conflict: When it is not ready, or its file is not the one that was probed.
        Unavailable: When its file cannot be opened now.
    """
    row = session.get(Image, image_id)
    if row is None or not has_shown_pixels(session, row):
        raise NotFound(f"There is no image {image_id}.")
    slide = slide_of(row, blobs)
    served = ServedImage(slide, row.size_z, row.size_t, row.size_c)
    if slide.index_path:
        _attach_index(served, image_id)
    return served


def _attach_index(served: ServedImage, image_id: int) -> None:
    try:
        served.index = TileIndex(Path(served.slide.index_path))
        served.descriptor = os.open(served.slide.path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(served.descriptor).st_size
    except OSError as problem:
        served.close()
        raise Unavailable(f"The file of image {image_id} cannot be opened: {problem.strerror}.") from None
    except BrokenTileIndex as problem:
        raise Conflict(f"Image {image_id}: {problem.message}") from None
    if size != served.index.file_size:
        served.close()
        raise Conflict(f"The file of image {image_id} has changed since it was imported; import it again.")
