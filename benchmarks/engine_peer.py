"""The layout in which the original EXACT keeps annotations, on SQLite and PostgreSQL: the peer of the benchmark.

Written after its documented behaviour, with its tables as Django makes them: a JSON vector per row (on SQLite with
Django's check that it is JSON), an index on every foreign key, references checked at the end of the transaction.

- Its client reads all annotations of an image, in pages of 250 one after another; for each annotation its serializer
  asks for the verifications and for the media files (506 queries were counted for a page).
- A list of new annotations is saved one by one through the ORM. The bar for adding many is set against a faster way
  that it does not take: all rows in one statement of the driver (:meth:`JsonLayout.add`).
- A version is a copy of every annotation, made one by one through the ORM with two queries for each.

Objects are SQLAlchemy's, which are no slower than Django's; rows that are only looked at are read without objects.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import JSON, BigInteger, CheckConstraint, DateTime, ForeignKey, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Columns
from exact_core.storage.database import Database
from exact_core.storage.models.base import BigKey

PAGE = 250
_AT = datetime(2021, 6, 1, 12, tzinfo=UTC)
_KEYS = [f"{axis}{number}" for number in range(1, 201) for axis in "xy"]
_JSON = JSON().with_variant(JSONB(), "postgresql")


def _to(table: str) -> Any:
    reference = ForeignKey(f"{table}.id", deferrable=True, initially="DEFERRED")
    return mapped_column(BigInteger, reference, index=True)


class _Base(DeclarativeBase):
    pass


class _Named:
    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str]


class _User(_Named, _Base):
    __tablename__ = "peer_user"


class _Image(_Named, _Base):
    __tablename__ = "peer_image"


class _Type(_Named, _Base):
    __tablename__ = "peer_type"


class _Annotation(_Base):
    __tablename__ = "peer_annotation"
    __table_args__ = (CheckConstraint("json_valid(vector)").ddl_if("sqlite"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    time: Mapped[datetime] = mapped_column(DateTime)
    vector: Mapped[Any] = mapped_column(_JSON)
    concealed: Mapped[bool] = mapped_column(default=False)
    blurred: Mapped[bool] = mapped_column(default=False)
    unique_identifier: Mapped[str]
    annotation_type_id: Mapped[int] = _to("peer_type")
    image_id: Mapped[int] = _to("peer_image")
    user_id: Mapped[int] = _to("peer_user")
    last_editor_id: Mapped[int] = _to("peer_user")
    last_edit_time: Mapped[datetime] = mapped_column(DateTime)
    deleted: Mapped[bool] = mapped_column(default=False)
    description: Mapped[str] = mapped_column(default="")
    meta_data: Mapped[Any | None] = mapped_column(_JSON)


class _Copy(_Base):
    __tablename__ = "peer_copy"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    version_id: Mapped[int] = mapped_column(BigInteger, index=True)
    annotation_id: Mapped[int] = _to("peer_annotation")
    vector: Mapped[Any] = mapped_column(_JSON)
    annotation_type_id: Mapped[int] = _to("peer_type")
    deleted: Mapped[bool]


class _Verification(_Base):
    __tablename__ = "peer_verification"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    annotation_id: Mapped[int] = _to("peer_annotation")
    user_id: Mapped[int] = _to("peer_user")
    verified: Mapped[bool]


class _Media(_Base):
    __tablename__ = "peer_media"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    annotation_id: Mapped[int] = _to("peer_annotation")
    file: Mapped[str]


_COLUMNS = (
    "time, vector, concealed, blurred, unique_identifier, annotation_type_id, image_id, user_id, last_editor_id,"
    " last_edit_time, deleted, description"
)


class JsonLayout:
    """Annotations of one image as JSON rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_sqlite = database.dialect == "sqlite"
        with database.write() as session:
            _Base.metadata.create_all(session.connection())
            for kind in (_User, _Image, _Type):
                session.add_all([kind(name=str(number)) for number in range(30)])

    def add(self, columns: Columns, classes: NDArray[np.int64], image_id: int) -> None:
        """Store shapes in one transaction, as fast as the driver takes rows."""
        rows = _rows(columns, classes, image_id)
        with self._database.write() as session:
            if self._is_sqlite:
                marks = ",".join("?" * 12)
                statement = f"INSERT INTO peer_annotation ({_COLUMNS}) VALUES ({marks})"
                session.connection().exec_driver_sql(statement, list(rows))
                return
            cursor: Any = session.connection().connection.cursor()
            with cursor, cursor.copy(f"COPY peer_annotation ({_COLUMNS}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    def save(self, columns: Columns, classes: NDArray[np.int64], count: int) -> None:
        """Save the first shapes one by one through the ORM, in one transaction that is not kept."""
        with self._database.write() as session:
            for vector, kind in islice(vectors_of(columns, classes), count):
                session.add(
                    _Annotation(
                        vector=vector, unique_identifier=str(uuid.uuid4()), annotation_type_id=kind, image_id=1,
                        user_id=1, last_editor_id=1, time=_AT, last_edit_time=_AT, meta_data=None,
                    )
                )  # fmt: skip
                session.flush()
            session.rollback()

    def view(self, session: Session, box: Box) -> str:
        """All rows of the image, as the client loads them, and those that meet the rectangle as JSON."""
        found = []
        for id_, kind, user, values in self._vectors(session):
            xs, ys = list(values.values())[::2], list(values.values())[1::2]
            if min(xs) <= box.x1 and max(xs) >= box.x0 and min(ys) <= box.y1 and max(ys) >= box.y0:
                found.append({"id": id_, "annotation_type": kind, "user": user, "vector": values})
        return json.dumps(found)

    def overview(self, session: Session, cell: int) -> Counter[tuple[int, int, int]]:
        """Counts per cell and class, from all rows."""
        counts: Counter[tuple[int, int, int]] = Counter()
        for _, kind, _, values in self._vectors(session):
            counts[kind, values["x1"] // cell, values["y1"] // cell] += 1
        return counts

    def counts(self, session: Session) -> Sequence[Any]:
        """Rows per class."""
        statement = (
            "SELECT annotation_type_id, count(*) FROM peer_annotation"
            " WHERE image_id = 1 AND NOT deleted GROUP BY annotation_type_id"
        )
        return session.execute(text(statement)).all()

    def copy_some(self, number: int, count: int) -> None:
        """The copy of a version for the first annotations, as EXACT makes it: asked for and saved one by one."""
        with self._database.write() as session:
            rows = session.scalars(select(_Annotation).where(_Annotation.image_id == 1).limit(count)).all()
            for row in rows:
                own = (_Copy.version_id == number, _Copy.annotation_id == row.id)
                if session.scalars(select(_Copy).where(*own)).first() is None:
                    copy = _Copy(
                        version_id=number, annotation_id=row.id, vector=row.vector,
                        annotation_type_id=row.annotation_type_id, deleted=row.deleted,
                    )  # fmt: skip
                    session.add(copy)
                    session.flush()
            session.rollback()

    def copy_all(self, number: int) -> None:
        """The same copy in one statement, which EXACT does not use."""
        statement = (
            "INSERT INTO peer_copy (version_id, annotation_id, vector, annotation_type_id, deleted)"
            " SELECT :version, id, vector, annotation_type_id, deleted FROM peer_annotation WHERE image_id = 1"
        )
        with self._database.write() as session:
            session.execute(text(statement), {"version": number})

    def edit(self, count: int) -> None:
        """Move some annotations."""
        statement = "UPDATE peer_annotation SET vector = :vector WHERE id <= :count"
        with self._database.write() as session:
            session.execute(text(statement), {"vector": '{"x1": 1, "y1": 1, "x2": 5, "y2": 5}', "count": count})

    def diff(self, session: Session, number: int) -> Sequence[Any]:
        """What differs between a copied version and now."""
        # The plus keeps SQLite from finding copies by their version, which takes the square of the time.
        statement = (
            "SELECT a.id FROM peer_annotation a LEFT JOIN peer_copy v"
            " ON v.annotation_id = a.id AND +v.version_id = :version"
            " WHERE a.image_id = 1 AND (v.id IS NULL OR v.vector <> a.vector"
            " OR v.annotation_type_id <> a.annotation_type_id OR v.deleted <> a.deleted)"
        )
        found = session.execute(text(statement), {"version": number}).all()
        session.execute(text("SELECT 1"))  # PostgreSQL clears up after a statement when the next one comes
        return found

    def page(self, number: int) -> bytes:
        """One page of its list: a count, rows by offset, and two queries for each annotation; as JSON."""
        with self._database.read() as session:
            live = (_Annotation.image_id == 1, ~_Annotation.deleted)
            session.scalar(select(func.count()).select_from(_Annotation).where(*live))
            rows = session.scalars(
                select(_Annotation).where(*live).order_by(_Annotation.id).limit(PAGE).offset(number * PAGE)
            ).all()
            people = {person.id: person.name for person in session.scalars(select(_User))}
            items = [self._item(session, row, people) for row in rows]
        return json.dumps(items).encode()

    @staticmethod
    def _item(session: Session, row: _Annotation, people: dict[int, str]) -> dict[str, Any]:
        verdicts = session.scalars(select(_Verification).where(_Verification.annotation_id == row.id)).all()
        files = session.scalars(select(_Media).where(_Media.annotation_id == row.id)).all()
        return {
            "id": row.id,
            "annotation_type": row.annotation_type_id,
            "vector": row.vector,
            "unique_identifier": row.unique_identifier,
            "user": {"id": row.user_id, "username": people[row.user_id]},
            "last_editor": {"id": row.last_editor_id, "username": people[row.last_editor_id]},
            "time": row.time.isoformat(),
            "last_edit_time": row.last_edit_time.isoformat(),
            "image": row.image_id,
            "deleted": row.deleted,
            "description": row.description,
            "is_verified": any(verdict.verified for verdict in verdicts),
            "uploaded_media_files": [file.file for file in files],
            "meta_data": row.meta_data,
        }

    def _vectors(self, session: Session) -> Iterator[tuple[int, int, int, dict[str, int]]]:
        statement = (
            "SELECT id, annotation_type_id, user_id, vector FROM peer_annotation WHERE image_id = 1 AND NOT deleted"
        )
        for id_, kind, user, vector in session.execute(text(statement)):
            yield id_, kind, user, json.loads(vector) if self._is_sqlite else vector


def vectors_of(columns: Columns, classes: NDArray[np.int64]) -> Iterator[tuple[dict[str, int], int]]:
    ends = np.cumsum(columns.ring_length.astype(np.int64)).tolist()
    flat = columns.vertices.reshape(-1).tolist()
    start = 0
    for end, kind in zip(ends, classes.tolist(), strict=True):
        yield dict(zip(_KEYS, flat[2 * start : 2 * end], strict=False)), kind + 1
        start = end


def _rows(columns: Columns, classes: NDArray[np.int64], image_id: int) -> Iterator[tuple[Any, ...]]:
    at = _AT.replace(tzinfo=None).isoformat(" ")
    for vector, kind in vectors_of(columns, classes):
        yield at, json.dumps(vector), False, False, str(uuid.uuid4()), kind, image_id, 1, 1, at, False, ""
