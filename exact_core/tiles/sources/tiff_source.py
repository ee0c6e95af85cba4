"""TIFF of every kind: plain, tiled, pyramids, ImageJ and OME stacks with planes, times and channels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image

from exact_core.api.drivers import Channel, SourceInfo, SourceLevel, UnreadableImage
from exact_core.tiles.display import DEFAULT_COLORS, WHITE
from exact_core.tiles.sources.ome import OmeFacts, read_ome
from exact_core.tiles.sources.picture_source import DECODED_WHOLE
from exact_core.tiles.sources.tiff_pages import SegmentCache, read_page

if TYPE_CHECKING:
    from numpy.typing import NDArray

JPEG_2000 = frozenset({33003, 33004, 33005, 34712})
_LARGEST_SIDE = 2**30
_ALPHA = frozenset({1, 2})
_MOST_FRAMES = 100_000
_PHOTOMETRIC = tifffile.PHOTOMETRIC
_RESOLUTION_UM = {2: 25_400.0, 3: 10_000.0}


class TiffSource:
    """One TIFF opened by tifffile; its largest series is shown."""

    def __init__(self, path: Path) -> None:
        self._file = tifffile.TiffFile(path)
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        series = [entry for entry in self._file.series if "Y" in entry.axes and "X" in entry.axes]
        if not series:
            is_cut = _first_directory(self._file) >= self._file.filehandle.size
            raise UnreadableImage(
                "The file is cut off: its description lies past its end." if is_cut else "The TIFF holds no picture."
            )
        self._series = max(series, key=lambda entry: _area(entry))
        self._key = self._series.keyframe
        self._cache = SegmentCache()
        self._levels = [level for level in self._series.levels if "Y" in level.axes and "X" in level.axes]
        self._leading = [_leading_axes(level) for level in self._levels]
        self._check()
        sizes = dict(self._leading[0])
        self._z_axis = next((axis for axis in "ZIQR" if axis in sizes), "")
        self._t_axis = next((axis for axis in "TIQR" if axis in sizes and axis != self._z_axis), "")
        samples = self._key.samplesperpixel
        self._ramps = self._channel_ramps(sizes.get("C", 1))
        is_palette = self._key.photometric == _PHOTOMETRIC.PALETTE and not self._ramps
        self._is_color = is_palette or (self._key.dtype == np.uint8 and samples in {3, 4})
        has_alpha = any(int(kind) in _ALPHA for kind in self._key.extrasamples)
        self._channels_in_pixel = 1 if self._is_color else samples - (1 if has_alpha and samples > 1 else 0)
        self.info = self._describe(sizes)

    def _channel_ramps(self, count: int) -> tuple[str, ...]:
        """Colours of channels that are stored as a palette from black to one colour, as microscopes do."""
        if self._key.photometric != _PHOTOMETRIC.PALETTE or self._is_one_block(0):
            return ()
        pages = [self._levels[0].pages[self._page_number(0, 0, 0, channel)] for channel in range(count)]
        colors = [_ramp_color(self._colormap(page)) for page in pages if page is not None]
        return tuple(colors) if len(colors) == count and all(colors) else ()

    def _colormap(self, page: Any) -> Any:
        """The palette of the page itself: frames of a series share the description of the first one."""
        self._file.filehandle.seek(page.offset)
        return tifffile.TiffPage(self._file, index=page.index).colormap

    def _check(self) -> None:
        for level in self._levels:
            height, width = level.shape[level.axes.index("Y")], level.shape[level.axes.index("X")]
            if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
                raise UnreadableImage(f"The picture claims {width} × {height} pixels, which is more than can be shown.")
        if self._key.dtype is None or self._key.dtype.kind not in "uifb":
            raise UnreadableImage(f"Samples of type {self._key.dtype} cannot be shown.")
        if self._key.photometric in {_PHOTOMETRIC.CIELAB, _PHOTOMETRIC.ICCLAB, _PHOTOMETRIC.ITULAB}:
            raise UnreadableImage("TIFF in Lab colours is not supported; convert the file to RGB.")
        if math.prod(size for _, size in self._leading[0]) > _MOST_FRAMES:
            raise UnreadableImage(f"The stack has more than {_MOST_FRAMES} frames.")

    def _describe(self, sizes: dict[str, int]) -> SourceInfo:
        facts = read_ome(self._file.ome_metadata or "") if self._file.is_ome else OmeFacts()
        levels = tuple(self._source_levels())
        largest = levels[0]
        mpp_x, mpp_y = (facts.mpp_x, facts.mpp_y) if facts.mpp_x else self._resolution()
        return SourceInfo(
            vendor="ome-tiff" if self._file.is_ome else "imagej-tiff" if self._file.is_imagej else "tiff",
            levels=levels,
            is_color=self._is_color,
            size_z=sizes.get(self._z_axis, 1),
            size_t=sizes.get(self._t_axis, 1),
            channels=() if self._is_color else self._channels(sizes, facts),
            z_spacing_um=facts.z_spacing_um,
            t_interval_s=facts.t_interval_s,
            mpp_x=mpp_x,
            mpp_y=mpp_y or mpp_x,
            objective_power=facts.objective_power,
            conversion_reason=self._conversion_reason(largest),
        )

    @property
    def memory_bytes(self) -> int:
        """Decoded tiles and strips that are kept."""
        return self._cache.bytes

    def read(
        self, level: int, x: int, y: int, width: int, height: int, z: int, t: int, channel: int
    ) -> NDArray[np.generic]:
        """Read a rectangle of one frame: colour, or one channel in the file's own type."""
        part = self._samples(level, x, y, width, height, z, t, channel // self._channels_in_pixel)
        if self._is_color:
            return self._as_rgb(part)
        plane = part[:, :, channel % self._channels_in_pixel]
        return plane.astype(np.uint8) * np.uint8(255) if plane.dtype == np.bool_ else plane

    def associated(self, name: str) -> NDArray[np.uint8]:
        """Plain TIFF has no pictures besides its frames that are shown."""
        raise UnreadableImage(f"The picture has no other picture {name!r}.")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def is_jpeg_2000(self) -> bool:
        """Whether tiles are stored as JPEG 2000, which browsers cannot show."""
        return int(self._key.compression) in JPEG_2000

    def page(self, level: int, z: int, t: int) -> Any:
        """The TIFF page of one colour frame, or None when frames are not stored as pages of their own."""
        if not self._is_color or self._is_one_block(level):
            return None
        return self._levels[level].pages[self._page_number(level, z, t, 0)]

    def _samples(
        self, level: int, x: int, y: int, width: int, height: int, z: int, t: int, c: int
    ) -> NDArray[np.generic]:
        series = self._levels[level]
        number = self._page_number(level, z, t, c)
        if self._is_one_block(level):
            return self._one_block(level)[number, y : y + height, x : x + width]
        page = series.pages[number]
        if page is None:
            return np.zeros((height, width, self._key.samplesperpixel), dtype=self._key.dtype)
        return read_page(page, self._cache, x, y, width, height)

    def _page_number(self, level: int, z: int, t: int, c: int) -> int:
        wanted = {"C": c, self._z_axis: z, self._t_axis: t}
        number = 0
        for axis, size in self._leading[level]:
            number = number * size + min(wanted.get(axis, 0), size - 1)
        return number

    def _is_one_block(self, level: int) -> bool:
        """Frames lie one after another behind a single page, as ImageJ and numpy write them."""
        return len(self._levels[level].pages) < math.prod(size for _, size in self._leading[level])

    def _one_block(self, level: int) -> NDArray[np.generic]:
        series = self._levels[level]
        if series.dataoffset is None:
            raise UnreadableImage("The frames of this stack do not lie where the file says.")
        count = math.prod(size for _, size in self._leading[level])
        key = self._key
        if key.planarconfig == 2 and key.samplesperpixel > 1:
            raise UnreadableImage("Stacks with separate colour planes in one block are not supported.")
        shape = (count, key.imagelength, key.imagewidth, key.samplesperpixel)
        dtype = key.dtype.newbyteorder(self._file.byteorder)
        if series.dataoffset + math.prod(shape) * dtype.itemsize > self._file.filehandle.size:
            raise UnreadableImage("The file is cut off: some of its frames lie past its end.")
        return np.memmap(self._file.filehandle.path, dtype, "r", series.dataoffset, shape)

    def _as_rgb(self, part: NDArray[np.generic]) -> NDArray[np.uint8]:
        kind = self._key.photometric
        if kind == _PHOTOMETRIC.PALETTE:
            colors = (np.asarray(self._key.colormap) >> 8).astype(np.uint8)
            return np.moveaxis(colors[:, np.minimum(part[:, :, 0], colors.shape[1] - 1)], 0, -1)
        pixels = part.astype(np.uint8, copy=False)
        if kind == _PHOTOMETRIC.SEPARATED and pixels.shape[2] == 4:
            return np.asarray(Image.fromarray(np.ascontiguousarray(pixels), "CMYK").convert("RGB"))
        if kind == _PHOTOMETRIC.YCBCR and int(self._key.compression) not in {6, 7, 34712, 33005}:
            return np.asarray(Image.fromarray(np.ascontiguousarray(pixels[:, :, :3]), "YCbCr").convert("RGB"))
        return pixels[:, :, :3]

    def _source_levels(self) -> list[SourceLevel]:
        levels = []
        full = 0
        for series in self._levels:
            width = series.shape[series.axes.index("X")]
            height = series.shape[series.axes.index("Y")]
            full = full or width
            key = series.keyframe
            tile = (key.tilewidth, key.tilelength) if key.is_tiled else (0, 0)
            levels.append(SourceLevel(width, height, full / width, *tile))
        return levels

    def _channels(self, sizes: dict[str, int], facts: OmeFacts) -> tuple[Channel, ...]:
        count = sizes.get("C", 1) * self._channels_in_pixel
        rgb_in_pixel = self._channels_in_pixel == 3
        is_inverted = self._key.photometric == _PHOTOMETRIC.MINISWHITE
        low, high = (255.0, 0.0) if is_inverted else (0.0, 255.0)
        found = []
        for index in range(count):
            named = facts.names[index] if index < len(facts.names) else ""
            colored = facts.colors[index] if index < len(facts.colors) else ""
            colored = colored or (self._ramps[index] if index < len(self._ramps) else "")
            fallback = WHITE if count == 1 else DEFAULT_COLORS[index % len(DEFAULT_COLORS)]
            standard = ("Red", "Green", "Blue")[index] if rgb_in_pixel and count == 3 else f"Channel {index + 1}"
            found.append(Channel(named or ("Grey" if count == 1 else standard), colored or fallback, low, high))
        return tuple(found)

    def _resolution(self) -> tuple[float | None, float | None]:
        if self._file.is_imagej and str((self._file.imagej_metadata or {}).get("unit", "")).lower() in {
            "micron",
            "um",
            "µm",
            "\\u00b5m",
        }:
            unit = 1.0
        else:
            unit = _RESOLUTION_UM.get(int(self._key.resolutionunit or 0), 0.0)
        per_unit = self._key.resolution
        sizes = [unit / value if value else 0.0 for value in per_unit]
        return tuple(size if 0.001 < size < 20.0 else None for size in sizes)  # type: ignore[return-value]

    def _conversion_reason(self, largest: SourceLevel) -> str:
        if self.is_jpeg_2000 and largest.width * largest.height > DECODED_WHOLE:
            return "Its tiles are JPEG 2000, which browsers cannot show."
        if len(self._levels) == 1 and largest.width * largest.height > DECODED_WHOLE:
            return "It is a large picture without smaller versions."
        return ""


def _first_directory(file: tifffile.TiffFile) -> int:
    """Where the header says that the description of the first page lies; slides often have it at their end."""
    file.filehandle.seek(8 if file.is_bigtiff else 4)
    size = int(file.tiff.offsetsize)
    return int.from_bytes(file.filehandle.read(size), "little" if file.byteorder == "<" else "big")


def _area(series: Any) -> int:
    return int(series.shape[series.axes.index("Y")]) * int(series.shape[series.axes.index("X")])


def _leading_axes(series: Any) -> list[tuple[str, int]]:
    """Axes of a series that its pages are counted by, with their lengths."""
    return [(axis, int(size)) for axis, size in zip(series.axes, series.shape, strict=True) if axis not in "YXS"]


def _ramp_color(colormap: Any) -> str:
    """Name the colour of a palette that rises evenly from black to it; nothing for any other palette."""
    if colormap is None:
        return ""
    table = (np.asarray(colormap) >> 8).astype(np.float64)
    last = table[:, -1]
    even = last[:, np.newaxis] * np.linspace(0.0, 1.0, table.shape[1])
    is_ramp = last.max() > 0 and float(np.abs(table - even).max()) <= 2.0
    return "#" + bytes(np.round(last).astype(np.uint8).tolist()).hex() if is_ramp else ""
