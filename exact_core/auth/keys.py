"""Random keys that prove who somebody is: made here, shown once, kept only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

SESSION_COOKIE = "exact_session"
_TOKEN_START = "exact_"  # noqa: S105 (a fixed prefix, so that leaked tokens can be recognised)
_BEARER = f"Bearer {_TOKEN_START}"


def hash_of(key: str) -> str:
    """What the database keeps of a key; keys are long and random, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def _mac(secret: bytes, purpose: str, text: str) -> str:
    digest = hmac.digest(secret, f"{purpose}:{text}".encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_session_key(secret: bytes) -> str:
    """A session's key, signed so that invented ones are refused without asking the database."""
    key = secrets.token_urlsafe(32)
    return f"{key}.{_mac(secret, 'session', key)}"


def is_signed(secret: bytes, session_key: str) -> bool:
    """Whether this instance made the session key."""
    key, _, signature = session_key.partition(".")
    return session_key.isascii() and hmac.compare_digest(signature, _mac(secret, "session", key))


def csrf_token_of(secret: bytes, session_key: str) -> str:
    """What a page of this session carries and its changing requests must send back."""
    return _mac(secret, "csrf", session_key)


def new_token() -> tuple[str, str]:
    """A personal access token ``exact_<prefix>_<secret>``, and its prefix, by which people recognise it."""
    prefix = secrets.token_hex(4)
    return f"{_TOKEN_START}{prefix}_{secrets.token_urlsafe(32)}", prefix


def new_link_token() -> str:
    """The secret part of a one-time login link."""
    return secrets.token_urlsafe(32)


def bearer_token(authorization: str | None) -> str | None:
    """The access token of an ``Authorization`` header; None when the header says something else."""
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER.lower():
        return None
    return authorization.partition(" ")[2].strip()


def session_key(cookie_header: str | None) -> str | None:
    """The session key of a ``Cookie`` header."""
    for part in (cookie_header or "").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name == SESSION_COOKIE:
            return value.strip('"')
    return None
