"""Statements that go straight to the driver find, convert, write and refuse as those that go through SQLAlchemy."""

from __future__ import annotations

from typing import cast

import pytest
from sqlalchemy import Table, bindparam, exc, insert, select, text, update
from sqlalchemy.orm import Session

from exact_core.api.errors import Invalid
from exact_core.storage.database import Database
from exact_core.storage.models import ImageSet, Team, now
from exact_core.storage.prepared import Prepared

_SETS = cast("Table", ImageSet.__table__)
_ADDED = Prepared(insert(Team), ["name", "folded_name", "description", "created_at"])
_FOUND = Prepared(
    select(_SETS.c.id, _SETS.c.name, _SETS.c.is_locked, _SETS.c.mode_settings, _SETS.c.created_at, _SETS.c.deleted_at)
    .where(_SETS.c.team_id == bindparam("team"), _SETS.c.id > bindparam("after"))
    .order_by(_SETS.c.id)
)
_RAISED = Prepared(
    update(_SETS)
    .where(_SETS.c.id == bindparam("which"))
    .values(revision=_SETS.c.revision + 1, deleted_at=bindparam("at"))
    .returning(_SETS.c.revision, _SETS.c.deleted_at)
)


def fill(session: Session) -> Team:
    team = Team(name="a", folded_name="a")
    session.add(team)
    session.flush()
    session.add_all([ImageSet(team_id=team.id, name=name, mode_settings={"n": [1, name]}) for name in ("x", "y")])
    return team


def test_values_come_and_go_as_with_sqlalchemy(database: Database) -> None:
    at = now()
    with database.write() as session:
        team = fill(session)  # is pending still: a prepared statement sees it
        rows = _FOUND.rows(session, {"team": team.id, "after": 0})
        wanted = select(
            ImageSet.id, ImageSet.name, ImageSet.is_locked, ImageSet.mode_settings, ImageSet.created_at,
            ImageSet.deleted_at,
        )  # fmt: skip
        assert [tuple(row) for row in rows] == [tuple(row) for row in session.execute(wanted.order_by(ImageSet.id))]
        assert rows[0][2] is False
        assert rows[0][3] == {"n": [1, "x"]}
        assert _FOUND.first(session, {"team": team.id, "after": rows[0][0]}) == rows[1]
        assert _FOUND.first(session, {"team": -1, "after": 0}) is None
        which = rows[1][0]
        assert tuple(_RAISED.first(session, {"which": which, "at": at}) or ()) == (1, at)
    with database.read() as session:
        again = session.execute(select(ImageSet.revision, ImageSet.deleted_at).where(ImageSet.id == which)).one()
        assert tuple(again) == (1, at)


def test_what_cannot_be_is_refused_in_the_same_words(database: Database) -> None:
    with database.read() as session, pytest.raises(Invalid, match="larger than any"):
        _FOUND.rows(session, {"team": 2**70, "after": 0})
    with database.read() as session, pytest.raises(exc.DBAPIError):
        _RAISED.first(session, {"which": 1, "at": now()})  # a reading session cannot write
    if database.dialect == "postgresql":
        named = Prepared(select(_SETS.c.id).where(_SETS.c.name == bindparam("name")))
        with database.read() as session, pytest.raises(Invalid, match="NUL"):
            named.rows(session, {"name": "a\x00b"})
    team = {"name": "a", "folded_name": "a", "description": "", "created_at": now()}
    with pytest.raises(exc.IntegrityError), database.write() as session:  # noqa: PT012
        _ADDED.run(session, team)
        _ADDED.run(session, team)
    with database.read() as session:
        assert session.execute(select(Team.id)).all() == []


def test_a_statement_stays_prepared_for_numbers_of_every_size_and_after_reading(database: Database) -> None:
    with database.write() as session:
        for after in (1, 2**15, 2**31, -(2**62)) * 4:
            _FOUND.rows(session, {"team": 1, "after": after})
    with database.read() as session:
        assert _FOUND.rows(session, {"team": 1, "after": 0}) == []
    if database.dialect == "sqlite":
        return
    # Of idle connections the last one is taken: the same as before. A rollback would have made it forget.
    with database.read() as session:
        prepared = session.execute(text("SELECT statement FROM pg_prepared_statements")).scalars().all()
    assert len([each for each in prepared if "mode_settings" in each]) == 1


def test_each_transaction_has_its_own_line_and_a_failed_one_is_not_used_again(database: Database) -> None:
    with database.write() as session:
        team = fill(session)
        assert _FOUND.rows(session, {"team": team.id, "after": 0})
        session.rollback()
        assert _FOUND.rows(session, {"team": team.id, "after": 0}) == []
        team = fill(session)
        with pytest.raises(exc.IntegrityError), session.begin_nested():
            _ADDED.run(session, {"name": "a", "folded_name": "a", "description": "", "created_at": now()})
        assert len(_FOUND.rows(session, {"team": team.id, "after": 0})) == 2
        session.commit()
        assert len(_FOUND.rows(session, {"team": team.id, "after": 0})) == 2
