"""Taking an import back: one transaction for all of its images, some thousands of annotations at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import ROWS
from exact_core.annotations.states import Change, load
from exact_core.annotations.undo import states_at, why_not
from exact_core.annotations.writing import Writer
from exact_core.exchange.planning import Target
from exact_core.storage.models import ChangeSet
from exact_core.storage.unit_of_work import UnitOfWork

_AT_ONCE = 800  # SQLite takes a limited number of parameters


@dataclass(slots=True)
class Undone:
    """What was taken back, and what was left alone and why."""

    changed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    revisions: dict[int, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        skipped = [{"reason": reason, "count": count} for reason, count in self.skipped.items()]
        images = [{"image_id": image, "revision": revision} for image, revision in self.revisions.items()]
        return {"changed": self.changed, "skipped": skipped, "images": images}


def undo_import(
    target: Target,
    revisions: Mapping[int, int],
    *,
    total: int,
    told: Callable[[float], None] = lambda _: None,
    before_commit: Callable[[Session, Undone], None] = lambda _session, _undone: None,
) -> Undone:
    """Set everything back that an import did and nobody has changed since.

    Args:
        target: The set, and who asks: they need the right to annotate, and to change each annotation.
        revisions: The revision of the import on each image.
        total: About how many annotations, for progress.
        told: Hears how far it is; called inside of the transaction, may raise to take everything back.
        before_commit: Called at the end of the transaction.
    """
    undone = Undone()
    with UnitOfWork(target.database, target.hooks, target.actor) as uow:
        record = uow.record if target.hooks.hears_annotations(target.image_set_id) else None
        for image_id, revision in revisions.items():
            writer = Writer(uow.session, target.actor, image_id, rights_in(uow.session), record)
            _undo_image(writer, revision, undone, lambda count: told(min(count / max(total, 1), 1)))
        before_commit(uow.session, undone)
    return undone


def _undo_image(writer: Writer, revision: int, undone: Undone, told: Callable[[int], None]) -> None:
    session = writer.session
    touched = _touched(session, writer.facts.image_id, revision)
    taken: int | None = None
    count, before_this = 0, undone.changed
    for start in range(0, len(touched), _AT_ONCE):
        ids = touched[start : start + _AT_ONCE].tolist()
        chosen = ROWS.c.annotation_id.in_(ids)
        # The sums keep SQLite from going through all rows of the revision each time, by the index for revisions.
        before = states_at(session, chosen, ROWS.c.valid_to + 0 == revision)
        after = states_at(session, chosen, ROWS.c.valid_from + 0 == revision)
        changes = []
        for known in load(session, writer.facts.image_id, ids=ids):
            reason = why_not(writer, known, before.get(known.id), after.get(known.id))
            if reason:
                undone.skipped[reason] += 1
            else:
                changes.append(Change(known, before.get(known.id)))
        if changes:
            if taken is None:
                taken = writer.log_change_set(0, "undo", reverts=revision)
            writer.write(changes, taken, restores=True)
            count += len(changes)
        told(before_this + count)
    if taken is not None:
        writer.count_changes(taken, count)
        own = (ChangeSet.image_set_id == writer.facts.image_set_id, ChangeSet.revision == revision)
        session.execute(update(ChangeSet).where(*own).values(reverted_by=taken))
        undone.revisions[writer.facts.image_id] = taken
    undone.changed += count


def _touched(session: Session, image_id: int, revision: int) -> NDArray[np.int64]:
    """The annotations of an image that a revision changed, in the order of their numbers."""
    row = ROWS.c
    parts = [np.empty(0, np.int64)]
    for edge in (row.valid_from == revision, row.valid_to == revision):
        found = session.scalars(select(row.annotation_id).where(row.image_id == image_id, edge))
        parts.append(np.fromiter(found, np.int64))
    return np.unique(np.concatenate(parts))
