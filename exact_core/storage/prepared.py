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
    order: Sequence[str] | None  # None: parameters by name
    bound: Sequence[tuple[str, _Convert]]
    found: Sequence[tuple[int, _Convert]]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """What the driver takes; a ``KeyError`` names what was not given."""
        given = {**self.fixed, **values}
        for name, convert in self.bound:
            given[name] = convert(given[name])
        return given if self.order is None else [given[name] for name in self.order]

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
        connection = session.connection()
        compiled = self._by_dialect.get(connection.dialect.name) or self._compile(connection)
        driver: Any = connection.connection.driver_connection
        parameters = compiled.parameters(values)
        try:
            return compiled, driver.execute(compiled.text, parameters)
        except Exception as error:
            failure = _failure(error, connection, driver, compiled.text, parameters)
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
        answer = _Compiled(
            str(compiled),
            {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
            compiled.positiontup,
            tuple((name, convert) for name, convert in binds if convert is not None),
            tuple((place, convert) for place, convert in enumerate(kinds) if convert is not None),
        )
        self._by_dialect[dialect.name] = answer
        return answer


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
