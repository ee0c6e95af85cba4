"""Many numbers handed to the database as one parameter, to be joined like a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Table,
    bindparam,
    cast,
    func,
    select,
    tuple_,
)
from sqlalchemy.sql.expression import Join, true

from exact_core.annotations.spatial import CrossJoin


def table(dialect: str, name: str, columns: Mapping[str, NDArray[np.int64]]) -> FromClause:
    """Columns of equal length as a table of that name."""
    if dialect == "sqlite":
        rows = json.dumps(np.stack(list(columns.values()), axis=1).tolist(), separators=(",", ":"))
        each = func.json_each(bindparam(f"{name}_rows", rows)).table_valued("value", name=f"{name}_each")
        picked = (func.json_extract(each.c.value, f"$[{place}]").label(column) for place, column in enumerate(columns))
        return select(*picked).subquery(name)
    array = ARRAY(BigInteger)
    given = (
        cast(bindparam(f"{name}_{column}", values.tolist(), type_=array), array) for column, values in columns.items()
    )
    return func.unnest(*given).table_valued(*columns, name=name).render_derived()


def before(dialect: str, first: FromClause, second: Table) -> FromClause:
    """Two tables joined without a condition, to be read in this order."""
    return CrossJoin(first, second) if dialect == "sqlite" else Join(first, second, true())


def named_rows(of: Table, keys: FromClause, names: Sequence[str]) -> ColumnElement[bool]:
    """The condition for the rows whose columns are one of the rows of a table of keys."""
    own: tuple[Any, ...] = tuple(of.c[name] for name in names)
    return tuple_(*own).in_(select(*(keys.c[name] for name in names)))
