"""Databases of a test session that are emptied and lent again, as emptying one costs a tenth of copying one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.postgres import PostgresServer

GROWTH = 4 * 2**20
"""Bytes by which a database may have grown and still be lent again; more would slow down who gets it."""

# What a test could have changed about the tables themselves.
_SCHEMA = """
SELECT md5(concat(
  (SELECT string_agg(concat(oid, relname, relkind, reloptions), ',' ORDER BY oid)
     FROM pg_class WHERE relnamespace = 'public'::regnamespace),
  (SELECT string_agg(concat(attrelid, attname, atttypid, attnotnull, atthasdef, attisdropped), ','
                     ORDER BY attrelid, attnum)
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND attnum > 0),
  (SELECT string_agg(concat(oid, conname), ',' ORDER BY oid) FROM pg_constraint),
  (SELECT string_agg(concat(oid, tgname, tgenabled), ',' ORDER BY oid) FROM pg_trigger),
  (SELECT string_agg(concat(oid, nspname), ',' ORDER BY oid) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'),
  (SELECT string_agg(concat(oid, proname), ',' ORDER BY oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
))
"""


class PostgresPool:
    """Copies of one template, each lent to one test at a time."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        self._count = 0
        with self._connected(template) as connection:
            self._schema = _schema(connection)
            tables = [name for (name,) in connection.exec_driver_sql(_TABLES)]
            self._kept = {name: rows for name in tables if (rows := _rows(connection, name))}
            sequences = [name for (name,) in connection.exec_driver_sql(_SEQUENCES)]
            self._size = _size(connection)
        emptied = [f'DELETE FROM "{name}"' for name in tables if name not in self._kept]
        restarted = [f"SELECT setval('\"{name}\"', 1, false)" for name in sequences]
        self._reset = ";".join(["SET session_replication_role = replica", *emptied, *restarted])

    @contextmanager
    def lend(self) -> Iterator[str]:
        """An empty, migrated database; gives its name."""
        name = self._free.pop() if self._free else self._make()
        try:
            yield name
        finally:
            self._server.disconnect(name)
            if self._is_as_new(name):
                self._free.append(name)
            else:
                self._server.drop(name)

    def _make(self) -> str:
        self._count += 1
        name = f"{self._template}_{self._count}"
        self._server.create(name, self._template)
        return name

    def _is_as_new(self, name: str) -> bool:
        """Empty a database; False where a test left more than rows behind."""
        try:
            with self._connected(name) as connection:
                if _schema(connection) != self._schema or _size(connection) > self._size + GROWTH:
                    return False
                connection.exec_driver_sql(self._reset)
                return all(_rows(connection, table) == rows for table, rows in self._kept.items())
        except DBAPIError:
            return False

    @contextmanager
    def _connected(self, name: str) -> Iterator[Connection]:
        engine = create_engine(self._server.url_of(name), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection
        engine.dispose()


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'"


def _schema(connection: Connection) -> str:
    return str(connection.exec_driver_sql(_SCHEMA.replace("%", "%%")).scalar_one())


def _size(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def _rows(connection: Connection, table: str) -> list[str]:
    return sorted(row for (row,) in connection.exec_driver_sql(f'SELECT t::text FROM "{table}" AS t'))
