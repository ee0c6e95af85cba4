"""A SQLite file of strangers, opened so that it can do nothing but answer: no code, no writing, no other files."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from exact_core.api.errors import Invalid

EXTRAS = "Exact_extras"
NEEDED = {
    "Slides": {"uid", "filename"},
    "Classes": {"uid", "name"},
    "Persons": {"uid", "name"},
    "Annotations": {"uid", "slide", "type", "agreedClass"},
    "Annotations_coordinates": {"uid", "coordinateX", "coordinateY", "annoId", "orderIdx"},
    "Annotations_label": {"uid", "person", "class", "annoId"},
}
MAX_VALUE = 16 * 1024 * 1024
SECONDS = 600
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}


class Rows:
    """Answers of a database whose tables are SlideRunner's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.tables = self._tables()
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)

    def select(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a statement, one by one."""
        try:
            # Not "yield from", which would close the cursor of a connection that is already closed.
            for row in self._connection.execute(statement):  # noqa: UP028
                yield row
        except (sqlite3.Error, OverflowError, MemoryError) as error:
            raise _unreadable(error) from None

    def columns(self, table: str) -> set[str]:
        """Names of the columns of a table."""
        return self.tables.get(table, set())

    def _tables(self) -> dict[str, set[str]]:
        try:
            found = self._connection.execute("SELECT type, name, sql FROM sqlite_master LIMIT 1000").fetchall()
            kinds = {name: (kind, str(sql or "")) for kind, name, sql in found if kind in ("table", "view")}
            for name in (*NEEDED, EXTRAS):
                kind, sql = kinds.get(name, ("missing", ""))
                if kind == "missing" and name != EXTRAS:
                    raise Invalid(f"The file is no SlideRunner database: it has no table {name}.")
                if kind == "view" or "VIRTUAL" in sql.upper().split("(")[0]:
                    raise Invalid(f"In the SlideRunner database {name} is not a plain table, so it is not read.")
            tables = {}
            for name in (*NEEDED, EXTRAS):
                if name in kinds:
                    # table_xinfo also lists generated columns, whose expressions would run.
                    columns = self._connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
                    if any(column[6] for column in columns):
                        raise Invalid(f"In the SlideRunner database {name} has computed columns, so it is not read.")
                    tables[name] = {str(column[1]) for column in columns}
        except sqlite3.Error as error:
            raise _unreadable(error) from None
        for name, columns_of in NEEDED.items():
            missing = sorted(columns_of - tables[name])
            if missing:
                raise Invalid(f"The table {name} of the SlideRunner database has no column {', '.join(missing)}.")
        return tables


@contextlib.contextmanager
def opened(stream: BinaryIO) -> Iterator[Rows]:
    """Open a copy of the file for reading.

    Raises:
        Invalid: When it is no SQLite file, is damaged, or has other tables.
    """
    stream.seek(0)
    with tempfile.TemporaryDirectory(prefix="exact-import-") as folder:
        path = Path(folder) / "database.sqlite"
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
        with path.open("rb") as copy:
            if copy.read(16) != b"SQLite format 3\0":
                raise Invalid("The file is not a SQLite database, so it is no SlideRunner database.")
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
        try:
            connection.text_factory = lambda found: found.decode("utf-8", "replace")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0"):
                connection.execute(f"PRAGMA {pragma}")
            end = time.monotonic() + SECONDS
            connection.set_progress_handler(lambda: time.monotonic() > end, 1_000_000)
            yield Rows(connection)
        finally:
            connection.close()


def _unreadable(error: BaseException) -> Invalid:
    return Invalid(f"The SlideRunner database is damaged or cannot be read: {error}.")
