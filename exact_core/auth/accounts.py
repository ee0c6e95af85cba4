"""Accounts: creating, changing and deactivating people, their passwords and one-time login links."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api.errors import Conflict, Invalid, NotFound, Unauthenticated
from exact_core.auth import passwords
from exact_core.auth.credentials import end_sessions
from exact_core.auth.keys import hash_of, new_link_token
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import AccessToken, LoginLink, LoginSession, User, now

LINK_LASTS = timedelta(hours=24)
LONGEST_PREFERENCES = 64
_NAME = re.compile(r"[\w][\w.@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A one-time login link, to be shown once."""

    token: str
    expires_at: datetime

    def url(self, base: str) -> str:
        """Its address; the secret part after ``#`` reaches no server log."""
        return f"{base.rstrip('/')}/login/link#{self.token}"


def folded(name: str) -> str:
    """The form of a name by which it is unique: one Ann, not ann and ANN."""
    return unicodedata.normalize("NFKC", name).casefold()


def checked_name(name: str) -> str:
    """A login name in its normal form; raises ``Invalid``."""
    name = unicodedata.normalize("NFKC", name).strip()
    if not _NAME.fullmatch(name):
        raise Invalid(f"name: {name!r} is not possible; use 1 to 64 letters, digits and . _ - + @, a letter first.")
    if folded(name) == "system":
        raise Invalid("name: 'system' stands for the server itself.")
    return name


def create_user(session: Session, name: str, *, display_name: str = "", is_admin: bool = False) -> User:
    """A new person without a password; give them a login link."""
    name = checked_name(name)
    user = User(
        name=name,
        folded_name=folded(name),
        display_name=display_name.strip() or name,
        is_admin=is_admin,
        preferences={},
    )
    try:
        with session.begin_nested():
            session.add(user)
            session.flush()
    except IntegrityError:
        raise Conflict(f"There is already a user {name!r}.") from None
    raise_epoch(session, "access")
    return user


def find_user(session: Session, name: str) -> User | None:
    """The person of a login name, however it is spelt."""
    return session.scalar(select(User).where(User.folded_name == folded(name.strip())))


def get_user(session: Session, user_id: int) -> User:
    """The person with that number; raises ``NotFound``."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    return user


def user_named(session: Session, name: str) -> User:
    """The person of a login name; raises ``NotFound``."""
    user = find_user(session, name)
    if user is None:
        raise NotFound(f"There is no user {name!r}; see them with: exact user list")
    return user


def search(query: str, *, active_only: bool) -> ColumnElement[bool]:
    """The condition for people whose login or display name contains a text."""
    text = query.strip()
    found = or_(
        User.folded_name.contains(folded(text), autoescape=True),
        func.lower(User.display_name).contains(text.lower(), autoescape=True),
    )
    return found & User.is_active if active_only else found


def set_active(session: Session, user: User, is_active: bool) -> None:
    """Let somebody log in, or end every way in at once; nothing that they made is touched."""
    if not is_active:
        _keep_an_administrator(session, user)
        end_sessions(session, user.id)
        for table in (AccessToken, LoginLink):
            ended = AccessToken.revoked_at if table is AccessToken else LoginLink.used_at
            session.execute(update(table).where(table.user_id == user.id, ended.is_(None)).values({ended.key: now()}))
    user.is_active = is_active
    raise_epoch(session, "access")


def set_admin(session: Session, user: User, is_admin: bool) -> None:
    """Make somebody an administrator, or not; the last one stays."""
    if not is_admin:
        _keep_an_administrator(session, user)
    user.is_admin = is_admin
    raise_epoch(session, "access")


def _keep_an_administrator(session: Session, user: User) -> None:
    """Refuse to lose the last administrator; the rows are locked, so that two cannot demote each other."""
    admins = session.scalars(
        select(User.id).where(User.is_admin, User.is_active).order_by(User.id).with_for_update()
    ).all()
    if list(admins) == [user.id]:
        raise Conflict(f"{user.name} is the only administrator; make somebody else one first.")


def set_password(session: Session, user: User, password: str, *, keep_session: str | None = None) -> None:
    """Choose a password and log every other browser out."""
    passwords.check_acceptable(password, user.name)
    user.password_hash = passwords.hash_password(password)
    end_sessions(session, user.id, but=keep_session)
    session.execute(update(LoginSession).where(LoginSession.user_id == user.id).values(by_link=False))


def change_preferences(user: User, changes: Mapping[str, Any]) -> None:
    """Merge preferences of the browser; null removes one."""
    merged = {name: value for name, value in {**user.preferences, **changes}.items() if value is not None}
    if len(merged) > LONGEST_PREFERENCES:
        raise Invalid(f"preferences: at most {LONGEST_PREFERENCES} can be kept.")
    user.preferences = merged


def issue_link(session: Session, user: User, lasts: timedelta = LINK_LASTS) -> IssuedLink:
    """A link that logs somebody in once; older unused links stop working."""
    if not user.is_active:
        raise Conflict(f"{user.name} is deactivated; activate the account first.")
    session.execute(
        update(LoginLink).where(LoginLink.user_id == user.id, LoginLink.used_at.is_(None)).values(used_at=now())
    )
    link = IssuedLink(new_link_token(), now() + lasts)
    session.add(LoginLink(user_id=user.id, token_hash=hash_of(link.token), expires_at=link.expires_at))
    session.flush()
    return link


def use_link(session: Session, token: str) -> User:
    """The user of a login link, which is used up; raises ``Unauthenticated``."""
    user_id = session.scalar(
        update(LoginLink)
        .where(LoginLink.token_hash == hash_of(token), LoginLink.used_at.is_(None), LoginLink.expires_at > now())
        .values(used_at=now())
        .returning(LoginLink.user_id)
    )
    user = session.get(User, user_id) if user_id is not None else None
    if user is None or not user.is_active:
        raise Unauthenticated("This login link was already used or has expired; ask for a new one.")
    return user


def first_administrator_link(session: Session) -> IssuedLink | None:
    """A login link for the first administrator, made when nobody could administrate; None when somebody can."""
    admins = list(session.scalars(select(User).where(User.is_admin, User.is_active).order_by(User.id)))
    if not admins:
        names = itertools.chain(["admin"], (f"admin{number}" for number in itertools.count(2)))
        free = next(name for name in names if find_user(session, name) is None)
        return issue_link(session, create_user(session, free, is_admin=True))
    has_session = select(LoginSession.id).where(LoginSession.user_id.in_([user.id for user in admins])).limit(1)
    if any(user.password_hash for user in admins) or session.scalar(has_session) is not None:
        return None
    return issue_link(session, admins[0])
