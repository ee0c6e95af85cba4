"""Passes in the database: making one, finding the newest, and what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api import Conflict, ImageInfo, Invalid, NotFound, PluginError
from exact_screening import masks, seen, transfer
from exact_screening.grid import Box, Fields, Flags, Grid, Order, Path, plan
from exact_screening.masks import Mask
from exact_screening.schemas import PassIn, RegionIn, RegionKind
from exact_screening.settings import ScreeningSettings
from exact_screening.tables import ScreeningChunk, ScreeningPass

_LONGEST_CHAIN = 30  # passes whose areas are added up

USUAL_MPP = 0.25
"""µm per pixel that a 40× objective gives; for first sizes on images that have no scale."""


def defaults(image: ImageInfo, settings: ScreeningSettings) -> PassIn:
    """What the form starts with on an image: the settings, in pixels where the image has no scale."""
    in_pixels = settings.unit == "um" and not image.mpp_x
    scale = 1 / USUAL_MPP if in_pixels else 1.0
    return PassIn(
        unit="px" if in_pixels else settings.unit,
        field_width=settings.field_width * scale,
        field_height=settings.field_height * scale,
        overlap=settings.overlap,
        order=settings.order,
        magnification=settings.magnification,
        tissue_only=settings.tissue_only,
    )


def grid_for(image: ImageInfo, wishes: PassIn) -> tuple[Grid, Mask | None]:
    """The grid of a wish, and the inside of its region where that is no rectangle.

    Raises:
        Invalid: The image has no scale, the region lies outside, or there would be too many fields.
    """
    width, height = wishes.field_width, wishes.field_height
    if wishes.unit == "um":
        if not image.mpp_x:
            raise Invalid("This image has no scale: give the size of a field in pixels.")
        width, height = width / image.mpp_x, height / (image.mpp_y or image.mpp_x)
    bounds, region = bounds_of(wishes.region, image)
    return plan(bounds, round(width), round(height), wishes.overlap / 100, wishes.order), region


def bounds_of(region: RegionIn, image: ImageInfo) -> tuple[Box, Mask | None]:
    """The bounding box of a region on an image, and the inside of a polygon."""
    whole = Box(0, 0, image.width, image.height)
    if region.kind is RegionKind.WHOLE:
        return whole, None
    least = 2 if region.kind is RegionKind.RECTANGLE else 3
    if len(region.points) < least:
        raise Invalid(f"A {region.kind} has at least {least} points.")
    xs, ys = [x for x, _ in region.points], [y for _, y in region.points]
    bounds = Box(
        max(0, int(np.floor(min(xs)))),
        max(0, int(np.floor(min(ys)))),
        min(image.width, int(np.ceil(max(xs)))),
        min(image.height, int(np.ceil(max(ys)))),
    )
    if bounds.width < 1 or bounds.height < 1:
        raise Invalid("The region lies outside of the image.")
    return bounds, masks.of_polygon(region.points, bounds) if region.kind is RegionKind.POLYGON else None


def make(
    session: Session,
    image: ImageInfo,
    user_id: int,
    wishes: PassIn,
    tissue: Mask | None,
    share: float,
) -> ScreeningPass:
    """Begin a pass: the next one of this person on this image.

    Args:
        session: A session that writes.
        image: The image.
        user_id: Who screens.
        wishes: What they want.
        tissue: Where tissue is; None to screen glass too.
        share: Part of a field, 0 to 1, that must be tissue.
    """
    grid, region = grid_for(image, wishes)
    chosen = masks.choose(grid, region, tissue, share)
    if not chosen.any():
        where = "in the region" if wishes.region.kind is not RegionKind.WHOLE else "on this image"
        raise PluginError(422, "no-tissue", f"No tissue was found {where}. Screen all of it instead.")
    before = newest(session, image.id, user_id, for_update=True)
    path = Path(grid, chosen)
    flags = np.zeros(grid.count, dtype=bool)
    if before is not None and wishes.keep_seen:
        earlier = [(grid_of(row), seen_of(session, row)) for row in _since_afresh(session, image.id, user_id)]
        flags = transfer.carried_over(earlier, grid) & chosen
    done = int(flags.sum())
    made = ScreeningPass(
        image_id=image.id,
        user_id=user_id,
        number=before.number + 1 if before else 1,
        **{name: getattr(grid.bounds, name) for name in ("x0", "y0", "x1", "y1")},
        **{name: getattr(grid, name) for name in ("width", "height", "step_x", "step_y")},
        field_order=grid.order,
        chosen=seen.pack(chosen),
        tissue=None if tissue is None else seen.pack(tissue.cells),
        tissue_rows=0 if tissue is None else tissue.cells.shape[0],
        tissue_columns=0 if tissue is None else tissue.cells.shape[1],
        wishes=wishes.model_dump(mode="json"),
        total=int(chosen.sum()),
        done=done,
        carried=done,
        position=path.first if not flags[path.first] else path.unseen(path.first, flags),
    )
    session.add(made)
    try:
        session.flush()
    except IntegrityError:
        raise Conflict("You began another pass in another window at the same moment. Load the page again.") from None
    session.add_all(
        ScreeningChunk(pass_id=made.id, number=number, bits=bits, times=b"")
        for number, bits in seen.split(flags).items()
    )
    return made


def newest(session: Session, image_id: int, user_id: int, *, for_update: bool = False) -> ScreeningPass | None:
    """The pass that somebody goes on with."""
    row = ScreeningPass
    statement = select(row).where(row.image_id == image_id, row.user_id == user_id).order_by(row.number.desc())
    return session.scalars((statement.with_for_update() if for_update else statement).limit(1)).first()


def all_of(session: Session, image_id: int, user_id: int) -> Sequence[ScreeningPass]:
    """Somebody's passes of an image, newest first."""
    row = ScreeningPass
    statement = select(row).where(row.image_id == image_id, row.user_id == user_id).order_by(row.number.desc())
    return session.scalars(statement).all()


def _since_afresh(session: Session, image_id: int, user_id: int) -> list[ScreeningPass]:
    """Somebody's passes of an image, newest first, back to the last one that began with nothing seen."""
    found = []
    for row in all_of(session, image_id, user_id)[:_LONGEST_CHAIN]:
        found.append(row)
        if not row.wishes.get("keep_seen", True):
            break
    return found


def numbered(session: Session, image_id: int, user_id: int, number: int, *, for_update: bool = True) -> ScreeningPass:
    """One of somebody's own passes, locked for changing; ``NotFound`` where there is none."""
    row = ScreeningPass
    statement = select(row).where(row.image_id == image_id, row.user_id == user_id, row.number == number)
    found = session.scalars(statement.with_for_update() if for_update else statement).first()
    if found is None:
        raise NotFound(f"You have no pass {number} of this image.")
    return found


def newest_number(session: Session, image_id: int, user_id: int) -> int:
    """The number of the newest pass; 0 without one."""
    row = ScreeningPass
    statement = select(func.max(row.number)).where(row.image_id == image_id, row.user_id == user_id)
    return session.scalar(statement) or 0


def grid_of(row: ScreeningPass) -> Grid:
    """The grid of a pass."""
    bounds = Box(row.x0, row.y0, row.x1, row.y1)
    return Grid(bounds, row.width, row.height, row.step_x, row.step_y, Order(row.field_order))


def path_of(row: ScreeningPass) -> Path:
    """The way through a pass."""
    return _path(grid_of(row), row.chosen)


@lru_cache(maxsize=8)
def _path(grid: Grid, chosen: bytes) -> Path:
    """Neither ever changes, and both are large: the same steps are asked for again and again."""
    return Path(grid, seen.unpack(chosen, grid.count))


def tissue_of(row: ScreeningPass, image_width: int, image_height: int) -> Mask | None:
    """The tissue as it was found when the pass began."""
    if row.tissue is None:
        return None
    shape = row.tissue_rows, row.tissue_columns
    cells = seen.unpack(row.tissue, shape[0] * shape[1]).reshape(shape)
    return Mask(cells, Box(0, 0, image_width, image_height))


def times_of(session: Session, row: ScreeningPass) -> tuple[Fields, NDArray[np.float64]]:
    """The fields of a pass that were shown, and for how many seconds each."""
    chunk = ScreeningChunk
    fields, seconds = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    statement = select(chunk.number, chunk.times).where(chunk.pass_id == row.id).order_by(chunk.number)
    for number, times in session.execute(statement):
        own = seen.seconds_of(times)
        places = np.flatnonzero(own)
        fields.append(places + number * seen.CHUNK)
        seconds.append(own[places])
    return np.concatenate(fields), np.concatenate(seconds)


def seen_of(session: Session, row: ScreeningPass) -> Flags:
    """Which fields of a pass were seen."""
    chunk = ScreeningChunk
    found = session.execute(select(chunk.number, chunk.bits).where(chunk.pass_id == row.id))
    return seen.gathered({each.number: each.bits for each in found}, grid_of(row).count)
