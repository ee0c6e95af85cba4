"""Changing very many annotations of one image set as one revision, by statements over sets of rows.

The rules are those of :class:`exact_core.annotations.writing.Writer`: who may change what, one revision per change
with the hash of its rows, closed rows that stay, counts kept in the same transaction. What a change comes to is worked
out by the caller for all rows together; no annotation is loaded as an object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from exact_core.annotations import number_tables, set_events
from exact_core.annotations.change_log import next_revision
from exact_core.annotations.counts import counting_cell
from exact_core.annotations.rules import TypeRules
from exact_core.annotations.scope import ROWS, Can
from exact_core.annotations.set_digest import SetDigest
from exact_core.annotations.set_events import Listening
from exact_core.annotations.states import DETAILS, add_counts
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, NotFound
from exact_core.api.events import AnnotationAction
from exact_core.review.set_reading import SetReading
from exact_core.storage.models import LIVE, ImageSet, now

MAX_ROWS = 1_000_000
"""Most annotations that one change of a whole set may have."""

KEY = ("image_id", "tile_key", "annotation_id", "valid_from")
"""Columns that name a row."""

CHUNK = 20_000
"""Most rows of one statement."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RowKeys:
    """Names of rows of ``annotation_revision``, one array per column of :data:`KEY`."""

    image_id: Numbers
    tile_key: Numbers
    annotation_id: Numbers
    valid_from: Numbers

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> RowKeys:
        """The keys of rows whose first columns are those of :data:`KEY`."""
        table = np.array([tuple(row[:4]) for row in rows], np.int64).reshape(-1, 4)
        return cls(*(np.ascontiguousarray(column) for column in table.T))

    def __len__(self) -> int:
        return len(self.annotation_id)

    def take(self, chosen: NDArray[Any]) -> RowKeys:
        """Some of them, by number or by a mask."""
        return RowKeys(*(getattr(self, name)[chosen] for name in KEY))


@dataclass(frozen=True, slots=True, eq=False)
class SetChange:
    """What live rows of one image set become.

    Attributes:
        keys: The rows.
        type_ids: The type of each from now on; None when types stay.
        attributes: New attributes by annotation; those that are not in it keep theirs.
        author_ids: Who drew each, 0 for none; None where that does not matter.
        deletes: Delete them all.
    """

    keys: RowKeys
    type_ids: Numbers | None = None
    attributes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    author_ids: Numbers | None = None
    deletes: bool = False


class SetWriter:
    """Changes annotations of one image set for one actor, inside a unit of work.

    Making it locks the image set against other writers until the transaction ends, and checks that the set can be
    changed and that the actor may annotate there.
    """

    def __init__(self, session: Session, actor: Actor, image_set_id: int, can: Can, listening: Listening) -> None:
        self.session = session
        self.actor = actor
        self.image_set_id = image_set_id
        image_set = session.scalars(select(ImageSet).where(ImageSet.id == image_set_id).with_for_update()).first()
        if image_set is None or image_set.deleted_at is not None or not can(actor, "view", image_set_id):
            raise NotFound(f"There is no image set {image_set_id} that you may see.")
        if image_set.is_locked:
            raise Conflict("This image set is locked: nothing in it can be changed until a manager unlocks it.")
        if not can(actor, "annotate", image_set_id):
            raise Forbidden("You may look at this image set, but not annotate in it.")
        self.revision = image_set.revision
        self.types = TypeRules(session, image_set_id)
        # Where others' work was revealed to somebody who does not see it by right, it is to be looked at only.
        self.may_edit_any = may_edit_any(actor, image_set_id, can)
        self.may_manage = can(actor, "manage", image_set_id)
        self.record = listening(image_set_id)
        self.reading = SetReading(session, actor, image_set, can)
        self._dialect = session.get_bind().dialect.name

    @property
    def editor_id(self) -> int | None:
        """Who is written down for what happens; None for the system."""
        return self.actor.user_id or None

    def may_edit(self, author_ids: Numbers) -> NDArray[np.bool_]:
        """Which rows the actor may change, by their authors (0 for none)."""
        if self.may_edit_any:
            return np.ones(len(author_ids), bool)
        return np.asarray(author_ids == self.actor.user_id)

    def apply(self, change: SetChange, kind: str, reason: str = "") -> int:
        """Make a change as one revision; a change of nothing makes none."""
        if not len(change.keys):
            return self.revision
        if len(change.keys) > MAX_ROWS:
            raise Conflict(f"One change has at most {MAX_ROWS:,} annotations, not {len(change.keys):,}; narrow it.")
        self._require_open(change.keys)
        images = np.unique(change.keys.image_id)
        is_of_one = len(images) == 1 and kind == "bulk"
        self.revision = revision = next_revision(
            self.session,
            self.image_set_id,
            # A change of one image is undone there, as what was drawn by hand is; one of several is undone as a whole.
            "edit" if is_of_one else kind,
            image_id=int(images[0]) if is_of_one else None,
            actor_id=self.editor_id,
            count=len(change.keys),
            reason=reason,
            rows=self._digest(change),
        )
        counts: dict[tuple[int, ...], int] = defaultdict(int)
        for keys, types in _parts(change):
            table = self._table(keys, types)
            self._count(table, counts, types is not None, change.deletes)
            self._tell(table, revision, types is not None, change.deletes)
            if not change.deletes:
                self._open(table, revision, types is not None)
            self._close(table, revision)
            closing = (
                keys.annotation_id
                if change.deletes
                else np.array([each for each in keys.annotation_id.tolist() if each in change.attributes], np.int64)
            )
            self._close_details(closing, revision)
        self._open_details(change.attributes, revision)
        add_counts(self.session, counts)
        if kind != "merge":  # a change of the classes, not somebody's reading
            authors = np.zeros(len(change.keys), np.int64) if change.author_ids is None else change.author_ids
            self.reading.changed(change.keys, authors, revision, draws=not change.deletes)
        return revision

    def _require_open(self, keys: RowKeys) -> None:
        """Refuse to change what the reader has finished or was not given."""
        for rows, why in self.reading.refused(keys):
            if rows.any():
                n = int(rows.sum())
                lie, them = ("1 annotation lies", "it") if n == 1 else (f"{n:,} annotations lie", "them")
                raise Conflict(f"{lie} {why}; leave {them} out.")

    def _digest(self, change: SetChange) -> bytes:
        """The hash of what the change will write."""
        found = SetDigest(self.session)
        for keys, types in _parts(change):
            source, same = self._joined(table := self._table(keys, types))
            found.closes(source, same)
            if not change.deletes:
                live = and_(DETAILS.c.annotation_id == ROWS.c.annotation_id, DETAILS.c.valid_to == LIVE)
                found.opens(source, same, live, None if types is None else table.c.new_type, change.attributes)
        return found.digest()

    def _table(self, keys: RowKeys, types: Numbers | None) -> FromClause:
        """The keys, and the new types, as a table of the database."""
        columns = {name: getattr(keys, name) for name in KEY}
        if types is not None:
            columns["new_type"] = types
        return number_tables.table(self._dialect, "chosen", columns)

    def _joined(self, table: FromClause) -> tuple[FromClause, ColumnElement[bool]]:
        """The rows that a table of keys names; on SQLite the keys come first whatever its statistics say."""
        same = and_(*(ROWS.c[name] == table.c[name] for name in KEY))
        return number_tables.before(self._dialect, table, ROWS), same

    def _count(self, table: FromClause, counts: dict[tuple[int, ...], int], has_types: bool, deletes: bool) -> None:
        source, same = self._joined(table)
        row = ROWS.c
        new = table.c.new_type if has_types else row.type_id
        place = (
            row.image_id,
            row.z,
            row.t,
            row.c,
            row.type_id,
            func.coalesce(row.author_id, 0),
            counting_cell(ROWS),
            new,
        )
        if not has_types and not deletes:
            return
        statement = select(*(column.label(f"k{n}") for n, column in enumerate(place)), func.count())
        grouped = statement.select_from(source).where(same).group_by(*place)
        for found in self.session.execute(grouped):
            image_id, z, t, c, type_id, author, cell, new_type, n = tuple(found)
            counts[image_id, z, t, c, type_id, author, cell] -= n
            if not deletes:
                counts[image_id, z, t, c, int(new_type), author, cell] += n

    def _open(self, table: FromClause, revision: int, has_types: bool) -> None:
        """Add the new states: copies of the rows with what changes."""
        source, same = self._joined(table)
        changed: dict[str, Any] = {
            "valid_from": literal(revision),
            "valid_to": literal(LIVE),
            "editor_id": literal(self.editor_id, BigInteger),
            "edited_at": literal(now(), ROWS.c.edited_at.type),
        }
        if has_types:
            changed["type_id"] = table.c.new_type
        insert_copies(self.session, select().select_from(source).where(same), changed)

    def _close(self, table: FromClause, revision: int) -> None:
        named = number_tables.named_rows(ROWS, table, KEY)
        self.session.execute(update(ROWS).where(named).values(valid_to=revision))

    def _close_details(self, ids: Numbers, revision: int) -> None:
        if not len(ids):
            return
        chosen = number_tables.table(self._dialect, "ids", {"id": ids})
        live = (DETAILS.c.annotation_id.in_(select(chosen.c.id)), DETAILS.c.valid_to == LIVE)
        self.session.execute(update(DETAILS).where(*live).values(valid_to=revision))

    def _open_details(self, attributes: Mapping[int, Mapping[str, Any]], revision: int) -> None:
        rows = [
            {"annotation_id": id_, "valid_from": revision, "valid_to": LIVE, "attributes": dict(values)}
            for id_, values in attributes.items()
            if values
        ]
        for start in range(0, len(rows), CHUNK):
            self.session.execute(insert(DETAILS), rows[start : start + CHUNK])

    def _tell(self, table: FromClause, revision: int, has_types: bool, deletes: bool) -> None:
        if self.record is None:
            return
        source, same = self._joined(table)
        action = AnnotationAction.DELETED if deletes else AnnotationAction.UPDATED
        place = {"image_set_id": self.image_set_id, "revision": revision, "actor_id": self.editor_id}
        new_type = table.c.new_type if has_types else None
        for told in set_events.states(self.session, source, same, new_type):
            after = None if deletes else replace(told.state, type_id=int(told.extra))
            self.record(told.change(action, place, told.state, after))


def may_edit_any(actor: Actor, image_set_id: int, can: Can) -> bool:
    """Whether somebody may change what others drew in a set."""
    return can(actor, "edit_any", image_set_id) and can(actor, "see_all", image_set_id)


def _parts(change: SetChange) -> Iterator[tuple[RowKeys, Numbers | None]]:
    """The rows and their types, as many at once as a statement takes."""
    for start in range(0, len(change.keys), CHUNK):
        part = np.arange(start, min(start + CHUNK, len(change.keys)))
        yield change.keys.take(part), None if change.type_ids is None else change.type_ids[part]


def insert_copies(session: Session, source: Select[Any], changed: Mapping[str, Any]) -> None:
    """Add copies of rows of ``annotation_revision`` with some columns changed; ``source`` has no columns yet."""
    copied = [column for column in ROWS.columns if column is not ROWS.c.changed]  # a copy follows another state
    columns = [changed.get(column.name, column) for column in copied]
    names = [column.name for column in copied]
    session.execute(insert(ROWS).from_select(names, source.add_columns(*columns)))
