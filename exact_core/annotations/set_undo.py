"""Taking back a change of a whole image set, where nothing has changed since: by statements over sets of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, and_, func, insert, literal, or_, select, update

from exact_core.annotations import number_tables, set_events
from exact_core.annotations.change_log import next_revision
from exact_core.annotations.counts import counting_cell
from exact_core.annotations.scope import ROWS
from exact_core.annotations.set_digest import SetDigest
from exact_core.annotations.set_writing import CHUNK, KEY, Numbers, RowKeys, SetWriter, insert_copies
from exact_core.annotations.states import DETAILS, add_counts
from exact_core.api.errors import Conflict, Forbidden
from exact_core.api.events import AnnotationAction
from exact_core.storage.models import LIVE, ChangeSet, Image, now

_STATE = [
    column.name
    for column in ROWS.columns
    if not column.primary_key and column.name not in ("valid_to", "author_id", "editor_id", "edited_at", "changed")
]
"""Columns that say what a shape is, not who made it so and when."""


def undo(writer: SetWriter, target: ChangeSet) -> tuple[int, int, int]:
    """Take a change back; undoing an undo brings it back again.

    Returns:
        The new revision, how many annotations were set back, and how many were left as they are now.
    """
    if target.reverted_by is not None:
        raise Conflict("This change was already taken back.")
    if target.actor_id != writer.editor_id and not writer.may_manage:
        raise Forbidden("You may take back your own changes; those of others only where you manage the image set.")
    return _Undo(writer, target).run()


class _Undo:
    """One change that is being taken back."""

    def __init__(self, writer: SetWriter, target: ChangeSet) -> None:
        self.writer = writer
        self.session = writer.session
        self.target = target
        self.revision = 0
        self.counts: dict[tuple[int, ...], int] = defaultdict(int)
        self._dialect = writer.session.get_bind().dialect.name

    def run(self) -> tuple[int, int, int]:
        keys, touched = self._to_set_back(), self._touched()
        ids, writer, target = keys.annotation_id, self.writer, self.target
        self.revision = writer.revision = next_revision(
            self.session,
            writer.image_set_id,
            "undo",
            image_id=target.image_id,
            actor_id=writer.editor_id,
            count=len(ids),
            reason=target.reason,
            reverts=target.revision,
            rows=self._digest(ids),
        )
        for start in range(0, len(ids), CHUNK):
            self._set_back(ids[start : start + CHUNK])
        add_counts(self.session, self.counts)
        if target.kind != "merge":
            writer.reading.changed(keys, np.zeros(len(ids), np.int64), self.revision, draws=False)
        line = (ChangeSet.image_set_id == writer.image_set_id, ChangeSet.revision == target.revision)
        self.session.execute(update(ChangeSet).where(*line).values(reverted_by=self.revision))
        return self.revision, len(ids), touched - len(ids)

    def _touched(self) -> int:
        """How many annotations the change was about."""
        row = ROWS.c
        edge = or_(row.valid_from == self.target.revision, row.valid_to == self.target.revision)
        count = select(func.count(row.annotation_id.distinct())).where(row.image_id.in_(self._images()), edge)
        return self.session.execute(count).scalar_one()

    def _digest(self, ids: Numbers) -> bytes:
        """The hash of what will be written."""
        found, row = SetDigest(self.session), ROWS.c
        for start in range(0, len(ids), CHUNK):
            chosen = select(number_tables.table(self._dialect, "ids", {"id": ids[start : start + CHUNK]}).c.id)
            found.closes(ROWS, and_(row.annotation_id.in_(chosen), row.valid_to == LIVE))
            before = and_(row.annotation_id.in_(chosen), row.valid_to == self.target.revision)
            found.opens(ROWS, before, _held_at(DETAILS, row.annotation_id, self.target.revision - 1))
        return found.digest()

    def _to_set_back(self) -> RowKeys:
        """Annotations that are still as the change left them, and that the actor may change.

        What counts is the state, not its revision: a change of it that was taken back is none.
        """
        found = [*self._changed(), *self._created()]
        keys = RowKeys.of(found)
        closed = np.zeros(len(keys), bool)
        for rows, _ in self.writer.reading.refused(keys):
            closed |= rows
        return keys.take(~closed)

    def _changed(self) -> Sequence[Any]:
        """Annotations that had a state before the change."""
        revision, row = self.target.revision, ROWS.c
        after, live = ROWS.alias("after"), ROWS.alias("live")
        had, has = DETAILS.alias("had"), DETAILS.alias("has")
        same = and_(*(after.c[name] == live.c[name] for name in _STATE), _is_same(had, has))
        untouched = or_(and_(after.c.annotation_id.is_(None), live.c.annotation_id.is_(None)), same)
        source = (
            ROWS.outerjoin(after, and_(after.c.annotation_id == row.annotation_id, after.c.valid_from == revision))
            .outerjoin(live, and_(live.c.annotation_id == row.annotation_id, live.c.valid_to == LIVE))
            .outerjoin(had, _held_at(had, row.annotation_id, revision))
            .outerjoin(has, and_(has.c.annotation_id == row.annotation_id, has.c.valid_to == LIVE))
        )
        known = row.type_id.in_(self.writer.types.ids)  # a product may have left the image set since
        mine = [] if self.writer.may_edit_any else [row.author_id == self.writer.actor.user_id]
        touched = (row.image_id.in_(self._images()), row.valid_to == revision)
        found = select(*(row[name] for name in KEY)).select_from(source).where(*touched, known, *mine, untouched)
        return self.session.execute(found).all()

    def _created(self) -> Sequence[Any]:
        """Annotations that had none: they are deleted again."""
        revision, row = self.target.revision, ROWS.c
        before, live = ROWS.alias("before"), ROWS.alias("live")
        had, has = DETAILS.alias("had"), DETAILS.alias("has")
        same = and_(*(row[name] == live.c[name] for name in _STATE), _is_same(had, has))
        source = (
            ROWS.join(live, and_(live.c.annotation_id == row.annotation_id, live.c.valid_to == LIVE))
            .outerjoin(before, and_(before.c.annotation_id == row.annotation_id, before.c.valid_to == revision))
            .outerjoin(had, _held_at(had, row.annotation_id, revision))
            .outerjoin(has, and_(has.c.annotation_id == row.annotation_id, has.c.valid_to == LIVE))
        )
        mine = [] if self.writer.may_edit_any else [row.author_id == self.writer.actor.user_id]
        begun = (row.image_id.in_(self._images()), row.valid_from == revision, before.c.annotation_id.is_(None))
        found = select(*(row[name] for name in KEY)).select_from(source).where(*begun, *mine, same)
        return self.session.execute(found).all()

    def _images(self) -> Select[int]:
        return select(Image.id).where(Image.image_set_id == self.writer.image_set_id, Image.deleted_at.is_(None))

    def _set_back(self, ids: Numbers) -> None:
        """Give annotations the states that they had before; counts change with them."""
        target, revision = self.target.revision, self.revision
        chosen = select(number_tables.table(self._dialect, "ids", {"id": ids}).c.id)
        row = ROWS.c
        live = (row.annotation_id.in_(chosen), row.valid_to == LIVE)
        before = (row.annotation_id.in_(chosen), row.valid_to == target)
        self._sum(live, -1)
        self._sum(before, 1)
        self._tell(and_(*live), and_(*before))
        self.session.execute(update(ROWS).where(*live).values(valid_to=revision))
        changed = {
            "valid_from": literal(revision),
            "valid_to": literal(LIVE),
            "editor_id": literal(self.writer.editor_id, BigInteger),
            "edited_at": literal(now(), row.edited_at.type),
        }
        insert_copies(self.session, select().select_from(ROWS).where(*before), changed)
        self._set_details_back(ids)

    def _set_details_back(self, ids: Numbers) -> None:
        """Give annotations the attributes that they had before; those that have them still keep their row."""
        chosen = number_tables.table(self._dialect, "ids", {"id": ids})
        had, has = DETAILS.alias("had"), DETAILS.alias("has")
        before = self.target.revision - 1
        differ = (
            select(chosen.c.id)
            .select_from(chosen)
            .outerjoin(had, _held_at(had, chosen.c.id, before))
            .outerjoin(has, and_(has.c.annotation_id == chosen.c.id, has.c.valid_to == LIVE))
            .where(had.c.attributes.is_distinct_from(has.c.attributes))
        )
        changed = np.fromiter(self.session.execute(differ).scalars(), np.int64)
        if not len(changed):
            return
        detail = DETAILS.c
        these = select(number_tables.table(self._dialect, "ids", {"id": changed}).c.id)
        live = (detail.annotation_id.in_(these), detail.valid_to == LIVE)
        self.session.execute(update(DETAILS).where(*live).values(valid_to=self.revision))
        old = (detail.annotation_id.in_(these), detail.valid_from <= before, detail.valid_to > before)
        copies = select(detail.annotation_id, literal(self.revision), literal(LIVE), detail.attributes).where(*old)
        names = ["annotation_id", "valid_from", "valid_to", "attributes"]
        self.session.execute(insert(DETAILS).from_select(names, copies))

    def _sum(self, conditions: Sequence[ColumnElement[bool]], step: int) -> None:
        row = ROWS.c
        place = (row.image_id, row.z, row.t, row.c, row.type_id, func.coalesce(row.author_id, 0), counting_cell(ROWS))
        statement = select(*(column.label(f"k{n}") for n, column in enumerate(place)), func.count())
        for *key, n in self.session.execute(statement.where(*conditions).group_by(*place)):
            self.counts[tuple(key)] += step * n

    def _tell(self, live: ColumnElement[bool], before: ColumnElement[bool]) -> None:
        writer = self.writer
        if writer.record is None:
            return
        place = {"image_set_id": writer.image_set_id, "revision": self.revision, "actor_id": writer.editor_id}
        now_live = {told.id: told for told in set_events.states(self.session, ROWS, live)}
        for told in set_events.states(self.session, ROWS, before):
            ended = now_live.pop(told.id, None)
            was = ended.state if ended else None
            action = AnnotationAction.RESTORED if was is None else AnnotationAction.UPDATED
            writer.record(told.change(action, place, was, told.state))
        for ended in now_live.values():
            writer.record(ended.change(AnnotationAction.DELETED, place, ended.state, None))


def _is_same(had: FromClause, has: FromClause) -> ColumnElement[bool]:
    return had.c.attributes.is_not_distinct_from(has.c.attributes)


def _held_at(details: FromClause, annotation_id: ColumnElement[int], revision: int) -> ColumnElement[bool]:
    """The condition that joins the attributes that an annotation had at a revision."""
    held = (details.c.valid_from <= revision, details.c.valid_to > revision)
    return and_(details.c.annotation_id == annotation_id, *held)
