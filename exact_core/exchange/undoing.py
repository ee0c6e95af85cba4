"""Taking an import back: one transaction for all of its images, some thousands of annotations at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.revert_plan import take_back
from exact_core.annotations.revert_writing import write_plan
from exact_core.annotations.writing import Writer
from exact_core.exchange.planning import Target
from exact_core.storage.models import ChangeSet
from exact_core.storage.unit_of_work import UnitOfWork


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
            _undo_image(writer, revision, undone)
            told(min(undone.changed / max(total, 1), 1))
        before_commit(uow.session, undone)
    return undone


def _undo_image(writer: Writer, revision: int, undone: Undone) -> None:
    plan = take_back(writer, [ChangeSet.revision == revision])
    undone.skipped += plan.reasons
    if not plan.ids:
        return
    taken = write_plan(writer, plan, "undo", reverts=revision)
    own = (ChangeSet.image_set_id == writer.facts.image_set_id, ChangeSet.revision == revision)
    writer.session.execute(update(ChangeSet).where(*own).values(reverted_by=taken))
    undone.revisions[writer.facts.image_id] = taken
    undone.changed += len(plan.ids)
