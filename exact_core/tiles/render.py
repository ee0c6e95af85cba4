"""Making tiles and regions from an opened picture. Runs in a limited process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from exact_core.api.drivers import UnreadableImage
from exact_core.tiles.display import as_color
from exact_core.tiles.encode import decode_jpeg, encode_jpeg
from exact_core.tiles.frames import ALL_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from exact_core.api.drivers import Channel, ImageSource
    from exact_core.tiles.frames import Frame
    from exact_core.tiles.pyramid import Level
    from exact_core.tiles.tile_index import JpegLevel, TileIndex

LARGEST_REGION = 64 * 1024 * 1024  # pixels
_STRIP_PIXELS = 4 * 1024 * 1024
_DECODED_REDUCTION = 8


class Box(NamedTuple):
    """A rectangle of the full picture; which pixels its size counts is up to the user of it."""

    x: int
    y: int
    width: int
    height: int


@dataclass(slots=True)
class OpenedImage:
    """A picture opened for rendering, with its tile index when it has one."""

    source: ImageSource
    channels: Sequence[Channel]
    index: TileIndex | None = None
    descriptor: int = -1

    def close(self) -> None:
        """Let go of the file."""
        self.source.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)


def render_tile(image: OpenedImage, level: Level, column: int, row: int, frame: Frame) -> bytes:
    """Render one tile as JPEG; tiles at the right and lower edge are as small as what is left."""
    pixels = read_level(image, level, *level.box(column, row), frame)
    return encode_jpeg(pixels, keep_colors=not image.source.info.is_color)


def read_level(
    image: OpenedImage, level: Level, x: int, y: int, width: int, height: int, frame: Frame
) -> NDArray[np.uint8]:
    """Read a rectangle of an offered level in colour; levels that the file lacks are averaged from a finer one."""
    if width * height > LARGEST_REGION:
        raise UnreadableImage(f"A region of {width} × {height} pixels is too large.")
    if level.factor == 1:
        return _colored(image, level.source_level, x, y, width, height, frame)
    ready = None if image.index is None or frame.c != ALL_CHANNELS else image.index.levels.get(level.source_level)
    if ready is not None:
        return _from_ready_tiles(image, ready, level, (x, y, width, height), frame)
    return _averaged(image, level, x, y, width, height, frame)


def render_region(
    image: OpenedImage, levels: Sequence[Level], box: Box, downsample: float, frame: Frame
) -> NDArray[np.uint8]:
    """Read a region: its corner in level-0 pixels, its size in pixels of the result; white outside of the picture."""
    width, height = box.width, box.height
    fine_enough = [entry for entry in levels if entry.downsample <= downsample * 1.01]
    level = max(fine_enough or levels[:1], key=lambda entry: entry.downsample)
    scale = downsample / level.downsample
    left, top = round(box.x / level.downsample), round(box.y / level.downsample)
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    if across * down > LARGEST_REGION or width * height > LARGEST_REGION:
        raise UnreadableImage(f"A region of {across} × {down} pixels is too large; ask for a smaller or coarser one.")
    canvas = np.full((down, across, 3), 255, np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + across, level.width), min(top + down, level.height)
    if x0 < x1 and y0 < y1:
        canvas[y0 - top : y1 - top, x0 - left : x1 - left] = read_level(image, level, x0, y0, x1 - x0, y1 - y0, frame)
    return canvas if (across, down) == (width, height) else resize(canvas, width, height)


def render_thumbnail(image: OpenedImage, levels: Sequence[Level], size: int, frame: Frame) -> NDArray[np.uint8]:
    """Render the whole picture so that its longer side is ``size``, or smaller when the picture is."""
    fitting = [level for level in levels if max(level.width, level.height) >= size]
    level = min(fitting or levels[:1], key=lambda entry: entry.width)
    pixels = read_level(image, level, 0, 0, level.width, level.height, frame)
    scale = min(1.0, size / max(level.width, level.height))
    return resize(pixels, max(1, round(level.width * scale)), max(1, round(level.height * scale)))


def resize(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize with averaging."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))


def _colored(
    image: OpenedImage, source_level: int, x: int, y: int, width: int, height: int, frame: Frame
) -> NDArray[np.uint8]:
    source = image.source
    if source.info.is_color:
        pixels = source.read(source_level, x, y, width, height, frame.z, frame.t, 0)
        return np.ascontiguousarray(pixels, np.uint8)
    numbers = range(len(image.channels)) if frame.c == ALL_CHANNELS else (frame.c,)
    planes = [source.read(source_level, x, y, width, height, frame.z, frame.t, number) for number in numbers]
    return as_color(planes, [image.channels[number] for number in numbers])


def _averaged(
    image: OpenedImage, level: Level, x: int, y: int, width: int, height: int, frame: Frame
) -> NDArray[np.uint8]:
    """Average pixels of a finer level, strip after strip so that memory stays small."""
    factor = level.factor
    finer = image.source.info.levels[level.source_level]
    left, across = x * factor, min(width * factor, finer.width - x * factor)
    step = max(1, _STRIP_PIXELS // (across * factor))
    result = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, step):
        rows = min(step, height - top)
        down = min(rows * factor, finer.height - (y + top) * factor)
        strip = _colored(image, level.source_level, left, (y + top) * factor, across, down, frame)
        result[top : top + rows] = np.asarray(Image.fromarray(strip).reduce(factor))
    return result


def _from_ready_tiles(
    image: OpenedImage, ready: JpegLevel, level: Level, box: tuple[int, int, int, int], frame: Frame
) -> NDArray[np.uint8]:
    """Put JPEG tiles together that are made smaller while they are decoded."""
    x, y, width, height = box
    factor = level.factor
    step_x, step_y = ready.tile_width // factor, ready.tile_height // factor
    if ready.tile_width % factor or ready.tile_height % factor:
        return _averaged(image, level, x, y, width, height, frame)
    plane = frame.t * image.source.info.size_z + frame.z
    result = np.empty((height, width, 3), np.uint8)
    for row in range(y // step_y, -(-(y + height) // step_y)):
        for column in range(x // step_x, -(-(x + width) // step_x)):
            left, top = column * step_x - x, row * step_y - y
            x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + step_x, width), min(top + step_y, height)
            small = _small_tile(image, ready, plane, column, row, factor)
            result[y0:y1, x0:x1] = (
                _averaged(image, level, x + x0, y + y0, x1 - x0, y1 - y0, frame)
                if small is None
                else small[y0 - top : y1 - top, x0 - left : x1 - left]
            )
    return result


def _small_tile(
    image: OpenedImage, ready: JpegLevel, plane: int, column: int, row: int, factor: int
) -> NDArray[np.uint8] | None:
    data = ready.read(image.descriptor, plane, column, row)
    if data is None:
        return None
    try:
        small = decode_jpeg(data, reduce=min(factor, _DECODED_REDUCTION))
    except ValueError as error:
        raise UnreadableImage(f"A tile of the file is damaged: {error}.") from None
    if factor > _DECODED_REDUCTION:
        small = np.asarray(Image.fromarray(small).reduce(factor // _DECODED_REDUCTION))
    return small
