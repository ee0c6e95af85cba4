"""Many numbers that PostgreSQL sends as one value: an array is received much faster than as many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, LargeBinary, SmallInteger, func

_HEADER = 20  # bytes: number of dimensions, whether there are nulls, type, length and lower bound


def sent(column: ColumnElement[Any]) -> ColumnElement[bytes]:
    """All values of a column of whole numbers, none of them NULL, as one value; it is NULL where there is no row."""
    return func.array_send(func.array_agg(column), type_=LargeBinary)


def received(value: bytes | None, column: ColumnElement[Any]) -> NDArray[np.int64]:
    """What :func:`sent` sent of a column: a header, then the length and the value of each number."""
    if value is None:
        return np.zeros(0, np.int64)
    kind = ">i2" if isinstance(column.type, SmallInteger) else ">i8" if isinstance(column.type, BigInteger) else ">i4"
    return np.frombuffer(value, [("length", ">i4"), ("value", kind)], offset=_HEADER)["value"].astype(np.int64)
