"""How far everybody is: numbers per person, and who saw which part of an image."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api import ImageInfo
from exact_core.api.tables import core
from exact_screening import passes, transfer
from exact_screening.coverage import Raster
from exact_screening.schemas import ImageProgress, PersonOut, TeamOut
from exact_screening.tables import ScreeningPass
from exact_screening.viewing import square_millimetres

_MAP_CELLS = 190  # along the longer side: what the overview in the viewer can show


def people_of(session: Session, image: ImageInfo) -> list[PersonOut]:
    """Everybody who began to screen an image, by name."""
    found = []
    for name, own in _by_person(session, [image.id]).get(image.id, []):
        newest = own[-1]
        grid, flags = passes.grid_of(newest), passes.seen_of(session, newest)
        area = transfer.covered_area(grid, flags)
        found.append(_person(name, own, area / (image.width * image.height), square_millimetres(image, area)))
    return found


def team_of(session: Session, image: ImageInfo, *, with_map: bool) -> TeamOut:
    """How far everybody is on an image.

    Args:
        session: Where to read.
        image: The image.
        with_map: Whether to say which part was seen by how many: where people look is no secret only where their
            work is none.
    """
    raster = Raster(image.width, image.height, _MAP_CELLS)
    rows, columns = raster.shape
    counted = seen_by(session, image, raster) if with_map else None
    text = None if counted is None else b64encode(counted.tobytes()).decode()
    return TeamOut(people=people_of(session, image), rows=rows, columns=columns, seen_by=text)


def seen_by(session: Session, image: ImageInfo, raster: Raster) -> NDArray[np.uint8]:
    """How many people saw each cell of a raster, in any pass of theirs; 255 stands for more too."""
    xs, ys = raster.middles()
    total = np.zeros(raster.shape, dtype=np.int64)
    for _, own in _by_person(session, [image.id]).get(image.id, []):
        cells = np.zeros(raster.shape, dtype=bool)
        for each in own:
            cells |= transfer.cells_in_fields(passes.grid_of(each), passes.seen_of(session, each), xs, ys)
        total += cells
    return total.clip(0, 255).astype(np.uint8)


def set_progress(session: Session, image_set_id: int) -> list[ImageProgress]:
    """How far everybody is on each image of a set on which somebody began; fields only, no areas."""
    image = core.Image
    images = session.execute(
        select(image.id, image.name)
        .where(image.image_set_id == image_set_id, image.deleted_at.is_(None))
        .where(image.id.in_(select(ScreeningPass.image_id)))
        .order_by(image.position, image.id)
    ).all()
    people = _by_person(session, [each.id for each in images])
    return [
        ImageProgress(
            image_id=each.id,
            name=each.name,
            people=[_person(name, own, own[-1].done / own[-1].total, None) for name, own in people[each.id]],
        )
        for each in images
    ]


def _by_person(session: Session, image_ids: Iterable[int]) -> dict[int, list[tuple[str, list[ScreeningPass]]]]:
    """The passes of each image by person, oldest first; people by name."""
    row, user = ScreeningPass, core.User
    rows = session.execute(
        select(row, user.display_name, user.name)
        .join(user, user.id == row.user_id)
        .where(row.image_id.in_(list(image_ids)))
        .order_by(row.number)
    ).all()
    found: dict[int, dict[int, tuple[str, list[ScreeningPass]]]] = {}
    for own, display_name, name in rows:
        found.setdefault(own.image_id, {}).setdefault(own.user_id, (display_name or name, []))[1].append(own)
    return {
        image_id: sorted(people.values(), key=lambda each: (each[0].casefold(), each[1][0].user_id))
        for image_id, people in found.items()
    }


def _person(name: str, own: Sequence[ScreeningPass], share: float, area: float | None) -> PersonOut:
    newest = own[-1]
    return PersonOut(
        user_id=newest.user_id,
        name=name,
        passes=len(own),
        done=newest.done,
        total=newest.total,
        share=round(share, 6),
        area_mm2=area,
        seconds=round(sum(each.seconds for each in own), 1),
        updated_at=newest.updated_at,
        finished_at=newest.finished_at,
    )
