"""Proof of coverage in the database: what each person's screen really showed of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api import ImageInfo
from exact_screening import seen
from exact_screening.coverage import STEPS, Raster, View, at_least, shown, step_of
from exact_screening.grid import Box
from exact_screening.schemas import CoverageOut, StepArea, ViewIn
from exact_screening.tables import ScreeningView, now

_OBJECTIVE_MPP = 10.0  # µm per pixel at 1×: 0.25 µm is what 40× gives


def raster_of(image: ImageInfo) -> Raster:
    """The raster of an image."""
    return Raster(image.width, image.height)


def record(session: Session, image: ImageInfo, user_id: int, sent: Sequence[ViewIn], least_seconds: float) -> None:
    """Add what a browser showed; views outside of the image and those passed by too fast prove nothing."""
    raster = raster_of(image)
    views = [View(_cut(each, image), each.zoom, each.seconds) for each in sent]
    cells = shown(raster, views, least_seconds)
    seconds = dict.fromkeys(cells, 0.0)
    for view in views:
        if view.seconds >= least_seconds and step_of(view.zoom) in seconds:
            seconds[step_of(view.zoom)] += view.seconds
    row = ScreeningView
    statement = select(row).where(row.image_id == image.id, row.user_id == user_id, row.step.in_(cells))
    known = {each.step: each for each in session.scalars(statement.with_for_update())}
    for step, own in sorted(cells.items()):
        kept = known.get(step)
        if kept is None:
            kept = ScreeningView(image_id=image.id, user_id=user_id, step=step, cells=seen.pack(own), seconds=0.0)
            session.add(kept)
        else:
            kept.cells = seen.pack(_unpacked(kept.cells, raster) | own)
        kept.seconds += seconds[step]
        kept.updated_at = now()


def steps_of(rows: Sequence[ScreeningView], raster: Raster) -> dict[int, NDArray[np.bool_]]:
    """The cells of one person's rows by magnification."""
    return {row.step: _unpacked(row.cells, raster) for row in rows}


def rows_of(session: Session, image_id: int, user_id: int | None = None) -> Sequence[ScreeningView]:
    """What is known of one person's views of an image, or of everybody's."""
    statement = select(ScreeningView).where(ScreeningView.image_id == image_id)
    if user_id is not None:
        statement = statement.where(ScreeningView.user_id == user_id)
    return session.scalars(statement.order_by(ScreeningView.user_id, ScreeningView.step)).all()


def coverage_of(image: ImageInfo, rows: Sequence[ScreeningView]) -> CoverageOut:
    """How much one person saw, at each magnification that they used or a larger one."""
    raster = raster_of(image)
    cells = steps_of(rows, raster)
    return CoverageOut(steps=areas(image, cells), seconds=round(sum(row.seconds for row in rows), 1))


def areas(image: ImageInfo, cells: Mapping[int, NDArray[np.bool_]]) -> list[StepArea]:
    """Areas by magnification, the largest one first."""
    raster = raster_of(image)
    found = []
    for step in sorted(cells):
        area = raster.area(at_least(cells, step, raster.shape))
        found.append(
            StepArea(
                magnification=magnification(image, step),
                zoom=2.0**-step,
                area_mm2=square_millimetres(image, area),
                share=round(area / (image.width * image.height), 6),
            )
        )
    return found


def magnification(image: ImageInfo, step: int) -> float | None:
    """What a step is as an objective: at least so much."""
    assert 0 <= step < STEPS
    return round(_OBJECTIVE_MPP / image.mpp_x * 2.0**-step, 3) if image.mpp_x else None


def square_millimetres(image: ImageInfo, pixels: float) -> float | None:
    """An area of square level-0 pixels in mm²; None where the image has no scale."""
    if not image.mpp_x:
        return None
    return round(pixels * image.mpp_x * (image.mpp_y or image.mpp_x) / 1e6, 4)


def _cut(view: ViewIn, image: ImageInfo) -> Box:
    """The part of a view on the image, in whole pixels that were shown entirely."""
    x0, x1 = sorted((view.x0, view.x1))
    y0, y1 = sorted((view.y0, view.y1))
    return Box(
        max(0, int(np.ceil(x0))),
        max(0, int(np.ceil(y0))),
        min(image.width, int(np.floor(x1))),
        min(image.height, int(np.floor(y1))),
    )


def _unpacked(cells: bytes, raster: Raster) -> NDArray[np.bool_]:
    rows, columns = raster.shape
    return seen.unpack(cells, rows * columns).reshape(rows, columns)
