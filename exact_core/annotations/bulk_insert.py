"""The fastest way of each database to take many rows: prepared inserts on SQLite, binary COPY on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, SmallInteger, Table, func, insert, literal, select
from sqlalchemy.orm import Session

from exact_core.annotations import number_tables
from exact_core.annotations.scope import COUNTS, ROWS, Frame
from exact_core.annotations.states import COUNTED, adding_counts
from exact_core.storage.database import plain_rows
from exact_core.storage.models import LIVE, Annotation, UtcDateTime
from exact_core.storage.prepared import insert_rows
from exact_core.storage.sent_arrays import received, sent

_IDENTITY = cast("Table", Annotation.__table__)
_CHUNK = 20_000
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Live states of many annotations of one image and frame, column by column."""

    image_id: int
    valid_from: int
    author_id: int | None
    frame: Frame
    at: datetime
    tile_key: NDArray[np.int64]
    annotation_id: NDArray[np.int64]
    type_id: NDArray[np.int64]
    shape: NDArray[np.int64]
    boxes: NDArray[np.int64]
    geometry: list[bytes]
    text: list[str] | None

    def columns(self, start: int, stop: int) -> dict[str, Any]:
        """The fixed-size columns of a part of the rows; a plain value stands for all of them."""
        part = slice(start, stop)
        boxes = self.boxes[part]
        return {
            "image_id": self.image_id,
            "tile_key": self.tile_key[part],
            "annotation_id": self.annotation_id[part],
            "valid_from": self.valid_from,
            "valid_to": LIVE,
            "type_id": self.type_id[part],
            "author_id": self.author_id,
            "editor_id": self.author_id,
            "shape": self.shape[part],
            "z": self.frame.z,
            "t": self.frame.t,
            "c": self.frame.c,
            "x0": boxes[:, 0],
            "y0": boxes[:, 1],
            "x1": boxes[:, 2],
            "y1": boxes[:, 3],
            "edited_at": self.at,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Shapes to count in one image and frame for one author (0 for none), each row a type and a cell of its own."""

    image_id: int
    author_id: int
    frame: Frame
    type_id: NDArray[np.int64]
    cell: NDArray[np.int64]
    n: NDArray[np.int64]

    @property
    def same(self) -> dict[str, int]:
        """What is the same in all rows, by column."""
        frame = self.frame
        return {"image_id": self.image_id, "z": frame.z, "t": frame.t, "c": frame.c, "author_id": self.author_id}


class Target(Protocol):
    """A database that takes identities and states in bulk."""

    def identities(
        self, image_id: int, uuids: Sequence[str], author_id: int | None, claimed_author: str, at: datetime
    ) -> NDArray[np.int64]:
        """Store identities in order and return their numbers."""

    def states(self, rows: Rows) -> None:
        """Store states."""

    def counts(self, counts: Counts) -> None:
        """Add to the kept counts."""


def target(session: Session) -> Target:
    """The fast way for the session's database."""
    return _Sqlite(session) if session.get_bind().dialect.name == "sqlite" else _Postgres(session)


class _Sqlite:
    """Rows go straight to the driver: no statement is compiled and no value converted per row."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection()
        self._time = UtcDateTime().dialect_impl(self._connection.dialect).bind_processor(self._connection.dialect)

    def identities(
        self, image_id: int, uuids: Sequence[str], author_id: int | None, claimed_author: str, at: datetime
    ) -> NDArray[np.int64]:
        values = {
            "image_id": image_id,
            "uuid": uuids[0],
            "author_id": author_id,
            "claimed_author": claimed_author,
            "created_at": at,
        }
        # The first one takes the next free number; no other writer can take those after it before the commit.
        first: int = self._session.execute(insert(Annotation).values(values).returning(Annotation.id)).scalar_one()
        others = (
            "INSERT INTO annotation (id, image_id, uuid, author_id, claimed_author, created_at)"
            " SELECT ? + key, ?, value, ?, ?, ? FROM json_each(?)"
        )
        for start in range(1, len(uuids), _CHUNK):
            part = json.dumps(uuids[start : start + _CHUNK])
            created = self._converted(at)
            self._connection.exec_driver_sql(
                others, (first + start, image_id, author_id, claimed_author, created, part)
            )
        return np.arange(first, first + len(uuids), dtype=np.int64)

    def states(self, rows: Rows) -> None:
        for start in range(0, len(rows.geometry), _CHUNK):
            stop = min(start + _CHUNK, len(rows.geometry))
            columns = rows.columns(start, stop)
            columns["edited_at"] = self._converted(rows.at)
            if rows.text is None:
                columns["text"] = ""
            # What is the same in all rows is written into the statement: binding it would take half of the time.
            same = {name: value for name, value in columns.items() if not isinstance(value, np.ndarray)}
            differ: dict[str, Any] = {"geometry": rows.geometry[start:stop]}
            if rows.text is not None:
                differ["text"] = rows.text[start:stop]
            differ |= {name: value.tolist() for name, value in columns.items() if isinstance(value, np.ndarray)}
            names = ", ".join([*same, *differ])
            values = ", ".join([*(_literal(value) for value in same.values()), *("?" * len(differ))])
            statement = f"INSERT INTO {ROWS.name} ({names}) VALUES ({values})"  # noqa: S608 - numbers and our own time
            insert_rows(self._session, statement, zip(*differ.values(), strict=True))

    def counts(self, counts: Counts) -> None:
        same = counts.same
        names = ", ".join([*same, "type_id", "cell", "n"])
        statement = (
            f"INSERT INTO {COUNTS.name} ({names}) VALUES ({', '.join(map(str, same.values()))}, ?, ?, ?)"  # noqa: S608
            f" ON CONFLICT ({', '.join(COUNTED)}) DO UPDATE SET n = n + excluded.n"
        )
        differ = (counts.type_id.tolist(), counts.cell.tolist(), counts.n.tolist())
        insert_rows(self._session, statement, zip(*differ, strict=True))

    def _converted(self, at: datetime) -> Any:
        return self._time(at) if self._time else at


def _literal(value: Any) -> str:
    """A number, a time or an empty text in SQL."""
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else f"'{value}'"


class _Postgres:
    """Rows are laid out by numpy in the binary form of COPY: no value is converted one by one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def identities(
        self, image_id: int, uuids: Sequence[str], author_id: int | None, claimed_author: str, at: datetime
    ) -> NDArray[np.int64]:
        sequence = func.pg_get_serial_sequence(_IDENTITY.name, "id")
        number = func.nextval(sequence, type_=BigInteger).label("number")
        taken = select(number).select_from(func.generate_series(1, len(uuids))).subquery().c.number
        [[value]] = plain_rows(self._session, select(sent(taken)))
        ids = received(value, taken)
        columns = {
            "id": ids,
            "image_id": image_id,
            "uuid": np.array([uuid.encode() for uuid in uuids]),
            "author_id": author_id,
            "claimed_author": claimed_author,
            "created_at": at,
        }
        self._copy(_IDENTITY, columns, len(uuids), None)
        return ids

    def states(self, rows: Rows) -> None:
        for start in range(0, len(rows.geometry), _CHUNK):
            stop = min(start + _CHUNK, len(rows.geometry))
            texts = [value.encode() for value in rows.text[start:stop]] if rows.text else [b""] * (stop - start)
            tails = {"geometry": rows.geometry[start:stop], "text": texts}
            self._copy(ROWS, rows.columns(start, stop), stop - start, tails)

    def counts(self, counts: Counts) -> None:
        differ = number_tables.table(
            "postgresql", "steps", {"type_id": counts.type_id, "cell": counts.cell, "n": counts.n}
        )
        values: dict[str, Any] = {name: literal(value, COUNTS.c[name].type) for name, value in counts.same.items()}
        values |= {name: differ.c[name] for name in ("type_id", "cell", "n")}
        self._session.execute(adding_counts("postgresql", select(*(values[name] for name in (*COUNTED, "n")))))

    def _copy(self, table: Table, columns: dict[str, Any], count: int, tails: dict[str, list[bytes]] | None) -> None:
        names = [*columns, *(tails or {})]
        body = _copy_rows(table, columns, count, tails or {}, len(names))
        cursor: Any = self._session.connection().connection.cursor()
        with cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_COPY_HEADER)
            copy.write(body)
            copy.write(_COPY_END)


def _copy_rows(table: Table, columns: dict[str, Any], count: int, tails: dict[str, list[bytes]], fields: int) -> bytes:
    """Rows of COPY's binary form: the number of fields, then a length and a value for each."""
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    values: dict[str, Any] = {"fields": fields}
    for name, column in columns.items():
        layout.append((f"{name}_length", ">i4"))
        value, kind = _field(table, name, column)
        values[f"{name}_length"] = -1 if value is None else np.dtype(kind).itemsize
        if value is not None and np.dtype(kind).itemsize:
            layout.append((name, kind))
            values[name] = value
    fixed = np.empty(count, np.dtype(layout))
    for name, value in values.items():
        fixed[name] = value
    if not tails:
        return fixed.tobytes()
    size = fixed.dtype.itemsize
    data = fixed.tobytes()
    parts: list[bytes] = []
    for place, tail in enumerate(zip(*tails.values(), strict=True)):
        parts.append(data[place * size : (place + 1) * size])
        for value in tail:
            parts += (len(value).to_bytes(4, "big"), value)
    return b"".join(parts)


def _field(table: Table, name: str, value: Any) -> tuple[Any, str]:
    """A value or column in PostgreSQL's binary form, with its numpy type."""
    if value is None:
        return None, ">i4"
    if isinstance(value, datetime):
        since = value - _POSTGRES_EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, ">i8"
    if isinstance(value, str):
        return value.encode(), f"S{len(value.encode())}"
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        return value, value.dtype.str
    kind = table.c[name].type
    if isinstance(kind, SmallInteger):
        return value, ">i2"
    # BigKey is a BigInteger here; its variant for SQLite does not matter.
    return value, ">i8" if isinstance(kind, BigInteger) else ">i4"
