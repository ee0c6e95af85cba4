"""Identities and states of annotations: loading what is live, and writing changed states in one revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from exact_core.annotations import number_tables
from exact_core.annotations.geometry import Box, Geometry
from exact_core.annotations.packed_json import packed_json
from exact_core.annotations.packing import pack
from exact_core.annotations.scope import COUNTS, ROWS, Frame, ImageFacts, ReadScope
from exact_core.annotations.spatial import WHOLE_IMAGE_CELL, summary_cell, tile_key
from exact_core.api.contributions import Shape
from exact_core.api.events import AnnotationState
from exact_core.storage.models import LIVE, Annotation, AnnotationDetail, User
from exact_core.storage.prepared import Prepared

_CHUNK = 1_000  # SQLite takes a limited number of parameters
DETAILS = cast("Table", AnnotationDetail.__table__)
"""Attributes of states, as a table."""

IDENTITIES = cast("Table", Annotation.__table__)
"""Permanent identities, as a table."""

_PEOPLE = cast("Table", User.__table__)
_FEW_COUNTS = 100
_PRIMARY_KEY = ("image_id", "tile_key", "annotation_id", "valid_from")


MOVED, RELABELLED, REWRITTEN = 1, 2, 4
"""How a state differs from the one before it, added up in ``changed``: place or frame, type, text or attributes."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything about an annotation that an edit can change."""

    type_id: int
    shape: Shape
    geometry: bytes
    box: Box
    frame: Frame
    text: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, geometry: Geometry, facts: ImageFacts, type_id: int, frame: Frame, text: str, attributes: dict[str, Any]
    ) -> State:
        """The state of a checked geometry."""
        box = geometry.box(facts.width, facts.height)
        return cls(type_id, geometry.shape, pack(geometry), box, frame, text, attributes)

    @property
    def cell(self) -> int:
        """Where it is counted."""
        return WHOLE_IMAGE_CELL if self.shape.is_label else summary_cell(self.box)

    def changed_from(self, before: State) -> int:
        """How it differs from the state that it follows at once, as the rows remember it."""
        moved = self.geometry != before.geometry or self.frame != before.frame
        rewritten = self.text != before.text or self.attributes != before.attributes
        return MOVED * moved | RELABELLED * (self.type_id != before.type_id) | REWRITTEN * rewritten

    def event(self) -> AnnotationState:
        """The form that hooks are told."""
        frame = self.frame
        return AnnotationState(self.type_id, self.shape, (*self.box,), frame.z, frame.t, frame.c, self.text)


@dataclass(frozen=True, slots=True)
class Known:
    """An annotation as it is stored: its identity, and its live state or None when it is deleted."""

    id: int
    uuid: str
    image_id: int
    author_id: int | None
    author_name: str
    claimed_author: str
    created_at: datetime
    edited_at: datetime | None = None
    revision: int = 0
    state: State | None = None

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers; a deleted one has only its identity."""
        state = self.state
        author = None if self.author_id is None else {"id": self.author_id, "name": self.author_name}
        answer: dict[str, Any] = {"id": self.id, "uuid": self.uuid, "image_id": self.image_id}
        if state is not None:
            answer |= {
                "type_id": state.type_id,
                "geometry": packed_json(state.geometry),
                "frame": {"z": state.frame.z, "t": state.frame.t, "c": state.frame.c},
                "text": state.text,
                "attributes": state.attributes,
            }
        return answer | {
            "author": author,
            "claimed_author": self.claimed_author,
            "created_at": _iso(self.created_at),
            "edited_at": _iso(self.edited_at) if self.edited_at else None,
            "revision": self.revision,
            "deleted": state is None,
        }


STATE_COLUMNS: tuple[ColumnElement[Any], ...] = (
    ROWS.c.valid_from,
    ROWS.c.edited_at,
    ROWS.c.type_id,
    ROWS.c.shape,
    ROWS.c.geometry,
    ROWS.c.x0,
    ROWS.c.y0,
    ROWS.c.x1,
    ROWS.c.y1,
    ROWS.c.z,
    ROWS.c.t,
    ROWS.c.c,
    ROWS.c.text,
)


def state_of(row: Sequence[Any], attributes: dict[str, Any] | None) -> State:
    """The state that a row of :data:`STATE_COLUMNS` holds."""
    _, _, type_id, shape, geometry, x0, y0, x1, y1, z, t, c, text = row
    box, frame = Box(x0, y0, x1, y1), Frame(z, t, c)
    return State(type_id, Shape.from_number(shape), bytes(geometry), box, frame, text, attributes or {})


def with_state(known: Known, state: State | None, revision: int, edited_at: datetime | None) -> Known:
    """The same annotation in another state."""
    return Known(
        known.id,
        known.uuid,
        known.image_id,
        known.author_id,
        known.author_name,
        known.claimed_author,
        known.created_at,
        edited_at,
        revision,
        state,
    )


def masked(known: Known, scope: ReadScope) -> Known:
    """The same annotation with its author as the scope lets one know them."""
    if scope.author(known.author_id) == known.author_id:
        return known
    return replace(known, author_id=None, author_name="", claimed_author="")


@dataclass(frozen=True, slots=True)
class Change:
    """An annotation as it is now, and the state it shall have; None deletes it."""

    known: Known
    after: State | None


def write(session: Session, changes: Sequence[Change], revision: int, editor_id: int | None, at: datetime) -> None:
    """Close the live rows of changed annotations, add the new ones, and keep the counts."""
    closed = [change.known for change in changes if change.known.state is not None]
    opened = [(change.known, change.after) for change in changes if change.after is not None]
    _CLOSE_ROW.run_many(session, [_row_key(known) | {"at_revision": revision} for known in closed])
    _OPEN_ROW.run_many(session, [row_values(known, state, revision, editor_id, at) for known, state in opened])
    write_details(session, changes, revision)
    add_counts(session, _count_changes(changes))


def add_counts(session: Session, counts: dict[tuple[int, ...], int]) -> None:
    """Add to the kept counts; keys are the columns of the summary's primary key."""
    steps = _steps(counts)
    if len(steps) > _FEW_COUNTS:
        _add_many_counts(session, np.array(steps, np.int64))
        return
    values = [dict(zip(COUNTED, key, strict=True), n=n) for *key, n in steps]
    _count_statement(session.get_bind().dialect.name).run_many(session, values)


def steps_of(change: Change) -> list[tuple[int, ...]]:
    """What one change adds to the kept counts: rows of ``COUNTED`` and ``n``, in the order of their key."""
    return _steps(_count_changes([change]))


def _steps(counts: dict[tuple[int, ...], int]) -> list[tuple[int, ...]]:
    return [(*key, n) for key, n in sorted(counts.items()) if n]


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _row_key(known: Known) -> dict[str, Any]:
    assert known.state is not None
    values = (known.image_id, tile_key(known.state.box), known.id, known.revision)
    return {f"old_{name}": value for name, value in zip(_PRIMARY_KEY, values, strict=True)}


def row_values(known: Known, state: State, revision: int, editor_id: int | None, at: datetime) -> dict[str, Any]:
    """The row of a state that begins at a revision, by column."""
    box, frame = state.box, state.frame
    return {
        "image_id": known.image_id,
        "tile_key": tile_key(box),
        "annotation_id": known.id,
        "valid_from": revision,
        "valid_to": LIVE,
        "type_id": state.type_id,
        "author_id": known.author_id,
        "editor_id": editor_id,
        "shape": state.shape.number,
        "z": frame.z,
        "t": frame.t,
        "c": frame.c,
        "x0": box.x0,
        "y0": box.y0,
        "x1": box.x1,
        "y1": box.y1,
        "geometry": state.geometry,
        "text": state.text,
        "edited_at": at,
        "changed": None if known.state is None else state.changed_from(known.state),
    }


def write_details(session: Session, changes: Sequence[Change], revision: int) -> None:
    """Attributes have rows of their own, which stay when an edit does not touch them."""
    before = {change.known.id: change.known.state.attributes if change.known.state else {} for change in changes}
    after = {change.known.id: change.after.attributes if change.after else {} for change in changes}
    differ = [id_ for id_ in after if before[id_] != after[id_]]
    closing = [{"old_id": id_, "at_revision": revision} for id_ in differ if before[id_]]
    opening = [
        {"annotation_id": id_, "valid_from": revision, "valid_to": LIVE, "attributes": after[id_]}
        for id_ in differ
        if after[id_]
    ]
    if closing:
        session.execute(_CLOSE_DETAIL, closing)
    if opening:
        session.execute(insert(DETAILS), opening)


def _count_changes(changes: Sequence[Change]) -> dict[tuple[int, ...], int]:
    counts: dict[tuple[int, ...], int] = defaultdict(int)
    for change in changes:
        known = change.known
        for state, step in ((known.state, -1), (change.after, 1)):
            if state is not None:
                frame = state.frame
                author = known.author_id or 0
                counts[known.image_id, frame.z, frame.t, frame.c, state.type_id, author, state.cell] += step
    return counts


COUNTED = tuple(column.name for column in COUNTS.primary_key)
_OPEN_ROW = Prepared(insert(ROWS), ROWS.columns.keys())
_CLOSE_ROW = Prepared(
    update(ROWS)
    .where(*(ROWS.c[name] == bindparam(f"old_{name}") for name in _PRIMARY_KEY))
    .values(valid_to=bindparam("at_revision"))
)
_CLOSE_DETAIL = (
    update(DETAILS)
    .where(DETAILS.c.annotation_id == bindparam("old_id"), DETAILS.c.valid_to == LIVE)
    .values(valid_to=bindparam("at_revision"))
)


@cache
def _count_statement(dialect: str) -> Prepared:
    return Prepared(adding_counts(dialect), COUNTS.columns.keys())


def _add_many_counts(session: Session, steps: NDArray[np.int64]) -> None:
    dialect = session.get_bind().dialect.name
    columns = dict(zip((*COUNTED, "n"), steps.T, strict=True))
    table = number_tables.table(dialect, "steps", columns)
    # SQLite takes ON CONFLICT for a part of the join unless there is a WHERE.
    session.execute(adding_counts(dialect, select(*table.c).where(true())))


def adding_counts(dialect: str, rows: Select[Any] | Mapping[str, Any] | None = None) -> Any:
    """An insert into the kept counts that adds to those that are there.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
        rows: Selects what is added; or the values of one row; None: values are given when it runs.
    """
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(COUNTS)
    if isinstance(rows, Mapping):
        statement = statement.values(rows)
    elif rows is not None:
        statement = statement.from_select([*COUNTED, "n"], rows)
    keys = list(COUNTS.primary_key)
    return statement.on_conflict_do_update(index_elements=keys, set_={"n": COUNTS.c.n + statement.excluded.n})
