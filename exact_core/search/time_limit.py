"""A bound on how long a search works: told to the database, and looked at between batches."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from exact_core.api.errors import ExactError

SECONDS = 15.0
"""How long one request may search."""

_SQLITE_STEPS = 50_000  # of its virtual machine between two looks at the clock: about a millisecond
_POSTGRES_CANCELLED = "57014"


class SearchTooLong(ExactError):
    """A search that was stopped because it took too long; it can be narrowed down."""

    status = 422
    code = "search-too-long"


class Clock:
    """The time that is left."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; below zero when the time is over."""
        return self._end - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.left <= 0

    def too_long(self) -> SearchTooLong:
        """The refusal, in words that help."""
        return SearchTooLong(
            f"The search was stopped after {self.seconds:g} seconds. Say more of what you look for: a class, "
            "an author, an image, or a place."
        )


@contextmanager
def bounded(session: Session, clock: Clock) -> Iterator[None]:
    """Stop the statements of a block when the time is over; raises ``SearchTooLong``."""
    connection = session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    driver = connection.connection.driver_connection
    if is_sqlite:
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: int(clock.is_over), _SQLITE_STEPS)
    else:
        milliseconds = str(max(int(clock.left * 1000), 1))
        session.execute(text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": milliseconds})
    try:
        yield
        if not is_sqlite:
            session.execute(text("SELECT set_config('statement_timeout', '0', true)"))
    except OperationalError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state == _POSTGRES_CANCELLED or (is_sqlite and "interrupted" in str(error.orig)):
            raise clock.too_long() from error
        raise
    finally:
        if is_sqlite:
            assert isinstance(driver, sqlite3.Connection)
            driver.set_progress_handler(None, 0)
