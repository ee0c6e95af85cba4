"""Whoever borrows a database cannot tell that somebody had it before."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from exact_core.storage.database import Database
from tests.postgres import PostgresServer
from tests.postgres_pool import PostgresPool

pytestmark = pytest.mark.postgres


def used(server: PostgresServer, pool: PostgresPool, *statements: str) -> tuple[str, list[tuple[int, str]]]:
    """Borrow a database and run statements; gives its name and the rows that it then has."""
    with pool.lend() as name:
        database = Database(server.url_of(name))
        with database.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
            rows = [(row.id, row.name) for row in connection.execute(text("SELECT id, name FROM borrowed_probe"))]
        database.dispose()
    return name, rows


@pytest.fixture
def pool(postgres_server: PostgresServer):
    with postgres_server.temporary() as template:
        database = Database(postgres_server.url_of(template))
        with database.engine.begin() as connection:
            connection.execute(text("CREATE TABLE borrowed_probe (id serial PRIMARY KEY, name text)"))
            connection.execute(text("CREATE TABLE kept (name text)"))
            connection.execute(text("INSERT INTO kept VALUES ('from the start')"))
        database.dispose()
        pool = PostgresPool(postgres_server, template)
        yield pool
        pool.close()


def test_rows_and_numbers_of_others_are_gone(postgres_server: PostgresServer, pool: PostgresPool):
    fill = "INSERT INTO borrowed_probe (name) VALUES ('a')"
    first, before = used(postgres_server, pool, fill)
    second, after = used(postgres_server, pool, fill)
    assert (before, after, second) == ([(1, "a")], [(1, "a")], first)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE borrowed_probe ADD COLUMN more integer",
        "CREATE TABLE other (id integer)",
        "CREATE INDEX by_name ON borrowed_probe (name)",
        "ALTER TABLE borrowed_probe ADD CHECK (name <> 'b')",
        "DELETE FROM kept",
        "INSERT INTO borrowed_probe (name) SELECT repeat('x', 100) FROM generate_series(1, 60000)",
    ],
)
def test_a_database_that_is_no_longer_like_the_template_is_not_lent_again(
    postgres_server: PostgresServer, pool: PostgresPool, change: str
):
    first, _ = used(postgres_server, pool, change)
    second, rows = used(postgres_server, pool)
    assert second != first
    assert rows == []
