"""Undo and redo of one's own changes on one image; they survive a reload, because the change log is the stack.

Undoing a change set is a change set of its own. Each annotation of it is set back only while it is still in the state
that the change left it in; what somebody else has changed since is left alone and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.change_details import type_names
from exact_core.annotations.loading import load
from exact_core.annotations.revert_plan import take_back
from exact_core.annotations.revert_writing import write_plan
from exact_core.annotations.scope import ROWS, begun_at, ended_at
from exact_core.annotations.states import with_state
from exact_core.annotations.writing import MAX_OPERATIONS, Outcome, Writer
from exact_core.api.errors import Conflict
from exact_core.storage.models import ChangeSet, now

ACTS = ("edit", "restore", "revert")
"""Kinds of change sets that a person does; imports and models are reverted by their run instead."""

_MOST_COUNTED = 10_000  # labels of larger changes do not name types
_VERBS = {"restore": "Restore", "revert": "Revert"}


@dataclass(frozen=True, slots=True)
class UndoState:
    """Whether there is something to undo or redo, and what it is called."""

    can_undo: bool
    can_redo: bool
    undo_label: str
    redo_label: str

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        return asdict(self)


def undo_state(session: Session, image_id: int, user_id: int) -> UndoState:
    """What the user can take back on an image, and bring back."""
    undone, redone = _next_undo(session, image_id, user_id), _next_redo(session, image_id, user_id)
    original = session.get(ChangeSet, (redone.image_set_id, redone.reverts)) if redone else None
    return UndoState(undone is not None, redone is not None, _label(session, undone), _label(session, original))


def undo(writer: Writer, expected: int | None = None) -> Outcome:
    """Take back the actor's last change that is not taken back yet.

    Args:
        writer: Where and for whom.
        expected: Refuse when that change is not the one of this revision.
    """
    target = _next_undo(writer.session, writer.facts.image_id, writer.actor.user_id)
    if target is None:
        raise Conflict("There is nothing of yours to undo on this image.")
    if expected is not None and target.revision != expected:
        raise Conflict("You have changed something else since: undo that first.")
    return _take_back(writer, target, "undo")


def redo(writer: Writer) -> Outcome:
    """Bring back the actor's last change that was undone; a new edit empties this list."""
    target = _next_redo(writer.session, writer.facts.image_id, writer.actor.user_id)
    if target is None:
        raise Conflict("There is nothing of yours to redo on this image.")
    return _take_back(writer, target, "redo")


def _next_undo(session: Session, image_id: int, user_id: int) -> ChangeSet | None:
    statement = (
        select(ChangeSet)
        .where(
            ChangeSet.image_id == image_id,
            ChangeSet.actor_id == user_id,
            ChangeSet.kind.in_((*ACTS, "redo")),
            ChangeSet.reverted_by.is_(None),
        )
        .order_by(ChangeSet.revision.desc())
        .limit(1)
    )
    return session.scalars(statement).first()


def _next_redo(session: Session, image_id: int, user_id: int) -> ChangeSet | None:
    own = (ChangeSet.image_id == image_id, ChangeSet.actor_id == user_id)
    last_edit = select(func.coalesce(func.max(ChangeSet.revision), 0)).where(*own, ChangeSet.kind.in_(ACTS))
    statement = (
        select(ChangeSet)
        .where(
            *own,
            ChangeSet.kind == "undo",
            ChangeSet.reverted_by.is_(None),
            ChangeSet.revision > last_edit.scalar_subquery(),
        )
        .order_by(ChangeSet.revision.desc())
        .limit(1)
    )
    return session.scalars(statement).first()


def _take_back(writer: Writer, target: ChangeSet, kind: Literal["undo", "redo"]) -> Outcome:
    plan = take_back(writer, [ChangeSet.revision == target.revision])
    revision = write_plan(writer, plan, kind, reverts=target.revision)
    writer.session.execute(
        update(ChangeSet)
        .where(ChangeSet.image_set_id == target.image_set_id, ChangeSet.revision == target.revision)
        .values(reverted_by=revision)
    )
    skipped = tuple({"id": id_, "reason": reason} for id_, reason in plan.skipped[:MAX_OPERATIONS])
    if len(plan.ids) > MAX_OPERATIONS:
        return Outcome(revision, [], skipped, is_complete=False)
    changed = load(writer.session, writer.facts.image_id, ids=plan.ids)
    answers = [known if known.state else with_state(known, None, revision, now()) for known in changed]
    return Outcome(revision, sorted(answers, key=lambda known: known.id), skipped)


def _label(session: Session, target: ChangeSet | None) -> str:
    """What a change set did, in words: ``Draw Mitosis``, ``Delete 3 × Mitosis``, ``Revert 5 shapes``."""
    if target is None:
        return ""
    verb = _VERBS.get(target.kind, "")
    if target.n_changes > _MOST_COUNTED:
        return f"{verb or 'Change'} {target.n_changes:,} shapes"
    row = ROWS.c
    counted = select(row.type_id, func.count()).where(row.image_id == target.image_id).group_by(row.type_id)
    began: dict[int, int] = dict(session.execute(counted.where(begun_at(ROWS, target.revision))).all())
    ended: dict[int, int] = dict(session.execute(counted.where(ended_at(ROWS, target.revision))).all())
    names = type_names(session, {*began, *ended})
    return _spoken([(names[id_], began.get(id_, 0), ended.get(id_, 0)) for id_ in {**began, **ended}], verb)


def _spoken(types: Sequence[tuple[str, int, int]], verb: str) -> str:
    new, old = sum(row[1] for row in types), sum(row[2] for row in types)
    verb = verb or ("Draw" if not old else "Delete" if not new else "Change")
    names = {name for name, began, _ in types if began} or {name for name, _, _ in types}
    count = max(new, old)
    if len(names) != 1:
        return f"{verb} {count} shapes" if types else "Nothing"
    name = names.pop()
    return f"{verb} {name}" if count == 1 else f"{verb} {count} × {name}"
