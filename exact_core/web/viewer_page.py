"""The page on which one image is looked at and annotated, and the strip of images beside it."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, func, or_, select
from starlette.responses import HTMLResponse, Response

from exact_core.agreement.studies.tasks import place_of
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import NotFound
from exact_core.api.images import ImageInfo
from exact_core.auth.rights import Right, Rights
from exact_core.images.service import get_image
from exact_core.products.attachments import types_of
from exact_core.review.modes import is_blind
from exact_core.review.settings import ModeSettings
from exact_core.storage.models import Image, ImageSet, VersionImage
from exact_core.web import version_page
from exact_core.web.bootstrap import enabled_frontends, rights_in
from exact_core.web.isolation import ISOLATED
from exact_core.web.pages import CurrentVisit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.services import Services

router = APIRouter()

Version = Annotated[int | None, Query(description="As it was in this version; the present when left out.")]
STRIP_PAGE = 40
_SHOWN = ("id", "name", "status", "status_reason", "width", "height", "size_z", "size_t", "size_c")
_RESOLUTION = ("mpp_x", "mpp_y", "objective_power", "content_version", "frames")


class StripSide(StrEnum):
    """Which images of the strip are wanted, as seen from one of them."""

    AROUND = "around"
    BEFORE = "before"
    AFTER = "after"


class StripImage(BaseModel):
    """An image in the strip."""

    id: int
    name: str
    status: str


class StripOut(BaseModel):
    """A part of the strip in order, and whether it goes on before and after."""

    items: list[StripImage]
    before: bool
    after: bool


@router.get("/image-sets/{image_set_id}/images/{image_id}", include_in_schema=False, response_class=HTMLResponse)
def viewer(visit: CurrentVisit, image_set_id: int, image_id: int, version: Version = None) -> Response:
    """One image with its tools, types and plugins; of a version read only, as it was."""
    services, actor = visit.pages.services, visit.actor
    with services.database.read() as session:
        image = _image_in(session, actor, image_set_id, image_id, version)
        image_set = session.get_one(ImageSet, image_set_id)
        may_see_name = Rights(session).decide(actor, Right.PRIVATE_NAMES, image_set_id).allowed
        shown = {name: getattr(image, name) for name in (*_SHOWN, *_RESOLUTION)}
        data: dict[str, Any] = {
            "imageSet": {
                "id": image_set.id,
                "name": image_set.name,
                "mode": image_set.mode,
                "is_blind": is_blind(image_set),
                "items": ModeSettings.stored(image_set.mode_settings).second_opinion.items
                if image_set.mode == "second_opinion"
                else "image",
                "is_locked": image_set.is_locked,
                "url": f"/image-sets/{image_set.id}",
            },
            "image": {
                **shown,
                "levels": [],
                "private_name": image.private_name if may_see_name else "",
                "is_in_bin": image.deleted_at is not None,
            },
            "types": jsonable_encoder(types_of(session, image_set_id)),
            "strip": _place(session, image, version),
            "version": None,
        }
        opened = None if version is None else version_page.open_in(services, session, actor, image, version)
        study = place_of(session, actor.user_id, image_id)
        facts = _facts(image)
    frontends = enabled_frontends(services, visit.pages.assets, image_set_id)
    data |= {
        "rights": rights_in(services, actor, image_set_id),
        "plugins": frontends,
        "overlays": _overlays(services, facts) if facts else [],
        "study": study.to_json() if study else None,
    }
    if opened is not None:
        data |= version_page.seen_in(opened, data["rights"])
    answer = visit.pages.render(
        visit.request,
        "viewer.html",
        title=str(data["image"]["name"]),
        actor=actor,
        page="viewer",
        module="viewer/index.js",
        plugins=tuple(entry["name"] for entry in data["plugins"]),
        bootstrap=data,
        image=data["image"],
        image_set=data["imageSet"],
        strip=data["strip"],
        version=data["version"],
        scale_is_known=bool(data["image"]["mpp_x"]),
    )
    if services.settings.isolate_viewer:
        answer.headers.update(ISOLATED)
    return answer


@router.get(
    "/api/v2/image-sets/{image_set_id}/images/{image_id}/strip", summary="List the images around one", tags=["images"]
)
def strip(
    request: Request,
    image_set_id: int,
    image_id: int,
    actor: CurrentActor,
    session: DbSession,
    side: Annotated[StripSide, Query(description="Around the image, or the next ones on one side.")] = StripSide.AROUND,
    version: Version = None,
) -> StripOut:
    """Images in the order of the set, a page on each side at most; the image itself is in the middle."""
    here = _image_in(session, actor, image_set_id, image_id, version)
    if version is not None:
        version_page.open_in(services_of(request), session, actor, here, version)
    before, more_before = (
        _beside(session, here, version, backwards=True) if side is not StripSide.AFTER else ([], False)
    )
    after, more_after = (
        _beside(session, here, version, backwards=False) if side is not StripSide.BEFORE else ([], False)
    )
    middle = [here] if side is StripSide.AROUND else []
    items = [StripImage(id=one.id, name=one.name, status=one.status) for one in (*before[::-1], *middle, *after)]
    return StripOut(items=items, before=more_before, after=more_after)


def _image_in(session: Session, actor: CurrentActor, image_set_id: int, image_id: int, version: int | None) -> Image:
    """The image; one in the bin only for a version, of which ``version_page.open_in`` must then be asked."""
    image = get_image(session, actor, image_id, deleted=version is not None)
    if image.image_set_id != image_set_id:
        raise NotFound(f"Image {image_id} is not in image set {image_set_id}, or you may not see it.")
    return image


def _beside(session: Session, here: Image, version: int | None, *, backwards: bool) -> tuple[list[Image], bool]:
    """The images next to one on one side, nearest first, and whether there are more."""
    order = (Image.position.desc(), Image.id.desc()) if backwards else (Image.position, Image.id)
    query = select(Image).where(*_live_in(here, version), _past(here, backwards=backwards)).order_by(*order)
    found = list(session.scalars(query.limit(STRIP_PAGE + 1)))
    return found[:STRIP_PAGE], len(found) > STRIP_PAGE


def _place(session: Session, here: Image, version: int | None) -> dict[str, int | None]:
    """Number of the image in its set, and its neighbours."""
    before, _ = _beside(session, here, version, backwards=True)
    after, _ = _beside(session, here, version, backwards=False)
    counted = select(func.count()).select_from(Image).where(*_live_in(here, version))
    return {
        "total": session.scalar(counted) or 0,
        "position": (session.scalar(counted.where(_past(here, backwards=True))) or 0) + 1,
        "previous": before[0].id if before else None,
        "next": after[0].id if after else None,
    }


def _live_in(here: Image, version: int | None) -> tuple[ColumnElement[bool], ...]:
    """Images of the set that can be shown; with a version those that were in it, also from the bin."""
    own = Image.image_set_id == here.image_set_id
    if version is None:
        return own, Image.deleted_at.is_(None)
    return (
        own,
        Image.purged_at.is_(None),
        Image.id.in_(select(VersionImage.image_id).where(VersionImage.version_id == version)),
    )


def _past(here: Image, *, backwards: bool) -> ColumnElement[bool]:
    same = Image.position == here.position
    if backwards:
        return or_(Image.position < here.position, and_(same, Image.id < here.id))
    return or_(Image.position > here.position, and_(same, Image.id > here.id))


def _facts(image: Image) -> ImageInfo | None:
    """What plugins may know; nothing while the image cannot be shown."""
    return ImageInfo.of(image) if image.status == "ready" else None


def _overlays(services: Services, facts: ImageInfo) -> list[dict[str, Any]]:
    """Pictures of plugins, with addresses below the plugin's own routes of this image set."""
    return [
        {
            **asdict(overlay),
            "plugin": plugin,
            "url": f"/api/v2/image-sets/{facts.image_set_id}/plugins/{plugin}/{overlay.url}",
            "places": [str(place) for place in overlay.places],
            "is_tiled": overlay.is_tiled,
        }
        for plugin, overlay in services.kernel.hooks.overlays(facts)
    ]
