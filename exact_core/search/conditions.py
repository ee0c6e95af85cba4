"""What a query comes to for one image: conditions that the database decides, and those that need the outlines.

The exact area of a polygon, or whether a shape lies in another one, is not a column. Such a condition has two bounds
that the database can decide, one that holds whenever it might be true and one that holds only when it surely is. The
bounds of a whole query follow from those of its parts, through negations too; only rows between the two bounds are
looked at in Python, whole batches at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Columns, unpack_many
from exact_core.api.contributions import Shape

Flags: TypeAlias = NDArray[np.bool_]
Check: TypeAlias = "Callable[[Batch], Flags]"
"""Decides rows by their outlines."""

IDENTITY, DETAIL = "identity", "detail"
"""Tables that a condition can need beside the rows themselves."""

_LABELS = [shape.number for shape in Shape if shape.is_label]


class Batch:
    """Rows to look at: their outlines are unpacked when a condition asks for them."""

    def __init__(
        self, ids: NDArray[np.int64], shapes: NDArray[np.int64], boxes: NDArray[np.int64], packed: Sequence[bytes],
        flags: Flags,
    ) -> None:  # fmt: skip
        self.ids = ids
        self.shapes = shapes
        self.boxes = boxes
        self.flags = flags  # a column per condition that the database has decided
        self._packed = packed
        self.derived: dict[Any, Any] = {}
        """Made of the outlines by those who need it, to be made once."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def outlines(self) -> Columns:
        """The vertices of all rows."""
        return unpack_many(self._packed)

    @property
    def are_labels(self) -> Flags:
        """Which rows are said of the whole image, and lie nowhere on it."""
        return np.isin(self.shapes, _LABELS)

    @property
    def centres(self) -> NDArray[np.int64]:
        """The middle of each bounding box, towards the upper left."""
        return np.stack([self.boxes[:, 0] + self.boxes[:, 2] >> 1, self.boxes[:, 1] + self.boxes[:, 3] >> 1], axis=1)


@dataclass(frozen=True, slots=True)
class Always:
    """The same for every row."""

    value: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """What the database decides.

    Attributes:
        rows: The condition on ``annotation_revision``; never null.
        counts: The same on ``annotation_summary``, where it says the same of all shapes that one row counts.
        needs: Tables that must be joined for it.
        box: Where a shape's bounding box must reach for the condition to be true; None for anywhere.
    """

    rows: ColumnElement[bool]
    counts: ColumnElement[bool] | None = None
    needs: frozenset[str] = frozenset()
    box: Box | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What needs the outline.

    Attributes:
        check: Decides a batch of rows.
        maybe: Holds for every row for which the condition can be true.
        surely: Holds only for rows for which it is true.
        box: Where a shape's bounding box must reach for the condition to be true; None for anywhere.
    """

    check: Check
    maybe: ColumnElement[bool]
    surely: ColumnElement[bool]
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Opposite:
    """True where the part is false."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Together:
    """All parts."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any of the parts."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Always | Decided | Checked | Opposite | Together | Either


def together(*parts: Condition) -> Condition:
    """The conjunction, without what says nothing."""
    if Always(False) in parts:
        return Always(False)
    left = tuple(part for part in parts if part != Always(True))
    return Together(left) if len(left) > 1 else left[0] if left else Always(True)


def either(*parts: Condition) -> Condition:
    """The disjunction, without what says nothing."""
    if Always(True) in parts:
        return Always(True)
    left = tuple(part for part in parts if part != Always(False))
    return Either(left) if len(left) > 1 else left[0] if left else Always(False)


def opposite(part: Condition) -> Condition:
    """The negation."""
    if isinstance(part, Always):
        return Always(not part.value)
    return part.part if isinstance(part, Opposite) else Opposite(part)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what a condition lies, as the database can decide it."""

    maybe: ColumnElement[bool]
    surely: ColumnElement[bool]


def row_bounds(condition: Condition) -> Bounds:
    """The bounds on ``annotation_revision``."""
    return _bounds(condition, _on_rows)


def count_bounds(condition: Condition) -> Bounds:
    """The bounds on ``annotation_summary``; what it cannot decide may be true or not."""
    return _bounds(condition, _on_counts)


def is_decided(condition: Condition) -> bool:
    """Whether the database decides the whole of it."""
    if isinstance(condition, Opposite):
        return is_decided(condition.part)
    if isinstance(condition, Together | Either):
        return all(is_decided(part) for part in condition.parts)
    return not isinstance(condition, Checked)


def is_counted(condition: Condition) -> bool:
    """Whether the kept counts decide the whole of it."""
    if isinstance(condition, Opposite):
        return is_counted(condition.part)
    if isinstance(condition, Together | Either):
        return all(is_counted(part) for part in condition.parts)
    return isinstance(condition, Always) or (isinstance(condition, Decided) and condition.counts is not None)


def needs(condition: Condition) -> frozenset[str]:
    """Every table that must be joined."""
    if isinstance(condition, Opposite):
        return needs(condition.part)
    if isinstance(condition, Together | Either):
        return frozenset().union(*(needs(part) for part in condition.parts))
    return condition.needs if isinstance(condition, Decided) else frozenset()


def box_of(condition: Condition) -> Box | None:
    """A rectangle that the bounding box of every row that fulfils the condition meets; None for anywhere."""
    if isinstance(condition, Checked | Decided):
        return condition.box
    if isinstance(condition, Together):
        boxes = [box for part in condition.parts if (box := box_of(part)) is not None]
        # Each is met, but not their intersection: the smallest one narrows most.
        return min(boxes, key=lambda box: (box.x1 - box.x0) * (box.y1 - box.y0), default=None)
    if isinstance(condition, Either):
        found = [box_of(part) for part in condition.parts]
        boxes = [box for box in found if box is not None]
        if len(boxes) < len(found):
            return None
        return Box(
            min(box.x0 for box in boxes), min(box.y0 for box in boxes),
            max(box.x1 for box in boxes), max(box.y1 for box in boxes),
        )  # fmt: skip
    return None


class Verifier:
    """Decides rows between the bounds: from flags that the database gives, and from the outlines."""

    def __init__(self, condition: Condition) -> None:
        self.columns: list[ColumnElement[bool]] = []
        self._decide = self._lowered(condition)

    def __call__(self, batch: Batch) -> Flags:
        """Which rows fulfil the condition."""
        return self._decide(batch)

    def _lowered(self, condition: Condition) -> Callable[[Batch], Flags]:
        """A function of batches; everything that the database decides becomes a column of flags."""
        if isinstance(condition, Always):
            value = condition.value
            return lambda batch: np.full(len(batch), value)
        if is_decided(condition):
            place = len(self.columns)
            self.columns.append(row_bounds(condition).maybe)
            return lambda batch: batch.flags[:, place]
        if isinstance(condition, Checked):
            return condition.check
        if isinstance(condition, Opposite):
            inner = self._lowered(condition.part)
            return lambda batch: ~inner(batch)
        assert isinstance(condition, Together | Either)
        parts = [self._lowered(part) for part in condition.parts]
        combined = np.logical_and if isinstance(condition, Together) else np.logical_or
        return lambda batch: np.asarray(combined.reduce([part(batch) for part in parts]))


def _on_rows(leaf: Decided | Checked) -> Bounds:
    return Bounds(leaf.rows, leaf.rows) if isinstance(leaf, Decided) else Bounds(leaf.maybe, leaf.surely)


def _on_counts(leaf: Decided | Checked) -> Bounds:
    if isinstance(leaf, Decided) and leaf.counts is not None:
        return Bounds(leaf.counts, leaf.counts)
    return Bounds(true(), false())


def _bounds(condition: Condition, of: Callable[[Decided | Checked], Bounds]) -> Bounds:
    if isinstance(condition, Always):
        value = true() if condition.value else false()
        return Bounds(value, value)
    if isinstance(condition, Decided | Checked):
        return of(condition)
    if isinstance(condition, Opposite):
        inner = _bounds(condition.part, of)
        return Bounds(not_(inner.surely), not_(inner.maybe))
    parts = [_bounds(part, of) for part in condition.parts]
    join = and_ if isinstance(condition, Together) else or_
    return Bounds(join(*(part.maybe for part in parts)), join(*(part.surely for part in parts)))
