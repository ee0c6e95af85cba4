"""Small pictures of annotations: the piece of the slide around one, for lists of hits."""

from __future__ import annotations

import math

from exact_core.annotations.service import find_one
from exact_core.api.context import Actor
from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import NotFound
from exact_core.services import Services
from exact_core.storage.models import Image
from exact_core.tiles.encode import encode_jpeg
from exact_core.tiles.endpoint import UnreadableTile
from exact_core.tiles.frames import Frame
from exact_core.tiles.served_images import slide_of
from exact_core.tiles.thumbnails import default_frame

SIZES = (64, 96, 128, 192, 256)
_MARGIN = 0.35  # of the longer side, around the shape
_SMALLEST = 48  # level-0 pixels: a point shows its surroundings


def picture_of(services: Services, actor: Actor, annotation_id: int, size: int, etag: str | None) -> tuple[bytes, str]:
    """A square JPEG around an annotation and its ETag; empty when the client has it already."""
    with services.database.read() as session:
        known = find_one(session, actor, annotation_id, services.snapshot.can)
        image = session.get_one(Image, known.image_id)
        state = known.state
        if state is None or image.status != "ready":
            raise NotFound(f"There is no picture of annotation {annotation_id}.")
        tag = f'"{image.content_version}-{known.revision}-{size}"'
        if tag == etag:
            return b"", tag
        slide = slide_of(image, services.blobs)
        shown, box = default_frame(image), state.box
        frame = Frame(max(state.frame.z, 0) if state.frame.z >= 0 else shown.z, max(state.frame.t, 0), shown.c)
        longest = max(image.width, image.height)
    side = max(box.x1 - box.x0, box.y1 - box.y0, 1) * (1 + 2 * _MARGIN)
    side = min(max(side, _SMALLEST), longest)
    x, y = box.center
    left, top = math.floor(x - side / 2), math.floor(y - side / 2)
    try:
        pixels = services.decoder.region_now(slide, frame, left, top, size, size, side / size)
    except UnreadableImage as problem:
        raise UnreadableTile(f"The image cannot be shown. {problem}") from None
    return encode_jpeg(pixels), tag
