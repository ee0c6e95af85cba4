"""Shapes one after another with what is said of them: for the walk that verifies, for lists, and for counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, exists, func, select, tuple_
from sqlalchemy.orm import Session

from exact_core.annotations.counts import by_type_and_author
from exact_core.annotations.geometry import Box
from exact_core.annotations.loading import select_known
from exact_core.annotations.scope import EVERYTHING, ROWS, VERDICTS, Frame, ReadScope
from exact_core.annotations.service import AS_NOW, Names, named
from exact_core.annotations.spatial import ranges, rows_in_ranges
from exact_core.annotations.states import masked
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.review import verdicts
from exact_core.review.items import ASSIGNMENTS
from exact_core.review.verdicts import Verification
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.models import Annotation, User

Order = Literal["place", "drawing"]
MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class WalkFilter:
    """Which shapes are walked.

    Attributes:
        type_ids: Of these types; empty means all.
        author_ids: By these authors; empty means all.
        verification: In this state of verification.
        by_me: By the reader's own verdicts alone.
        assigned: Only shapes that are assigned to the reader.
        frame: Which frames.
        order: By place (that of storage: neighbours follow each other) or in the order of drawing.
    """

    type_ids: Sequence[int] = ()
    author_ids: Sequence[int] = ()
    verification: Verification | None = None
    by_me: bool = False
    assigned: bool = False
    frame: Frame = EVERYTHING
    order: Order = "place"

    def conditions(self, scope: ReadScope, reader_id: int) -> list[ColumnElement[bool]]:
        """Without the state of verification."""
        row = ROWS.c
        found: list[ColumnElement[bool]] = []
        if self.type_ids:
            found.append(row.type_id.in_(self.type_ids))
        if self.author_ids:
            found.append(scope.authors(self.author_ids))
        if self.assigned:
            mine = ASSIGNMENTS.c
            found.append(
                row.annotation_id.in_(
                    select(mine.annotation_id).where(
                        mine.image_id == scope.image.image_id, mine.reader_id == reader_id,
                        mine.state != "withdrawn", mine.annotation_id.is_not(None),
                    )
                )
            )  # fmt: skip
        return found


def page(
    session: Session,
    scope: ReadScope,
    wanted: WalkFilter,
    reader_id: int,
    *,
    cursor: str = "",
    start: int | None = None,
    backwards: bool = False,
    limit: int = 50,
    names: Names = AS_NOW,
) -> dict[str, Any]:
    """Shapes with their verdicts, in the filter's order; the cost follows the page, not the image.

    Args:
        session: Where to read.
        scope: What may be seen.
        wanted: Which shapes.
        reader_id: Who walks.
        cursor: Where the page before ended.
        start: Instead, the shape to begin with (or, when it does not fit the filter, what comes after it).
        backwards: Towards the beginning; the answer is in walking order all the same.
        limit: Most shapes.
        names: What people were called, where that is not what they are called now.
    """
    row = ROWS.c
    conditions = [*scope.revisions(wanted.frame), *wanted.conditions(scope, reader_id)]
    if wanted.verification is not None:
        whose = reader_id if wanted.by_me else None
        conditions.append(verdicts.is_judged(scope, wanted.verification, whose))
    by_place = wanted.order == "place"
    edge = _edge(session, scope, wanted.order, cursor, start)
    if edge is not None:
        key, is_included = edge
        here = tuple_(row.tile_key, row.annotation_id) if by_place else row.annotation_id
        value: Any = key if by_place else key[1]
        if backwards:
            conditions.append(here < value)
        else:
            conditions.append(here >= value if is_included else here > value)
    columns = (row.tile_key, row.annotation_id) if by_place else (row.annotation_id,)
    statement = select(row.tile_key, row.annotation_id).where(*conditions)
    statement = statement.order_by(*(each.desc() if backwards else each for each in columns)).limit(limit + 1)
    found = list(session.execute(statement))
    more, found = len(found) > limit, found[:limit]
    last = write_cursor(wanted.order, *found[-1]) if more else None
    if backwards:
        found.reverse()
    items = _items(session, scope, [each.annotation_id for each in found], reader_id, names)
    return {"items": items, "next_cursor": last}


def _edge(
    session: Session, scope: ReadScope, order: Order, cursor: str, start: int | None
) -> tuple[tuple[int, int], bool] | None:
    if cursor:
        made_for, key, id_ = read_cursor(cursor, str, int, int)
        if made_for != order:
            raise Invalid("cursor: this is not the next_cursor of a page in this order.")
        assert isinstance(key, int)
        assert isinstance(id_, int)
        return (key, id_), False
    if start is not None:
        row = ROWS.c
        place = select(row.tile_key).where(*scope.revisions(), row.annotation_id == start)
        key = session.scalar(place)
        if key is not None:
            return (key, start), True
    return None


def _items(
    session: Session, scope: ReadScope, ids: Sequence[int], reader_id: int, names: Names
) -> list[dict[str, Any]]:
    shown = select_known(session, [Annotation.id.in_(ids)], only_live=True, at=scope.at)
    known = {each.id: named(each, names) for each in shown}
    states = {id_: known[id_].revision for id_ in ids}
    said = verifications(session, scope, states, reader_id, names)
    return [masked(known[id_], scope).to_json() | {"verification": said[id_]} for id_ in ids]


def verifications(
    session: Session, scope: ReadScope, states: dict[int, int], reader_id: int, names: Names = AS_NOW
) -> dict[int, dict[str, Any]]:
    """What may be known of the verdicts on shapes, given the revision of the state that the scope shows."""
    found: dict[int, list[dict[str, Any]]] = {id_: [] for id_ in states}
    row = VERDICTS.c
    for ids in _chunks(list(states)):
        statement = (
            select(
                row.annotation_id, row.reader_id, User.display_name, User.name, row.verdict, row.state_from,
                row.type_id, row.reason, row.at,
            )
            .join(User, User.id == row.reader_id)
            .where(*scope.verdicts(), row.annotation_id.in_(ids))
            .order_by(row.valid_from.desc(), row.reader_id.desc())
        )  # fmt: skip
        for id_, reader, display_name, name, verdict, state_from, type_id, reason, at in session.execute(statement):
            is_known = scope.author(reader) == reader
            found[id_].append(
                {
                    "reader": {"id": reader, "name": names.people.get(reader) or display_name or name}
                    if is_known
                    else None,
                    "is_mine": reader == reader_id,
                    "verdict": verdict,
                    "is_outdated": state_from != states[id_],
                    "type_id": type_id,
                    "reason": reason,
                    "at": at.isoformat().replace("+00:00", "Z"),
                }
            )
    return {id_: {"state": _state(said), "verdicts": said} for id_, said in found.items()}


def _state(said: Sequence[dict[str, Any]]) -> str:
    for each in said:  # the newest first
        if not each["is_outdated"]:
            return str(each["verdict"])
    return "outdated" if said else "unverified"


def marks(session: Session, scope: ReadScope, box: Box, frame: Frame, limit: int) -> list[tuple[int, int, int, str]]:
    """Number, upper right corner and state of shapes in a rectangle of which something is said."""
    row, verdict = ROWS.c, VERDICTS.c
    meets = (row.x0 <= box.x1, row.x1 >= box.x0, row.y0 <= box.y1, row.y1 >= box.y0, row.shape != Shape.IMAGE.number)
    said = exists().where(verdict.annotation_id == row.annotation_id, *scope.verdicts()).correlate(ROWS)
    statement = rows_in_ranges(
        session.get_bind().dialect.name,
        ROWS,
        [row.annotation_id, row.x1, row.y0, row.valid_from],
        [*scope.revisions(frame), *meets, said],
        row.tile_key,
        ranges(box, scope.image.longest),
    )
    found = session.execute(statement.limit(limit)).all()
    states = verifications(session, scope, {each.annotation_id: each.valid_from for each in found}, 0)
    return [(each.annotation_id, each.x1, each.y0, states[each.annotation_id]["state"]) for each in found]


def counts(session: Session, scope: ReadScope, wanted: WalkFilter, reader_id: int) -> dict[str, int]:
    """How many shapes of the filter are in each state of verification."""
    whose = reader_id if wanted.by_me else None
    row = ROWS.c
    frame = wanted.frame.conditions(row.z, row.t, row.c)
    conditions = [*frame, *wanted.conditions(scope, reader_id)]
    said = verdicts.counts(session, scope, conditions, whose)
    if wanted.assigned:
        total = session.scalar(select(func.count()).select_from(ROWS).where(*scope.revisions(), *conditions)) or 0
    else:
        authors = {scope.author(each) for each in wanted.author_ids} - {None}
        total = sum(
            n
            for type_id, author_id, n in by_type_and_author(session, scope, wanted.frame)
            if (not wanted.type_ids or type_id in wanted.type_ids) and (not wanted.author_ids or author_id in authors)
        )
    judged = said["accepted"] + said["rejected"] + said["dubious"]
    return {"total": total, "unverified": total - judged, **said}


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + 900] for start in range(0, len(ids), 900))
