"""What changed between two revisions of an image set: by two ranges of an index, never by comparing copies.

A state that held at the earlier revision and does not at the later one was closed in between (``valid_to`` in the
range); a state that holds at the later one only was opened in between (``valid_from`` in the range). Annotations with
both were changed, with one were removed or added. What was changed and changed back is no difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
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
    ended, begun = (
        _counted_of_image(asked.only_author is not None) if isinstance(asked.images, int) else _counted(asked)
    )
    values = {"image": asked.images, "low": asked.low, "high": asked.high, "author": asked.only_author}
    given = values if isinstance(asked.images, int) else {}
    connection = session.connection()
    added, removed = (Kind.REMOVED, Kind.ADDED) if asked.is_backwards else (Kind.ADDED, Kind.REMOVED)
    found = []
    for image_id, author_id, low, high, moved, relabelled, rewritten, count in connection.execute(ended, given):
        if high is None:
            found.append(Line(image_id, author_id, low, low, frozenset({removed}), count))
        elif kinds := _kinds(moved, relabelled, rewritten):
            old, new = (high, low) if asked.is_backwards else (low, high)
            found.append(Line(image_id, author_id, old, new, frozenset(kinds), count))
    for image_id, author_id, type_id, count in connection.execute(begun, given):
        found.append(Line(image_id, author_id, type_id, type_id, frozenset({added}), count))
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
    between = _Between.of(asked)
    parts = []
    row = _ended(between).subquery().c
    if kind in (None, Kind.ADDED if asked.is_backwards else Kind.REMOVED):
        parts.append(select(row.annotation_id.label("id")).where(row.high_type.is_(None)))
    if kind in (None, Kind.REMOVED if asked.is_backwards else Kind.ADDED):
        parts.append(select(_begun(between).subquery().c.annotation_id.label("id")))
    if kind not in (Kind.ADDED, Kind.REMOVED):
        wanted = {Kind.GEOMETRY: row.moved, Kind.TYPE: row.relabelled, Kind.ATTRIBUTES: row.rewritten}
        chosen = wanted.get(kind) if kind is not None else None
        condition = or_(row.moved == 1, row.relabelled == 1, row.rewritten == 1) if chosen is None else chosen == 1
        parts.append(select(row.annotation_id.label("id")).where(row.high_type.is_not(None), condition))
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


class _Between(NamedTuple):
    """Two revisions, and which states may be known of, given a table's columns."""

    low: Any
    high: Any
    visible: Callable[[Any], list[ColumnElement[bool]]]

    @classmethod
    def of(cls, asked: Range) -> _Between:
        """As values of one statement."""
        return cls(asked.low, asked.high, asked.visible)

    def ended(self, row: Any) -> list[ColumnElement[bool]]:
        """States that held at the low revision only; ``LIVE`` is written out for the index of closed rows."""
        live: ColumnElement[int] = literal_column(str(LIVE))
        range_ = (row.valid_to > self.low, row.valid_to <= self.high, row.valid_to < live)
        return [*self.visible(row), *range_, row.valid_from <= self.low]

    def begun(self, row: Any) -> list[ColumnElement[bool]]:
        """States that hold at the high revision only."""
        return [*self.visible(row), *self.holds_since(row)]

    def holds_since(self, row: Any) -> list[ColumnElement[bool]]:
        """The range of ``valid_from``, which the indexes hold, and that it has not ended."""
        return [row.valid_from > self.low, row.valid_from <= self.high, row.valid_to > self.high]


def _ended(between: _Between) -> Select[Any]:
    """States that ended, with what came of them: NULL as ``high_type`` when nothing, else flags for how they differ.

    Whatever ended and holds again at the high revision has begun in between, which the index of annotations tells.
    """
    low = ROWS.c
    high = _LATER.c
    low_details, high_details = _LOW_DETAILS, _HIGH_DETAILS
    moved = or_(low.geometry != high.geometry, low.z != high.z, low.t != high.t, low.c != high.c)
    rewritten = or_(low.text != high.text, low_details.c.attributes.is_distinct_from(high_details.c.attributes))
    joined = (
        ROWS.outerjoin(_LATER, and_(high.annotation_id == low.annotation_id, *between.holds_since(high)))
        .outerjoin(low_details, _detail(low_details, low, between.low))
        .outerjoin(high_details, _detail(high_details, low, between.high))
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
        .where(*between.ended(low))
    )


def _begun(between: _Between) -> Select[Any]:
    """States that began, of annotations that were not there at the low revision."""
    row, other = ROWS.c, _OTHER.c
    was = select(other.annotation_id).where(*between.ended(other))
    return select(row.annotation_id, row.image_id, row.author_id, row.type_id).where(
        *between.begun(row), row.annotation_id.not_in(was)
    )


def _counted(asked: Range | _Between) -> tuple[Select[Any], Select[Any]]:
    """The numbers of what ended and of what began."""
    between = _Between.of(asked) if isinstance(asked, Range) else asked
    row = _ended(between).subquery().c
    keys = (row.image_id, row.author_id, row.low_type, row.high_type, row.moved, row.relabelled, row.rewritten)
    new = _begun(between).subquery().c
    new_keys = (new.image_id, new.author_id, new.type_id)
    return select(*keys, func.count()).group_by(*keys), select(*new_keys, func.count()).group_by(*new_keys)


@cache
def _counted_of_image(has_author: bool) -> tuple[Select[Any], Select[Any]]:
    """The same for one image, made once."""

    def visible(row: Any) -> list[ColumnElement[bool]]:
        whose = [row.author_id == bindparam("author", type_=BigInteger)] if has_author else []
        return [row.image_id == bindparam("image", type_=BigInteger), *whose]

    return _counted(_Between(bindparam("low", type_=Integer), bindparam("high", type_=Integer), visible))


def _detail(details: FromClause, row: Any, at: Any) -> ColumnElement[bool]:
    return and_(details.c.annotation_id == row.annotation_id, details.c.valid_from <= at, details.c.valid_to > at)


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, literal_column("1")), else_=literal_column("0"))


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
