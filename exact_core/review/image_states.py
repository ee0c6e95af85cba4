"""How far an image is: each reader's own state, and the one state that follows for the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from sqlalchemy import ColumnElement, Table, and_, case, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import CHANGES_SHAPES, fold
from exact_core.annotations.scope import ROWS, begun_at, ended_at, holds
from exact_core.review.digest import state_digest
from exact_core.storage.models import LIVE, Assignment, ChangeSet, Image, ImageReview, ReviewItem, now

ImageState = Literal["to_do", "in_work", "done", "reviewed", "dubious"]
STATES: tuple[ImageState, ...] = ("to_do", "in_work", "done", "reviewed", "dubious")
TABLE = cast("Table", ImageReview.__table__)
_CHUNK = 900


def own_state(session: Session, image_id: int, reader_id: int, at: int | None = None) -> str:
    """What a reader last said of an image, or what their work said for them; now or at a revision."""
    row = TABLE.c
    own = (row.image_id == image_id, row.reader_id == reader_id, *holds(TABLE, at))
    return session.scalar(select(row.state).where(*own)) or "to_do"


def own_states(session: Session, image_ids: Sequence[int], reader_id: int, at: int) -> dict[int, str]:
    """A reader's states of images at a revision; those of which they said nothing are not in it."""
    row = TABLE.c
    found: dict[int, str] = {}
    for start in range(0, len(image_ids), _CHUNK):
        chosen = (row.image_id.in_(image_ids[start : start + _CHUNK]), row.reader_id == reader_id)
        found |= dict(session.execute(select(row.image_id, row.state).where(*chosen, *holds(TABLE, at))).all())
    return found


def write_state(session: Session, image_id: int, reader_id: int, state: str, revision: int, reason: str = "") -> None:
    """Let a reader's state of an image hold from a revision of this transaction on, whose hash covers it."""
    row = TABLE.c
    live = (row.image_id == image_id, row.reader_id == reader_id, row.valid_to == LIVE)
    values = {"state": state, "reason": reason, "at": now()}
    fold(session, image_id, revision, state_digest(image_id, reader_id, state, reason))
    again = session.execute(update(TABLE).where(*live, row.valid_from == revision).values(**values))
    if again.rowcount:  # type: ignore[attr-defined]
        return
    session.execute(update(TABLE).where(*live).values(valid_to=revision))
    key = {"image_id": image_id, "reader_id": reader_id, "valid_from": revision, "valid_to": LIVE}
    session.execute(insert(TABLE), [key | values])


def state_column(mode: str, only_reader: int | None) -> ColumnElement[str]:
    """The state of ``Image`` as one expression: a reader's own where others' is hidden, else the image's.

    In a cooperative set the newest word counts: one person is enough. In the others an image is done when every
    assigned reader is, and every item of a second opinion closed; ``reviewed`` and ``dubious``, said by anybody who
    may say so, come first.
    """
    row = TABLE.c
    live = (row.image_id == Image.id, row.valid_to == LIVE)
    if only_reader is not None:
        own = select(row.state).where(*live, row.reader_id == only_reader).limit(1).scalar_subquery()
        return func.coalesce(own, "to_do")
    if mode == "cooperative":
        newest = (
            select(row.state).where(*live).order_by(row.valid_from.desc(), row.at.desc()).limit(1).scalar_subquery()
        )
        return func.coalesce(newest, "to_do")
    begun = exists().where(*live, row.state.in_(("in_work", "done"))) | exists().where(
        Assignment.image_id == Image.id, Assignment.state.in_(("in_work", "done"))
    )
    return case(
        (exists().where(*live, row.state == "reviewed"), literal("reviewed")),
        (exists().where(*live, row.state == "dubious"), literal("dubious")),
        (_all_done(mode), literal("done")),
        (begun, literal("in_work")),
        else_=literal("to_do"),
    )


def _all_done(mode: str) -> ColumnElement[bool]:
    """Whether every assigned reader of ``Image`` is done with what was given to them there."""
    given = and_(Assignment.image_id == Image.id, Assignment.role == "reader", Assignment.state != "withdrawn")
    all_read = exists().where(given) & ~exists().where(given, Assignment.state != "done")
    if mode != "second_opinion":
        return all_read
    return all_read & ~exists().where(ReviewItem.image_id == Image.id, ReviewItem.state.in_(("open", "disagreed")))


def changed_since(only_reader: int | None) -> ColumnElement[bool]:
    """Whether shapes of ``Image`` were changed after it was last called done, as far as one may know of the changes."""
    row = TABLE.c
    said = select(func.max(row.valid_from)).where(
        row.image_id == Image.id, row.valid_to == LIVE, row.state.in_(("done", "reviewed"))
    )
    changed: list[ColumnElement[bool]] = [ChangeSet.kind.in_(CHANGES_SHAPES)]
    if only_reader is not None:
        said = said.where(row.reader_id == only_reader)
        changed.append(ChangeSet.actor_id == only_reader)
    # Correlated by name: of its own accord it would look at the enclosing query alone, and so at every image.
    changed.append(ChangeSet.revision > said.correlate(Image).scalar_subquery())
    here = exists().where(ChangeSet.image_id == Image.id, *changed)
    # A change of the whole set names no image: whether it reached this one is seen by its rows.
    touched = or_(
        *(
            exists().where(ROWS.c.image_id == Image.id, edge).correlate(ChangeSet, Image)
            for edge in (begun_at(ROWS, ChangeSet.revision), ended_at(ROWS, ChangeSet.revision))
        )
    )
    of_set = (ChangeSet.image_set_id == Image.image_set_id, ChangeSet.image_id.is_(None))
    return here | exists().where(*of_set, *changed, touched)
