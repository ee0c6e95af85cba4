"""The process that writes a pyramid: ``python -m exact_core.images.pyramid_writer JSON``.

It starts the limited reader, takes decoded samples from it, and writes a tiled TIFF with every resolution. Progress
goes to standard output, one JSON object per line; the last one has ``done``, ``reason`` or ``error``. It ends when its
standard input closes, that is, when the worker that started it is gone.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from exact_core.images.pixel_reader import BROKEN_FILE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TILE = 256
QUALITY = 90
_SMALLEST_SIDE = 512
_BYTES_AT_ONCE = 4 * 1024 * 1024
_SECONDS_BETWEEN_LINES = 0.3
_LONGEST_HEADER = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stream:
    """What the reader says it will send."""

    width: int
    height: int
    size_z: int
    size_t: int
    is_color: bool
    dtype: str
    channels: tuple[dict[str, Any], ...]
    z_spacing_um: float | None
    t_interval_s: float | None

    @property
    def size_c(self) -> int:
        """Number of channels, one for colour."""
        return max(1, len(self.channels))

    @property
    def frames(self) -> int:
        """Number of pictures that follow one another."""
        return self.size_z * self.size_t * self.size_c

    @property
    def samples(self) -> int:
        """Samples per pixel."""
        return 3 if self.is_color else 1


class ReaderFailed(Exception):
    """The reader ended early; the message is the reason to show."""


class Samples:
    """The reader process and what is left of its output."""

    def __init__(self, request: dict[str, Any], told: Callable[[float], None]) -> None:
        reading = {name: request[name] for name in ("path", "driver", "memory_mib", "seconds")}
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
            [sys.executable, "-m", "exact_core.images.pixel_reader", json.dumps(reading)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        assert self._process.stdout is not None
        self._output: IO[bytes] = self._process.stdout
        self._told = told
        self._read = 0
        self.stream = self._header()
        item = 1 if self.stream.is_color else self.item_size
        self._total = self.stream.width * self.stream.height * self.stream.samples * item * self.stream.frames

    @property
    def item_size(self) -> int:
        """Bytes per sample."""
        import numpy

        return int(numpy.dtype(self.stream.dtype).itemsize)

    def exactly(self, count: int) -> bytes:
        """So many bytes."""
        data = self._output.read(count)
        self._count(len(data))
        if len(data) != count:
            self.finish()
            raise ReaderFailed("The reader sent less than it announced.")
        return data

    def finish(self) -> None:
        """Wait for the reader's end; raise when it did not succeed."""
        self._output.close()
        code = self._process.wait()
        if code == BROKEN_FILE:
            raise ReaderFailed(self._said() or "The file is damaged.")
        if code != 0 or self._read != self._total:
            raise ReaderFailed("The reader crashed on this file, or ran out of the memory or time that it may use.")

    def _header(self) -> Stream:
        line = self._output.readline(_LONGEST_HEADER)
        if not line.endswith(b"\n"):
            self._total = -1
            self.finish()
        value = json.loads(line)
        return Stream(**{**value, "channels": tuple(value["channels"])})

    def _said(self) -> str:
        self._complaints.seek(0)
        return self._complaints.read(2000).decode("utf-8", "replace").strip()[-500:]

    def _count(self, count: int) -> None:
        self._read += count
        self._told(self._read / max(1, self._total))


def write_colors(samples: Samples, target: Path, mpp: tuple[float, float] | None) -> None:
    """Write one picture in colours as a pyramid of JPEG tiles, streaming."""
    import pyvips

    pieces = _as_png(samples)
    pending = bytearray()

    def read(count: int) -> bytes:
        while not pending and (piece := next(pieces, b"")):
            pending.extend(piece)
        begin = bytes(memoryview(pending)[:count])
        del pending[:count]
        return begin

    source = pyvips.SourceCustom()
    source.on_read(read)
    picture = pyvips.Image.pngload_source(source, access="sequential", fail_on="truncated", unlimited=True)
    resolution = {"xres": 1000 / mpp[0], "yres": 1000 / mpp[1]} if mpp else {}
    picture.tiffsave(
        str(target),
        tile=True,
        pyramid=True,
        tile_width=TILE,
        tile_height=TILE,
        compression="jpeg",
        Q=QUALITY,
        bigtiff=True,
        resunit="cm",
        **resolution,
    )
    samples.finish()


def _as_png(samples: Samples) -> Iterator[bytes]:
    """The samples as a PNG that is not compressed: the one form that libvips takes from a stream, row by row."""
    import numpy

    stream = samples.stream
    row = stream.width * 3
    yield b"\x89PNG\r\n\x1a\n"
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", stream.width, stream.height, 8, 2, 0, 0, 0))
    stored = zlib.compressobj(0)
    step = max(1, _BYTES_AT_ONCE // row)
    for y in range(0, stream.height, step):
        rows = min(step, stream.height - y)
        lines = numpy.zeros((rows, 1 + row), numpy.uint8)  # the first byte of a line names its filter: none
        lines[:, 1:] = numpy.frombuffer(samples.exactly(rows * row), numpy.uint8).reshape(rows, row)
        yield _chunk(b"IDAT", stored.compress(lines.data.cast("B")))
    yield _chunk(b"IDAT", stored.flush()) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def write_frames(samples: Samples, target: Path, mpp: tuple[float, float] | None) -> None:
    """Write a stack, or samples of more than 8 bits, as an OME-TIFF with smaller versions of each frame."""
    import numpy
    import tifffile

    stream = samples.stream
    dtype = numpy.dtype(stream.dtype)
    levels = _level_sizes(stream.width, stream.height)
    options: dict[str, Any] = {
        "dtype": dtype,
        "tile": (TILE, TILE),
        "photometric": "rgb" if stream.is_color else "minisblack",
        "maxworkers": 1,
    }
    if stream.is_color:
        options |= {"compression": "jpeg", "compressionargs": {"level": QUALITY}}
    else:
        options |= {"compression": "zlib", "predictor": True}
    with (
        tempfile.TemporaryDirectory(dir=target.parent) as folder,
        tifffile.TiffWriter(target, bigtiff=True, ome=True) as tiff,
    ):
        below = _Below(Path(folder), stream, levels, dtype)
        tiff.write(
            _tiles(_bands_of(samples, dtype), levels[0], below.at(1)),
            shape=_shape(stream, levels[0]),
            subifds=len(levels) - 1,
            metadata=_ome(stream, mpp),
            **options,
        )
        samples.finish()
        for number in range(1, len(levels)):
            tiff.write(
                _tiles(below.bands(number), levels[number], below.at(number + 1)),
                shape=_shape(stream, levels[number]),
                subfiletype=1,
                metadata=None,
                **options,
            )


class _Below:
    """Smaller versions of all frames, in files that the operating system pages in and out."""

    def __init__(self, folder: Path, stream: Stream, levels: list[tuple[int, int]], dtype: np.dtype[Any]) -> None:
        import numpy

        self._stream = stream
        tail = (3,) if stream.is_color else ()
        self._maps = [None] + [
            numpy.memmap(folder / str(number), dtype, "w+", shape=(stream.frames, height, width, *tail))
            for number, (width, height) in enumerate(levels[1:], start=1)
        ]

    def at(self, number: int) -> Any:
        """The array of a level, None below the last."""
        return self._maps[number] if number < len(self._maps) else None

    def bands(self, number: int) -> Iterator[NDArray[Any]]:
        """Bands of tile height of a level, frame after frame."""
        pixels = self._maps[number]
        assert pixels is not None
        for frame in range(pixels.shape[0]):
            for y in range(0, pixels.shape[1], TILE):
                yield pixels[frame, y : y + TILE]


def _bands_of(samples: Samples, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    import numpy

    stream = samples.stream
    row = stream.width * stream.samples * dtype.itemsize
    tail = (3,) if stream.is_color else ()
    for _ in range(stream.frames):
        for y in range(0, stream.height, TILE):
            rows = min(TILE, stream.height - y)
            yield numpy.frombuffer(samples.exactly(rows * row), dtype).reshape(rows, stream.width, *tail)


def _tiles(bands: Iterator[NDArray[Any]], size: tuple[int, int], smaller: Any) -> Iterator[NDArray[Any]]:
    """Cut bands into tiles, and put the band's half size where the next level is collected."""
    import numpy

    per_frame = -(-size[1] // TILE)
    for number, band in enumerate(bands):
        frame, row = divmod(number, per_frame)
        if smaller is not None:
            half = _halved(band)
            top = row * TILE // 2
            part = smaller[frame, top : top + half.shape[0]]
            part[...] = half[: part.shape[0], : part.shape[1]]
        for x in range(0, band.shape[1], TILE):
            tile = band[:, x : x + TILE]
            missing = [(0, TILE - tile.shape[0]), (0, TILE - tile.shape[1])] + [(0, 0)] * (tile.ndim - 2)
            yield numpy.ascontiguousarray(numpy.pad(tile, missing, mode="edge"))


def _halved(band: NDArray[Any]) -> NDArray[Any]:
    """Average two by two; an odd last row or column counts for itself."""
    import numpy

    padding = [(0, band.shape[0] % 2), (0, band.shape[1] % 2)] + [(0, 0)] * (band.ndim - 2)
    even = numpy.pad(band, padding, mode="edge")
    quarters = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, *even.shape[2:])
    if even.dtype.kind == "f":
        half: NDArray[Any] = quarters.mean(axis=(1, 3)).astype(even.dtype)
        return half
    total = quarters.sum(axis=(1, 3), dtype=numpy.int64)
    rounded: NDArray[Any] = ((total + 2) // 4).astype(even.dtype)
    return rounded


def _level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    sizes = [(width, height)]
    while max(sizes[-1]) > _SMALLEST_SIDE:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def _shape(stream: Stream, size: tuple[int, int]) -> tuple[int, ...]:
    shape = (stream.size_t, stream.size_c, stream.size_z, size[1], size[0])
    return (*shape, 3) if stream.is_color else shape


def _ome(stream: Stream, mpp: tuple[float, float] | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"axes": "TCZYXS" if stream.is_color else "TCZYX"}
    if mpp:
        facts |= {
            "PhysicalSizeX": mpp[0],
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": mpp[1],
            "PhysicalSizeYUnit": "µm",
        }
    if stream.z_spacing_um:
        facts |= {"PhysicalSizeZ": stream.z_spacing_um, "PhysicalSizeZUnit": "µm"}
    if stream.t_interval_s:
        facts |= {"TimeIncrement": stream.t_interval_s, "TimeIncrementUnit": "s"}
    if stream.channels:
        colors = [int(channel["color"].lstrip("#") + "ff", 16) for channel in stream.channels]
        facts["Channel"] = {
            "Name": [channel["name"] for channel in stream.channels],
            "Color": [color - 2**32 if color >= 2**31 else color for color in colors],
        }
    return facts


def _end_with_parent() -> None:
    """Stop at once when the worker closes our standard input, as its death does."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Write the pyramid that the argument describes."""
    import resource

    import pyvips

    request = json.loads(sys.argv[1])
    _end_with_parent()
    memory = int(request["memory_mib"]) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    said = 0.0

    def told(share: float) -> None:
        nonlocal said
        if time.monotonic() - said > _SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            _say(progress=min(share, 1.0))

    mpp = tuple(request["mpp"]) if request.get("mpp") else None
    try:
        samples = Samples(request, told)
        is_plain = samples.stream.is_color and samples.stream.frames == 1
        (write_colors if is_plain else write_frames)(samples, Path(request["target"]), mpp)
    except ReaderFailed as problem:
        _say(reason=str(problem))
    except pyvips.Error as problem:
        try:
            samples.finish()
        except ReaderFailed as failed:
            _say(reason=str(failed))
        else:
            _say(error=f"The pyramid could not be written: {str(problem.detail or problem.message)[:300]}")
    except (OSError, MemoryError, ValueError) as problem:
        _say(error=f"The pyramid could not be written: {problem!s:.300}")
    else:
        _say(done=True)


if __name__ == "__main__":
    main()
