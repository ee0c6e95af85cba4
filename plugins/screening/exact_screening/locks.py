"""Locked regions: annotations whose middle lies in one can be neither drawn, changed, moved out nor deleted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.api import Actor, AnnotationAction, AnnotationChange, AnnotationState, ImageInfo, NotFound, Refused
from exact_core.api.tables import core
from exact_screening.passes import bounds_of
from exact_screening.schemas import LockIn, LockOut, RegionIn, RegionKind
from exact_screening.tables import ScreeningLock

_CHANGING = frozenset(
    {AnnotationAction.CREATED, AnnotationAction.UPDATED, AnnotationAction.DELETED, AnnotationAction.RESTORED}
)
"""Verdicts and attached media leave the annotation as it is."""

Corners = Sequence[Sequence[float]]


def guard(session: Session, changes: Sequence[AnnotationChange]) -> None:
    """Refuse changes of annotations in locked regions.

    Raises:
        Refused: With who locked the region, and why.
    """
    concerned = [change for change in changes if change.action in _CHANGING]
    if not concerned:
        return
    row = ScreeningLock
    found = session.scalars(select(row).where(row.image_id.in_({change.image_id for change in concerned}))).all()
    if not found:
        return
    for change in concerned:
        for lock in found:
            if lock.image_id == change.image_id and (_lies_in(change.before, lock) or _lies_in(change.after, lock)):
                raise Refused(f"This region was locked by {lock.user_name}: {lock.reason}")


def require_none(session: Session, image_set_id: int) -> None:
    """Refuse to switch the plugin off where regions are locked: nobody would keep them locked then.

    Raises:
        Refused: With how many there are, and on which image the first one is.
    """
    image = core.Image
    found = session.execute(
        select(func.count(ScreeningLock.id), func.min(image.name))
        .select_from(ScreeningLock)
        .join(image, image.id == ScreeningLock.image_id)
        .where(image.image_set_id == image_set_id, image.deleted_at.is_(None))
    ).one()
    count, name = found
    if count:
        regions = "1 region is" if count == 1 else f"{count} regions are"
        raise Refused(f"{regions} locked here, the first on {name}. Unlock what is locked before screening goes off.")


def add(session: Session, image: ImageInfo, actor: Actor, wish: LockIn) -> ScreeningLock:
    """Lock a region of an image."""
    points = [(x, y) for x, y in wish.points]
    if len(points) == 2:
        (x0, y0), (x1, y1) = points
        points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    bounds, _ = bounds_of(RegionIn(kind=RegionKind.POLYGON, points=points), image)
    made = ScreeningLock(
        image_id=image.id,
        user_id=actor.user_id,
        user_name=actor.display_name or actor.name,
        reason=wish.reason.strip() or "no reason was given",
        points=[[x, y] for x, y in points],
        **{name: getattr(bounds, name) for name in ("x0", "y0", "x1", "y1")},
    )
    session.add(made)
    session.flush()
    return made


def of_image(session: Session, image_id: int, *, may_unlock: bool) -> list[LockOut]:
    """The locked regions of an image, oldest first."""
    rows = session.scalars(
        select(ScreeningLock).where(ScreeningLock.image_id == image_id).order_by(ScreeningLock.id)
    ).all()
    return [shown(row, may_unlock=may_unlock) for row in rows]


def shown(row: ScreeningLock, *, may_unlock: bool) -> LockOut:
    """A lock as a browser reads it."""
    return LockOut(
        id=row.id,
        points=[(x, y) for x, y in row.points],
        reason=row.reason,
        by=row.user_name,
        created_at=row.created_at,
        may_unlock=may_unlock,
    )


def remove(session: Session, image_id: int, lock_id: int) -> None:
    """Unlock a region."""
    row = session.get(ScreeningLock, lock_id)
    if row is None or row.image_id != image_id:
        raise NotFound("This region is not locked any more.")
    session.delete(row)


def _lies_in(state: AnnotationState | None, lock: ScreeningLock) -> bool:
    """Whether the middle of an annotation's box lies in a lock; labels of the whole image lie nowhere."""
    if state is None or state.shape.is_label:
        return False
    x0, y0, x1, y1 = state.box
    x, y = (x0 + x1) // 2, (y0 + y1) // 2
    return lock.x0 <= x < lock.x1 and lock.y0 <= y < lock.y1 and inside(x + 0.5, y + 0.5, lock.points)


def inside(x: float, y: float, corners: Corners) -> bool:
    """Whether a point lies in a polygon, by the number of edges to its right."""
    found = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            found = not found
    return found
