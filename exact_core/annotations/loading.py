"""Loading annotations with their states: by number or uuid, by conditions, now or at a revision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, bindparam, case, func, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS, holds
from exact_core.annotations.states import DETAILS, IDENTITIES, STATE_COLUMNS, Known, state_of, with_state
from exact_core.storage.models import User
from exact_core.storage.prepared import Prepared

_CHUNK = 1_000  # SQLite takes a limited number of parameters
_PEOPLE = cast("Table", User.__table__)


def load(session: Session, image_id: int, *, ids: Iterable[int] = (), uuids: Iterable[str] = ()) -> list[Known]:
    """The annotations of an image with these ids or uuids, live or deleted."""
    ids, uuids = list(ids), list(uuids)
    if len(ids) + len(uuids) == 1:
        name, key = ("id", ids[0]) if ids else ("uuid", uuids[0])
        return list(known_of(_load_one(name).rows(session, {"image": image_id, "key": key})))
    session.flush()
    connection = session.connection()
    found: dict[int, Known] = {}
    values: list[Any]
    for name, values in (("id", ids), ("uuid", uuids)):
        for start in range(0, len(values), _CHUNK):
            asked = {"image": image_id, "keys": values[start : start + _CHUNK]}
            found |= {known.id: known for known in known_of(connection.execute(_load_by(name), asked))}
    return list(found.values())


def select_known(
    session: Session,
    conditions: Iterable[ColumnElement[bool]],
    *,
    only_live: bool = False,
    order_by: ColumnElement[Any] | None = None,
    limit: int | None = None,
    at: int | None = None,
) -> Iterator[Known]:
    """Annotations with author, live state (or that at a revision) and attributes, in one query."""
    statement = _select_known(only_live, at).where(*conditions).limit(limit)
    if order_by is not None:
        statement = statement.order_by(order_by)
    return known_of(session.execute(statement))


@cache
def _load_by(column: str) -> Select[Any]:
    """Selects annotations of an image by ids or uuids; made once, as every edit asks it."""
    chosen = IDENTITIES.c[column].in_(bindparam("keys", expanding=True))
    return _select_known(only_live=False, at=None).where(IDENTITIES.c.image_id == bindparam("image"), chosen)


@cache
def _load_one(column: str) -> Prepared:
    """The same for a single one."""
    one = (IDENTITIES.c.image_id == bindparam("image"), IDENTITIES.c[column] == bindparam("key"))
    return Prepared(_select_known(False, None, is_newest_state()).where(*one))


def _select_known(only_live: bool, at: int | None, *which: ColumnElement[bool]) -> Select[Any]:
    source, columns = known_in(IDENTITIES, only_live, at, *which)
    return select(*columns).select_from(source)


def known_in(
    source: FromClause, only_live: bool, at: int | None, *which: ColumnElement[bool]
) -> tuple[FromClause, tuple[ColumnElement[Any], ...]]:
    """A source with identities, joined with their states, and the columns that :func:`known_of` takes."""
    identity, person = IDENTITIES, _PEOPLE.c
    live = and_(ROWS.c.annotation_id == identity.c.id, *holds(ROWS, at), *which)
    detail = and_(DETAILS.c.annotation_id == identity.c.id, *holds(DETAILS, at))
    # States remember their author by number even when the account is gone; of a deleted shape, a former one does.
    former = ROWS.alias("former").c
    remembered = select(former.author_id).where(former.annotation_id == identity.c.id, former.author_id.is_not(None))
    past = case((ROWS.c.valid_from.is_(None), remembered.limit(1).scalar_subquery()))
    author = func.coalesce(ROWS.c.author_id, identity.c.author_id, past)
    joined = source.join(ROWS, live, isouter=not only_live)
    return joined.outerjoin(DETAILS, detail).outerjoin(_PEOPLE, person.id == author), (
        identity.c.id,
        identity.c.uuid,
        identity.c.image_id,
        author,
        person.display_name,
        person.name,
        identity.c.claimed_author,
        identity.c.created_at,
        DETAILS.c.attributes,
        *STATE_COLUMNS,
    )


def is_newest_state() -> ColumnElement[bool]:
    """The last state, found by its index, is the only one that can be live: the others need not be read."""
    newest = ROWS.alias("newest").c
    last = select(func.max(newest.valid_from)).where(newest.annotation_id == IDENTITIES.c.id).scalar_subquery()
    return ROWS.c.valid_from == last


def known_of(rows: Iterable[Sequence[Any]]) -> Iterator[Known]:
    """The annotations in rows of such columns."""
    for row in rows:
        id_, uuid, image_id, author_id, display_name, name, claimed, created_at, attributes, *state = row
        known = Known(id_, uuid, image_id, author_id, display_name or name or "", claimed, created_at)
        if state[0] is None:
            yield known
        else:
            yield with_state(known, state_of(state, attributes), state[0], state[1])
