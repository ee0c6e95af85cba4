"""Looking up very many rows by number: one parameter for all numbers, and a plan that uses the index on each engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, FromClause, bindparam, cast, func, select
from sqlalchemy.orm import Session

from exact_core.annotations.spatial import CrossJoin


def among(session: Session, column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    """Whether a column is one of the numbers."""
    if session.get_bind().dialect.name == "sqlite":
        each = func.json_each(_json(numbers)).table_valued("value", name="number")
        return column.in_(select(each.c.value))
    return column == func.any(_array(numbers))


class Pairs:
    """Pairs of numbers as a table with the columns ``first`` and ``second``."""

    def __init__(self, session: Session, pairs: Sequence[tuple[int, int]]) -> None:
        if session.get_bind().dialect.name == "sqlite":
            each = func.json_each(_json(pairs)).table_valued("value", name="pair")
            self._table: FromClause = each
            self.first: ColumnElement[Any] = func.json_extract(each.c.value, "$[0]")
            self.second: ColumnElement[Any] = func.json_extract(each.c.value, "$[1]")
            return
        arrays = (_array([first for first, _ in pairs]), _array([second for _, second in pairs]))
        found = func.unnest(*arrays).table_valued("first", "second", name="pair").render_derived()
        self._table, self.first, self.second = found, found.c.first, found.c.second

    def joined(self, table: FromClause) -> FromClause:
        """The pairs first, so that each is looked up in the other table by an index."""
        return CrossJoin(self._table, table)


def _json(values: Sequence[Any]) -> ColumnElement[Any]:
    return bindparam(None, json.dumps(values), unique=True)


def _array(values: Sequence[int]) -> ColumnElement[Any]:
    kind = ARRAY(BigInteger)
    return cast(bindparam(None, list(values), type_=kind, unique=True), kind)
