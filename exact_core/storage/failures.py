"""What a database's driver says when it cannot work now, or cannot hold a value, in errors of ours."""

from __future__ import annotations

import sqlite3

from exact_core.api.errors import Invalid, Unavailable

RETRY = "try again in a moment"
_POSTGRES_OUT_OF_RANGE = "22003"
_POSTGRES_AWAY = frozenset({"53100", "53200", "53300", "55P03", "57P01", "57P02", "57P03", "40001", "40P01"})


def translated(error: BaseException, *, is_away: bool = False) -> Invalid | Unavailable | None:
    """The error of ours that a driver's error stands for; None for all others.

    Args:
        error: What the driver raised.
        is_away: Whether the connection is lost, or never was.
    """
    message = str(error).partition("\n")[0]
    state = getattr(error, "sqlstate", None)
    if isinstance(error, OverflowError) or state == _POSTGRES_OUT_OF_RANGE:
        return Invalid("A number in the request is larger than any that can exist here.")
    if "cannot contain NUL" in message:  # from psycopg, before it sends anything
        return Invalid("A text in the request holds a NUL character, which cannot be stored or found.")
    if isinstance(error, sqlite3.OperationalError):
        is_away = any(word in message for word in ("locked", "unable to open", "disk I/O", "is full"))
    elif state in _POSTGRES_AWAY:
        is_away = True
    return Unavailable(f"The database cannot be used now ({message}); {RETRY}.") if is_away else None
