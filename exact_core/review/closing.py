"""What happens when readers are done with an item: whether it is complete, they agree, or it needs a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.geometry import Box
from exact_core.annotations.scope import ROWS, VERDICTS, Frame, ImageFacts
from exact_core.annotations.sharing import Rectangle
from exact_core.api.contributions import Shape
from exact_core.api.errors import Conflict
from exact_core.review.items import ACTIVE, ASSIGNMENTS, CHUNK, ITEMS
from exact_core.review.matching import Comparison, ReadShape, compare
from exact_core.review.settings import ModeSettings, StopRule
from exact_core.storage.models import LIVE, Image, now


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An item with what its readers have come to."""

    id: int
    kind: str
    state: str
    annotation_id: int | None
    region: Rectangle | None
    readers: Mapping[int, str]  # reader to the state of their assignment

    def is_read(self, needed: int) -> bool:
        """Whether all its readers are done, and they are as many as it needs."""
        return len(self.readers) >= needed and all(state == "done" for state in self.readers.values())


def finish(session: Session, assignments: Sequence[ColumnElement[bool]]) -> list[int]:
    """Call assignments done; returns their items."""
    row = ASSIGNMENTS.c
    chosen = (*assignments, row.state.in_(("open", "in_work")), row.role == "reader")
    done = update(ASSIGNMENTS).where(*chosen).values(state="done", done_at=now())
    return list(session.scalars(done.returning(row.item_id)))


def close(session: Session, facts: ImageFacts, item_ids: Iterable[int]) -> None:
    """Close those of an image's items that all readers are done with, by the rule of the set."""
    settings = ModeSettings.stored(facts.mode_settings).second_opinion
    is_second = facts.mode == "second_opinion"
    needed = settings.readers_per_item if is_second else 1
    read = [item for item in load(session, item_ids) if item.state == "open" and item.is_read(needed)]
    if not read:
        return
    opinions = opinions_of(session, [item.annotation_id for item in read if item.annotation_id is not None])
    outcomes = []
    for item in read:
        if not is_second or settings.rule.kind == "never":
            state, outcome = "complete", {}
        elif item.annotation_id is not None:
            said = [opinions.get((item.annotation_id, reader)) for reader in item.readers]
            agrees = settings.rule.kind != "always" and same_opinion(said)
            state, outcome = ("agreed" if agrees else "disagreed"), {"rule": "class"}
        else:
            found = compared(session, facts, item, settings.rule)
            state, outcome = ("agreed" if found.agrees else "disagreed"), found.details
        closed_at = None if state == "disagreed" else now()
        outcomes.append({"item": item.id, "to": state, "found": outcome, "at": closed_at})
    statement = (
        update(ITEMS)
        .where(ITEMS.c.id == bindparam("item"))
        .values(
            state=bindparam("to"), outcome=bindparam("found", type_=ITEMS.c.outcome.type), closed_at=bindparam("at")
        )
    )
    for start in range(0, len(outcomes), CHUNK):
        session.execute(statement, outcomes[start : start + CHUNK])


def require_open(session: Session, facts: ImageFacts, reader_id: int, annotation_ids: Sequence[int]) -> None:
    """Refuse to change verdicts that others have seen, or that a decision rests on."""
    own_done = ModeSettings.stored(facts.mode_settings).second_opinion.reveal == "own_done"
    row = ASSIGNMENTS.c
    over = (ITEMS.c.state != "open") | (row.state == "done") if own_done else ITEMS.c.state != "open"
    for start in range(0, len(annotation_ids), CHUNK):
        given = (
            select(row.annotation_id)
            .select_from(ASSIGNMENTS.join(ITEMS, ITEMS.c.id == row.item_id))
            .where(row.annotation_id.in_(annotation_ids[start : start + CHUNK]), row.reader_id == reader_id, over)
        )
        closed = session.scalar(given.where(row.state.in_(ACTIVE)).limit(1))
        if closed is not None:
            raise Conflict(f"Annotation {closed} was read by all its readers; what you said of it stands.")


def reopen(session: Session, facts: ImageFacts, reader_id: int, *, by_manager: bool = False) -> None:
    """Let a reader go on with what they had finished on an image.

    Raises:
        Conflict: It is closed, or they have seen what others did.
    """
    row = ASSIGNMENTS.c
    done = select(row.id, ITEMS.c.id, ITEMS.c.state).select_from(ASSIGNMENTS.join(ITEMS, ITEMS.c.id == row.item_id))
    found = session.execute(
        done.where(
            row.image_id == facts.image_id, row.reader_id == reader_id, row.state == "done",
            ITEMS.c.kind != "annotation",
        )
    ).all()  # fmt: skip
    if not found:
        return
    if facts.mode == "second_opinion" and not by_manager:
        settings = ModeSettings.stored(facts.mode_settings).second_opinion
        if settings.reveal == "own_done" or any(state != "open" for _, _, state in found):
            raise Conflict(
                "Your reading of this image is closed: others have read it too, or you have seen their work."
            )
    own = row.id.in_([assignment for assignment, _, _ in found])
    session.execute(update(ASSIGNMENTS).where(own).values(state="in_work", done_at=None))
    items = [item for _, item, _ in found]
    session.execute(update(ITEMS).where(ITEMS.c.id.in_(items)).values(state="open", closed_at=None))


def load(session: Session, item_ids: Iterable[int]) -> list[OpenItem]:
    """Items with their readers."""
    ids = list(dict.fromkeys(item_ids))
    readers: dict[int, dict[int, str]] = {}
    rows: list[Any] = []
    item, row = ITEMS.c, ASSIGNMENTS.c
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        given = select(row.item_id, row.reader_id, row.state).where(
            row.item_id.in_(part), row.state.in_(ACTIVE), row.role == "reader"
        )
        for item_id, reader_id, state in session.execute(given):
            readers.setdefault(item_id, {})[reader_id] = state
        rows += session.execute(
            select(
                item.id, item.kind, item.state, item.annotation_id,
                item.x0, item.y0, item.x1, item.y1, item.z, item.t, item.c,
            ).where(item.id.in_(part))
        ).all()  # fmt: skip
    return [
        OpenItem(id_, kind, state, annotation_id, Rectangle(*place) if kind == "region" else None, readers.get(id_, {}))
        for id_, kind, state, annotation_id, *place in rows
    ]


def compared(session: Session, facts: ImageFacts, item: OpenItem, rule: StopRule) -> Comparison:
    """The work of an item's readers, side by side."""
    mpp = session.execute(select(Image.mpp_x, Image.mpp_y).where(Image.id == facts.image_id)).one()
    return compare(work_on(session, facts.image_id, item), rule, (mpp[0], mpp[1]))


def work_on(session: Session, image_id: int, item: OpenItem) -> dict[int, list[ReadShape]]:
    """What each reader of an image or a region has drawn there."""
    row = ROWS.c
    conditions = [row.image_id == image_id, row.valid_to == LIVE, row.author_id.in_(item.readers)]
    if item.region is not None:
        conditions.append(item.region.holds(ROWS))
    work: dict[int, list[ReadShape]] = {reader: [] for reader in item.readers}
    columns = (
        row.author_id, row.annotation_id, row.type_id, row.shape, row.x0, row.y0, row.x1, row.y1, row.z, row.t, row.c,
        row.geometry,
    )  # fmt: skip
    for author_id, id_, type_id, shape, x0, y0, x1, y1, z, t, c, packed in session.execute(
        select(*columns).where(*conditions).order_by(row.tile_key, row.annotation_id)
    ):
        box, frame = Box(x0, y0, x1, y1), Frame(z, t, c)
        work[author_id].append(ReadShape(id_, type_id, Shape.from_number(shape), box, frame, bytes(packed)))
    return work


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reader says of one shape: a verdict, and the class that they think is right."""

    verdict: str
    type_id: int | None
    reason: str


def opinions_of(session: Session, annotation_ids: Sequence[int]) -> dict[tuple[int, int], Opinion]:
    """The current verdicts on shapes, by shape and reader."""
    row = VERDICTS.c
    found: dict[tuple[int, int], Opinion] = {}
    for start in range(0, len(annotation_ids), CHUNK):
        part = annotation_ids[start : start + CHUNK]
        statement = select(row.annotation_id, row.reader_id, row.verdict, row.type_id, row.reason).where(
            row.annotation_id.in_(part), row.valid_to == LIVE
        )
        for annotation_id, reader_id, *said in session.execute(statement):
            found[annotation_id, reader_id] = Opinion(*said)
    return found


def same_opinion(said: Sequence[Opinion | None]) -> bool:
    """Whether all say the same, and are sure of it."""
    if any(each is None or each.verdict == "dubious" for each in said):
        return False
    return len({(each.verdict, each.type_id) for each in said if each is not None}) == 1
