"""The states that ended and that began between two revisions of an image set, by two ranges of an index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, literal_column, or_, select

from exact_core.annotations.scope import CLOSED, ROWS
from exact_core.annotations.states import DETAILS

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


def named_kinds(moved: object, relabelled: object, rewritten: object) -> tuple[Kind, ...]:
    """The kinds whose flag is set, of what a changed state can differ in."""
    flags = ((moved, Kind.GEOMETRY), (relabelled, Kind.TYPE), (rewritten, Kind.ATTRIBUTES))
    return tuple(kind for flag, kind in flags if flag)


class Between(NamedTuple):
    """Two revisions, and which states may be known of, given a table's columns."""

    low: Any
    high: Any
    visible: Callable[[Any], list[ColumnElement[bool]]]

    @classmethod
    def of(cls, asked: Range) -> Between:
        """As values of one statement."""
        return cls(asked.low, asked.high, asked.visible)

    def ended(self, row: Any) -> list[ColumnElement[bool]]:
        """States that held at the low revision only."""
        return [*self._closed(row), row.valid_from <= self.low]

    def passed(self, row: Any) -> list[ColumnElement[bool]]:
        """States that held at neither revision: they began and ended in between."""
        return [*self._closed(row), row.valid_from > self.low]

    def begun(self, row: Any) -> list[ColumnElement[bool]]:
        """States that hold at the high revision only."""
        return [*self.visible(row), *self.holds_since(row)]

    def opened(self, row: Any) -> list[ColumnElement[bool]]:
        """States that began in between, whether they hold at the high revision or not."""
        return [*self.visible(row), row.valid_from > self.low, row.valid_from <= self.high]

    def holds_since(self, row: Any) -> list[ColumnElement[bool]]:
        """The range of ``valid_from``, which the indexes hold, and that it has not ended."""
        return [row.valid_from > self.low, row.valid_from <= self.high, row.valid_to > self.high]

    def _closed(self, row: Any) -> list[ColumnElement[bool]]:
        range_ = (row.valid_to > self.low, row.valid_to <= self.high, row.valid_to < CLOSED)
        return [*self.visible(row), *range_]


def ended_states(between: Between, *more: ColumnElement[bool]) -> Select[Any]:
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
        .where(*between.ended(low), *more)
    )


def begun_states(between: Between) -> Select[Any]:
    """States that began, of annotations that were not there at the low revision."""
    row, other = ROWS.c, _OTHER.c
    was = select(other.annotation_id).where(*between.ended(other))
    return select(row.annotation_id, row.image_id, row.author_id, row.type_id).where(
        *between.begun(row), row.annotation_id.not_in(was)
    )


def _detail(details: FromClause, row: Any, at: Any) -> ColumnElement[bool]:
    return and_(details.c.annotation_id == row.annotation_id, details.c.valid_from <= at, details.c.valid_to > at)


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, literal_column("1")), else_=literal_column("0"))
