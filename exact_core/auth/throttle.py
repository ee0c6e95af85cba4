"""Slows down guessing: failed logins per name and per address, counted in the database for all processes."""

from __future__ import annotations

import hmac
import ipaddress
import math
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from exact_core.api.errors import TooMany
from exact_core.storage.models import LoginThrottle, now

FREE_PER_NAME = 5
FREE_PER_ADDRESS = 30  # a laboratory behind one address
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=12)


class Throttle:
    """The counters of one login: an attempt counts as failed until it is said to have succeeded."""

    def __init__(self, secret: bytes, name: str | None, address: str) -> None:
        self._free = {_key(secret, "address", _network(address)): FREE_PER_ADDRESS}
        if name is not None:
            self._free[_key(secret, "name", name.casefold().strip())] = FREE_PER_NAME

    def attempt(self, session: Session) -> None:
        """Count an attempt, or raise ``TooMany`` when one has to wait; known and unknown names alike."""
        at = now()
        session.execute(delete(LoginThrottle).where(LoginThrottle.last_failure_at < at - FORGOTTEN_AFTER))
        for key in sorted(self._free):  # so that two first attempts at the same time meet in one row
            dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
            absent = dialect.insert(LoginThrottle).values(key=key, failures=0, last_failure_at=at)
            session.execute(absent.on_conflict_do_nothing())
        rows = self._rows(session)
        waits = [row.blocked_until - at for row in rows.values() if row.blocked_until and row.blocked_until > at]
        if waits:
            seconds = math.ceil(max(waits).total_seconds())
            raise TooMany(f"Too many failed logins. Wait {seconds} s before the next try.", seconds)
        for key, free in self._free.items():
            row = rows[key]
            row.failures += 1
            row.last_failure_at = at
            beyond = row.failures - free
            if beyond >= 0:
                row.blocked_until = at + min(timedelta(seconds=2 ** min(beyond + 1, 20)), LONGEST_WAIT)

    def succeeded(self, session: Session) -> None:
        """Forget the failures of the name; of the address only this attempt, others may be guessing from it."""
        for key, row in self._rows(session).items():
            if self._free[key] == FREE_PER_NAME:
                session.delete(row)
            else:
                row.failures = max(0, row.failures - 1)
                row.blocked_until = None if row.failures < FREE_PER_ADDRESS else row.blocked_until

    def _rows(self, session: Session) -> dict[str, LoginThrottle]:
        keys: Iterable[str] = sorted(self._free)
        rows = session.scalars(
            select(LoginThrottle).where(LoginThrottle.key.in_(keys)).order_by(LoginThrottle.key).with_for_update()
        )
        return {row.key: row for row in rows}


def _key(secret: bytes, kind: str, text: str) -> str:
    return hmac.new(secret, f"throttle-{kind}:{text}".encode(), "sha256").hexdigest()


def _network(address: str) -> str:
    """One home or office: a v4 address, or the first half of a v6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
