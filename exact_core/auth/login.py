"""Logging in: the same answer after the same time for known and unknown names, and slower after each failure."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from exact_core.api.errors import Unauthenticated
from exact_core.auth import passwords
from exact_core.auth.accounts import find_user, use_link
from exact_core.auth.credentials import open_session
from exact_core.auth.throttle import Throttle
from exact_core.settings import Settings
from exact_core.storage.database import Database
from exact_core.storage.models import User


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A browser that is logged in: the cookie's value is here only."""

    session_key: str
    user: User


class Login:
    """Opens sessions for visitors from one address."""

    def __init__(self, database: Database, settings: Settings, address: str, user_agent: str) -> None:
        self._database = database
        self._settings = settings
        self._address = address
        self._user_agent = user_agent

    def with_password(self, name: str, password: str) -> LoggedIn:
        """Log in by name and password; raises ``Unauthenticated`` or ``TooMany``."""
        throttle = Throttle(self._settings.secret, name, self._address)
        with self._database.write() as session:  # counted before the slow part, so that parallel tries count too
            throttle.attempt(session)
            user = find_user(session, name)
            known_hash = user.password_hash if user is not None and user.is_active else None
        correct = passwords.is_correct(known_hash, password)
        if user is None or known_hash is None or not correct:
            raise Unauthenticated("The name or the password is wrong.")
        new_hash = passwords.hash_password(password) if passwords.needs_rehash(known_hash) else None
        with self._database.write() as session:
            throttle.succeeded(session)
            current = session.get(User, user.id)
            if current is None or not current.is_active or current.password_hash != known_hash:
                raise Unauthenticated("The name or the password is wrong.")
            if new_hash is not None:
                current.password_hash = new_hash
            return self._open(session, current)

    def with_link(self, token: str) -> LoggedIn:
        """Log in by a one-time link; raises ``Unauthenticated`` or ``TooMany``."""
        throttle = Throttle(self._settings.secret, None, self._address)
        with self._database.write() as session:
            throttle.attempt(session)
        with self._database.write() as session:
            user = use_link(session, token)
            throttle.succeeded(session)
            return self._open(session, user, by_link=True)

    def _open(self, session: Session, user: User, *, by_link: bool = False) -> LoggedIn:
        key = open_session(
            session,
            user,
            self._settings.secret,
            days=self._settings.session_days,
            user_agent=self._user_agent,
            by_link=by_link,
        )
        return LoggedIn(key, user)
