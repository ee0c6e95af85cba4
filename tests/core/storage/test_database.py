"""Transactions, sessions and errors of the database, on both engines."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from exact_core.api.errors import ConfigurationError, Unavailable
from exact_core.storage.database import Database
from exact_core.storage.models import Epoch, Team


def add_team(session, name: str) -> None:
    session.add(Team(name=name, folded_name=name))
    session.flush()


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Team.name).order_by(Team.name)))


def test_a_write_that_ends_well_is_kept(database):
    with database.write() as session:
        add_team(session, "kept")
    assert names(database) == ["kept"]


def test_a_write_that_raises_leaves_nothing(database):
    with pytest.raises(RuntimeError), database.write() as session:  # noqa: PT012
        add_team(session, "lost")
        raise RuntimeError
    assert names(database) == []


def test_a_savepoint_opened_before_the_first_write_does_not_outlive_the_transaction(database):
    with pytest.raises(RuntimeError), database.write() as session:  # noqa: PT012
        with session.begin_nested():
            add_team(session, "in savepoint")
        raise RuntimeError
    assert names(database) == []


def test_a_rolled_back_savepoint_loses_only_its_own_rows(database):
    with database.write() as session:
        add_team(session, "before")
        with pytest.raises(RuntimeError), session.begin_nested():  # noqa: PT012
            add_team(session, "inside")
            raise RuntimeError
        add_team(session, "after")
    assert names(database) == ["after", "before"]


def test_a_read_cannot_write(database):
    with database.read() as session, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        session.execute(text("DELETE FROM team"))
    with database.write() as session:  # the same connection may write afterwards
        add_team(session, "allowed")
    assert names(database) == ["allowed"]


def test_a_read_sees_one_state_from_beginning_to_end(database):
    with database.read() as session:
        assert session.scalars(select(Team)).all() == []
        with database.write() as other:
            add_team(other, "meanwhile")
        assert session.scalars(select(Team)).all() == []
    assert names(database) == ["meanwhile"]


def test_foreign_keys_are_enforced(database):
    with pytest.raises(DBAPIError), database.write() as session:  # noqa: PT012
        session.execute(text("INSERT INTO image_set_pin (image_set_id, user_id) VALUES (1, 1)"))
        session.flush()
        session.commit()


def test_writers_wait_for_each_other_instead_of_failing(database):
    with database.write() as session:
        session.add(Epoch(name="access", value=0))

    def raise_many() -> None:
        for _ in range(20):
            with database.write() as session:
                value = session.scalar(select(Epoch.value).where(Epoch.name == "access").with_for_update())
                session.execute(text("UPDATE epoch SET value = :v WHERE name = 'access'"), {"v": value + 1})

    threads = [threading.Thread(target=raise_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    with database.read() as session:
        assert session.scalar(select(Epoch.value)) == 80


def test_sqlite_keeps_a_write_ahead_log_and_syncs_normally(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'deep' / 'er' / 'x.sqlite3'}")
    with database.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 1
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA busy_timeout")) >= 5000
    database.dispose()


def test_a_database_in_memory_is_refused_with_what_to_do():
    with pytest.raises(ConfigurationError, match="needs a file"):
        Database("sqlite://")


def test_an_unknown_engine_is_refused_with_the_supported_ones():
    with pytest.raises(ConfigurationError, match="sqlite or postgresql"):
        Database("mysql://localhost/exact")


def test_a_server_that_is_away_is_unavailable(tmp_path):
    database = Database(f"postgresql+psycopg://exact@/exact?host={tmp_path}")
    with pytest.raises(Unavailable, match="cannot be used now"), database.read() as session:
        session.execute(select(Team))
    database.dispose()


def test_a_sqlite_file_that_cannot_be_opened_is_unavailable(tmp_path):
    (tmp_path / "x.sqlite3").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with pytest.raises(Unavailable, match="cannot be used now"), database.read() as session:
        session.execute(select(Team))


@pytest.mark.postgres
def test_connections_that_the_server_cut_are_replaced(postgres_server):
    with postgres_server.temporary() as name:
        database = Database(postgres_server.url_of(name))
        with database.read() as session:
            session.execute(text("SELECT 1"))
        postgres_server.disconnect(name)
        with database.read() as session:
            assert session.scalar(text("SELECT 1")) == 1
        with pytest.raises(Unavailable), database.write() as session:  # noqa: PT012
            session.execute(text("SELECT 1"))
            postgres_server.disconnect(name)
            session.execute(text("SELECT 1"))
        database.dispose()
