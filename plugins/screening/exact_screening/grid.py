"""Fields of view over a region of an image, and the way through them: geometry only, all in whole level-0 pixels.

A field is a number: ``row * columns + column``. Fields have all the same size; those of the last column and row are
moved inwards, so that none hangs over the edge and every pixel of the region lies in a field.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from exact_core.api import Invalid

MAX_FIELDS = 1_000_000
"""The most fields of one grid."""

Flags: TypeAlias = NDArray[np.bool_]
Fields: TypeAlias = NDArray[np.int64]


class Order(StrEnum):
    """In which order fields follow each other."""

    ROWS = "rows"
    """Every row from left to right."""

    SNAKE = "snake"
    """Rows in turn from left to right and from right to left: each field lies beside the one before."""


class Way(StrEnum):
    """A step through the fields."""

    NEXT = "next"
    PREVIOUS = "previous"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    UNSEEN = "unseen"
    """The next one in order that was not seen; after the last one it goes on with the first."""


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open rectangle in level-0 pixels."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Level-0 pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Level-0 pixels."""
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        """Square level-0 pixels."""
        return max(self.width, 0) * max(self.height, 0)


@dataclass(frozen=True, slots=True)
class Grid:
    """Fields of one size over a region.

    Attributes:
        bounds: The region's bounding box.
        width: Width of a field.
        height: Height of a field.
        step_x: From a column to the next.
        step_y: From a row to the next.
        order: In which order fields follow each other.
    """

    bounds: Box
    width: int
    height: int
    step_x: int
    step_y: int
    order: Order

    @property
    def columns(self) -> int:
        """Number of columns."""
        return 1 + max(0, -(-(self.bounds.width - self.width) // self.step_x))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return 1 + max(0, -(-(self.bounds.height - self.height) // self.step_y))

    @property
    def count(self) -> int:
        """Number of fields."""
        return self.columns * self.rows

    def lefts(self) -> Fields:
        """Left edge of each column."""
        return np.minimum(self.bounds.x0 + np.arange(self.columns) * self.step_x, self.bounds.x1 - self.width)

    def tops(self) -> Fields:
        """Upper edge of each row."""
        return np.minimum(self.bounds.y0 + np.arange(self.rows) * self.step_y, self.bounds.y1 - self.height)

    def box(self, field: int) -> Box:
        """Where a field lies."""
        row, column = divmod(field, self.columns)
        left = min(self.bounds.x0 + column * self.step_x, self.bounds.x1 - self.width)
        top = min(self.bounds.y0 + row * self.step_y, self.bounds.y1 - self.height)
        return Box(left, top, left + self.width, top + self.height)

    def ranks(self) -> Fields:
        """The place of each field in the order, from 0."""
        places = np.arange(self.count).reshape(self.rows, self.columns)
        if self.order is Order.SNAKE:
            places[1::2] = places[1::2, ::-1]
        return places.reshape(-1)


def plan(bounds: Box, width: int, height: int, overlap: float, order: Order) -> Grid:
    """Lay fields over a region.

    Args:
        bounds: The region's bounding box, not empty.
        width: Wanted width of a field; a field is never wider than the region.
        height: Wanted height of a field.
        overlap: Part of a field that the next one shows again, 0 to 0.9.
        order: In which order fields follow each other.

    Raises:
        Invalid: There would be more than ``MAX_FIELDS``.
    """
    width, height = min(max(width, 1), bounds.width), min(max(height, 1), bounds.height)
    step_x, step_y = max(1, round(width * (1 - overlap))), max(1, round(height * (1 - overlap)))
    grid = Grid(bounds, width, height, step_x, step_y, order)
    if grid.count > MAX_FIELDS:
        raise Invalid(
            f"These fields of {width} × {height} px would be {grid.count:,}; at most {MAX_FIELDS:,} are possible. "
            "Choose larger fields, less overlap or a smaller region."
        )
    return grid


class Path:
    """The chosen fields of a grid in their order."""

    def __init__(self, grid: Grid, chosen: Flags) -> None:
        """Take the fields of a grid that belong to a pass.

        Args:
            grid: The grid.
            chosen: One flag for each of its fields; at least one is set.
        """
        self.grid = grid
        self.chosen = chosen
        self._rank = grid.ranks()
        fields = np.flatnonzero(chosen)
        self.fields: Fields = fields[np.argsort(self._rank[fields])]
        self._ranks = self._rank[self.fields]

    @property
    def first(self) -> int:
        """The first field."""
        return int(self.fields[0])

    def number(self, field: int) -> int:
        """How many chosen fields come before a field."""
        return int(np.searchsorted(self._ranks, self._rank[field]))

    def step(self, field: int, way: Way, seen: Flags) -> int:
        """The field that a step leads to; the same one where there is none."""
        if way in (Way.NEXT, Way.PREVIOUS):
            return self._along(field, way)
        if way is Way.UNSEEN:
            return self.unseen(field, seen)
        return self._beside(field, way)

    def unseen(self, field: int, seen: Flags) -> int:
        """The first field after one that was not seen, else the first of all that was not; else the same one."""
        left = self.fields[~seen[self.fields]]
        if not left.size:
            return field
        after = int(np.searchsorted(self._rank[left], self._rank[field], side="right"))
        return int(left[after % left.size])

    def _along(self, field: int, way: Way) -> int:
        place = self.number(field)
        if way is Way.PREVIOUS:
            return int(self.fields[place - 1]) if place else field
        place += int(self.chosen[field])
        return int(self.fields[place]) if place < self.fields.size else field

    def _beside(self, field: int, way: Way) -> int:
        """The nearest chosen field of the same row or column on one side."""
        columns = self.grid.columns
        row, column = divmod(field, columns)
        if way in (Way.LEFT, Way.RIGHT):
            start, line = row * columns, self.chosen[row * columns : (row + 1) * columns]
            stride, place = 1, column
        else:
            start, line = column, self.chosen[column::columns]
            stride, place = columns, row
        if way in (Way.LEFT, Way.UP):
            found = np.flatnonzero(line[:place])
            return start + int(found[-1]) * stride if found.size else field
        found = np.flatnonzero(line[place + 1 :])
        return start + (place + 1 + int(found[0])) * stride if found.size else field
