"""Looking at a new file: can it be opened, what is in it, are its pixels there. Runs in a limited process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from exact_core.api.drivers import Channel, ImageSource, SourceInfo, UnknownFormat, UnreadableImage
from exact_core.tiles.display import measure_window
from exact_core.tiles.encode import decode_jpeg
from exact_core.tiles.frames import Frame
from exact_core.tiles.jpeg_layout import check_ranges, find_jpeg_tiles
from exact_core.tiles.pyramid import is_too_deep, offered_levels
from exact_core.tiles.sources import open_source
from exact_core.tiles.sources.openslide_source import find_main_file
from exact_core.tiles.sources.picture_source import PlainSource
from exact_core.tiles.tile_index import TileTable, pack_tile_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLES_PER_LEVEL = 12
_SAMPLED_FRAMES = 48
_SAMPLE_SIDE = 512
_LARGEST_SIDE = 2**30
_MOST_LEVELS = 64
_ALLOWED_DIFFERENCE = 1.5
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def probe(path: Path, drivers: Sequence[str]) -> tuple[dict[str, Any], bytes]:
    """Describe a file and pack its tile index.

    Raises:
        UnreadableImage: With the reason of the driver that came furthest.
    """
    main_file = find_main_file(path) if path.is_dir() else path
    if main_file.stat().st_size == 0:
        raise UnreadableImage("The file is empty.")
    if not drivers:
        raise UnreadableImage("No reader is installed for files of this kind.")
    unknown: list[str] = []
    reasons: list[str] = []
    for driver in drivers:
        try:
            source = open_source(driver, main_file)
        except UnknownFormat as problem:
            unknown.append(str(problem))
            continue
        except UnreadableImage as problem:
            reasons.append(str(problem))
            continue
        except tifffile.TiffFileError as problem:
            reasons.append(f"The TIFF is damaged: {problem}.")
            continue
        try:
            return _examine(driver, main_file, path, source)
        finally:
            source.close()
    raise UnreadableImage(" ".join(dict.fromkeys(reasons or ["EXACT cannot read this file.", *unknown])))


def _examine(driver: str, main_file: Path, path: Path, source: ImageSource) -> tuple[dict[str, Any], bytes]:
    info = source.info
    _check_sizes(info)
    if _is_tiff(main_file):
        check_ranges(main_file)
    tables, reason = find_jpeg_tiles(main_file, source)
    reason = reason or info.conversion_reason
    if not reason and is_too_deep(info.levels):
        reason = "It holds no small version of the picture."
    channels = _decode_samples(source, info)
    tables = [table for table in tables if _is_faithful(main_file, source, table)]
    index = pack_tile_index(main_file.stat().st_size, tables) if tables else b""
    report = {
        "driver": driver,
        "main_file": "" if main_file == path else main_file.relative_to(path).as_posix(),
        "vendor": info.vendor,
        "width": info.levels[0].width,
        "height": info.levels[0].height,
        "size_z": info.size_z,
        "size_t": info.size_t,
        "size_c": max(1, len(channels)),
        "frames": {
            "is_color": info.is_color,
            "channels": [asdict(channel) for channel in channels],
            "z_spacing_um": info.z_spacing_um,
            "t_interval_s": info.t_interval_s,
            "notes": info.notes,
        },
        "levels": [level.as_json() for level in offered_levels(info.levels)],
        "mpp_x": info.mpp_x,
        "mpp_y": info.mpp_y,
        "objective_power": info.objective_power,
        "associated": list(info.associated),
        "conversion_reason": reason,
    }
    return report, index


def _check_sizes(info: SourceInfo) -> None:
    if not info.levels or len(info.levels) > _MOST_LEVELS:
        raise UnreadableImage(f"The file has {len(info.levels)} resolutions.")
    for level in info.levels:
        if not (0 < level.width <= _LARGEST_SIDE and 0 < level.height <= _LARGEST_SIDE):
            raise UnreadableImage(
                f"The picture claims {level.width} × {level.height} pixels, which is more than can be shown."
            )
    downsamples = [level.downsample for level in info.levels]
    if downsamples != sorted(set(downsamples)) or not all(value >= 0.99 for value in downsamples):
        raise UnreadableImage("The resolutions in the file do not become smaller one by one.")


def _decode_samples(source: ImageSource, info: SourceInfo) -> tuple[Channel, ...]:
    """Decode parts of every level and of many frames; return the channels with their windows measured.

    Raises:
        UnreadableImage: When a part cannot be decoded.
    """
    if isinstance(source, PlainSource) and info.conversion_reason:
        source.check_large()
        return info.channels
    for number in range(len(info.levels)):
        for box in _sample_boxes(info, number):
            source.read(number, *box, 0, 0, 0)
    count = max(1, len(info.channels))
    coarsest = len(info.levels) - 1
    seen: dict[int, list[NDArray[np.generic]]] = {channel: [] for channel in range(count)}
    for frame in _sample_frames(info, count):
        for box in _sample_boxes(info, coarsest)[:_SAMPLES_PER_LEVEL]:
            part = source.read(coarsest, *box, frame.z, frame.t, frame.c)
            if not info.is_color:
                seen[frame.c].append(part[:: max(1, part.shape[0] // 256), :: max(1, part.shape[1] // 256)].copy())
    return tuple(_with_window(channel, seen[number]) for number, channel in enumerate(info.channels))


def _with_window(channel: Channel, samples: list[NDArray[np.generic]]) -> Channel:
    if not samples:
        return channel
    low, high = measure_window(samples)
    is_inverted = channel.low > channel.high
    return replace(channel, low=high, high=low) if is_inverted else replace(channel, low=low, high=high)


def _sample_frames(info: SourceInfo, count: int) -> Iterator[Frame]:
    """Yield every frame, or evenly spread ones when there are many."""
    total = info.size_z * info.size_t * count
    step = max(1, total // _SAMPLED_FRAMES)
    # A step that shares a factor with the channels would miss some of them.
    while step > 1 and count > 1 and step % count == 0:
        step += 1
    for number in range(0, total, step):
        planes, channel = divmod(number, count)
        yield Frame(planes % info.size_z, planes // info.size_z, channel)


def _sample_boxes(info: SourceInfo, number: int) -> list[tuple[int, int, int, int]]:
    """Spread rectangles of the size of a tile over a level: its corners, its middle and some between."""
    level = info.levels[number]
    columns, rows = -(-level.width // _SAMPLE_SIDE), -(-level.height // _SAMPLE_SIDE)
    if columns * rows <= _SAMPLES_PER_LEVEL:
        chosen = {(column, row) for column in range(columns) for row in range(rows)}
    else:
        last_column, last_row = columns - 1, rows - 1
        chosen = {(0, 0), (last_column, 0), (0, last_row), (last_column, last_row), (last_column // 2, last_row // 2)}
        total, step = columns * rows, columns * rows / (_SAMPLES_PER_LEVEL - len(chosen))
        chosen |= {(int(spot) % columns, int(spot) // columns) for spot in np.arange(step / 2, total, step)}
    boxes = []
    for column, row in sorted(chosen):
        x, y = column * _SAMPLE_SIDE, row * _SAMPLE_SIDE
        boxes.append((x, y, min(_SAMPLE_SIDE, level.width - x), min(_SAMPLE_SIDE, level.height - y)))
    return boxes


def _is_faithful(path: Path, source: ImageSource, table: TileTable) -> bool:
    """Compare tiles as a browser would see them with what the reader decodes."""
    level = source.info.levels[table.source_level]
    ready = np.argwhere(table.lengths > 0)
    picks = ready[np.unique(np.linspace(0, len(ready) - 1, _SAMPLES_PER_LEVEL).astype(int))]
    with path.open("rb") as file:
        for plane, row, column in picks.tolist():
            file.seek(int(table.offsets[plane, row, column]) + 2)
            data = table.headers[plane] + file.read(int(table.lengths[plane, row, column]) - 2)
            try:
                shown = decode_jpeg(data)
            except ValueError:
                return False
            if shown.shape[:2] != (table.tile_height, table.tile_width):
                return False
            x, y = column * table.tile_width, row * table.tile_height
            width, height = min(table.tile_width, level.width - x), min(table.tile_height, level.height - y)
            time, focal = divmod(plane, source.info.size_z)
            expected = source.read(table.source_level, x, y, width, height, focal, time, 0)
            difference = np.abs(shown[:height, :width].astype(np.int16) - expected.astype(np.int16))
            if float(difference.mean()) > _ALLOWED_DIFFERENCE:
                return False
    return True


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _TIFF
