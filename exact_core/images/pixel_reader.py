"""The limited process that decodes a whole picture for conversion: ``python -m exact_core.images.pixel_reader JSON``.

It writes one line of JSON that describes what follows, then the samples of every frame, row after row, to its
standard output. Times come first, then channels, then planes. A problem of the file goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exact_core.tiles.limits import allow_seconds, limit_this_process

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from exact_core.api.drivers import ImageSource, SourceInfo

BROKEN_FILE = 3
"""Exit status when the file is to blame; the reason stands on standard error."""

_OUTPUT = 1
_DEFAULT_BAND = 256
_FILE_PROBLEMS = (
    OSError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RuntimeError,
    AssertionError,
    EOFError,
    SyntaxError,
    MemoryError,
)


def main() -> None:
    """Decode the file named in the argument."""
    request = json.loads(sys.argv[1])
    path = Path(request["path"])
    _import_readers()
    limit_this_process(int(request["memory_mib"]))
    allow_seconds(float(request["seconds"]))
    from exact_core.api.drivers import UnreadableImage

    try:
        _send(request["driver"], path)
    except BrokenPipeError:
        sys.exit(1)  # nobody wants the rest
    except UnreadableImage as problem:
        _end(str(problem))
    except _FILE_PROBLEMS as problem:
        text = (str(problem).splitlines() or [""])[0].replace(str(path), "the file").replace(path.name, "the file")
        _end(f"The file is damaged or of an unknown variant ({type(problem).__name__}: {text[:200]}).")


def _send(driver: str, path: Path) -> None:
    from exact_core.tiles.sources import open_source

    source = open_source(driver, path)
    info = source.info
    streamed = _streamable(source, path)
    if streamed is not None:
        _send_header(info, "uint8", is_color=True)
        streamed.rawsave_target(_target())
        return
    first = source.read(0, 0, 0, 1, 1, 0, 0, 0)
    _send_header(info, first.dtype.newbyteorder("=").name, is_color=info.is_color)
    for band in _bands(source, info):
        _write_all(band)


def _send_header(info: SourceInfo, dtype: str, *, is_color: bool) -> None:
    header = {
        "width": info.levels[0].width,
        "height": info.levels[0].height,
        "size_z": info.size_z,
        "size_t": info.size_t,
        "is_color": is_color,
        "dtype": dtype,
        "channels": [] if is_color else [asdict(channel) for channel in info.channels],
        "z_spacing_um": info.z_spacing_um,
        "t_interval_s": info.t_interval_s,
    }
    _write_all(json.dumps(header).encode() + b"\n")


def _bands(source: ImageSource, info: SourceInfo) -> Iterator[memoryview]:
    level = info.levels[0]
    height = level.tile_height if 64 <= level.tile_height <= 1024 else _DEFAULT_BAND
    channels = 1 if info.is_color else max(1, len(info.channels))
    for t in range(info.size_t):
        for c in range(channels):
            for z in range(info.size_z):
                for y in range(0, level.height, height):
                    yield _as_bytes(source.read(0, 0, y, level.width, min(height, level.height - y), z, t, c))


def _as_bytes(samples: NDArray[np.generic]) -> memoryview:
    import numpy

    native = numpy.ascontiguousarray(samples, samples.dtype.newbyteorder("="))
    return native.data.cast("B")


def _streamable(source: ImageSource, path: Path) -> Any:
    """The picture as an 8-bit RGB pipeline of libvips, which needs not hold it whole; None where that cannot be."""
    import pyvips

    from exact_core.tiles.sources.picture_source import PlainSource

    if not isinstance(source, PlainSource):
        return None
    try:
        picture = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="truncated")
    except pyvips.Error:
        return None
    is_grey = picture.interpretation == "b-w"
    if not source.info.is_color and not (is_grey and picture.format == "uchar"):
        return None  # deep samples keep their own type
    if picture.get_typeof("orientation") and picture.get("orientation") != 1:
        picture = pyvips.Image.new_from_file(str(path), fail_on="truncated").autorot()
    if picture.hasalpha():
        picture = picture.flatten(background=[255] * (picture.bands - 1) if picture.format == "uchar" else [65535])
    if picture.interpretation != "srgb":
        picture = picture.colourspace("srgb")
    if picture.format != "uchar":
        picture = picture.cast("uchar")
    level = source.info.levels[0]
    is_same = (picture.width, picture.height, picture.bands) == (level.width, level.height, 3)
    return picture if is_same else None


def _target() -> Any:
    import pyvips

    return pyvips.Target.new_to_descriptor(_OUTPUT)


def _write_all(data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_OUTPUT, view) :]


def _end(reason: str) -> None:
    sys.stderr.write(reason[:500])
    sys.stderr.flush()
    os._exit(BROKEN_FILE)


def _import_readers() -> None:
    """Load libraries while the process may still use the disk as it likes."""
    import imagecodecs
    import numpy
    import PIL.Image
    import pyvips

    from exact_core.tiles.sources import openslide_source, tiff_source

    PIL.Image.preinit()
    assert all((imagecodecs, numpy, pyvips, openslide_source, tiff_source))


if __name__ == "__main__":
    main()
