"""Proof of coverage that is kept with a version: who saw how much of each image, and how large it was shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api import Artefact, ArtefactKind, ImageInfo, VersionRecord
from exact_core.api.tables import core
from exact_screening import passes, transfer, viewing
from exact_screening.tables import ScreeningPass, ScreeningView

NAME = "screening-coverage.json"
FORMAT = "exact-screening-coverage/1"
_BLIND_MODES = frozenset({"competitive", "second_opinion"})


def of_version(session: Session, version: VersionRecord) -> Artefact | None:
    """The proof for the images of a version; None where nobody screened any.

    Whoever may see the version reads it. In a blind image set it therefore says what was seen, but neither by whom
    nor when, and readers come in an order that says nothing about them.
    """
    image_set = session.get(core.ImageSet, version.image_set_id)
    assert image_set is not None
    is_blind = image_set.mode in _BLIND_MODES and image_set.unblinded_at is None
    found = [_image(session, image_id, is_blind) for image_id in _screened(session, version)]
    images = [each for each in found if each is not None]
    if not images:
        return None
    content = {"format": FORMAT, "people_are_named": not is_blind, "images": images}
    return Artefact(
        NAME,
        json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n",
        ArtefactKind.METRICS,
        "application/json",
        "What was seen of each image while it was screened, and at which magnification.",
    )


def _screened(session: Session, version: VersionRecord) -> list[int]:
    """The images of a version that somebody screened or looked at."""
    own = select(core.Image.id).where(core.Image.image_set_id == version.image_set_id)
    found: set[int] = set()
    for table in (ScreeningPass, ScreeningView):
        found |= set(session.scalars(select(table.image_id).where(table.image_id.in_(own)).distinct()))
    return sorted(found.intersection(version.image_ids))


def _image(session: Session, image_id: int, is_blind: bool) -> dict[str, Any] | None:
    row = session.get(core.Image, image_id)
    if row is None or not row.width or not row.height:
        return None
    image = ImageInfo.of(row)
    own = select(ScreeningPass).where(ScreeningPass.image_id == image_id).order_by(ScreeningPass.number)
    rounds, views = session.scalars(own).all(), viewing.rows_of(session, image_id)
    people = sorted({each.user_id for each in rounds} | {each.user_id for each in views})
    if not people:
        return None
    readers = [
        _reader(
            session,
            image,
            user_id,
            [each for each in rounds if each.user_id == user_id],
            [each for each in views if each.user_id == user_id],
            is_blind,
        )
        for user_id in people
    ]
    return {
        "image_id": image.id,
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "mpp": [image.mpp_x, image.mpp_y],
        "area_mm2": viewing.square_millimetres(image, image.width * image.height),
        "readers": sorted(readers, key=lambda each: json.dumps(each, sort_keys=True)) if is_blind else readers,
    }


def _reader(
    session: Session,
    image: ImageInfo,
    user_id: int,
    rounds: Sequence[ScreeningPass],
    views: Sequence[ScreeningView],
    is_blind: bool,
) -> dict[str, Any]:
    coverage = viewing.coverage_of(image, views)
    found: dict[str, Any] = {
        "passes": [_pass(session, image, each, is_blind) for each in rounds],
        "views": {"seconds": coverage.seconds, "by_magnification": [step.model_dump() for step in coverage.steps]},
    }
    if not is_blind:
        user = session.get(core.User, user_id)
        found["person"] = "" if user is None else user.name
    return found


def _pass(session: Session, image: ImageInfo, row: ScreeningPass, is_blind: bool) -> dict[str, Any]:
    grid, flags = passes.grid_of(row), passes.seen_of(session, row)
    area = transfer.covered_area(grid, flags)
    found: dict[str, Any] = {
        "number": row.number,
        "fields_seen": row.done,
        "fields": row.total,
        "field_px": [grid.width, grid.height],
        "region_px": [row.x0, row.y0, row.x1, row.y1],
        "magnification": row.wishes.get("magnification") or None,
        "seconds": round(row.seconds, 1),
        "area_mm2": viewing.square_millimetres(image, area),
        "share_of_image": round(area / (image.width * image.height), 6),
        "share_of_tissue": None,
        "is_finished": row.finished_at is not None,
    }
    _, times = passes.times_of(session, row)
    if times.size:
        found["seconds_per_field"] = {"median": round(float(np.median(times)), 1), "most": round(float(times.max()), 1)}
    tissue = passes.tissue_of(row, image.width, image.height)
    if tissue is not None and tissue.cells.any():
        rows, columns = tissue.cells.shape
        xs = (np.arange(columns) + 0.5) * image.width / columns
        ys = (np.arange(rows) + 0.5) * image.height / rows
        held = transfer.cells_in_fields(grid, flags, xs, ys) & tissue.cells
        found["share_of_tissue"] = round(float(held.sum() / tissue.cells.sum()), 6)
    if not is_blind:
        found |= {"began_at": _time(row.created_at), "finished_at": _time(row.finished_at)}
    return found


def _time(value: datetime | None) -> str | None:
    """UTC to the second; SQLite gives times without their zone."""
    if value is None:
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds")
