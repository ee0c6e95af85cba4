"""Databases of a test session that are emptied and lent again, as emptying one costs a tenth of copying one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Error, connect

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
        self._free: list[_Copy] = []
        self._count = 0
        first = _Copy(server, template)
        self._schema = first.schema()
        tables = first.texts(_TABLES)
        self._kept = {name: rows for name in tables if (rows := first.rows(name))}
        sequences = first.texts(_SEQUENCES)
        self._size = first.size()
        first.close()  # a template is copied only while nobody is connected to it
        emptied = [f'DELETE FROM "{name}"' for name in tables if name not in self._kept]
        restarted = [f"SELECT setval('\"{name}\"', 1, false)" for name in sequences]
        self._reset = ";".join(emptied + restarted)

    @contextmanager
    def lend(self) -> Iterator[str]:
        """An empty, migrated database; gives its name."""
        copy = self._free.pop() if self._free else self._make()
        try:
            yield copy.name
        finally:
            self._server.disconnect(copy.name, spare=copy.process)
            if self._is_as_new(copy):
                self._free.append(copy)
            else:
                copy.close()
                self._server.drop(copy.name)

    def close(self) -> None:
        """Remove every copy that nobody has."""
        while self._free:
            copy = self._free.pop()
            copy.close()
            self._server.drop(copy.name)

    def _make(self) -> _Copy:
        self._count += 1
        name = f"{self._template}_{self._count}"
        self._server.create(name, self._template)
        return _Copy(self._server, name)

    def _is_as_new(self, copy: _Copy) -> bool:
        """Empty a database; False where a test left more than rows behind."""
        try:
            if copy.schema() != self._schema or copy.size() > self._size + GROWTH:
                return False
            copy.run(self._reset)
            return all(copy.rows(table) == rows for table, rows in self._kept.items())
        except Error:
            return False


class _Copy:
    """One database and a connection of our own to it, which stays open: a new one costs more than all it is used for.

    Attributes:
        name: Its name.
        process: The number of the server process that answers on this connection.
    """

    def __init__(self, server: PostgresServer, name: str) -> None:
        self.name = name
        address = server.url_of(name).replace("postgresql+psycopg://", "postgresql://")
        self._connection = connect(address, autocommit=True)
        self._connection.execute("SET session_replication_role = replica")  # rows may go in any order
        self.process = self._connection.info.backend_pid

    def close(self) -> None:
        self._connection.close()

    def run(self, statements: str) -> None:
        self._connection.execute(statements.encode())

    def texts(self, query: str) -> list[str]:
        """The first column of the answer."""
        return [str(row[0]) for row in self._connection.execute(query.encode())]

    def rows(self, table: str) -> list[str]:
        return sorted(self.texts(f'SELECT t::text FROM "{table}" AS t'))

    def schema(self) -> str:
        return self.texts(_SCHEMA)[0]

    def size(self) -> int:
        return int(self.texts("SELECT pg_database_size(current_database())")[0])


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'"
