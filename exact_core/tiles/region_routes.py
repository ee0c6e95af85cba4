"""``/api/v2/images/{id}/region``: a rectangle of an image with the samples of its file, for scripts and for people."""

from __future__ import annotations

import io
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from PIL import Image as Pictures

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import Invalid
from exact_core.tiles.display import as_color
from exact_core.tiles.encode import encode_jpeg
from exact_core.tiles.endpoint import UnreadableTile
from exact_core.tiles.region_limits import LARGEST_REGION, LARGEST_SIDE
from exact_core.tiles.routes import PICTURE_HEADERS, shown_image
from exact_core.tiles.samples import Window, samples_header
from exact_core.tiles.served_images import slide_of
from exact_core.tiles.slide_file import SlideFile

if TYPE_CHECKING:
    from exact_core.services import Services
    from exact_core.tiles.samples import Samples

router = APIRouter(prefix="/api/v2/images", tags=["pictures"])

_FURTHEST = 2**31 - 1
_MOST_PLANES = 100_000
_QUICK_PNG = 1


class RegionFormat(StrEnum):
    """How a region is sent."""

    PNG = "png"
    RAW = "raw"
    JPEG = "jpeg"


_MEDIA_TYPES = {
    RegionFormat.PNG: "image/png",
    RegionFormat.RAW: "application/octet-stream",
    RegionFormat.JPEG: "image/jpeg",
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {media: {} for media in _MEDIA_TYPES.values()},
        "description": "The rectangle. ``X-Exact-Shape`` and ``X-Exact-Dtype`` say what raw bytes are: rows from the"
        " top, as a numpy array in C order.",
    },
    304: {"description": "Not changed."},
}


def _window(
    x: Annotated[int, Query(ge=-_FURTHEST, le=_FURTHEST, description="Left edge, in pixels of the level.")],
    y: Annotated[int, Query(ge=-_FURTHEST, le=_FURTHEST, description="Upper edge, in pixels of the level.")],
    width: Annotated[int, Query(ge=1, le=LARGEST_SIDE, description="In pixels of the level.")],
    height: Annotated[int, Query(ge=1, le=LARGEST_SIDE, description="In pixels of the level.")],
    level: Annotated[int, Query(ge=0, le=63, description="A level that the file itself holds; 0 is full size.")] = 0,
    z: Annotated[int, Query(ge=0, le=_MOST_PLANES, description="Focal plane.")] = 0,
    t: Annotated[int, Query(ge=0, le=_MOST_PLANES, description="Time point.")] = 0,
    channel: Annotated[int, Query(ge=0, le=_MOST_PLANES, description="Of no meaning for colour.")] = 0,
) -> Window:
    if width * height > LARGEST_REGION:
        raise Invalid(f"width, height: a region has at most {LARGEST_REGION:,} pixels; ask for several.")
    return Window(x, y, width, height, level, z, t, channel)


AskedWindow = Annotated[Window, Depends(_window)]
"""The rectangle that the query of a request names."""


@router.get("/{image_id}/region", responses=_ANSWERS, response_class=Response, summary="Read a rectangle of an image")
def region(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    window: AskedWindow,
    format: Annotated[RegionFormat, Query(description="``png`` and ``raw`` are exact.")] = RegionFormat.PNG,
) -> Response:
    """The samples of the file: white outside of colour pictures, 0 outside of others.

    PNG has 8 or 16 bits a sample; JPEG shows channels in their colour. Samples of another type are sent raw.
    """
    services = services_of(request)
    image = shown_image(services, actor, session, image_id)
    slide = slide_of(image, services.blobs)
    place = "-".join(str(value) for value in window.as_json().values())
    etag = f'"{image.content_version}-{format}-{place}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={**PICTURE_HEADERS, "ETag": etag})
    session.rollback()  # let go of the connection while the samples are read
    samples = samples_of(services, slide, window)
    facts = samples_header(samples)
    shape = ",".join(str(side) for side in facts["shape"])
    return Response(
        _encoded(samples, format, slide, window),
        media_type=_MEDIA_TYPES[format],
        headers={**PICTURE_HEADERS, "ETag": etag, "X-Exact-Shape": shape, "X-Exact-Dtype": facts["dtype"]},
    )


def samples_of(services: Services, slide: SlideFile, window: Window) -> Samples:
    """Read by the pool of limited processes; what the file does wrong is an error with its reason."""
    try:
        return services.decoder.samples_now(slide, window)
    except UnreadableImage as problem:
        raise UnreadableTile(f"The image cannot be read. {problem}") from None


def _encoded(samples: Samples, format: RegionFormat, slide: SlideFile, window: Window) -> bytes:
    if format is RegionFormat.RAW:
        return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()
    is_color = samples.ndim == 3
    if format is RegionFormat.JPEG:
        shown = samples if is_color else as_color([samples], [slide.channels[window.channel]])
        return encode_jpeg(np.asarray(shown, np.uint8), keep_colors=not is_color)
    if samples.dtype not in (np.uint8, np.uint16):
        raise Invalid(f"format: samples of type {samples.dtype} do not fit into PNG; ask for raw or jpeg.")
    target = io.BytesIO()
    Pictures.fromarray(samples).save(target, "PNG", compress_level=_QUICK_PNG)
    return target.getvalue()
