"""Writing one change of one annotation with all that belongs to it: the log, its states and the kept counts.

PostgreSQL takes it as one statement; SQLite, which is no process of its own, as a few short ones. Both do what
``change_log.next_revision`` and ``states.write`` do for many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Column, Update, bindparam, insert, literal_column, null, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import LOG, SETS
from exact_core.annotations.scope import COUNTS, ROWS
from exact_core.annotations.spatial import tile_key
from exact_core.annotations.states import IDENTITIES, Change, adding_counts, row_values, steps_of
from exact_core.storage.models import LIVE
from exact_core.storage.prepared import Prepared, run_in_turn

_ONE_ROW = (
    "tile_key", "type_id", "author_id", "shape", "z", "t", "c", "x0", "y0", "x1", "y1", "geometry", "text", "changed",
)  # fmt: skip
_ONE_COUNT = ("z", "t", "c", "type_id", "cell", "n")


@dataclass(frozen=True, slots=True)
class Entered:
    """What the change log says of a change of one annotation."""

    image_set_id: int
    revision: int
    actor_id: int | None
    at: datetime
    kind: str
    reason: str
    run: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Form:
    """What a statement depends on."""

    dialect: str
    is_new: bool
    closes: bool
    opens: bool
    counts: int


def write_one(session: Session, change: Change, entered: Entered) -> int:
    """Write a change, without its attributes, as the set's next revision; gives the annotation's number.

    Args:
        session: A writing session that holds the set's lock.
        change: The annotation and its state after; one whose number is 0 is new.
        entered: What is written down of it; its revision is the one after the set's.
    """
    known, after = change.known, change.after
    values = {
        "set": entered.image_set_id, "revision": entered.revision, "actor": entered.actor_id, "at": entered.at,
        "kind": entered.kind, "reason": entered.reason, "run": entered.run, "digest": entered.digest,
        "image": known.image_id, "annotation": known.id, "author": known.author_id,
    }  # fmt: skip
    if not known.id:
        values |= {"uuid": known.uuid, "claimed_author": known.claimed_author, "created_at": known.created_at}
    if known.state is not None:
        values |= {"old_tile_key": tile_key(known.state.box), "old_revision": known.revision}
    if after is not None:
        row = row_values(known, after, entered.revision, entered.actor_id, entered.at)
        values |= {f"row_{name}": row[name] for name in _ONE_ROW}
    steps = steps_of(change)
    for number, (_, z, t, c, type_id, author, cell, n) in enumerate(steps):
        values["count_author"] = author
        values |= {
            f"{name}_{number}": value for name, value in zip(_ONE_COUNT, (z, t, c, type_id, cell, n), strict=True)
        }
    form = _Form(session.get_bind().dialect.name, not known.id, known.state is not None, after is not None, len(steps))
    if form.dialect == "sqlite":
        return _one_by_one(session, form, values)
    found = _at_once(form).first(session, values)
    assert found is not None, "the set is locked, so it is there"
    return int(found[0]) if form.is_new else known.id


def _one_by_one(session: Session, form: _Form, values: dict[str, Any]) -> int:
    if form.is_new:
        added = _ADD_IDENTITY.first(session, values)
        assert added is not None, "an insert gives the number"
        values["annotation"] = added[0]
    run_in_turn(session, _following(form), values)
    return int(values["annotation"])


@cache
def _following(form: _Form) -> tuple[Prepared, ...]:
    """What is written when the annotation has its number."""
    states = (*((_CLOSE,) if form.closes else ()), *((_OPEN,) if form.opens else ()))
    return _RAISE, _NOTE, *states, *(Prepared(_counts("sqlite", number)) for number in range(form.counts))


@cache
def _at_once(form: _Form) -> Prepared:
    """All of it as one statement, which gives the number of a new annotation."""
    identity = _ADDS_IDENTITY.cte("identity")
    # Made anew: a statement that was compiled before keeps that it gave no columns.
    raised = _raises().returning(SETS.c.id).cte("raised")
    parts: list[Any] = [_NOTES]
    if form.closes:
        parts.append(_CLOSES)
    if form.opens and form.is_new:
        row = _ROW | {"annotation_id": identity.c.id}
        parts.append(insert(ROWS).from_select(list(row), select(*row.values())))
    elif form.opens:
        parts.append(_OPENS)
    parts += [_counts(form.dialect, number) for number in range(form.counts)]
    written = [part.cte(f"part_{place}") for place, part in enumerate(parts)]
    answer = select((identity if form.is_new else raised).c.id)
    return Prepared(answer.add_cte(raised, *written))


def _counts(dialect: str, number: int) -> Any:
    own = {name: _given(f"{name}_{number}", COUNTS.c[name]) for name in _ONE_COUNT}
    shared = {"image_id": _IMAGE, "author_id": _given("count_author", COUNTS.c.author_id)}
    return adding_counts(dialect, own | shared)


def _given(name: str, column: Column[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=column.type)


# Few parameters: psycopg keeps what it makes of a statement that has at most 50.
_SET, _IMAGE, _ANNOTATION = (
    _given("set", LOG.c.image_set_id), _given("image", ROWS.c.image_id), _given("annotation", ROWS.c.annotation_id),
)  # fmt: skip
_REVISION, _ACTOR, _AUTHOR, _AT = (
    _given("revision", LOG.c.revision), _given("actor", ROWS.c.editor_id), _given("author", ROWS.c.author_id),
    _given("at", LOG.c.at),
)  # fmt: skip
_ROW: dict[str, Any] = {
    "image_id": _IMAGE,
    "annotation_id": _ANNOTATION,
    "valid_from": _REVISION,
    "valid_to": literal_column(str(LIVE)),
    "editor_id": _ACTOR,
    "edited_at": _AT,
} | {name: _given(f"row_{name}", ROWS.c[name]) for name in _ONE_ROW}
_ADDS_IDENTITY = (
    insert(IDENTITIES)
    .values(
        image_id=_IMAGE,
        author_id=_AUTHOR,
        uuid=_given("uuid", IDENTITIES.c.uuid),
        claimed_author=_given("claimed_author", IDENTITIES.c.claimed_author),
        created_at=_given("created_at", IDENTITIES.c.created_at),
    )
    .returning(IDENTITIES.c.id)
)


def _raises() -> Update:
    return update(SETS).where(SETS.c.id == _SET).values(revision=_REVISION)


_NOTES = insert(LOG).values(
    image_set_id=_SET,
    revision=_REVISION,
    image_id=_IMAGE,
    actor_id=_ACTOR,
    at=_AT,
    n_changes=literal_column("1"),
    reverts=null(),
    **{name: _given(name, LOG.c[name]) for name in ("kind", "reason", "run", "digest")},
)
_CLOSES = (
    update(ROWS)
    .where(
        ROWS.c.image_id == _IMAGE,
        ROWS.c.tile_key == _given("old_tile_key", ROWS.c.tile_key),
        ROWS.c.annotation_id == _ANNOTATION,
        ROWS.c.valid_from == _given("old_revision", ROWS.c.valid_from),
    )
    .values(valid_to=_REVISION)
)
_OPENS = insert(ROWS).values(_ROW)
_ADD_IDENTITY, _RAISE, _NOTE = Prepared(_ADDS_IDENTITY), Prepared(_raises()), Prepared(_NOTES)
_CLOSE, _OPEN = Prepared(_CLOSES), Prepared(_OPENS)
