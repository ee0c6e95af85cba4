"""Sessions and access tokens as rows: making, finding, ending."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exact_core.api.context import ALL_SCOPES, Actor
from exact_core.api.errors import Invalid, NotFound
from exact_core.auth.keys import hash_of, new_session_key, new_token
from exact_core.auth.rights import WORK
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import AccessToken, LoginSession, User, now

TOKEN_SCOPES = ALL_SCOPES | {WORK}
"""What tokens can be for; browser sessions are no workers."""

MAX_TOKEN_DAYS = 3650
MAX_TOKENS = 100


@dataclass(frozen=True, slots=True)
class Credential:
    """A session or token that is valid, and whom it stands for."""

    id: int
    actor: Actor
    expires_at: datetime | None


def find_session(session: Session, key: str) -> Credential | None:
    """The session that a cookie's key opens; None when it is ended, expired, or its user is inactive."""
    found = session.execute(
        select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.key_hash == hash_of(key), LoginSession.expires_at > now(), User.is_active)
    ).one_or_none()
    if found is None:
        return None
    row, user = found
    return Credential(row.id, Actor(user.id, user.name, user.display_name, user.is_admin), row.expires_at)


def find_token(session: Session, token: str) -> Credential | None:
    """Whom an access token stands for; None when it is unknown, revoked, expired, or its user is inactive."""
    found = session.execute(
        select(AccessToken, User)
        .join(User, User.id == AccessToken.user_id)
        .where(AccessToken.secret_hash == hash_of(token), AccessToken.revoked_at.is_(None), User.is_active)
    ).one_or_none()
    if found is None:
        return None
    row, user = found
    if row.expires_at is not None and row.expires_at <= now():
        return None
    scopes = frozenset(row.scopes) & TOKEN_SCOPES
    actor = Actor(user.id, user.name, user.display_name, user.is_admin, scopes, "token")
    return Credential(row.id, actor, row.expires_at)


def open_session(
    session: Session, user: User, secret: bytes, *, days: int, user_agent: str, by_link: bool = False
) -> str:
    """Log a user in on one more browser; gives the cookie's value, which is not kept."""
    session.execute(delete(LoginSession).where(LoginSession.user_id == user.id, LoginSession.expires_at <= now()))
    key = new_session_key(secret)
    session.add(
        LoginSession(
            user_id=user.id,
            key_hash=hash_of(key),
            user_agent=user_agent[:255],
            by_link=by_link,
            expires_at=now() + timedelta(days=days),
        )
    )
    return key


def end_sessions(session: Session, user_id: int, *, only: int | None = None, but: str | None = None) -> int:
    """Log a user out: of one session by id, or of all except the one with the key ``but``."""
    statement = delete(LoginSession).where(LoginSession.user_id == user_id)
    if only is not None:
        statement = statement.where(LoginSession.id == only)
    if but is not None:
        statement = statement.where(LoginSession.key_hash != hash_of(but))
    ended = session.execute(statement.returning(LoginSession.id)).all()
    raise_epoch(session, "access")
    return len(ended)


def end_session_of(session: Session, key: str) -> None:
    """Log one browser out, known by its cookie; an unknown key is fine."""
    ended = session.execute(
        delete(LoginSession).where(LoginSession.key_hash == hash_of(key)).returning(LoginSession.id)
    )
    if ended.first() is not None:
        raise_epoch(session, "access")


def make_token(
    session: Session, user_id: int, name: str, scopes: Collection[str], days: int | None
) -> tuple[AccessToken, str]:
    """A new access token, which can read unless it is a worker's; the second value is the token, to show once."""
    chosen = sorted(set(scopes) if WORK in scopes else {"read", *scopes})
    if not TOKEN_SCOPES.issuperset(chosen):
        raise Invalid(f"scopes: choose among {', '.join(sorted(TOKEN_SCOPES))}.")
    if WORK in chosen and len(chosen) > 1:
        raise Invalid("scopes: the token of a worker can do nothing else; make another token for that.")
    if days is not None and not 1 <= days <= MAX_TOKEN_DAYS:
        raise Invalid(f"days: a token lasts 1 to {MAX_TOKEN_DAYS} days.")
    if len(list_tokens(session, user_id)) >= MAX_TOKENS:
        raise Invalid(f"You have {MAX_TOKENS} access tokens; revoke some that you do not use.")
    token, prefix = new_token()
    row = AccessToken(
        user_id=user_id,
        name=name,
        prefix=prefix,
        secret_hash=hash_of(token),
        scopes=chosen,
        expires_at=None if days is None else now() + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    return row, token


def list_tokens(session: Session, user_id: int) -> list[AccessToken]:
    """The tokens of a user that are not revoked, newest first."""
    own = select(AccessToken).where(AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None))
    return list(session.scalars(own.order_by(AccessToken.id.desc())))


def revoke_token(session: Session, user_id: int, token_id: int) -> None:
    """End a token of a user."""
    revoked = session.execute(
        update(AccessToken)
        .where(AccessToken.id == token_id, AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None))
        .values(revoked_at=now())
        .returning(AccessToken.id)
    ).first()
    if revoked is None:
        raise NotFound(f"You have no access token {token_id}.")
    raise_epoch(session, "access")
