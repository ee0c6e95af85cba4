"""The limited process that opens pictures: ``python -m exact_core.tiles.decode_worker DESCRIPTOR MEMORY_MIB``.

It answers one request at a time over a socket. A problem of the file is an answer; anything else ends the process,
which the server notices.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exact_core.tiles.limits import allow_seconds, limit_this_process
from exact_core.tiles.messages import ConnectionLost, receive, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exact_core.api.drivers import ImageSource
    from exact_core.tiles.render import OpenedImage

_MOST_OPEN = 8
_OPEN_SHARE = 4  # opened pictures may hold a quarter of the memory
# What readers raise at broken files: tifffile, Pillow and numpy raise nearly anything but Exception itself.
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
    struct.error,
    zlib.error,
)


class OpenImages:
    """Pictures kept open, least recently used closed first."""

    def __init__(self, memory_mib: int) -> None:
        self._most_bytes = memory_mib * 1024 * 1024 // _OPEN_SHARE
        self._open: OrderedDict[tuple[str, str, str], OpenedImage] = OrderedDict()

    def get(self, slide: Mapping[str, Any]) -> OpenedImage:
        """Open a picture, or return the opened one."""
        key = _key(slide)
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        opened = _open(slide)
        self._open[key] = opened
        return opened

    def drop(self, slide: Mapping[str, Any]) -> None:
        """Close a picture that failed: OpenSlide reads nothing more from a slide after an error."""
        opened = self._open.pop(_key(slide), None)
        if opened is not None:
            opened.close()

    def tidy(self) -> None:
        """Close what is too many or too large, but never the picture used last."""
        while len(self._open) > 1 and (len(self._open) > _MOST_OPEN or self._bytes() > self._most_bytes):
            self._open.popitem(last=False)[1].close()

    def clear(self) -> None:
        """Close all."""
        while self._open:
            self._open.popitem()[1].close()

    def _bytes(self) -> int:
        return sum(opened.source.memory_bytes for opened in self._open.values())


def _key(slide: Mapping[str, Any]) -> tuple[str, str, str]:
    return slide["key"], slide["path"], slide["index_path"]


def answer(request: Mapping[str, Any], images: OpenImages) -> tuple[dict[str, Any], bytes | memoryview]:
    """Do what a request asks for."""
    from exact_core.tiles import render
    from exact_core.tiles.encode import encode_jpeg
    from exact_core.tiles.frames import Frame
    from exact_core.tiles.pyramid import level_from_json

    operation = request["operation"]
    if operation == "probe":
        from exact_core.tiles.probing import probe

        report, index = probe(Path(request["path"]), request["drivers"])
        return {"report": report}, index
    if operation == "properties":
        from exact_core.tiles.sources.openslide_source import properties_of

        return {"properties": properties_of(Path(request["path"]), request["names"])}, b""
    image = images.get(request["slide"])
    if operation == "associated":
        pixels = image.source.associated(request["name"])
        return {"media_type": "image/jpeg"}, encode_jpeg(_at_most(pixels, request["size"]))
    if operation in ("describe", "samples"):
        return _own_samples(operation, request, image.source)
    frame = Frame(*request["frame"])
    levels = [level_from_json(level) for level in request["levels"]]
    if operation == "tile":
        return {}, render.render_tile(image, levels[0], request["column"], request["row"], frame)
    if operation == "thumbnail":
        return {}, encode_jpeg(render.render_thumbnail(image, levels, request["size"], frame))
    if operation == "region":
        box = render.Box(*(request[name] for name in ("x", "y", "width", "height")))
        pixels = render.render_region(image, levels, box, request["downsample"], frame)
        return {"height": pixels.shape[0], "width": pixels.shape[1]}, pixels.tobytes()
    raise ValueError(f"unknown operation {operation!r}")


def _own_samples(
    operation: str, request: Mapping[str, Any], source: ImageSource
) -> tuple[dict[str, Any], bytes | memoryview]:
    """Say what the file offers, or read its samples as they are."""
    from exact_core.tiles.samples import Window, read_window, samples_header, source_as_json

    if operation == "describe":
        return {"source": source_as_json(source.info)}, b""
    samples = read_window(source, Window(**request["window"]))
    return samples_header(samples), samples.data.cast("B")


def main() -> None:
    """Serve requests until the server closes the connection."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    memory_mib = int(sys.argv[2])
    _import_readers()
    send(connection, {"ready": True, "missing": limit_this_process(memory_mib)})
    images = OpenImages(memory_mib)
    while True:
        try:
            request, _ = receive(connection)
        except ConnectionLost:
            return
        allow_seconds(request["seconds"])
        header, body = _answer_or_reason(request, images, memory_mib)
        if "reason" in header and "slide" in request:
            images.drop(request["slide"])
        try:
            send(connection, header, body)
        except ConnectionLost:
            return
        images.tidy()


def _answer_or_reason(
    request: Mapping[str, Any], images: OpenImages, memory_mib: int
) -> tuple[dict[str, Any], bytes | memoryview]:
    from openslide import OpenSlideError

    from exact_core.api.drivers import UnreadableImage
    from exact_core.api.errors import ExactError

    try:
        return answer(request, images)
    except (UnreadableImage, ExactError) as problem:
        return {"reason": str(problem)}, b""
    except MemoryError:
        images.clear()
        return {"reason": f"The file needs more memory to open than is allowed ({memory_mib} MiB)."}, b""
    except (OpenSlideError, *_FILE_PROBLEMS) as problem:
        reason = f"The file is damaged or of an unknown variant ({type(problem).__name__}: {_text(problem, request)})."
        return {"reason": reason}, b""


def _text(problem: BaseException, request: Mapping[str, Any]) -> str:
    """The message without the file's path and name, which may be private."""
    path = Path(request.get("path") or request.get("slide", {}).get("path", ""))
    text = str(problem).splitlines()[0] if str(problem) else "no details"
    return (text.replace(str(path), "the file").replace(path.name, "the file") if path.name else text)[:200]


def _open(slide: Mapping[str, Any]) -> OpenedImage:
    from exact_core.tiles.render import OpenedImage
    from exact_core.tiles.slide_file import channel_from_json
    from exact_core.tiles.sources import open_source
    from exact_core.tiles.tile_index import TileIndex

    index = TileIndex(Path(slide["index_path"])) if slide["index_path"] else None
    source = open_source(slide["driver"], Path(slide["path"]))
    descriptor = os.open(slide["path"], os.O_RDONLY | os.O_CLOEXEC) if index is not None else -1
    channels = [channel_from_json(value) for value in slide["channels"]]
    return OpenedImage(source, channels or source.info.channels, index, descriptor)


def _at_most(pixels: Any, size: int) -> Any:
    from exact_core.tiles.render import resize

    height, width = pixels.shape[:2]
    scale = min(1.0, size / max(height, width))
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _import_readers() -> None:
    """Load libraries while the process may still use the disk as it likes."""
    import numpy as np
    import PIL.Image

    from exact_core.tiles import render
    from exact_core.tiles.sources import openslide_source

    PIL.Image.preinit()
    assert all((np, render, openslide_source))


if __name__ == "__main__":
    main()
