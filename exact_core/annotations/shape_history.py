"""The history of one annotation: each of its states with who made it, when, why, and what changed in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from exact_core.annotations import describing
from exact_core.annotations.history import as_text
from exact_core.annotations.packing import unpack
from exact_core.annotations.people import people
from exact_core.annotations.scope import ROWS, ReadScope
from exact_core.annotations.states import DETAILS, STATE_COLUMNS, Known, State, state_of
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.models import LIVE, AnnotationType, ChangeSet

MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class _Event:
    """A revision at which the annotation got another state, or none."""

    revision: int
    began: int | None  # the state that begins here; None for a deletion
    before: int | None  # when the state before began; None when there was none
    is_first: bool


def page(session: Session, scope: ReadScope, known: Known, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of what happened to an annotation, newest first.

    Of shapes that a blind reader is shown because an item was revealed or given to them, the history is withheld: it
    would tell what others thought before.

    Args:
        session: Where to read.
        scope: The reader's view of the annotation's image; it must show the annotation.
        known: The annotation.
        cursor: Where the page before ended.
        limit: How many events at most.
    """
    is_withheld = scope.only_reader is not None and known.author_id != scope.only_reader
    events = [] if is_withheld else _events(session, known.id)
    if cursor is not None:
        (end,) = read_cursor(cursor, int)
        assert isinstance(end, int)
        events = [event for event in events if event.revision < end]
    shown = events[:limit]
    needed = {began for event in shown for began in (event.began, event.before) if began is not None}
    states = _states(session, known.id, sorted(needed))
    log = _log(session, scope.image.image_set_id, [event.revision for event in shown])
    types = _types(session, {state.type_id for state, _, _ in states.values()})
    names = {id_: str(kind["name"]) for id_, kind in types.items()}
    who = {event.revision: _who(event, log, states) for event in shown}
    named = people(session, who.values(), scope.only_reader)
    items = []
    for event in shown:
        state = states[event.began][0] if event.began is not None else None
        before = states[event.before][0] if event.before is not None else None
        change_set = log.get(event.revision)
        is_hidden = scope.only_reader is not None and who[event.revision] != scope.only_reader
        items.append(
            {
                "revision": event.revision,
                "at": as_text(_when(event, change_set, states)),
                "kind": change_set.kind if change_set else "edit",
                "reason": change_set.reason if change_set and not is_hidden else "",
                "run": change_set.run if change_set and not is_hidden else "",
                "by": named.json(who[event.revision]),
                "what": describing.of_shape(before, state, names, is_new=event.is_first),
                "state": _state_json(state, types) if state else None,
                "is_current": state is not None and known.state is not None and event.revision == known.revision,
            }
        )
    return {
        "annotation": known.to_json(),
        "withheld": is_withheld,
        "items": items,
        "next_cursor": write_cursor(shown[-1].revision) if len(events) > len(shown) else None,
    }


def state_at(session: Session, annotation_id: int, revision: int) -> State | None:
    """The state that an annotation had at a revision; None when it did not exist or was deleted then."""
    row = ROWS.c
    held = (row.annotation_id == annotation_id, row.valid_from <= revision, row.valid_to > revision)
    began = session.execute(select(row.valid_from).where(*held)).scalar()
    return None if began is None else _states(session, annotation_id, [began])[began][0]


def _events(session: Session, annotation_id: int) -> list[_Event]:
    row = ROWS.c
    statement = select(row.valid_from, row.valid_to).where(row.annotation_id == annotation_id).order_by(row.valid_from)
    events: list[_Event] = []
    last: tuple[int, int] | None = None
    for began, ended in session.execute(statement):
        goes_on = last is not None and last[1] == began
        if last is not None and not goes_on:
            events.append(_Event(last[1], None, last[0], False))
        events.append(_Event(began, began, last[0] if last and goes_on else None, last is None))
        last = began, ended
    if last is not None and last[1] != LIVE:
        events.append(_Event(last[1], None, last[0], False))
    return events[::-1]


_Stored = tuple[State, int | None, datetime]
"""A state, its editor, and when it was written."""


def _states(session: Session, annotation_id: int, began: Sequence[int]) -> dict[int, _Stored]:
    row = ROWS.c
    then = and_(
        DETAILS.c.annotation_id == row.annotation_id,
        DETAILS.c.valid_from <= row.valid_from,
        DETAILS.c.valid_to > row.valid_from,
    )
    statement = (
        select(row.editor_id, DETAILS.c.attributes, *STATE_COLUMNS)
        .select_from(ROWS.outerjoin(DETAILS, then))
        .where(row.annotation_id == annotation_id, row.valid_from.in_(began))
    )
    return {
        columns[0]: (state_of(columns, attributes), editor_id, columns[1])
        for editor_id, attributes, *columns in session.execute(statement)
    }


def _log(session: Session, image_set_id: int, revisions: Sequence[int]) -> dict[int, ChangeSet]:
    chosen = (ChangeSet.image_set_id == image_set_id, ChangeSet.revision.in_(revisions))
    return {each.revision: each for each in session.scalars(select(ChangeSet).where(*chosen))}


def _who(event: _Event, log: dict[int, ChangeSet], states: dict[int, _Stored]) -> int | None:
    if event.began is not None:
        return states[event.began][1]  # kept also when the account is gone
    change_set = log.get(event.revision)
    return change_set.actor_id if change_set else None


def _when(event: _Event, change_set: ChangeSet | None, states: dict[int, _Stored]) -> datetime:
    if change_set is not None:
        return change_set.at
    began = event.began if event.began is not None else event.before
    assert began is not None
    return states[began][2]


def _types(session: Session, type_ids: set[int]) -> dict[int, dict[str, Any]]:
    kind = AnnotationType
    statement = select(kind.id, kind.name, kind.color).where(kind.id.in_(type_ids))
    return {id_: {"id": id_, "name": name, "color": color} for id_, name, color in session.execute(statement)}


def _state_json(state: State, types: dict[int, dict[str, Any]]) -> dict[str, Any]:
    frame = state.frame
    return {
        "type": types.get(state.type_id, {"id": state.type_id, "name": "", "color": "#888888"}),
        "geometry": unpack(state.geometry).to_json(),
        "frame": {"z": frame.z, "t": frame.t, "c": frame.c},
        "text": state.text,
        "attributes": state.attributes,
    }
