"""What a reader does next, and how much everybody has to do."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, exists, func, select, tuple_
from sqlalchemy.orm import Session

from exact_core.annotations.scope import VERDICTS
from exact_core.api.context import Actor
from exact_core.review.image_states import state_column
from exact_core.review.items import ACTIVE, ASSIGNMENTS, Item, load_of, position_of
from exact_core.review.settings import ModeSettings
from exact_core.storage.models import LIVE, Assignment, Image, ImageSet, ReviewItem, User, now

_MOST_TIMES = 2_000


@dataclass(frozen=True, slots=True)
class Next:
    """The item to go on with; ``assignment`` is None where one may begin without having been assigned."""

    image: Image
    item: ReviewItem | None
    assignment: Assignment | None


def next_item(session: Session, actor: Actor, image_set: ImageSet, sees_all: bool, after: int | None) -> Next | None:
    """The reader's next open item in their own order.

    Args:
        session: Where to read.
        actor: The reader.
        image_set: Where.
        sees_all: Whether the reader knows the state that others have brought images to.
        after: The image that is left now: what comes after it is first, what comes before it last.
    """
    given = _assigned(session, actor, image_set.id, after)
    if given is not None:
        return given
    settings = ModeSettings.stored(image_set.mode_settings)
    if image_set.mode == "second_opinion":
        image = _free_image(session, actor, image_set.id, settings)
    else:
        image = _unfinished_image(session, actor, image_set, sees_all, after)
    return None if image is None else Next(image, None, None)


def _assigned(session: Session, actor: Actor, image_set_id: int, after: int | None) -> Next | None:
    row = Assignment
    open_ = (row.image_set_id == image_set_id, row.reader_id == actor.user_id, row.state.in_(("open", "in_work")))
    query = (
        select(row, ReviewItem, Image)
        .join(ReviewItem, ReviewItem.id == row.item_id)
        .join(Image, Image.id == row.image_id)
        .where(*open_, Image.deleted_at.is_(None), Image.status == "ready")
        .order_by(row.position, row.id)
        .limit(1)
    )
    if after is not None:
        here = select(func.max(row.position)).where(row.image_id == after, *open_[:2]).scalar_subquery()
        found = session.execute(query.where(row.image_id != after, row.position > here)).first()
        if found is not None:
            return Next(found[2], found[1], found[0])
        query = query.where(row.image_id != after)
    found = session.execute(query).first()
    return None if found is None else Next(found[2], found[1], found[0])


def _free_image(session: Session, actor: Actor, image_set_id: int, settings: ModeSettings) -> Image | None:
    """An image that lacks readers, for who may take one: first by the reader's own order, which tells nothing."""
    second = settings.second_opinion
    if second.items != "image" or not second.self_assign or (second.readers and actor.user_id not in second.readers):
        return None
    if second.quota is not None and load_of(session, image_set_id, actor.user_id) >= second.quota:
        return None
    given = (Assignment.image_id == Image.id, Assignment.state.in_(ACTIVE), Assignment.role == "reader")
    readers = select(func.count()).select_from(Assignment).where(*given).scalar_subquery()
    free = session.execute(
        select(Image.id, Image.position).where(
            Image.image_set_id == image_set_id, Image.deleted_at.is_(None), Image.status == "ready",
            readers < second.readers_per_item,
            ~exists().where(
                Assignment.image_id == Image.id, Assignment.reader_id == actor.user_id,
                Assignment.state != "withdrawn",
            ),
            ~exists().where(ReviewItem.image_id == Image.id, ReviewItem.state != "open"),
        )
    ).all()  # fmt: skip
    if not free:
        return None
    # By the image's number, so that the order is the same whether somebody has made it an item or not.
    places = {(position_of(settings, actor.user_id, Item(id_, id_, None, "open", at << 24)), id_) for id_, at in free}
    return session.get(Image, min(places)[1])


def _unfinished_image(
    session: Session, actor: Actor, image_set: ImageSet, sees_all: bool, after: int | None
) -> Image | None:
    """The next image that is not done, where nobody assigned anything."""
    has_work = exists().where(Assignment.image_set_id == image_set.id, Assignment.reader_id == actor.user_id)
    if session.scalar(select(has_work)):
        return None  # this reader's work is done
    state = state_column(image_set.mode, None if sees_all and image_set.mode == "cooperative" else actor.user_id)
    query = (
        select(Image)
        .where(
            Image.image_set_id == image_set.id, Image.deleted_at.is_(None), Image.status == "ready",
            state.in_(("to_do", "in_work")),
        )
        .order_by(Image.position, Image.id)
        .limit(1)
    )  # fmt: skip
    if after is not None:
        query = query.where(Image.id != after)
        here = session.get(Image, after)
        if here is not None and here.image_set_id == image_set.id:
            found = session.scalar(query.where(tuple_(Image.position, Image.id) > (here.position, here.id)))
            if found is not None:
                return found
    return session.scalar(query)


@dataclass(frozen=True, slots=True)
class Load:
    """How much one reader has to do in a set, and has done."""

    reader: User
    open: int
    in_work: int
    done: int
    overdue: int
    median_seconds: float | None
    accepted: int
    judged: int
    last_done_at: datetime | None


def workload(session: Session, image_set_id: int, only_reader: int | None) -> list[Load]:
    """Everybody with items or verdicts in a set; one's own only where others' work is hidden."""
    row = ASSIGNMENTS.c
    given = [row.image_set_id == image_set_id, row.state.in_(ACTIVE), row.role == "reader"]
    if only_reader is not None:
        given.append(row.reader_id == only_reader)
    late = case(((row.state != "done") & (row.due_at < now()), 1), else_=0)
    counted = {
        each.reader_id: each
        for each in session.execute(
            select(
                row.reader_id,
                func.sum(case((row.state == "open", 1), else_=0)).label("open"),
                func.sum(case((row.state == "in_work", 1), else_=0)).label("in_work"),
                func.sum(case((row.state == "done", 1), else_=0)).label("done"),
                func.sum(late).label("overdue"),
                func.max(row.done_at).label("last"),
            )
            .where(*given)
            .group_by(row.reader_id)
        )
    }
    points = _points(session, image_set_id, only_reader)
    people = session.scalars(select(User).where(User.id.in_(counted.keys() | points.keys())).order_by(User.folded_name))
    found = []
    for user in people:
        mine = counted.get(user.id)
        accepted, judged = points.get(user.id, (0, 0))
        numbers = (int(mine.open), int(mine.in_work), int(mine.done), int(mine.overdue)) if mine else (0, 0, 0, 0)
        median = _median(session, image_set_id, user.id) if mine and mine.done else None
        found.append(Load(user, *numbers, median, accepted, judged, mine.last if mine else None))
    return found


def _points(session: Session, image_set_id: int, only_reader: int | None) -> dict[int, tuple[int, int]]:
    """Accepted and all current verdicts per reader: what the original EXACT calls points."""
    row = VERDICTS.c
    accepted = func.sum(case((row.verdict == "accepted", 1), else_=0))
    query = (
        select(row.reader_id, accepted, func.count())
        .join(Image, Image.id == row.image_id)
        .where(Image.image_set_id == image_set_id, Image.deleted_at.is_(None), row.valid_to == LIVE)
        .group_by(row.reader_id)
    )
    if only_reader is not None:
        query = query.where(row.reader_id == only_reader)
    return {reader: (int(yes), int(all_)) for reader, yes, all_ in session.execute(query)}


def _median(session: Session, image_set_id: int, reader_id: int) -> float | None:
    """Seconds from beginning to end of an item, of the newest ones; None when nobody saw the beginning."""
    row = ASSIGNMENTS.c
    query = (
        select(row.started_at, row.done_at)
        .where(
            row.image_set_id == image_set_id, row.reader_id == reader_id, row.state == "done",
            row.started_at.is_not(None), row.done_at.is_not(None),
        )
        .order_by(row.done_at.desc())
        .limit(_MOST_TIMES)
    )  # fmt: skip
    times = [(done - started).total_seconds() for started, done in session.execute(query)]
    return statistics.median(times) if times else None


def progress_of(session: Session, image_set_id: int, reader_id: int) -> dict[str, int]:
    """A reader's own items: open, in work, done. It says nothing of others."""
    row = ASSIGNMENTS.c
    own = (row.image_set_id == image_set_id, row.reader_id == reader_id, row.state.in_(ACTIVE), row.role == "reader")
    found: dict[str, int] = dict(session.execute(select(row.state, func.count()).where(*own).group_by(row.state)).all())
    return {state: int(found.get(state, 0)) for state in ACTIVE}


def items_of(session: Session, image_id: int, reader_id: int) -> Sequence[tuple[Assignment, ReviewItem]]:
    """What a reader was given of one image; single shapes are left out, the walk shows them."""
    query = (
        select(Assignment, ReviewItem)
        .join(ReviewItem, ReviewItem.id == Assignment.item_id)
        .where(
            Assignment.image_id == image_id, Assignment.reader_id == reader_id, Assignment.state.in_(ACTIVE),
            ReviewItem.kind != "annotation",
        )
        .order_by(Assignment.position, Assignment.id)
    )  # fmt: skip
    return [(assignment, item) for assignment, item in session.execute(query)]
