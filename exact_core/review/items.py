"""What readers are given: images, regions of them and single shapes, and who was given what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.sharing import Rectangle
from exact_core.api.errors import Forbidden
from exact_core.review.settings import ItemKind, ModeSettings
from exact_core.storage.models import Assignment, Image, ReviewItem, now

ITEMS = cast("Table", ReviewItem.__table__)
ASSIGNMENTS = cast("Table", Assignment.__table__)
ACTIVE = ("open", "in_work", "done")
"""States of an assignment that count; the other one is ``withdrawn``."""

CHUNK = 900


@dataclass(frozen=True, slots=True)
class NewItem:
    """Something to be read: an image, a region of it, or a shape on it."""

    image_id: int
    region: Rectangle | None = None
    annotation_id: int | None = None

    @property
    def kind(self) -> ItemKind:
        """What it is."""
        return "annotation" if self.annotation_id else "region" if self.region else "image"

    @property
    def key(self) -> str:
        """What tells it from the other items of its image."""
        if self.region is not None:
            place = self.region
            return f"region {place.x0} {place.y0} {place.x1} {place.y1} {place.z} {place.t} {place.c}"
        return f"annotation {self.annotation_id}" if self.annotation_id else "image"


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it is stored, with its place in the set."""

    id: int
    image_id: int
    annotation_id: int | None
    state: str
    rank: int  # in the order of the set
    readers: frozenset[int] = field(default_factory=frozenset)


def provide_items(session: Session, image_set_id: int, wanted: Sequence[NewItem]) -> list[Item]:
    """The items, made where there are none yet, in the order of the set, with who reads them."""
    by_image: dict[int, dict[str, NewItem]] = {}
    for each in wanted:
        by_image.setdefault(each.image_id, {})[each.key] = each
    at = now()
    for image_id, items in by_image.items():
        known = _known_keys(session, image_id, list(items))
        rows = [_row(image_set_id, each, at) for key, each in items.items() if key not in known]
        for start in range(0, len(rows), CHUNK):
            session.execute(insert(ITEMS), rows[start : start + CHUNK])
    found = [item for image_id, items in by_image.items() for item in _stored(session, image_id, set(items))]
    return sorted(found, key=lambda item: item.rank)


def _known_keys(session: Session, image_id: int, keys: list[str]) -> set[str]:
    if len(keys) > CHUNK:
        return set(session.scalars(select(ITEMS.c.key).where(ITEMS.c.image_id == image_id)))
    return set(session.scalars(select(ITEMS.c.key).where(ITEMS.c.image_id == image_id, ITEMS.c.key.in_(keys))))


def _row(image_set_id: int, each: NewItem, at: datetime) -> dict[str, object]:
    place = each.region
    names = ("x0", "y0", "x1", "y1", "z", "t", "c")
    box = {name: getattr(place, name) if place is not None else None for name in names}
    return {
        "image_set_id": image_set_id,
        "image_id": each.image_id,
        "kind": each.kind,
        "key": each.key,
        "annotation_id": each.annotation_id,
        "state": "open",
        "outcome": {},
        "created_at": at,
        **box,
    }


def _stored(session: Session, image_id: int, keys: set[str]) -> list[Item]:
    item = ITEMS.c
    image_rank = (session.scalar(select(Image.position).where(Image.id == image_id)) or 0) << 24
    readers: dict[int, set[int]] = {}
    given = select(ASSIGNMENTS.c.item_id, ASSIGNMENTS.c.reader_id).where(
        ASSIGNMENTS.c.image_id == image_id, ASSIGNMENTS.c.state.in_(ACTIVE), ASSIGNMENTS.c.role == "reader"
    )
    for item_id, reader_id in session.execute(given):
        readers.setdefault(item_id, set()).add(reader_id)
    rows = session.execute(
        select(item.id, item.key, item.annotation_id, item.state).where(item.image_id == image_id).order_by(item.id)
    ).all()
    return [
        Item(id_, image_id, annotation_id, state, image_rank | (rank & 0xFFFFFF), frozenset(readers.get(id_, ())))
        for rank, (id_, key, annotation_id, state) in enumerate(rows)
        if key in keys
    ]


def position_of(settings: ModeSettings, reader_id: int, item: Item) -> int:
    """The place of an item in a reader's own order.

    A random order is that of a keyed hash: it is the same whenever it is asked for, and says nothing of others. Items
    of one image stay together, so that nobody jumps between slides.
    """
    if settings.order == "same":
        return item.rank
    return _drawn(settings.seed, reader_id, item.image_id) << 24 | _drawn(settings.seed, reader_id, -item.id) >> 7


def _drawn(seed: int, reader_id: int, number: int) -> int:
    """31 bits that look random."""
    text = f"{seed} {reader_id} {number}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def give(
    session: Session,
    image_set_id: int,
    settings: ModeSettings,
    pairs: Iterable[tuple[Item, int]],
    *,
    by: int | None,
    due_at: datetime | None = None,
    state: str = "open",
) -> int:
    """Assign items to readers; who had one withdrawn gets it again. Returns how many."""
    at = now()
    wanted = list(pairs)
    again = _withdrawn(session, image_set_id, {reader for _, reader in wanted})
    rows = []
    for item, reader_id in wanted:
        if (item.id, reader_id) in again:
            key = (ASSIGNMENTS.c.item_id == item.id, ASSIGNMENTS.c.reader_id == reader_id)
            values = {"state": state, "assigned_by_id": by, "assigned_at": at, "due_at": due_at, "done_at": None}
            session.execute(update(ASSIGNMENTS).where(*key).values(**values))
            continue
        rows.append(
            {
                "item_id": item.id,
                "image_set_id": image_set_id,
                "image_id": item.image_id,
                "annotation_id": item.annotation_id,
                "reader_id": reader_id,
                "role": "reader",
                "round": 1,
                "position": position_of(settings, reader_id, item),
                "state": state,
                "due_at": due_at,
                "assigned_by_id": by,
                "assigned_at": at,
                "started_at": at if state == "in_work" else None,
            }
        )
    for start in range(0, len(rows), CHUNK):
        session.execute(insert(ASSIGNMENTS), rows[start : start + CHUNK])
    return len(wanted)


def _withdrawn(session: Session, image_set_id: int, readers: set[int]) -> set[tuple[int, int]]:
    row = ASSIGNMENTS.c
    query = select(row.item_id, row.reader_id).where(
        row.image_set_id == image_set_id, row.reader_id.in_(readers), row.state == "withdrawn"
    )
    return {(item_id, reader_id) for item_id, reader_id in session.execute(query)}


def load_of(session: Session, image_set_id: int, reader_id: int) -> int:
    """How many items a reader has in a set, done ones too."""
    row = ASSIGNMENTS.c
    own = (row.image_set_id == image_set_id, row.reader_id == reader_id, row.state.in_(ACTIVE), row.role == "reader")
    return session.scalar(select(func.count()).select_from(ASSIGNMENTS).where(*own)) or 0


def take_image(session: Session, image_set_id: int, image_id: int, settings: ModeSettings, reader_id: int) -> None:
    """Make somebody a reader of an image that they begin by themselves; ``Forbidden`` where there is no place."""
    require_place(session, image_set_id, settings, reader_id)
    item = provide_items(session, image_set_id, [NewItem(image_id)])[0]
    if len(item.readers) >= settings.second_opinion.readers_per_item or item.state != "open":
        raise Forbidden("This image has its readers already; go on with the next one of your queue.")
    give(session, image_set_id, settings, [(item, reader_id)], by=reader_id)


def require_place(session: Session, image_set_id: int, settings: ModeSettings, reader_id: int) -> None:
    """Refuse who may not become a reader by beginning to read."""
    second = settings.second_opinion
    if not second.self_assign:
        raise Forbidden("This image is not assigned to you; ask somebody who manages the set to assign it.")
    if second.readers and reader_id not in second.readers:
        raise Forbidden("You are not among the readers of this image set.")
    if second.quota is not None and load_of(session, image_set_id, reader_id) >= second.quota:
        raise Forbidden(f"Your quota of {second.quota:,} items is used up.")
