"""HTTP routes, below ``/api/v2/image-sets/{image_set_id}/plugins/screening``.

The platform has already checked that the user may view the image set and that the plugin is on there. A pass belongs
to the person who began it: nobody reads or changes that of somebody else here.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api import ExactError, Forbidden, ImageInfo, PluginError
from exact_core.api.deps import (
    Annotations,
    DbSession,
    ImageInSet,
    ImageSetAccess,
    PluginSettings,
    Thumbnails,
    Transaction,
)
from exact_screening import counting, disagreement, locks, passes, seen, stepping, team, viewing
from exact_screening.grid import Box
from exact_screening.masks import Mask
from exact_screening.schemas import (
    CountOut,
    CoverageOut,
    DisagreementsOut,
    FinishIn,
    GridOut,
    ImageProgress,
    LockIn,
    LockOut,
    PassIn,
    PassOut,
    PassSummary,
    StateOut,
    StepIn,
    StepOut,
    TeamOut,
    TimesOut,
    ViewsIn,
)
from exact_screening.settings import ScreeningSettings
from exact_screening.tables import ScreeningPass
from exact_screening.tissue import find_tissue

router = APIRouter()

Settings = Annotated[ScreeningSettings, PluginSettings]
Number = Annotated[int, Path(ge=1, lt=2**31, description="Of a pass of yours, from 1.")]
Account = Annotated[int, Query(ge=1, lt=2**31, description="An account.")]
Frame = Annotated[int, Query(ge=0, lt=2**15)]
Pixel = Annotated[float, Query(ge=-(2**31), lt=2**31, allow_inf_nan=False, description="Level-0 pixels.")]

SCREEN, TEAM, LOCK = "screening.screen", "screening.team", "screening.lock"
_PICTURE = 1024


@router.get("/images/{image_id}/state", summary="Where you are on an image")
def state(image: ImageInSet, access: ImageSetAccess, session: DbSession, settings: Settings) -> StateOut:
    """Your newest pass with all that is needed to go on, earlier ones, what a new one would start with, and locks."""
    own = passes.all_of(session, image.id, access.actor.user_id)
    notes = [] if image.mpp_x else ["This image has no scale: sizes are in pixels, and areas cannot be said."]
    return StateOut(
        has_scale=bool(image.mpp_x),
        notes=notes,
        defaults=passes.defaults(image, settings),
        screening=_whole(session, own[0]) if own else None,
        earlier=[_summary(row) for row in own[1:]],
        locks=locks.of_image(session, image.id, may_unlock=access.can(LOCK)),
    )


@router.post("/images/{image_id}/passes", status_code=201, summary="Begin a pass")
def begin(
    image: ImageInSet,
    access: ImageSetAccess,
    settings: Settings,
    thumbnails: Thumbnails,
    transaction: Transaction,
    wishes: PassIn,
) -> PassOut:
    """Lay a grid and begin a new pass. Fields whose area your last pass showed count as seen, unless you say no."""
    access.require(SCREEN)
    passes.grid_for(image, wishes)  # says what is wrong before the picture is looked at
    tissue = _tissue(image, thumbnails) if wishes.tissue_only else None
    with transaction() as session:
        made = passes.make(session, image, access.actor.user_id, wishes, tissue, settings.tissue_share / 100)
        return _whole(session, made)


@router.post("/images/{image_id}/passes/{number}/steps", summary="Go on with a pass")
def step(
    image: ImageInSet, access: ImageSetAccess, transaction: Transaction, number: Number, request: StepIn
) -> StepOut:
    """Mark fields, say where you are, take a step. Sent twice, it counts once; marks of several windows add up."""
    access.require(SCREEN)
    with transaction() as session:
        row = passes.numbered(session, image.id, access.actor.user_id, number)
        return stepping.take(session, row, request)


@router.get("/images/{image_id}/passes/{number}/times", summary="How long you looked at each field")
def times(image: ImageInSet, access: ImageSetAccess, session: DbSession, number: Number) -> TimesOut:
    """Fields of a pass of yours in the order of the grid, with the seconds for which each was shown."""
    row = passes.numbered(session, image.id, access.actor.user_id, number, for_update=False)
    fields, seconds = passes.times_of(session, row)
    return TimesOut(fields=fields.tolist(), seconds=seconds.tolist())


@router.put("/images/{image_id}/passes/{number}/finished", summary="Finish a pass, or reopen it")
def finish(
    image: ImageInSet, access: ImageSetAccess, transaction: Transaction, number: Number, request: FinishIn
) -> StepOut:
    """Say that you are done, whether or not every field was seen."""
    access.require(SCREEN)
    with transaction() as session:
        row = passes.numbered(session, image.id, access.actor.user_id, number)
        stepping.finish(row, finished=request.finished)
        return stepping.answer(session, row, with_seen=False)


@router.post("/images/{image_id}/views", status_code=204, summary="Say what the screen showed")
def views(
    image: ImageInSet, access: ImageSetAccess, settings: Settings, transaction: Transaction, request: ViewsIn
) -> None:
    """Rectangles that were really shown, with magnification and time: the proof of coverage."""
    access.require(SCREEN)
    for is_last_try in (False, True):
        try:
            with transaction() as session:
                viewing.record(session, image, access.actor.user_id, request.views, settings.least_seconds)
        except IntegrityError:  # the first view at a magnification came from two windows at once
            if is_last_try:
                raise
        else:
            return


@router.get("/images/{image_id}/coverage", summary="What you have really seen of an image")
def coverage(image: ImageInSet, access: ImageSetAccess, session: DbSession) -> CoverageOut:
    """Areas by magnification, from what your screen showed while you screened."""
    return viewing.coverage_of(image, viewing.rows_of(session, image.id, access.actor.user_id))


@router.get("/images/{image_id}/team", summary="How far everybody is on an image")
def team_of_image(image: ImageInSet, access: ImageSetAccess, session: DbSession) -> TeamOut:
    """Numbers per person; where each part was seen only where the work of others is no secret to you."""
    access.require(TEAM)
    return team.team_of(session, image, with_map=access.can("see_all"))


@router.get("/team", summary="How far everybody is on the images of the set")
def team_of_set(access: ImageSetAccess, session: DbSession) -> list[ImageProgress]:
    """Every image that somebody began to screen."""
    access.require(TEAM)
    return team.set_progress(session, access.image_set_id)


@router.get("/images/{image_id}/disagreements", summary="What two people see differently")
def disagreements(
    image: ImageInSet,
    access: ImageSetAccess,
    session: DbSession,
    reader: Annotations,
    settings: Settings,
    first: Account,
    second: Account,
) -> DisagreementsOut:
    """Shapes of two people who have finished, matched by their distance."""
    if not access.can("see_all"):
        raise Forbidden("The work of others is hidden here until the image set is unblinded.")
    return disagreement.between(session, reader, image, settings, first, second)


@router.get("/images/{image_id}/count", summary="Count around a point")
def count(
    image: ImageInSet, reader: Annotations, settings: Settings, x: Pixel = 0, y: Pixel = 0, z: Frame = 0, t: Frame = 0
) -> CountOut:
    """Count the shapes that you may see within the set's area (2.37 mm², unless set otherwise) around a point."""
    return counting.count_around(reader, image, settings, x, y, z=z, t=t)


@router.get("/images/{image_id}/hotspot", summary="Where most lies")
def hotspot(image: ImageInSet, reader: Annotations, settings: Settings, z: Frame = 0, t: Frame = 0) -> CountOut | None:
    """The area of the set's size that holds most of the shapes that you may see; null where there are none."""
    return counting.find_hotspot(reader, image, settings, z=z, t=t)


@router.post("/images/{image_id}/locks", status_code=201, summary="Lock a region")
def lock(image: ImageInSet, access: ImageSetAccess, transaction: Transaction, request: LockIn) -> LockOut:
    """From now on nobody can draw, change or delete annotations there."""
    access.require(LOCK)
    with transaction() as session:
        return locks.shown(locks.add(session, image, access.actor, request), may_unlock=True)


@router.delete("/images/{image_id}/locks/{lock_id}", status_code=204, summary="Unlock a region")
def unlock(
    image: ImageInSet,
    access: ImageSetAccess,
    transaction: Transaction,
    lock_id: Annotated[int, Path(ge=1, lt=2**31)],
) -> None:
    """Annotations there can be changed again."""
    access.require(LOCK)
    with transaction() as session:
        locks.remove(session, image.id, lock_id)


def _tissue(image: ImageInfo, thumbnails: Thumbnails) -> Mask:
    try:
        picture = thumbnails(image.id, _PICTURE)
    except ExactError as error:
        raise PluginError(422, "no-tissue", f"Tissue cannot be looked for. {error} Screen all of it instead.") from None
    return Mask(find_tissue(picture), Box(0, 0, image.width, image.height))


def _summary(row: ScreeningPass) -> PassSummary:
    return PassSummary.model_validate(row, from_attributes=True)


def _whole(session: Session, row: ScreeningPass) -> PassOut:
    path = passes.path_of(row)
    grid = path.grid
    return PassOut(
        **_summary(row).model_dump(),
        grid=GridOut(
            x0=row.x0,
            y0=row.y0,
            x1=row.x1,
            y1=row.y1,
            width=grid.width,
            height=grid.height,
            step_x=grid.step_x,
            step_y=grid.step_y,
            columns=grid.columns,
            rows=grid.rows,
            order=grid.order,
        ),
        wishes=PassIn.model_validate(row.wishes),
        position=row.position,
        revision=row.revision,
        carried=row.carried,
        chosen=seen.as_text(path.chosen),
        seen=seen.as_text(passes.seen_of(session, row)),
    )
