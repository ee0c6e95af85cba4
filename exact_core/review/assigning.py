"""Giving items to readers: by hand, evenly, several readers per item, within quotas; moving and taking them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import lock_set, next_revision
from exact_core.annotations.scope import ROWS
from exact_core.annotations.sharing import LABEL_NUMBERS, Rectangle
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.review import audit
from exact_core.review.digest import act_digest
from exact_core.review.items import ACTIVE, ASSIGNMENTS, ITEMS, Item, NewItem, give, provide_items
from exact_core.review.settings import ItemKind, ModeSettings
from exact_core.storage.models import LIVE, Image, ImageSet, User

How = Literal["each", "evenly", "several"]
MAX_ITEMS = 500_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be given to whom.

    Attributes:
        readers: The readers.
        how: ``each`` reader gets every item; ``evenly``: every item to one of them; ``several``: to ``n`` of them.
        n: Readers per item, for ``several``; those that an item has already count.
        kind: What is given.
        image_ids: Of these images; None for all that are ready.
        regions: Regions by image, where regions are given.
        region_type_id: Instead of regions: the boxes around shapes of this type, on these images.
        type_ids: Shapes of these types, where shapes are given; empty means all.
        quota: Most items per reader, done ones too.
        due_at: Until when.
    """

    readers: Sequence[int]
    how: How = "evenly"
    n: int = 1
    kind: ItemKind = "image"
    image_ids: Sequence[int] | None = None
    regions: Sequence[tuple[int, Rectangle]] = ()
    region_type_id: int | None = None
    type_ids: Sequence[int] = ()
    quota: int | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What was given: items, assignments, per reader, and items for which there were not enough readers."""

    items: int
    created: int
    per_reader: dict[int, int]
    short: int


class Assigning:
    """Assigns items of one image set, for somebody who manages it, in one transaction."""

    def __init__(self, session: Session, actor: Actor, image_set_id: int) -> None:
        Rights(session).require(actor, Right.MANAGE, image_set_id)
        lock_set(session, image_set_id)
        self._session = session
        self._actor = actor
        self._id = image_set_id
        image_set = session.get_one(ImageSet, image_set_id, populate_existing=True)
        if image_set.is_locked:
            raise Conflict("This image set is locked: nothing in it can be changed until a manager unlocks it.")
        self._mode = image_set.mode
        self._settings = ModeSettings.stored(image_set.mode_settings)

    def assign(self, wish: Wish) -> Given:
        """Give items to readers; who has an item already keeps it, and is not given it twice."""
        readers = self._checked_readers(wish.readers)
        items = provide_items(self._session, self._id, list(self._wanted(wish)))
        if self._mode == "second_opinion" and any(item.state != "open" for item in items):
            items = [item for item in items if item.state == "open"]
        pairs, short = spread(items, readers, self._loads(readers), wish)
        created = give(
            self._session, self._id, self._settings, pairs, by=self._actor.user_id or None, due_at=wish.due_at
        )
        per_reader: dict[int, int] = dict.fromkeys(readers, 0)
        for _, reader in pairs:
            per_reader[reader] += 1
        if created:
            self._reopen([item.id for item, _ in pairs])
            given = [(item.id, reader) for item, reader in pairs]
            self._note("assigned", created, given, kind=wish.kind, how=wish.how, readers=list(readers))
        return Given(len(items), created, per_reader, short)

    def move(self, from_reader: int, to_reader: int | None, image_ids: Sequence[int] | None, *, begun: bool) -> int:
        """Give a reader's open items to somebody else, or take them back; returns how many."""
        row = ASSIGNMENTS.c
        states = ("open", "in_work") if begun else ("open",)
        chosen: list[ColumnElement[bool]] = [
            row.image_set_id == self._id, row.reader_id == from_reader, row.state.in_(states), row.role == "reader"
        ]  # fmt: skip
        if image_ids is not None:
            chosen.append(row.image_id.in_(image_ids))
        if to_reader is not None:
            to_reader = self._checked_readers([to_reader])[0]
            if to_reader == from_reader:
                raise Invalid("to_reader: this is who has them already.")
        query = select(row.item_id, row.image_id, row.annotation_id, row.position, row.due_at).where(*chosen)
        rows = self._session.execute(query).all()
        self._session.execute(update(ASSIGNMENTS).where(*chosen).values(state="withdrawn"))
        if to_reader is not None:
            has = set(
                self._session.scalars(
                    select(row.item_id).where(
                        row.image_set_id == self._id, row.reader_id == to_reader, row.state.in_(ACTIVE)
                    )
                )
            )
            for due_at in {each.due_at for each in rows}:
                pairs = [
                    (Item(each.item_id, each.image_id, each.annotation_id, "open", each.position), to_reader)
                    for each in rows
                    if each.due_at == due_at and each.item_id not in has
                ]
                give(self._session, self._id, self._settings, pairs, by=self._actor.user_id or None, due_at=due_at)
        if rows:
            action = "withdrawn" if to_reader is None else "reassigned"
            moved = [(each.item_id, to_reader) for each in rows]
            self._note(action, len(rows), moved, from_reader=from_reader, to_reader=to_reader)
        return len(rows)

    def _wanted(self, wish: Wish) -> Iterator[NewItem]:
        kind = self._settings.second_opinion.items if self._mode == "second_opinion" else "image"
        if wish.kind != kind:
            raise Invalid(f"kind: by the settings of this image set its readers are given {kind}s, not {wish.kind}s.")
        if kind == "region":
            yield from self._regions(wish)
            return
        for image_id in self._images(wish.image_ids):
            if kind == "image":
                yield NewItem(image_id)
            else:
                yield from self._shapes(image_id, wish)

    def _images(self, image_ids: Sequence[int] | None) -> list[int]:
        query = select(Image.id).where(Image.image_set_id == self._id, Image.deleted_at.is_(None))
        query = query.order_by(Image.position, Image.id)
        if image_ids is None:
            return list(self._session.scalars(query.where(Image.status == "ready")))
        wanted = set(image_ids)
        found = [image_id for image_id in self._session.scalars(query) if image_id in wanted]
        if len(found) < len(wanted):
            raise NotFound(f"{len(wanted) - len(found)} of the images are not in image set {self._id}.")
        return found

    def _regions(self, wish: Wish) -> Iterator[NewItem]:
        if wish.region_type_id is not None:
            yield from self._regions_around(wish.region_type_id, wish.image_ids)
            return
        if not wish.regions:
            raise Invalid("regions: name the regions that shall be read.")
        sizes = {
            image.id: (image.width, image.height)
            for image in self._session.scalars(
                select(Image).where(Image.id.in_(self._images([i for i, _ in wish.regions])))
            )
        }
        for image_id, region in wish.regions:
            width, height = sizes[image_id]
            if region.x0 < 0 or region.y0 < 0 or region.x1 >= width or region.y1 >= height:
                raise Invalid(f"regions: image {image_id} has {width} × {height} pixels; a region lies outside of it.")
            yield NewItem(image_id, region=region)

    def _regions_around(self, type_id: int, image_ids: Sequence[int] | None) -> Iterator[NewItem]:
        row = ROWS.c
        columns = (row.x0, row.y0, row.x1, row.y1, row.z, row.t, row.c)
        for image_id in self._images(image_ids):
            live = (row.image_id == image_id, row.valid_to == LIVE, row.type_id == type_id)
            drawn = (*live, row.shape.not_in(LABEL_NUMBERS))
            for place in self._session.execute(select(*columns).where(*drawn).order_by(row.annotation_id)):
                yield NewItem(image_id, region=Rectangle(*place))

    def _shapes(self, image_id: int, wish: Wish) -> Iterator[NewItem]:
        row = ROWS.c
        query = select(row.annotation_id).where(row.image_id == image_id, row.valid_to == LIVE)
        if wish.type_ids:
            query = query.where(row.type_id.in_(wish.type_ids))
        for annotation_id in self._session.scalars(query.order_by(row.tile_key, row.annotation_id)):
            yield NewItem(image_id, annotation_id=annotation_id)

    def _checked_readers(self, wanted: Sequence[int]) -> list[int]:
        """People who may verify here, each once."""
        rights = Rights(self._session)
        readers = list(dict.fromkeys(wanted))
        people = {user.id: user for user in self._session.scalars(select(User).where(User.id.in_(readers)))}
        for reader in readers:
            user = people.get(reader)
            if user is None:
                raise NotFound(f"There is no user {reader}.")
            actor = Actor(user.id, user.name, user.display_name, user.is_admin)
            if not user.is_active or not rights.decide(actor, Right.VERIFY, self._id).allowed:
                raise Forbidden(
                    f"{user.display_name or user.name} may not verify in this image set; give them a role first."
                )
        return readers

    def _loads(self, readers: Sequence[int]) -> dict[int, int]:
        row = ASSIGNMENTS.c
        query = (
            select(row.reader_id, func.count())
            .where(row.image_set_id == self._id, row.reader_id.in_(readers), row.state.in_(ACTIVE))
            .group_by(row.reader_id)
        )
        return dict.fromkeys(readers, 0) | dict(self._session.execute(query).all())

    def _reopen(self, item_ids: Sequence[int]) -> None:
        """An item with a new reader is not complete any more."""
        for start in range(0, len(item_ids), 900):
            part = ITEMS.c.id.in_(item_ids[start : start + 900])
            self._session.execute(
                update(ITEMS).where(part, ITEMS.c.state == "complete").values(state="open", closed_at=None)
            )

    def _note(self, action: str, count: int, given: Sequence[tuple[int, int | None]], **details: Any) -> None:
        """What readers are given is what they may see: caches must know. ``given`` is items and who has them now."""
        rows = act_digest({"action": action, "given": given, **details})
        next_revision(self._session, self._id, "review", actor_id=self._actor.user_id or None, count=count, rows=rows)
        audit.note(self._session, self._id, self._actor, action, count=count, **details)


def spread(
    items: Sequence[Item], readers: Sequence[int], loads: dict[int, int], wish: Wish
) -> tuple[list[tuple[Item, int]], int]:
    """Who gets what: always the reader with the least to do; and how many items lack readers in the end."""
    loads = dict(loads)
    pairs: list[tuple[Item, int]] = []
    short = 0
    for item in items:
        needed = {"each": len(readers), "evenly": 1, "several": wish.n}[wish.how]
        # Those who read it already count, also when they are not among the named readers.
        missing = needed - (len(item.readers & set(readers)) if wish.how == "each" else len(item.readers))
        free = [each for each in readers if each not in item.readers]
        free = [each for each in free if wish.quota is None or loads[each] < wish.quota]
        chosen = sorted(free, key=lambda each: (loads[each], readers.index(each)))[: max(missing, 0)]
        for reader in chosen:
            loads[reader] += 1
            pairs.append((item, reader))
        short += len(chosen) < missing
    return pairs, short
