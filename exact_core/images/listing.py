"""The list of a set's images: one query per page whatever the size of the set, with filters and counts."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Invalid
from exact_core.review.image_states import STATES, state_column
from exact_core.storage.models import AnnotationSummary, Assignment, Image, ImagePin, ImageTag, Tag

MOST_PER_PAGE = 500


class Order(StrEnum):
    """How a list is ordered."""

    POSITION = "position"
    NAME = "name"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images of a set are wanted; everything left out is no condition.

    ``may_see_private_names`` decides whether ``text`` is looked for in private names too; ``only_author`` is the one
    whose annotations the reader may know of, None when it is everybody's.
    """

    image_set_id: int
    statuses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    pinned: bool | None = None
    annotated: bool | None = None
    text: str = ""
    deleted: bool = False
    order: Order = Order.POSITION
    may_see_private_names: bool = False
    only_author: int | None = None
    shared_images: ColumnElement[bool] | None = None  # images of which all work is seen nevertheless
    mode: str = "cooperative"
    review_states: tuple[str, ...] = ()
    assigned: bool | None = None

    @property
    def review_state(self) -> ColumnElement[str]:
        """The state of ``Image``: in blind sets the reader's own."""
        return state_column(self.mode, self.only_author)


@dataclass(frozen=True, slots=True)
class Page:
    """Some images in order, and where the next page begins."""

    images: tuple[Image, ...]
    next_cursor: str | None


def conditions(wanted: ImageFilter, actor: Actor) -> list[ColumnElement[bool]]:
    """The filter as SQL."""
    found: list[ColumnElement[bool]] = [
        Image.image_set_id == wanted.image_set_id,
        Image.deleted_at.is_not(None) if wanted.deleted else Image.deleted_at.is_(None),
        Image.purged_at.is_(None),
    ]
    if wanted.statuses:
        found.append(Image.status.in_(wanted.statuses))
    for tag in wanted.tags:
        found.append(
            exists().where(
                ImageTag.image_id == Image.id, ImageTag.tag_id == Tag.id, Tag.folded_name == tag.strip().casefold()
            )
        )
    if wanted.pinned is not None:
        pinned = exists().where(ImagePin.image_id == Image.id, ImagePin.user_id == actor.user_id)
        found.append(pinned if wanted.pinned else ~pinned)
    if wanted.annotated is not None:
        annotated = exists().where(AnnotationSummary.image_id == Image.id, *_visible_counts(wanted))
        found.append(annotated if wanted.annotated else ~annotated)
    if wanted.review_states:
        found.append(wanted.review_state.in_(wanted.review_states))
    if wanted.assigned is not None:
        assigned = exists().where(
            Assignment.image_id == Image.id, Assignment.reader_id == actor.user_id, Assignment.state != "withdrawn"
        )
        found.append(assigned if wanted.assigned else ~assigned)
    if text := wanted.text.strip():
        places: list[ColumnElement[bool]] = [
            Image.name.icontains(text, autoescape=True),
            Image.description.icontains(text, autoescape=True),
        ]
        if wanted.may_see_private_names:
            places.append(Image.private_name.icontains(text, autoescape=True))
        found.append(or_(*places))
    return found


def page(session: Session, actor: Actor, wanted: ImageFilter, cursor: str, limit: int) -> Page:
    """One page; the index of the order is walked from where the last page ended."""
    query = select(Image).where(*conditions(wanted, actor))
    if cursor:
        query = query.where(_after(wanted.order, _read_cursor(wanted.order, cursor)))
    images = list(session.scalars(_ordered(query, wanted.order).limit(limit + 1)))
    more = len(images) > limit
    images = images[:limit]
    return Page(tuple(images), _cursor(wanted.order, images[-1]) if more else None)


def counts(session: Session, actor: Actor, wanted: ImageFilter) -> dict[str, int]:
    """How many images the filter finds in each status, all statuses counted."""
    query = select(Image.status, func.count()).where(*conditions(wanted, actor)).group_by(Image.status)
    found = dict(session.execute(query).all())
    return {status: found.get(status, 0) for status in ("ready", "probing", "converting", "unreadable")}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What lies around an image in a filtered list; the image itself need not pass the filter."""

    previous: Image | None
    next: Image | None
    number: int
    total: int


def neighbours(session: Session, actor: Actor, wanted: ImageFilter, image: Image) -> Neighbours:
    """The image before and the one after, and the image's number in the list."""
    found = conditions(wanted, actor)
    here = _key(wanted.order, image)
    after = session.scalar(_ordered(select(Image).where(*found, _after(wanted.order, here)), wanted.order).limit(1))
    before = session.scalar(
        _ordered(select(Image).where(*found, _before(wanted.order, here)), wanted.order, backwards=True).limit(1)
    )
    smaller = session.scalar(select(func.count()).select_from(Image).where(*found, _before(wanted.order, here))) or 0
    total = session.scalar(select(func.count()).select_from(Image).where(*found)) or 0
    return Neighbours(before, after, smaller + 1, total)


def tags_of(session: Session, image_ids: Sequence[int]) -> dict[int, list[str]]:
    """The tags of images, in alphabetical order, by one query."""
    found: dict[int, list[str]] = {}
    query = (
        select(ImageTag.image_id, Tag.name)
        .join(Tag, Tag.id == ImageTag.tag_id)
        .where(ImageTag.image_id.in_(image_ids))
        .order_by(Tag.folded_name)
    )
    for image_id, name in session.execute(query):
        found.setdefault(image_id, []).append(name)
    return found


def pinned_of(session: Session, actor: Actor, image_ids: Sequence[int]) -> set[int]:
    """Which of the images the actor keeps on top."""
    query = select(ImagePin.image_id).where(ImagePin.user_id == actor.user_id, ImagePin.image_id.in_(image_ids))
    return set(session.scalars(query))


def annotated_of(session: Session, image_ids: Sequence[int], wanted: ImageFilter) -> dict[int, int]:
    """How many annotations that the reader may know of images have, by one query over the kept counts."""
    query = (
        select(AnnotationSummary.image_id, func.sum(AnnotationSummary.n))
        .join(Image, Image.id == AnnotationSummary.image_id)
        .where(AnnotationSummary.image_id.in_(image_ids), *_visible_counts(wanted))
        .group_by(AnnotationSummary.image_id)
    )
    return {image_id: int(count) for image_id, count in session.execute(query)}


def _visible_counts(wanted: ImageFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [AnnotationSummary.n > 0]
    if wanted.only_author is None:
        return found
    own: ColumnElement[bool] = AnnotationSummary.author_id == wanted.only_author
    return [*found, own if wanted.shared_images is None else or_(own, wanted.shared_images)]


def reviews_of(session: Session, image_ids: Sequence[int], wanted: ImageFilter) -> dict[int, str]:
    """The state of each image, as far as the reader may know it, by one query."""
    query = select(Image.id, wanted.review_state).where(Image.id.in_(image_ids))
    return dict(session.execute(query).all())


def review_counts(session: Session, actor: Actor, wanted: ImageFilter) -> dict[str, int]:
    """How many images that the filter finds are in each state."""
    state = wanted.review_state.label("state")
    inner = select(state).where(*conditions(replace(wanted, review_states=()), actor)).subquery()
    found: dict[str, int] = dict(session.execute(select(inner.c.state, func.count()).group_by(inner.c.state)).all())
    return {each: found.get(each, 0) for each in STATES}


def assignments_of(session: Session, actor: Actor, image_ids: Sequence[int]) -> dict[int, tuple[str, datetime | None]]:
    """The reader's own work on images: open, in work or done, and until when."""
    row = Assignment
    query = (
        select(
            row.image_id,
            func.sum(case((row.state == "open", 1), else_=0)),
            func.sum(case((row.state == "in_work", 1), else_=0)),
            func.sum(case((row.state == "done", 1), else_=0)),
            func.min(case((row.state != "done", row.due_at))),
        )
        .where(row.image_id.in_(image_ids), row.reader_id == actor.user_id, row.state != "withdrawn")
        .group_by(row.image_id)
    )
    found = {}
    for image_id, waiting, begun, done, due_at in session.execute(query):
        state = "done" if not waiting and not begun else "in_work" if begun or done else "open"
        found[image_id] = state, due_at
    return found


def tags_in_set(session: Session, image_set_id: int) -> list[tuple[str, int]]:
    """The tags that images of a set carry, with how many do."""
    query = (
        select(Tag.name, func.count())
        .join(ImageTag, ImageTag.tag_id == Tag.id)
        .join(Image, Image.id == ImageTag.image_id)
        .where(Image.image_set_id == image_set_id, Image.deleted_at.is_(None))
        .group_by(Tag.id, Tag.name, Tag.folded_name)
        .order_by(Tag.folded_name)
    )
    return [(name, count) for name, count in session.execute(query)]


_Key = tuple[Any, int]


def _key(order: Order, image: Image) -> _Key:
    if order is Order.POSITION:
        return image.position, image.id
    return (image.name, 0) if order is Order.NAME else (image.id, 0)


def _ordered(query: Select[Image], order: Order, *, backwards: bool = False) -> Select[Image]:
    if order is Order.POSITION:
        columns = (Image.position, Image.id)
    else:
        columns = (Image.name,) if order is Order.NAME else (Image.id,)  # type: ignore[assignment]
    falling = backwards != (order is Order.NEWEST)
    return query.order_by(*(column.desc() if falling else column.asc() for column in columns))


def _after(order: Order, key: _Key) -> ColumnElement[bool]:
    value, image_id = key
    if order is Order.POSITION:
        return tuple_(Image.position, Image.id) > (value, image_id)
    after: ColumnElement[bool] = Image.name > value if order is Order.NAME else Image.id < value
    return after


def _before(order: Order, key: _Key) -> ColumnElement[bool]:
    value, image_id = key
    if order is Order.POSITION:
        return tuple_(Image.position, Image.id) < (value, image_id)
    before: ColumnElement[bool] = Image.name < value if order is Order.NAME else Image.id > value
    return before


def _cursor(order: Order, image: Image) -> str:
    text = json.dumps([order, *_key(order, image)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(order: Order, cursor: str) -> _Key:
    try:
        made_for, value, image_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if made_for != order or not isinstance(image_id, int) or isinstance(value, str) != (order is Order.NAME):
            raise ValueError
        if not isinstance(value, str) and not (isinstance(value, int) and 0 <= value < 2**63 and 0 <= image_id < 2**63):
            raise ValueError
    except (ValueError, TypeError, binascii.Error):
        raise Invalid("The cursor is not one that this list gave out for this order.") from None
    return value, image_id
