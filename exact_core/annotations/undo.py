"""Undo and redo of one's own changes on one image; they survive a reload, because the change log is the stack.

Undoing a change set is a change set of its own. Each annotation of it is set back only while it is still in the state
that the change left it in; what somebody else has changed since is left alone and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS
from exact_core.annotations.states import DETAILS, STATE_COLUMNS, Change, Known, State, load, state_of, with_state
from exact_core.annotations.writing import Outcome, Writer
from exact_core.api.errors import Conflict
from exact_core.storage.models import AnnotationType, ChangeSet, now


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
    return UndoState(
        undone is not None,
        redone is not None,
        _label(session, image_id, undone.revision) if undone else "",
        _label(session, image_id, redone.reverts) if redone and redone.reverts else "",
    )


def undo(writer: Writer) -> Outcome:
    """Take back the actor's last change that is not taken back yet."""
    target = _next_undo(writer.session, writer.facts.image_id, writer.actor.user_id)
    if target is None:
        raise Conflict("There is nothing of yours to undo on this image.")
    return _revert(writer, target, "undo")


def redo(writer: Writer) -> Outcome:
    """Bring back the actor's last change that was undone; a new edit empties this list."""
    target = _next_redo(writer.session, writer.facts.image_id, writer.actor.user_id)
    if target is None:
        raise Conflict("There is nothing of yours to redo on this image.")
    return _revert(writer, target, "redo")


def _next_undo(session: Session, image_id: int, user_id: int) -> ChangeSet | None:
    statement = (
        select(ChangeSet)
        .where(
            ChangeSet.image_id == image_id,
            ChangeSet.actor_id == user_id,
            ChangeSet.kind.in_(("edit", "redo")),
            ChangeSet.reverted_by.is_(None),
        )
        .order_by(ChangeSet.revision.desc())
        .limit(1)
    )
    return session.scalars(statement).first()


def _next_redo(session: Session, image_id: int, user_id: int) -> ChangeSet | None:
    own = (ChangeSet.image_id == image_id, ChangeSet.actor_id == user_id)
    last_edit = select(func.coalesce(func.max(ChangeSet.revision), 0)).where(*own, ChangeSet.kind == "edit")
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


def _revert(writer: Writer, target: ChangeSet, kind: Literal["undo", "redo"]) -> Outcome:
    image_id = writer.facts.image_id
    before = states_at(writer.session, ROWS.c.image_id == image_id, ROWS.c.valid_to == target.revision)
    after = states_at(writer.session, ROWS.c.image_id == image_id, ROWS.c.valid_from == target.revision)
    changes: list[Change] = []
    skipped: list[dict[str, Any]] = []
    for known in load(writer.session, image_id, ids=sorted(before.keys() | after.keys())):
        reason = why_not(writer, known, before.get(known.id), after.get(known.id))
        if reason:
            skipped.append({"id": known.id, "reason": reason})
        else:
            changes.append(Change(known, before.get(known.id)))
    revision = writer.commit(changes, kind, reverts=target.revision)
    writer.session.execute(
        update(ChangeSet)
        .where(ChangeSet.image_set_id == target.image_set_id, ChangeSet.revision == target.revision)
        .values(reverted_by=revision)
    )
    at = now()
    answers = [with_state(change.known, change.after, revision, at) for change in changes]
    return Outcome(revision, answers, tuple(skipped))


def why_not(writer: Writer, known: Known, before: State | None, after: State | None) -> str:
    """Why an annotation is left as it is by an undo; empty when it can be set back to the state before."""
    if known.state != after:
        return "It was changed since, so it is left as it is now."
    if not writer.may_edit(known):
        return "It belongs to somebody else, and you may no longer change it."
    if before is not None and before.type_id not in writer.types:
        return "Its annotation type is no longer used in this image set."
    return ""


def states_at(session: Session, *conditions: ColumnElement[bool]) -> dict[int, State]:
    """States that a change set began or ended, with their attributes, by annotation."""
    then = and_(
        DETAILS.c.annotation_id == ROWS.c.annotation_id,
        DETAILS.c.valid_from <= ROWS.c.valid_from,
        DETAILS.c.valid_to > ROWS.c.valid_from,
    )
    statement = (
        select(ROWS.c.annotation_id, DETAILS.c.attributes, *STATE_COLUMNS)
        .select_from(ROWS.outerjoin(DETAILS, then))
        .where(*conditions)
    )
    return {row[0]: state_of(row[2:], row[1]) for row in session.execute(statement)}


def _label(session: Session, image_id: int, revision: int) -> str:
    """What a change set did, in words: ``Draw Mitosis``, ``Delete 3 × Mitosis``, ``Change 5 shapes``."""
    began, ended = ROWS.c.valid_from == revision, ROWS.c.valid_to == revision
    statement = (
        select(
            AnnotationType.name,
            func.sum(case((began, 1), else_=0)),
            func.sum(case((ended, 1), else_=0)),
        )
        .join(AnnotationType, AnnotationType.id == ROWS.c.type_id)
        .where(ROWS.c.image_id == image_id, or_(began, ended))
        .group_by(AnnotationType.name)
    )
    return _spoken([(name, int(new), int(old)) for name, new, old in session.execute(statement)])


def _spoken(types: Sequence[tuple[str, int, int]]) -> str:
    new, old = sum(row[1] for row in types), sum(row[2] for row in types)
    verb = "Draw" if not old else "Delete" if not new else "Change"
    names = {name for name, began, _ in types if began} or {name for name, _, _ in types}
    count = max(new, old)
    if len(names) != 1:
        return f"{verb} {count} shapes" if types else "Nothing"
    name = names.pop()
    return f"{verb} {name}" if count == 1 else f"{verb} {count} × {name}"
