"""Where a shape lies, as one number: a loose grid whose cell size doubles per level.

A shape belongs to the level whose cell is at least as large as the shape, and there to the cell of its box's centre.
All shapes that can meet a rectangle are then in the rectangle's cells of each level, widened by half a cell. Rows lie
in the order of this number, so that a view is a few ranges per level.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Join, true

from exact_core.annotations.geometry import Box

CELL = 512
"""Side of a level-0 cell in pixels."""

SUMMARY_CELL = 2048
"""Side of the cells that kept counts stand for."""

WHOLE_IMAGE_CELL = (1 << 48) - 1
"""Labels of the whole image are counted here: they lie in no cell and in no region."""

MAX_LEVEL = 22
_COLUMN_MASK = (1 << 24) - 1
# A view over more rows of cells than this reads one range per level: the ranges would cost more than they skip.
_MAX_ROWS = 512


def level_of(extent: int) -> int:
    """The level of a shape whose longer side is ``extent`` pixels."""
    return min(MAX_LEVEL, max(0, (max(extent, 1) - 1).bit_length() - 9))


def tile_key(box: Box) -> int:
    """The place of a shape with this bounding box."""
    level = level_of(max(box.x1 - box.x0, box.y1 - box.y0))
    x, y = box.center
    return level << 48 | _cell(y, CELL << level) << 24 | _cell(x, CELL << level)


def tile_keys(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of many boxes, an array of rows ``x0, y0, x1, y1``."""
    boxes = boxes.astype(np.int64)
    extent = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    level = np.zeros(len(boxes), np.int64)
    for step in range(MAX_LEVEL):
        level += extent > CELL << step
    side = CELL << level
    column = np.clip((boxes[:, 0] + boxes[:, 2] >> 1) // side, 0, _COLUMN_MASK)
    row = np.clip((boxes[:, 1] + boxes[:, 3] >> 1) // side, 0, _COLUMN_MASK)
    keys: NDArray[np.int64] = level << 48 | row << 24 | column
    return keys


def summary_cell(box: Box) -> int:
    """The 2048-pixel cell in which a shape with this bounding box is counted."""
    x, y = box.center
    return _cell(y, SUMMARY_CELL) << 24 | _cell(x, SUMMARY_CELL)


def summary_cells(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The counting cells of many boxes."""
    boxes = boxes.astype(np.int64)
    column = np.clip((boxes[:, 0] + boxes[:, 2] >> 1) // SUMMARY_CELL, 0, _COLUMN_MASK)
    row = np.clip((boxes[:, 1] + boxes[:, 3] >> 1) // SUMMARY_CELL, 0, _COLUMN_MASK)
    cells: NDArray[np.int64] = row << 24 | column
    return cells


def ranges(box: Box, longest: int, *, lowest_level: int = 0, loose: bool = True) -> list[tuple[int, int]]:
    """Ranges of places, both ends inclusive, that hold every shape whose box meets ``box``.

    Args:
        box: The rectangle asked for.
        longest: The longer side of the image: no shape needs a higher level than it.
        lowest_level: Leave out the levels of smaller shapes.
        loose: False when only the centre of a shape has to be in the rectangle.
    """
    found: list[tuple[int, int]] = []
    # Ellipses may stick out of the image by a quarter, so one level more than the image needs.
    for level in range(lowest_level, min(MAX_LEVEL, level_of(longest) + 1) + 1):
        side = CELL << level
        half = side // 2 + 1 if loose else 0
        first_column, last_column = _cell(box.x0 - half, side), _cell(box.x1 + half, side)
        first_row, last_row = _cell(box.y0 - half, side), _cell(box.y1 + half, side)
        base = level << 48
        if last_row - first_row >= _MAX_ROWS:
            found.append((base | first_row << 24 | first_column, base | last_row << 24 | last_column))
            continue
        for row in range(first_row, last_row + 1):
            found.append((base | row << 24 | first_column, base | row << 24 | last_column))
    return found


def merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places without overlaps, so that no row is found twice."""
    answer: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if answer and low <= answer[-1][1] + 1:
            answer[-1] = answer[-1][0], max(high, answer[-1][1])
        else:
            answer.append((low, high))
    return answer


def rows_in_ranges(
    dialect: str,
    table: FromClause,
    columns: list[ColumnElement[Any]],
    conditions: list[ColumnElement[bool]],
    key: ColumnElement[int],
    found: list[tuple[int, int]] | None = None,
) -> Select[Any]:
    """Select the rows whose place is in the ranges, with the plan that each engine is fast with.

    Without ranges they are parameters of the statement, for which :func:`ranges_given` has the values.

    SQLite reorders an ordinary join when it has statistics, so the ranges come first by CROSS JOIN. PostgreSQL scans
    the whole table for a plain join over ranges; a lateral subquery with OFFSET 0 makes it walk the index by ranges.
    """
    given = ranges_given(dialect, found or [])
    if dialect == "sqlite":
        each = func.json_each(bindparam("ranges", given["ranges"])).table_valued("value", name="place")
        low = func.json_extract(each.c.value, "$[0]")
        high = func.json_extract(each.c.value, "$[1]")
        return select(*columns).select_from(CrossJoin(each, table)).where(key.between(low, high), *conditions)
    array = ARRAY(BigInteger)
    places = (
        func.unnest(
            cast(bindparam("lows", given["lows"], type_=array), array),
            cast(bindparam("highs", given["highs"], type_=array), array),
        )
        .table_valued("low", "high", name="place")
        .render_derived()
    )
    inner = (
        select(*columns)
        .where(key.between(places.c.low, places.c.high), *conditions)
        .offset(literal_column("0"))
        .lateral("hit")
    )
    return select(*inner.c).select_from(places.join(inner, true()))


def ranges_given(dialect: str, found: list[tuple[int, int]]) -> dict[str, Any]:
    """Ranges as the parameters of :func:`rows_in_ranges`."""
    if dialect == "sqlite":
        return {"ranges": json.dumps(found)}
    return {"lows": [low for low, _ in found], "highs": [high for _, high in found]}


class CrossJoin(Join):
    """``a CROSS JOIN b``: SQLite keeps the order in which it is written."""

    inherit_cache = True

    def __init__(self, left: FromClause, right: FromClause) -> None:
        super().__init__(left, right, true())


@compiles(CrossJoin)
def _compile_cross_join(join: CrossJoin, compiler: SQLCompiler, **options: Any) -> str:
    options.pop("asfrom", None)
    left = compiler.process(join.left, asfrom=True, **options)
    right = compiler.process(join.right, asfrom=True, **options)
    return f"{left} CROSS JOIN {right}"


def _cell(coordinate: int, side: int) -> int:
    return min(max(coordinate // side, 0), _COLUMN_MASK)
