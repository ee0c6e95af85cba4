"""Finding the ready JPEG tiles of a TIFF: byte ranges, shared tables, markers. Runs in a limited process."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from exact_core.api.drivers import UnreadableImage
from exact_core.tiles.sources.openslide_source import OpenSlideSource
from exact_core.tiles.sources.tiff_source import JPEG_2000, TiffSource
from exact_core.tiles.tile_index import LARGEST_TILE, TileTable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from exact_core.api.drivers import ImageSource, SourceInfo

_JPEG = 7
_RGB, _YCBCR = 2, 6
_START = b"\xff\xd8"
_MOST_PLANES = 1000
_MOST_PAGES = 2000
_MOST_DAMAGED = 0.01
_BAD_VALUE = re.compile(r"TiffTag (\d+) @\d+> invalid value offset")
_ESSENTIAL_TAGS = frozenset({270, 273, 279, 320, 324, 325, 330, 347})  # description, ranges, palette, tables
_TIFF_SLIDES = frozenset({"aperio", "generic-tiff"})


def find_jpeg_tiles(path: Path, source: ImageSource) -> tuple[list[TileTable], str]:
    """Describe the ready tiles of every level; also say why the file should be converted, or nothing.

    Raises:
        UnreadableImage: When tiles lie past the end of the file.
    """
    if isinstance(source, TiffSource):
        info = source.info
        planes = [(z, t) for t in range(info.size_t) for z in range(info.size_z)]
        if len(planes) > _MOST_PLANES:
            return [], ""
        pages = [[source.page(number, z, t) for z, t in planes] for number in range(len(info.levels))]
        return _tables(path, info, pages), ""
    if isinstance(source, OpenSlideSource) and source.info.vendor in _TIFF_SLIDES:
        # OpenSlide has accepted the file; where tifffile cannot follow, tiles are rendered instead.
        with contextlib.suppress(tifffile.TiffFileError), tifffile.TiffFile(path) as tiff:
            matching = [[_page_of_size(tiff, level.width, level.height)] for level in source.info.levels]
            first = matching[0][0]
            reason = "Its tiles are JPEG 2000, which browsers cannot show." if _is_jpeg_2000(first) else ""
            return _tables(path, source.info, matching), reason
    return [], ""


class _MissingParts(logging.Handler):
    """Hears of parts that tifffile misses: it goes on without them, but they show that a file is cut off."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of directories and essential values that lie outside of the file."""
        text = record.getMessage()
        tag = _BAD_VALUE.search(text)
        self.found |= "invalid page offset" in text or (tag is not None and int(tag[1]) in _ESSENTIAL_TAGS)


def check_ranges(path: Path) -> None:
    """Check that every directory, tile and strip of a TIFF lies inside the file.

    Raises:
        UnreadableImage: When the file is cut off.
    """
    size = path.stat().st_size
    missing = _MissingParts()
    tifffile.logger().addHandler(missing)
    try:
        with tifffile.TiffFile(path) as tiff:
            for number, page in enumerate(tiff.pages):
                if number >= _MOST_PAGES:
                    break
                inner = (page.pages or ()) if isinstance(page, tifffile.TiffPage) else ()
                for each in (page, *inner):
                    _check_page(each, size)
    finally:
        tifffile.logger().removeHandler(missing)
    if missing.found:
        raise UnreadableImage("The file is cut off: parts of its description lie past its end.")


def _check_page(page: Any, size: int) -> None:
    offsets, lengths = _ranges(page)
    if offsets.size and int((offsets + lengths).max()) > size:
        missing = int((offsets + lengths).max()) - size
        raise UnreadableImage(f"The file is cut off: {missing} bytes of its pixels are missing at its end.")


def _is_jpeg_2000(page: Any) -> bool:
    return page is not None and int(page.compression) in JPEG_2000


def _page_of_size(tiff: tifffile.TiffFile, width: int, height: int) -> Any:
    for number, page in enumerate(tiff.pages):
        if number >= _MOST_PAGES:
            return None
        key = page.keyframe
        if key.is_tiled and (key.imagewidth, key.imagelength) == (width, height):
            return page
    return None


def _tables(path: Path, info: SourceInfo, levels: list[list[Any]]) -> list[TileTable]:
    size = path.stat().st_size
    tables = []
    with path.open("rb") as file:
        for number, pages in enumerate(levels):
            level = info.levels[number]
            if all(page is not None and _is_plain_jpeg(page.keyframe) for page in pages):
                key = pages[0].keyframe
                fits = (key.tilewidth, key.tilelength) == (level.tile_width, level.tile_height)
                table = _table(file, size, number, pages) if fits else None
                if table is not None:
                    tables.append(table)
    return tables


def _is_plain_jpeg(key: Any) -> bool:
    return (
        key.is_tiled
        and int(key.compression) == _JPEG
        and key.samplesperpixel == 3
        and key.planarconfig == 1
        and key.bitspersample == 8
        and int(key.photometric) in {_RGB, _YCBCR}
        and 128 <= key.tilewidth <= 1024
        and 128 <= key.tilelength <= 1024
    )


def _table(file: Any, size: int, number: int, pages: list[Any]) -> TileTable | None:
    key = pages[0].keyframe
    columns, rows = -(-key.imagewidth // key.tilewidth), -(-key.imagelength // key.tilelength)
    offsets = np.zeros((len(pages), rows, columns), np.uint64)
    lengths = np.zeros((len(pages), rows, columns), np.uint32)
    headers = []
    for plane, page in enumerate(pages):
        found, counts = _ranges(page)
        if found.size != rows * columns:
            return None
        if found.size and int((found + counts).max()) > size:
            raise UnreadableImage("The file is cut off: tiles lie past its end.")
        usable = _with_markers(file, found, counts)
        if np.count_nonzero(usable) < np.count_nonzero(counts) * (1 - _MOST_DAMAGED) or not usable.any():
            return None
        offsets[plane] = found.reshape(rows, columns)
        lengths[plane] = np.where(usable, counts, 0).reshape(rows, columns)
        first = int(np.flatnonzero(usable)[0])
        file.seek(int(found[first]))
        headers.append(_header(page, key, file.read(min(int(counts[first]), 4096))))
    return TileTable(number, key.tilewidth, key.tilelength, offsets, lengths, headers)


def _ranges(page: Any) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    offsets, lengths = np.array(page.dataoffsets, np.uint64), np.array(page.databytecounts, np.uint64)
    count = min(offsets.size, lengths.size)
    return np.where(lengths[:count] == 0, np.uint64(0), offsets[:count]), lengths[:count]


def _with_markers(file: Any, offsets: NDArray[np.uint64], lengths: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Say which tiles begin and end as a JPEG picture does; reads in the order of the file."""
    usable = np.zeros(offsets.size, np.bool_)
    for index in np.argsort(offsets):
        offset, length = int(offsets[index]), int(lengths[index])
        if 4 <= length <= LARGEST_TILE:
            file.seek(offset)
            starts = file.read(3) == b"\xff\xd8\xff"
            file.seek(offset + length - 4)
            usable[index] = starts and b"\xff\xd9" in file.read(4)
    return usable


def _header(page: Any, key: Any, tile: bytes) -> bytes:
    """Build what goes before a tile: start marker, the colour marker browsers need, the shared tables."""
    tables = bytes(page.jpegtables or b"")
    inner = tables[2:-2] if tables.startswith(_START) and tables.endswith(b"\xff\xd9") else b""
    segments = _application_segments(tables) | _application_segments(tile)
    if segments & {0xE0, 0xEE}:
        return _START + inner
    # Without a marker browsers take three components for YCbCr: Adobe's marker tells RGB from YCbCr.
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + (b"\x00" if int(key.photometric) == _RGB else b"\x01")
    return _START + adobe + inner


def _application_segments(data: bytes) -> set[int]:
    """Collect the kinds of the segments before the picture data."""
    found: set[int] = set()
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] not in {0xDA, 0xD9}:
        found.add(data[position + 1])
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return found
