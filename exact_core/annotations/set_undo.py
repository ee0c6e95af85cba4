"""Taking back a change of a whole image set, where nothing has changed since: by statements over sets of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, Select, and_, exists, func, insert, literal, or_, select, update

from exact_core.annotations import number_tables, set_events
from exact_core.annotations.counts import counting_cell
from exact_core.annotations.scope import ROWS
from exact_core.annotations.set_writing import CHUNK, Numbers, SetWriter, insert_copies
from exact_core.annotations.states import DETAILS, add_counts
from exact_core.annotations.writing import next_revision
from exact_core.api.errors import Conflict, Forbidden
from exact_core.api.events import AnnotationAction
from exact_core.storage.models import LIVE, ChangeSet, Image, now


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
        ids, touched = self._to_set_back(), self._touched()
        writer, target = self.writer, self.target
        log = {"image_id": target.image_id, "kind": "undo", "reason": target.reason, "n_changes": len(ids)}
        log |= {"actor_id": writer.editor_id, "reverts": target.revision}
        self.revision = writer.revision = next_revision(self.session, writer.image_set_id, log)
        for start in range(0, len(ids), CHUNK):
            self._set_back(ids[start : start + CHUNK])
        add_counts(self.session, self.counts)
        line = (ChangeSet.image_set_id == writer.image_set_id, ChangeSet.revision == target.revision)
        self.session.execute(update(ChangeSet).where(*line).values(reverted_by=self.revision))
        return self.revision, len(ids), touched - len(ids)

    def _touched(self) -> int:
        """How many annotations the change was about."""
        row = ROWS.c
        edge = or_(row.valid_from == self.target.revision, row.valid_to == self.target.revision)
        count = select(func.count(row.annotation_id.distinct())).where(row.image_id.in_(self._images()), edge)
        return self.session.execute(count).scalar_one()

    def _to_set_back(self) -> Numbers:
        """Annotations that are still as the change left them, and that the actor may change."""
        revision, row, later = self.target.revision, ROWS.c, ROWS.alias("later")
        known = row.type_id.in_(self.writer.types.ids)  # a product may have left the image set since
        mine = [] if self.writer.may_edit_any else [row.author_id == self.writer.actor.user_id]
        same = later.c.annotation_id == row.annotation_id
        changed_since = exists().where(same, later.c.valid_from > revision)
        deleted_since = exists().where(same, later.c.valid_from == revision, later.c.valid_to != LIVE)
        found = select(row.annotation_id).where(
            row.image_id.in_(self._images()), row.valid_to == revision, known, *mine, ~changed_since, ~deleted_since
        )
        return np.fromiter(self.session.execute(found).scalars(), np.int64)

    def _images(self) -> Select[int]:
        return select(Image.id).where(Image.image_set_id == self.writer.image_set_id, Image.deleted_at.is_(None))

    def _set_back(self, ids: Numbers) -> None:
        """Give annotations the states that they had before; counts change with them."""
        target, revision = self.target.revision, self.revision
        chosen = select(number_tables.table(self._dialect, "ids", {"id": ids}).c.id)
        row, detail = ROWS.c, DETAILS.c
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
        began = (detail.annotation_id.in_(chosen), detail.valid_from == target, detail.valid_to == LIVE)
        self.session.execute(update(DETAILS).where(*began).values(valid_to=revision))
        ended = (detail.annotation_id.in_(chosen), detail.valid_to == target)
        names = ["annotation_id", "valid_from", "valid_to", "attributes"]
        copies = select(detail.annotation_id, literal(revision), literal(LIVE), detail.attributes).where(*ended)
        self.session.execute(insert(DETAILS).from_select(names, copies))

    def _sum(self, conditions: Sequence[ColumnElement[bool]], step: int) -> None:
        row = ROWS.c
        place = (row.image_id, row.z, row.t, row.c, row.type_id, func.coalesce(row.author_id, 0), counting_cell())
        statement = select(*(column.label(f"k{n}") for n, column in enumerate(place)), func.count())
        for *key, n in self.session.execute(statement.where(*conditions).group_by(*place)):
            self.counts[tuple(key)] += step * n

    def _tell(self, live: ColumnElement[bool], before: ColumnElement[bool]) -> None:
        writer = self.writer
        if writer.record is None:
            return
        place = {"image_set_id": writer.image_set_id, "revision": self.revision, "actor_id": writer.editor_id}
        now_live = {told.id: told.state for told in set_events.states(self.session, ROWS, live)}
        for told in set_events.states(self.session, ROWS, before):
            was = now_live.get(told.id)
            action = AnnotationAction.RESTORED if was is None else AnnotationAction.UPDATED
            writer.record(told.change(action, place, was, told.state))
