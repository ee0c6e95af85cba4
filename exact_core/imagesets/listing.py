"""Lists of image sets: search, filters, pages, and what is shown of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session, joinedload

from exact_core.api.context import Actor
from exact_core.auth.accounts import folded
from exact_core.auth.rights import GrantsOf, Rights, visible_image_sets
from exact_core.auth.schemas import TeamRef
from exact_core.imagesets.schemas import ImageSetOut, ImageSetPage, TagOut
from exact_core.review.modes import is_blind
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.models import Image, ImageSet, ImageSetPin, ImageSetTag, Tag

Sort = Literal["newest", "name"]


@dataclass(frozen=True, slots=True)
class SetFilter:
    """Which image sets are asked for."""

    q: str = ""
    tags: tuple[str, ...] = ()
    pinned: bool | None = None
    team_id: int | None = None
    deleted: bool = False
    sort: Sort = "newest"

    def conditions(self, actor: Actor) -> list[ColumnElement[bool]]:
        """As SQL, starting with what the actor may see at all."""
        found = [visible_image_sets(actor, deleted=self.deleted)]
        for word in self.q.lower().split():
            text = func.lower(ImageSet.name).contains(word, autoescape=True)
            about = func.lower(ImageSet.description).contains(word, autoescape=True)
            tagged = _has_tag(Tag.folded_name.contains(folded(word), autoescape=True))
            found.append(or_(text, about, tagged))
        found += [_has_tag(Tag.folded_name == folded(tag.strip())) for tag in self.tags]
        if self.pinned is not None:
            found.append(_pinned(actor) if self.pinned else ~_pinned(actor))
        if self.team_id is not None:
            found.append(ImageSet.team_id == self.team_id)
        return found


def page(
    session: Session, actor: Actor, wanted: SetFilter, cursor: str, limit: int, roles_of: GrantsOf
) -> ImageSetPage:
    """One page, pinned sets first."""
    conditions = wanted.conditions(actor)
    total = session.scalar(select(func.count()).select_from(ImageSet).where(*conditions)) or 0
    rank = case((_pinned(actor), 0), else_=1)
    name = func.lower(ImageSet.name)
    order: list[Any] = [rank, name, ImageSet.id] if wanted.sort == "name" else [rank, ImageSet.id.desc()]
    statement = select(ImageSet, rank, name).where(*conditions).order_by(*order).limit(limit + 1)
    if cursor:
        statement = statement.where(_after(wanted.sort, cursor, rank, name))
    rows = session.execute(statement.options(joinedload(ImageSet.team))).all()
    mark = None
    if len(rows) > limit:
        last = rows[limit - 1]
        mark = (
            write_cursor("name", last[1], last[2], last[0].id)
            if wanted.sort == "name"
            else write_cursor("newest", last[1], last[0].id)
        )
    return ImageSetPage(
        items=shown(session, actor, [row[0] for row in rows[:limit]], roles_of), next_cursor=mark, total=total
    )


def _after(sort: Sort, cursor: str, rank: ColumnElement[int], name: ColumnElement[str]) -> ColumnElement[bool]:
    if sort == "name":
        _, last_rank, last_name, last_id = read_cursor(cursor, str, int, str, int)
        later = or_(name > literal(last_name), and_(name == literal(last_name), ImageSet.id > literal(last_id)))
    else:
        _, last_rank, last_id = read_cursor(cursor, str, int, int)
        later = ImageSet.id < literal(last_id)
    return or_(rank > literal(last_rank), and_(rank == literal(last_rank), later))


def shown(session: Session, actor: Actor, image_sets: Sequence[ImageSet], roles_of: GrantsOf) -> list[ImageSetOut]:
    """Image sets with their counts, tags, pins, and what the actor may do in them."""
    ids = [image_set.id for image_set in image_sets]
    counts = {
        row.image_set_id: row
        for row in session.execute(
            select(
                Image.image_set_id,
                func.count().label("n"),
                func.sum(case((Image.status == "ready", 1), else_=0)).label("ready"),
                func.min(case((Image.status == "ready", Image.id))).label("cover"),
            )
            .where(Image.image_set_id.in_(ids), Image.deleted_at.is_(None))
            .group_by(Image.image_set_id)
        )
    }
    tags: dict[int, list[str]] = {}
    for image_set_id, tag in session.execute(
        select(ImageSetTag.image_set_id, Tag.name)
        .join(Tag, Tag.id == ImageSetTag.tag_id)
        .where(ImageSetTag.image_set_id.in_(ids))
        .order_by(Tag.folded_name)
    ):
        tags.setdefault(image_set_id, []).append(tag)
    pins = set(
        session.scalars(
            select(ImageSetPin.image_set_id).where(
                ImageSetPin.image_set_id.in_(ids), ImageSetPin.user_id == actor.user_id
            )
        )
    )
    held = Rights(session, roles_of).held(actor, image_sets)
    found = []
    for image_set in image_sets:
        count = counts.get(image_set.id)
        mine = held[image_set.id]
        found.append(
            ImageSetOut(
                id=image_set.id,
                name=image_set.name,
                description=image_set.description,
                team=TeamRef(id=image_set.team_id, name=image_set.team.name),
                mode=image_set.mode,
                is_blind=is_blind(image_set),
                unblinded_at=image_set.unblinded_at,
                is_locked=image_set.is_locked,
                revision=image_set.revision,
                image_count=count.n if count else 0,
                ready_count=count.ready if count else 0,
                cover_image_id=count.cover if count else None,
                tags=tags.get(image_set.id, []),
                is_pinned=image_set.id in pins,
                role=mine.role,
                rights=[str(right) for right in mine.rights],
                created_at=image_set.created_at,
                deleted_at=image_set.deleted_at,
            )
        )
    return found


def tags_in_use(session: Session, actor: Actor, q: str, limit: int) -> list[TagOut]:
    """Tags of the image sets that the actor may see, the most used first."""
    n = func.count(ImageSetTag.image_set_id)
    rows = session.execute(
        select(Tag.name, n.label("n"))
        .join(ImageSetTag, ImageSetTag.tag_id == Tag.id)
        .join(ImageSet, ImageSet.id == ImageSetTag.image_set_id)
        .where(visible_image_sets(actor), Tag.folded_name.contains(folded(q.strip()), autoescape=True))
        .group_by(Tag.id, Tag.name)
        .order_by(n.desc(), Tag.name)
        .limit(limit)
    )
    return [TagOut(name=row.name, image_set_count=row.n) for row in rows]


def _has_tag(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(ImageSetTag.image_set_id == ImageSet.id, ImageSetTag.tag_id == Tag.id, condition)


def _pinned(actor: Actor) -> ColumnElement[bool]:
    return exists().where(ImageSetPin.image_set_id == ImageSet.id, ImageSetPin.user_id == actor.user_id)
