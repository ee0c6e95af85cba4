"""Routes beside the tiles: what a viewer needs to know, thumbnails, pieces, label and macro pictures."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import Forbidden, NotFound
from exact_core.auth.access_state import has_shown_pixels
from exact_core.services import Services
from exact_core.storage.models import Image
from exact_core.tiles.encode import encode_jpeg
from exact_core.tiles.endpoint import PREFIX, UnreadableTile
from exact_core.tiles.frames import Frame, parse_frame, require_frame
from exact_core.tiles.schemas import ChannelOut, FramesOut, LevelOut, SlideInformation
from exact_core.tiles.served_images import original_of, slide_of
from exact_core.tiles.thumbnails import default_frame, longest_side

router = APIRouter(prefix="/api/v2/images", tags=["pictures"])

LABEL_PICTURES = "label_pictures"
_PICTURE_SIZES = (128, 256, 512)
_ASSOCIATED_SIZE = 2048
_FURTHEST = 2**31 - 1
PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=0, must-revalidate",
    "Vary": "Cookie, Authorization",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The picture."},
    304: {"description": "Not changed."},
}


@router.get("/{image_id}/slide-information", summary="Describe an image for a viewer")
def slide_information(request: Request, image_id: int, actor: CurrentActor, session: DbSession) -> SlideInformation:
    """Size, resolution, levels, frames and addresses of an image that is ready to be shown."""
    services = services_of(request)
    image = shown_image(services, actor, session, image_id)
    slide = slide_of(image, services.blobs)
    facts = image.frames or {}
    return SlideInformation(
        id=image.id,
        image_set_id=image.image_set_id,
        name=image.name,
        width=image.width,
        height=image.height,
        content_version=image.content_version,
        vendor=image.vendor,
        mpp_x=image.mpp_x,
        mpp_y=image.mpp_y,
        objective_power=image.objective_power,
        size_z=image.size_z,
        size_t=image.size_t,
        size_c=image.size_c,
        frames=FramesOut(
            size_z=image.size_z,
            size_t=image.size_t,
            size_c=image.size_c,
            is_color=bool(facts.get("is_color", True)),
            channels=[ChannelOut.model_validate(channel, from_attributes=True) for channel in slide.channels],
            z_spacing_um=facts.get("z_spacing_um"),
            t_interval_s=facts.get("t_interval_s"),
            default=str(default_frame(image)),
        ),
        levels=[LevelOut.model_validate(level, from_attributes=True) for level in slide.levels],
        tile_url=f"{PREFIX}{image.id}/tiles/{{frame}}/{{level}}/{{column}}_{{row}}",
        thumbnail_url=f"{PREFIX}{image.id}/thumbnail",
        associated=list(image.has_associated) if _may_see_labels(services, actor, image) else [],
    )


@router.get("/{image_id}/thumbnail", responses=_JPEG, response_class=Response, summary="Small picture of an image")
def thumbnail(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    size: Annotated[
        int, Query(ge=16, le=1024, description="Longest side; rounded up to 64, 128, 256, 512, 1024.")
    ] = 256,
    frame: Annotated[str, Query(description="z.t.c; the middle plane in all colours when not given.")] = "",
) -> Response:
    """The whole picture, small; made once and kept on disk."""
    services = services_of(request)
    image = shown_image(services, actor, session, image_id)
    slide, shown = slide_of(image, services.blobs), _frame(image, frame)
    longest = longest_side(size)
    etag = f'"{image.content_version}-{shown}-{longest}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={**PICTURE_HEADERS, "ETag": etag})
    session.rollback()  # let go of the connection while the picture is made
    data = services.thumbnails.of(slide, image_id, image.content_version, shown, longest)
    return Response(data, media_type="image/jpeg", headers={**PICTURE_HEADERS, "ETag": etag})


@router.get("/{image_id}/picture", responses=_JPEG, response_class=Response, summary="Picture of a piece of an image")
def picture(
    request: Request,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    x: Annotated[int, Query(ge=-_FURTHEST, le=_FURTHEST, description="Left edge, in level-0 pixels.")],
    y: Annotated[int, Query(ge=-_FURTHEST, le=_FURTHEST, description="Upper edge, in level-0 pixels.")],
    side: Annotated[int, Query(ge=1, le=_FURTHEST, description="Width and height of the piece, in level-0 pixels.")],
    size: Annotated[int, Query(ge=16, le=512, description="Of the picture; rounded up to 128, 256, 512.")] = 256,
    frame: Annotated[str, Query(description="z.t.c; the middle plane in all colours when not given.")] = "",
) -> Response:
    """A square piece, which may reach over the edges, as JPEG."""
    services = services_of(request)
    image = shown_image(services, actor, session, image_id)
    slide, shown = slide_of(image, services.blobs), _frame(image, frame)
    pixels = next(each for each in _PICTURE_SIZES if each >= size)
    # No more than the image itself shows on one picture: reading is bounded by its smallest version.
    side = min(side, 4 * max(image.width, image.height, 1))
    etag = f'"{image.content_version}-{shown}-{x}-{y}-{side}-{pixels}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={**PICTURE_HEADERS, "ETag": etag})
    session.rollback()  # let go of the connection while the picture is made
    try:
        data = encode_jpeg(services.decoder.region_now(slide, shown, x, y, pixels, pixels, side / pixels))
    except UnreadableImage as problem:
        raise UnreadableTile(f"The image cannot be shown. {problem}") from None
    return Response(data, media_type="image/jpeg", headers={**PICTURE_HEADERS, "ETag": etag})


@router.get("/{image_id}/associated/{name}", responses=_JPEG, response_class=Response, summary="Label or macro picture")
def associated(request: Request, image_id: int, name: str, actor: CurrentActor, session: DbSession) -> Response:
    """A label, macro or other picture of the slide's file; it may show names, hence its own right."""
    services = services_of(request)
    image = shown_image(services, actor, session, image_id)
    if not _may_see_labels(services, actor, image):
        raise Forbidden("Label and macro pictures may show names: you do not have the right to see them in this set.")
    if name not in image.has_associated:
        raise NotFound(f"Image {image_id} has no picture {name[:60]!r}.")
    slide = original_of(image, services.blobs)
    session.rollback()
    try:
        data = services.decoder.associated_now(slide, name, _ASSOCIATED_SIZE)
    except UnreadableImage as problem:
        raise UnreadableTile(f"The picture cannot be shown. {problem}") from None
    return Response(data, media_type="image/jpeg", headers={**PICTURE_HEADERS, "Cache-Control": "private, no-store"})


def shown_image(services: Services, actor: Actor, session: DbSession, image_id: int) -> Image:
    """The image, after the rights: 404 unless the actor may see it."""
    services.snapshot.image(actor, image_id)
    image = session.get(Image, image_id)
    if image is None or not has_shown_pixels(session, image):
        raise NotFound(f"There is no image {image_id}.")
    return image


def _frame(image: Image, asked: str) -> Frame:
    """The frame that is asked for, which the image must have; the first one to show where none is."""
    frame = parse_frame(asked) if asked else default_frame(image)
    require_frame(frame, image.size_z, image.size_t, image.size_c)
    return frame


def _may_see_labels(services: Services, actor: Actor, image: Image) -> bool:
    return bool(services.snapshot.can(actor, LABEL_PICTURES, image.image_set_id))
