"""What changed between two revisions of an image set: by two ranges of an index, never by comparing copies.

A state that held at the earlier revision and does not at the later one was closed in between (``valid_to`` in the
range); a state that holds at the later one only was opened in between (``valid_from`` in the range). Annotations with
both were changed, with one were removed or added. What was changed and changed back is no difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS
from exact_core.annotations.states import DETAILS, Known, State, select_known
from exact_core.storage.models import LIVE, Annotation

_CHUNK = 500
_OTHER, _LATER = ROWS.alias("other"), ROWS.alias("later")
_LOW_DETAILS, _HIGH_DETAILS = DETAILS.alias("low_details"), DETAILS.alias("high_details")


class Kind(StrEnum):
    """One way in which an annotation differs."""

    ADDED = "added"
    REMOVED = "removed"
    GEOMETRY = "geometry"
    TYPE = "type"
    ATTRIBUTES = "attributes"


@dataclass(frozen=True, slots=True)
class Range:
    """Two revisions of one image set, what of them is looked at, and who looks.

    Attributes:
        images: Selects the numbers of the images to compare, or names one.
        before: The revision to start from; may be the later one.
        after: The revision to end with.
        only_author: Whose annotations may be known of; None for everybody's.
    """

    images: Select[Any] | int
    before: int
    after: int
    only_author: int | None = None

    @property
    def low(self) -> int:
        """The earlier revision."""
        return min(self.before, self.after)

    @property
    def high(self) -> int:
        """The later revision."""
        return max(self.before, self.after)

    @property
    def is_backwards(self) -> bool:
        """Whether it starts from the later one."""
        return self.before > self.after

    def visible(self, row: Any) -> list[ColumnElement[bool]]:
        """Conditions for states of these images that may be known of."""
        images = self.images
        found: list[ColumnElement[bool]] = [
            row.image_id == images if isinstance(images, int) else row.image_id.in_(images)
        ]
        if self.only_author is not None:
            found.append(row.author_id == self.only_author)
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """How many annotations of one image, author and pair of types differ in one way.

    ``type_id`` is the type after the change, ``old_type_id`` the one before; of what was added or removed they are the
    same. ``kinds`` is how they differ.
    """

    image_id: int
    author_id: int | None
    old_type_id: int
    type_id: int
    kinds: frozenset[Kind]
    count: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One annotation that differs; a side without a state is None."""

    id: int
    uuid: str
    image_id: int
    kinds: tuple[Kind, ...]
    before: Known | None
    after: Known | None


def numbers(session: Session, asked: Range) -> list[Line]:
    """How many annotations differ, by image, author and type."""
    found = []
    for kind, statement in (_gone(asked), _new(asked)):
        row = statement.subquery().c
        grouped = select(row.image_id, row.author_id, row.type_id, func.count()).group_by(
            row.image_id, row.author_id, row.type_id
        )
        for image_id, author_id, type_id, count in session.execute(grouped):
            found.append(Line(image_id, author_id, type_id, type_id, frozenset({kind}), count))
    row = _changed(asked).subquery().c
    keys = (row.image_id, row.author_id, row.low_type, row.high_type, row.moved, row.relabelled, row.rewritten)
    for image_id, author_id, low, high, moved, relabelled, rewritten, count in session.execute(
        select(*keys, func.count()).group_by(*keys)
    ):
        kinds = _kinds(moved, relabelled, rewritten)
        if kinds:
            old, new = (high, low) if asked.is_backwards else (low, high)
            found.append(Line(image_id, author_id, old, new, frozenset(kinds), count))
    return found


def changed_ids(session: Session, asked: Range, kind: Kind | None = None, after: int = 0, limit: int = 0) -> list[int]:
    """The numbers of annotations that differ, in ascending order.

    Args:
        session: Where to read.
        asked: What is compared.
        kind: Only those that differ in this way.
        after: Only numbers above this.
        limit: At most so many; 0 for all.
    """
    parts = []
    for name, statement in (_gone(asked), _new(asked)):
        if kind in (None, name):
            parts.append(select(statement.subquery().c.annotation_id.label("id")))
    if kind not in (Kind.ADDED, Kind.REMOVED):
        row = _changed(asked).subquery().c
        wanted = {Kind.GEOMETRY: row.moved, Kind.TYPE: row.relabelled, Kind.ATTRIBUTES: row.rewritten}
        chosen = wanted.get(kind) if kind is not None else None
        condition = or_(row.moved == 1, row.relabelled == 1, row.rewritten == 1) if chosen is None else chosen == 1
        parts.append(select(row.annotation_id.label("id")).where(condition))
    both = union_all(*parts).subquery()
    statement = select(both.c.id).where(both.c.id > after).order_by(both.c.id)
    return list(session.scalars(statement.limit(limit) if limit else statement))


def differences(session: Session, asked: Range, ids: Sequence[int]) -> list[Difference]:
    """Both states of annotations that differ, in the order of their numbers."""
    found = []
    before = _states(session, asked, ids, asked.before)
    after = _states(session, asked, ids, asked.after)
    for id_ in sorted(before.keys() | after.keys()):
        old, new = before.get(id_), after.get(id_)
        known = new or old
        assert known is not None
        kinds = kinds_of(old.state if old else None, new.state if new else None)
        if kinds:
            found.append(Difference(id_, known.uuid, known.image_id, kinds, old, new))
    return found


def kinds_of(before: State | None, after: State | None) -> tuple[Kind, ...]:
    """How two states of one annotation differ; empty when they do not."""
    if before is None or after is None:
        if before is after:
            return ()
        return (Kind.ADDED,) if before is None else (Kind.REMOVED,)
    moved = (before.geometry, before.frame) != (after.geometry, after.frame)
    rewritten = (before.text, before.attributes) != (after.text, after.attributes)
    return _kinds(moved, before.type_id != after.type_id, rewritten)


def _kinds(moved: object, relabelled: object, rewritten: object) -> tuple[Kind, ...]:
    flags = ((moved, Kind.GEOMETRY), (relabelled, Kind.TYPE), (rewritten, Kind.ATTRIBUTES))
    return tuple(kind for flag, kind in flags if flag)


def _states(session: Session, asked: Range, ids: Sequence[int], at: int) -> dict[int, Known]:
    found: dict[int, Known] = {}
    for start in range(0, len(ids), _CHUNK):
        chosen = [Annotation.id.in_(ids[start : start + _CHUNK]), *asked.visible(ROWS.c)]
        found |= {known.id: known for known in select_known(session, chosen, only_live=True, at=at)}
    return found


def _gone(asked: Range) -> tuple[Kind, Select[Any]]:
    """States of the earlier revision whose annotations are not there at the later one."""
    row, other = ROWS.c, _OTHER.c
    stays = exists().where(other.annotation_id == row.annotation_id, *_holds(other, asked.high))
    statement = _columns(ROWS).where(*asked.visible(row), *_closed(asked), ~stays)
    return Kind.ADDED if asked.is_backwards else Kind.REMOVED, statement


def _new(asked: Range) -> tuple[Kind, Select[Any]]:
    """States of the later revision whose annotations were not there at the earlier one."""
    row, other = ROWS.c, _OTHER.c
    was = exists().where(other.annotation_id == row.annotation_id, *_holds(other, asked.low))
    opened = (row.valid_from > asked.low, row.valid_from <= asked.high, row.valid_to > asked.high)
    statement = _columns(ROWS).where(*asked.visible(row), *opened, ~was)
    return Kind.REMOVED if asked.is_backwards else Kind.ADDED, statement


def _changed(asked: Range) -> Select[Any]:
    """Pairs of states, with flags for how they differ."""
    low, later, high = ROWS.c, _LATER, _LATER.c
    low_details, high_details = _LOW_DETAILS, _HIGH_DETAILS
    moved = or_(low.geometry != high.geometry, low.z != high.z, low.t != high.t, low.c != high.c)
    rewritten = or_(low.text != high.text, low_details.c.attributes.is_distinct_from(high_details.c.attributes))
    joined = (
        ROWS.join(later, and_(high.annotation_id == low.annotation_id, *_holds(high, asked.high)))
        .outerjoin(low_details, _detail(low_details, low, asked.low))
        .outerjoin(high_details, _detail(high_details, low, asked.high))
    )
    return (
        select(
            low.annotation_id,
            low.image_id,
            low.author_id,
            low.type_id.label("low_type"),
            high.type_id.label("high_type"),
            _flag(moved).label("moved"),
            _flag(low.type_id != high.type_id).label("relabelled"),
            _flag(rewritten).label("rewritten"),
        )
        .select_from(joined)
        .where(*asked.visible(low), *_closed(asked))
    )


def _closed(asked: Range) -> list[ColumnElement[bool]]:
    """The range of ``valid_to``; the number of what is live is written out, so that the index of closed rows serves."""
    row = ROWS.c
    return [
        row.valid_to > asked.low,
        row.valid_to <= asked.high,
        row.valid_to < literal_column(str(LIVE)),
        row.valid_from <= asked.low,
    ]


def _holds(row: Any, at: int) -> list[ColumnElement[bool]]:
    return [row.valid_from <= at, row.valid_to > at]


def _detail(details: FromClause, row: Any, at: int) -> ColumnElement[bool]:
    return and_(details.c.annotation_id == row.annotation_id, details.c.valid_from <= at, details.c.valid_to > at)


def _columns(rows: FromClause) -> Select[Any]:
    row = rows.c
    return select(row.annotation_id, row.image_id, row.author_id, row.type_id)


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, literal(1)), else_=literal(0))


def summed(lines: Sequence[Line]) -> dict[str, Any]:
    """Totals, and the same per type, author and image; a relabelled annotation counts for its new type."""
    total: dict[str, int] = defaultdict(int)
    groups: dict[str, dict[int, dict[str, int]]] = {
        name: defaultdict(lambda: defaultdict(int)) for name in ("types", "authors", "images")
    }
    relabels: dict[tuple[int, int], int] = defaultdict(int)
    for line in lines:
        names = [str(kind) for kind in line.kinds]
        if not line.kinds & {Kind.ADDED, Kind.REMOVED}:
            names.append("changed")
        if Kind.TYPE in line.kinds:
            relabels[line.old_type_id, line.type_id] += line.count
        for name in names:
            total[name] += line.count
            groups["types"][line.type_id][name] += line.count
            groups["authors"][line.author_id or 0][name] += line.count
            groups["images"][line.image_id][name] += line.count
    return {
        "total": dict(total),
        **{name: {key: dict(counts) for key, counts in found.items()} for name, found in groups.items()},
        "relabelled": [(old, new, count) for (old, new), count in sorted(relabels.items())],
    }
