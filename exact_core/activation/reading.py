"""Addresses of what plugins say about an image: figures of a region, and pictures to draw over it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from exact_core.activation.schemas import OverlayOut, StatisticOut
from exact_core.api.annotations import Region
from exact_core.api.deps import Annotations, DbSession, VisibleImage, services_of
from exact_core.api.errors import Invalid
from exact_core.api.markers import Scope
from exact_core.kernel.route_trial import prefix_of

router = APIRouter(prefix="/images/{image_id}")

_Pixel = Annotated[int | None, Query(description="Level-0 pixel; the whole image when left out.")]
_Frame = Annotated[int, Query(ge=-1, le=32767)]


@router.get("/statistics", summary="Figures of plugins about a region")
def statistics(
    request: Request,
    image: VisibleImage,
    session: DbSession,
    reader: Annotations,
    x0: _Pixel = None,
    y0: _Pixel = None,
    x1: _Pixel = None,
    y1: _Pixel = None,
    z: _Frame = 0,
    t: _Frame = 0,
    c: _Frame = -1,
) -> list[StatisticOut]:
    """What the plugins that are on in the image's set say about a region of it."""
    region = Region(
        image.id,
        image.image_set_id,
        0 if x0 is None else x0,
        0 if y0 is None else y0,
        image.width if x1 is None else x1,
        image.height if y1 is None else y1,
        z,
        t,
        c,
    )
    if region.x1 <= region.x0 or region.y1 <= region.y0:
        raise Invalid("The region is empty: x1 must be greater than x0, and y1 greater than y0.")
    found = services_of(request).kernel.hooks.statistics(session, region, reader)
    return [
        StatisticOut(
            plugin=plugin,
            id=each.id,
            label=each.label,
            value=each.value,
            unit=each.unit,
            note=each.note,
            maximum=each.maximum,
        )
        for plugin, each in found
    ]


@router.get("/overlays", summary="Pictures of plugins to draw over the image")
def overlays(request: Request, image: VisibleImage) -> list[OverlayOut]:
    """What the plugins that are on in the image's set offer to draw over it."""
    return [
        OverlayOut(
            plugin=plugin,
            id=each.id,
            title=each.title,
            url=f"{prefix_of(plugin, Scope.IMAGE_SET).format(image_set_id=image.image_set_id)}/{each.url}",
            is_tiled=each.is_tiled,
            places=[place.value for place in each.places],
            opacity=each.opacity,
            is_shown=each.is_shown,
        )
        for plugin, each in services_of(request).kernel.hooks.overlays(image)
    ]
