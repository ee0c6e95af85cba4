"""Passwords: what is acceptable, and slow hashes of them."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from exact_core.api.errors import Invalid

SHORTEST = 10
LONGEST = 1024

_hasher = PasswordHasher()
# Of a random password that nobody kept, with the parameters of the hasher: making one takes as long as a login.
_UNKNOWN = "$argon2id$v=19$m=65536,t=3,p=4$ck5Qq/UurO9CeE3VMQBMuw$4lsYPTGRxmBEjzLVgfFG2IGfI5cAj5FfJJMA7pY6A3Q"
_at_once = threading.BoundedSemaphore(4)  # each hash takes 64 MiB: a flood of logins must not take it all


def check_acceptable(password: str, name: str) -> None:
    """Raise ``Invalid`` for a password that is too easy to guess."""
    if len(password) < SHORTEST:
        raise Invalid(f"The password needs at least {SHORTEST} characters; a few words are easier to keep than signs.")
    if len(password) > LONGEST:
        raise Invalid(f"The password can have at most {LONGEST} characters.")
    folded = password.casefold()
    if len(set(folded)) < 4 or folded.replace(name.casefold(), "").strip("0123456789!?.-_ ") == "":
        raise Invalid("The password is too easy to guess: it repeats itself, or is the user's name.")


def hash_password(password: str) -> str:
    """The hash to keep."""
    with _at_once:
        return _hasher.hash(password)


def is_correct(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one of a hash; takes as long when there is no hash."""
    try:
        with _at_once:
            _hasher.verify(password_hash or _UNKNOWN, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)
