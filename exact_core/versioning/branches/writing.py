"""Writing a merge: one change set of the image set, with the hash of its rows, kept counts and hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, insert, select, update

from exact_core.annotations.change_log import fold, next_revision
from exact_core.annotations.digest import changes_digest
from exact_core.annotations.set_writing import SetWriter
from exact_core.annotations.states import IDENTITIES, Change, Known, write
from exact_core.annotations.writing import event_of
from exact_core.storage.models import ChangeSet, User, now
from exact_core.versioning.branches.cases import Decision

KIND = "merge"


class MergeWriter:
    """Writes decisions, some thousands at a time, under one revision that is taken with the first."""

    def __init__(self, writer: SetWriter, reason: str) -> None:
        self._writer = writer
        self._session = writer.session
        self._reason = reason
        self._at = now()
        self._count = 0
        self.revision: int | None = None

    def write(self, decisions: Sequence[Decision]) -> None:
        """Give annotations the states that were decided."""
        if not decisions:
            return
        new = self._identities([each for each in decisions if each.case.ours is None])
        changes = [Change(each.case.ours or new[each.case.theirs.id], each.state) for each in decisions]
        rows = changes_digest(changes)
        if self.revision is None:
            self.revision = next_revision(
                self._session,
                self._writer.image_set_id,
                KIND,
                actor_id=self._writer.editor_id,
                reason=self._reason,
                run=f"{KIND} {self._writer.revision + 1}",  # no part of a session: it is reverted by this name
                rows=rows,
            )
        else:
            fold(self._session, changes[0].known.image_id, self.revision, rows)
        self._count += len(changes)
        write(self._session, changes, self.revision, self._writer.editor_id, self._at)
        if self._writer.record is not None:
            fresh = {known.id for known in new.values()}
            for change in changes:
                back = change.known.id not in fresh
                place = (self._writer.image_set_id, self.revision, self._writer.editor_id)
                self._writer.record(event_of(change, *place, restores=back))

    def finish(self) -> None:
        """Complete the entry of the change log."""
        if self.revision is not None:
            self._session.execute(update(ChangeSet).where(*self._own()).values(n_changes=self._count))

    def _own(self) -> tuple[ColumnElement[bool], ...]:
        return ChangeSet.image_set_id == self._writer.image_set_id, ChangeSet.revision == self.revision

    def _identities(self, decisions: Sequence[Decision]) -> dict[int, Known]:
        """Identities for annotations that come from the other side, by their numbers there; names and authors stay."""
        if not decisions:
            return {}
        theirs = [each.case.theirs for each in decisions]
        wanted = {known.author_id for known in theirs if known.author_id is not None}
        there = set(self._session.scalars(select(User.id).where(User.id.in_(wanted))))
        rows = [
            {
                "image_id": each.case.image_id,
                "uuid": known.uuid,
                # A state remembers its author by number when the account is gone; an identity cannot.
                "author_id": known.author_id if known.author_id in there else None,
                "claimed_author": known.claimed_author,
                "created_at": known.created_at,
            }
            for each, known in zip(decisions, theirs, strict=True)
        ]
        added = insert(IDENTITIES).returning(IDENTITIES.c.id, sort_by_parameter_order=True)
        ids = self._session.execute(added, rows).scalars().all()
        return {
            known.id: replace(known, id=id_, image_id=each.case.image_id, state=None, revision=0)
            for id_, each, known in zip(ids, decisions, theirs, strict=True)
        }
