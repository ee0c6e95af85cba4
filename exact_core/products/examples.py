"""Example pictures of annotation types: what was uploaded is decoded in a limited process and stored anew.

The uploaded bytes are never kept or served: only a JPEG that we made ourselves from the decoded pixels is.
"""

from __future__ import annotations

from exact_core.api.errors import Invalid, TooLarge
from exact_core.services import Services
from exact_core.tiles.builtin import PICTURE
from exact_core.tiles.frames import Frame
from exact_core.tiles.probe import probe_file
from exact_core.tiles.pyramid import level_from_json
from exact_core.tiles.slide_file import SlideFile, channel_from_json

MAX_BYTES = 20 * 1024 * 1024
_MAX_PIXELS = 100_000_000
_LONGEST_SIDE = 512


def as_jpeg(services: Services, content: bytes) -> bytes:
    """A small JPEG of an uploaded picture; ``Invalid`` with the reason for what is none."""
    if not content:
        raise Invalid("The example picture is empty.")
    if len(content) > MAX_BYTES:
        raise TooLarge(f"An example picture has at most {MAX_BYTES // 2**20} MiB.")
    with services.blobs.temporary_folder("example") as folder:
        path = folder / "picture"
        path.write_bytes(content)
        report = probe_file(path, services.settings, drivers=[PICTURE])
        if report.unreadable:
            raise Invalid(f"The example picture cannot be read: {report.unreadable}")
        if report.width * report.height > _MAX_PIXELS:
            raise Invalid(f"The example picture has {report.width} × {report.height} pixels; send a smaller one.")
        channels = tuple(channel_from_json(channel) for channel in report.frames["channels"])
        levels = tuple(level_from_json(level) for level in report.levels)
        slide = SlideFile(f"example-{folder.name}", str(path), report.driver, "", channels, levels)
        return services.decoder.thumbnail_now(slide, _LONGEST_SIDE, Frame())
