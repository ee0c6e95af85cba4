"""The one way to the database: an engine that behaves the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, ExceptionContext, Select, create_engine, event, exc
from sqlalchemy.engine import ExecutionContext, make_url
from sqlalchemy.orm import Session

from exact_core.api.errors import ConfigurationError, Unavailable
from exact_core.storage.failures import RETRY, translated

MODE = "exact_mode"
"""Execution option that says how a transaction begins: ``read``, ``write`` or ``migrate``."""

EPOCHS_RAISED = "exact_epochs_raised"
"""Key in ``Session.info`` that ``raise_epoch`` sets; see :meth:`Database.committed`."""

_PLAIN = "exact_plain_rows"
_READS_ONLY = "exact_reads_only"
_BINARY = 1  # psycopg.pq.Format.BINARY
_BUSY_MILLISECONDS = 15_000


class Database:
    """An engine with explicit transactions.

    SQLite's driver runs without its own transaction handling, and every transaction begins with a statement that
    we choose: otherwise a savepoint opened before the first write would survive the rollback around it.

    Of idle connections the last used one is taken: its cache of pages, compiled statements and plans are warm, while
    SQLite forgets the pages of a connection whenever another one has written.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.url = url
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise ConfigurationError(
                    "EXACT_DATABASE_URL: SQLite needs a file, for example sqlite:////data/exact.db"
                )
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(parsed, pool_size=8, max_overflow=32, pool_timeout=20, pool_use_lifo=True)
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        elif self.dialect == "postgresql":
            self.engine = create_engine(
                parsed,
                pool_pre_ping=True,
                pool_size=8,
                max_overflow=16,
                pool_timeout=20,
                pool_use_lifo=True,
                connect_args={"connect_timeout": 5, "application_name": "exact"},
            )
            event.listen(self.engine, "before_cursor_execute", _ask_for_binary)
        else:
            raise ConfigurationError(f"EXACT_DATABASE_URL: {self.dialect} is not supported; use sqlite or postgresql.")
        event.listen(self.engine, "handle_error", _translate)
        reading: dict[str, Any] = {MODE: "read"}
        if self.dialect == "postgresql":
            # One snapshot for all statements of a read, as SQLite gives, and no write by mistake.
            reading |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = self.engine.execution_options(**reading)
        self._writing = self.engine.execution_options(**{MODE: "write"})
        self._epoch_listeners: list[Callable[[], None]] = []

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database, cannot write, and is never committed."""
        with self._session(self._reading) as session:
            yield session
            if self.dialect == "postgresql" and session.in_transaction() and session.is_active:
                # Ends what has nothing to commit: after a rollback the driver would forget all prepared statements.
                connection = session.connection()
                driver: Any = connection.connection.driver_connection
                with suppress(connection.dialect.loaded_dbapi.Error):  # all was read; the pool finds out what is wrong
                    driver.commit()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block succeeds and rolls back when it raises."""
        with self._session(self._writing) as session:
            yield session
            session.commit()
            self.committed(session)

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection for schema changes: one transaction, one process at a time, committed on success."""
        with self.engine.execution_options(**{MODE: "migrate"}).connect() as connection:
            try:
                with connection.begin():
                    if self.dialect == "postgresql":
                        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4857246)")
                    yield connection
                    if self.dialect == "sqlite":
                        _refuse_broken_references(connection)
            finally:
                if self.dialect == "sqlite":
                    connection.detach()  # its foreign keys are off: never give it back to the pool

    def on_epoch(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever this process has committed a change of an epoch."""
        self._epoch_listeners.append(listener)

    def committed(self, session: Session) -> None:
        """Tell listeners of this process at once; other processes notice when they compare epochs."""
        if session.info.pop(EPOCHS_RAISED, False):
            for listener in self._epoch_listeners:
                listener()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield session
        except exc.TimeoutError as error:
            raise Unavailable(f"All connections to the database are in use; {RETRY}.") from error


def plain_rows(
    session: Session, statement: Select[Any], values: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """All rows of a statement as the driver's own tuples, for many of them: numbers, texts and bytes only.

    No value is converted; PostgreSQL sends them in its binary form. ``values`` are those of the statement's parameters.
    """
    result = session.connection().execute(statement, values, execution_options={_PLAIN: True})
    cursor = result.cursor
    assert cursor is not None
    rows = cursor.fetchall()
    result.close()
    return cast("list[tuple[Any, ...]]", rows)


def _ask_for_binary(
    _connection: Connection, cursor: Any, _statement: str, _parameters: object, context: ExecutionContext, _many: bool
) -> None:
    if context.execution_options.get(_PLAIN):
        cursor.format = _BINARY


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # Pages are copied into the file after 16 MiB of log, not 4: edits write the same ones again and again.
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: str | bytes | float | None) -> str | bytes | float | None:
    """SQLite's own knows only A to Z, and a search for "färbung" would miss "FÄRBUNG"."""
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get(MODE)
    is_reading = mode == "read"
    if connection.info.get(_READS_ONLY, False) != is_reading:  # SQLite compiles all statements again after this
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if is_reading else 'OFF'}")
        connection.info[_READS_ONLY] = is_reading
    if is_reading:
        connection.exec_driver_sql("BEGIN")
        return
    if mode == "migrate":  # rebuilding a table drops it, which would cascade; can only be set between transactions
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN" if mode is None else "BEGIN IMMEDIATE")


def _refuse_broken_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise ConfigurationError(f"The migration would leave rows of {broken[0]} without their {broken[2]}.")


def _translate(context: ExceptionContext) -> None:
    """Turn "the database is away" and "that cannot be a value" into errors of ours; all else passes unchanged."""
    original = context.original_exception
    # Without a connection it was the attempt to make one.
    found = translated(original, is_away=context.is_disconnect or context.connection is None)
    if found is not None and not (isinstance(found, Unavailable) and context.is_pre_ping):
        raise found from original
