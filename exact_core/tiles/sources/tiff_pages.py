"""Reading rectangles of one TIFF page: only the tiles or strips that are needed, a few of them kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from exact_core.api.drivers import UnreadableImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_JPEG = frozenset({6, 7, 34892})
_KEPT_BYTES = 64 * 1024 * 1024
LARGEST_SEGMENT_BYTES = 512 * 1024 * 1024


class SegmentCache:
    """Decoded tiles and strips, least recently used thrown away first."""

    def __init__(self, limit: int = _KEPT_BYTES) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[int, int], NDArray[np.generic] | None] = OrderedDict()
        self.bytes = 0

    def get(self, page: Any, index: int) -> NDArray[np.generic] | None:
        """Decode one segment of a page as ``(length, width, samples)``; None where the file left it out."""
        key = (page.offset, index) if page.offset else (page.dataoffsets[0], index)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        segment = _decode(page, index)
        self._kept[key] = segment
        self.bytes += 0 if segment is None else segment.nbytes
        while self.bytes > self._limit and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self.bytes -= 0 if old is None else old.nbytes
        return segment


def read_page(page: Any, cache: SegmentCache, x: int, y: int, width: int, height: int) -> NDArray[np.generic]:
    """Read a rectangle of a page as ``(height, width, samples)``; what the file left out is zero."""
    key = page.keyframe
    planes = key.samplesperpixel if key.planarconfig == 2 else 1
    samples = 1 if planes > 1 else key.samplesperpixel
    step_x, step_y = (key.tilewidth, key.tilelength) if key.is_tiled else (key.imagewidth, key.rowsperstrip)
    if step_x < 1 or step_y < 1:
        raise UnreadableImage("The file's tiles have no size.")
    across, down = -(-key.imagewidth // step_x), -(-key.imagelength // step_y)
    parts = []
    for plane in range(planes):
        part = np.zeros((height, width, samples), dtype=key.dtype)
        for row in range(y // step_y, -(-(y + height) // step_y)):
            for column in range(x // step_x, -(-(x + width) // step_x)):
                segment = cache.get(page, (plane * down + row) * across + column)
                if segment is not None:
                    _paste(part, segment, column * step_x - x, row * step_y - y)
        parts.append(part)
    return parts[0] if planes == 1 else np.concatenate(parts, axis=2)


def _paste(target: NDArray[np.generic], segment: NDArray[np.generic], left: int, top: int) -> None:
    """Copy a segment whose corner lies at (left, top) of the target, cut to what overlaps."""
    x0, y0 = max(left, 0), max(top, 0)
    x1 = min(left + segment.shape[1], target.shape[1])
    y1 = min(top + segment.shape[0], target.shape[0])
    if x0 < x1 and y0 < y1:
        target[y0:y1, x0:x1] = segment[y0 - top : y1 - top, x0 - left : x1 - left, : target.shape[2]]


def _decode(page: Any, index: int) -> NDArray[np.generic] | None:
    key = page.keyframe
    if index >= len(page.dataoffsets) or index >= len(page.databytecounts):
        raise UnreadableImage(f"The file lists fewer tiles than it claims: number {index} is missing.")
    offset, count = page.dataoffsets[index], page.databytecounts[index]
    if count == 0 or offset == 0:
        return None
    step_y = key.tilelength if key.is_tiled else min(key.rowsperstrip, key.imagelength)
    step_x = key.tilewidth if key.is_tiled else key.imagewidth
    if step_x * step_y * key.samplesperpixel * max(1, key.dtype.itemsize) > LARGEST_SEGMENT_BYTES:
        raise UnreadableImage(f"One tile of the file claims {step_x} × {step_y} pixels, which is too much to decode.")
    handle = page.parent.filehandle
    if offset + count > handle.size:
        raise UnreadableImage("The file is cut off: some of its pixels lie past its end.")
    handle.seek(offset)
    data = handle.read(count)
    decoded, _, _ = key.decode(data, index, jpegtables=page.jpegtables) if _is_jpeg(key) else key.decode(data, index)
    if decoded is None:
        return None
    segment: NDArray[np.generic] = decoded.reshape(decoded.shape[-3:])
    return segment


def _is_jpeg(key: Any) -> bool:
    return int(key.compression) in _JPEG
