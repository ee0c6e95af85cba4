"""Statements of the hottest paths: compiled once for each engine, then handed straight to the driver.

Running a statement through SQLAlchemy costs ten times what the database needs for a row found by its key: a key for the
cache of statements, a context, a result with its metadata. Single edits send eight statements, so these go without.
Values are converted as SQLAlchemy does it, and errors are those of :mod:`exact_core.storage.database`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, exc
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase

from exact_core.storage.failures import translated

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement as a driver takes it."""

    text: str
    fixed: Mapping[str, Any]
    names: Sequence[str]
    order: Sequence[str] | None  # None: parameters by name
    bound: Sequence[tuple[str, _Convert]]
    bound_places: Sequence[tuple[int, _Convert]]  # the same by their places in ``order``
    found: Sequence[tuple[int, _Convert]]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """What the driver takes; a ``KeyError`` names what was not given."""
        given = {**self.fixed, **values} if self.fixed else values
        if self.order is None:
            named = {name: given[name] for name in self.names}
            for name, convert in self.bound:
                named[name] = convert(named[name])
            return named
        ordered = [given[name] for name in self.order]
        for place, convert in self.bound_places:
            ordered[place] = convert(ordered[place])
        return ordered

    def converted(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self.found:
            return row
        answer = list(row)
        for place, convert in self.found:
            answer[place] = convert(answer[place])
        return answer


class Prepared:
    """One statement without lists of values; every parameter is given by name.

    Args:
        statement: What to run. Its text must not depend on the values.
        columns: Of an insert, the columns that are given.
    """

    def __init__(self, statement: Select[Any] | UpdateBase, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = list(columns) if columns is not None else None
        self._by_dialect: dict[str, _Compiled] = {}

    def rows(self, session: Session, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """All rows that it gives; what the session has pending is written first."""
        compiled, cursor = self._run(session, values)
        rows: list[Sequence[Any]] = cursor.fetchall()
        return [compiled.converted(row) for row in rows] if compiled.found else rows

    def plain_rows(self, session: Session, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows as the driver's own tuples, for very many of them: numbers, texts and bytes only.

        No value is converted; PostgreSQL sends them in its binary form.
        """
        session.flush()
        line = _line(session)
        _, cursor = self.on(line, session, values, **({} if line.dialect == "sqlite" else {"binary": True}))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def first(self, session: Session, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """The first row, if there is one."""
        compiled, cursor = self._run(session, values)
        rows = cursor.fetchall()  # to its end: a statement that is not finished would keep the transaction open
        return compiled.converted(rows[0]) if rows else None

    def run(self, session: Session, values: Mapping[str, Any]) -> None:
        """Run it for what it does."""
        self._run(session, values)

    def run_many(self, session: Session, values: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each of these."""
        if len(values) == 1:
            self._run(session, values[0])
        elif values:
            session.flush()
            session.connection().execute(self._statement, values)

    def _run(self, session: Session, values: Mapping[str, Any]) -> tuple[_Compiled, Any]:
        session.flush()
        return self.on(_line(session), session, values)

    def on(self, line: _Line, session: Session, values: Mapping[str, Any], **options: Any) -> tuple[_Compiled, Any]:
        """Run it where the session's transaction is; the options are the driver's."""
        compiled = self._by_dialect.get(line.dialect) or self._compile(line.connection)
        parameters = compiled.parameters(values)
        try:
            return compiled, line.cursor.execute(compiled.text, parameters, **options)
        except Exception as error:
            session.info.pop(_LINE, None)
            failure = _failure(error, line.connection, line.driver, compiled.text, parameters)
            if failure is None:
                raise
            raise failure from error

    def _compile(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
        if isinstance(self._statement, Select):
            types = [column.type for column in self._statement.selected_columns]
        else:
            types = [each["type"] for each in self._statement.returning_column_descriptions]
        kinds = [_of(each, dialect).result_processor(dialect, None) for each in types]
        binds = ((name, _of(bind.type, dialect).bind_processor(dialect)) for name, bind in compiled.binds.items())
        bound = {name: convert for name, convert in binds if convert is not None}
        order = compiled.positiontup
        answer = _Compiled(
            str(compiled),
            {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
            tuple(compiled.binds),
            order,
            tuple(bound.items()),
            tuple((place, bound[name]) for place, name in enumerate(order or ()) if name in bound),
            tuple((place, convert) for place, convert in enumerate(kinds) if convert is not None),
        )
        self._by_dialect[dialect.name] = answer
        return answer


def run_in_turn(session: Session, statements: Iterable[Prepared], values: Mapping[str, Any]) -> None:
    """Run statements one after the other, all with the same values, for what they do."""
    session.flush()
    line = _line(session)
    for statement in statements:
        statement.on(line, session, values)


@dataclass(frozen=True, slots=True)
class _Line:
    """The way to the driver of one transaction, found once: asking the session takes longer than a short statement."""

    connection: Connection
    dialect: str
    driver: Any
    cursor: Any  # of all statements: each is read to its end before the next


_LINE = "exact_line"


def _line(session: Session) -> _Line:
    kept: _Line | None = session.info.get(_LINE)
    # A savepoint is only made when its part asks for the connection.
    is_plain = session.is_active and not session.in_nested_transaction()
    if kept is not None and is_plain and kept.connection.in_transaction():
        return kept
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    line = _Line(connection, connection.dialect.name, driver, _cursor_of(connection, driver))
    session.info[_LINE] = line
    return line


def _cursor_of(connection: Connection, driver: Any) -> Any:
    """A cursor for statements of one row each.

    PostgreSQL's driver would choose the type of a whole number by its size, and the server would parse and plan a
    statement with many numbers again for each combination of sizes. Here all are sent as the same type; beside each
    stands a cast to the type of its column. Making such a cursor takes long, so it stays with the connection.
    """
    if connection.dialect.name == "sqlite":
        return driver.cursor()
    cursor = connection.info.get(_LINE)
    if cursor is None or cursor.closed:
        from psycopg.types.numeric import Int8BinaryDumper

        cursor = connection.info[_LINE] = driver.cursor()
        cursor.adapters.register_dumper(int, Int8BinaryDumper)
    return cursor


def insert_rows(session: Session, text: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Run a text of SQLite's for each of very many rows, which are made while it runs."""
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    try:
        driver.executemany(text, rows)
    except Exception as error:
        failure = _failure(error, connection, driver, text, None)
        if failure is None:
            raise
        raise failure from error


def _failure(error: Any, connection: Connection, driver: Any, text: str, parameters: Any) -> BaseException | None:
    """The error of ours for what the driver raised, or SQLAlchemy's; None for what is no error of a database."""
    base: Any = connection.dialect.loaded_dbapi.Error
    is_known = isinstance(error, base)
    is_lost = is_known and connection.dialect.is_disconnect(error, driver, None)
    if is_lost:
        connection.invalidate(error)
    ours = translated(error, is_away=is_lost)
    if ours is not None or not is_known:
        return ours
    wrapped: BaseException = exc.DBAPIError.instance(text, parameters, error, base)
    return wrapped


def _of(kind: Any, dialect: Dialect) -> Any:
    return kind.dialect_impl(dialect)
