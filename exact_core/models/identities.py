"""Permanent identities of models: UUIDs of version 7, which sort by the time at which they were made (RFC 9562)."""

from __future__ import annotations

import secrets
import time
from uuid import UUID

_VERSION, _VARIANT = 7, 0b10


def uuid7() -> str:
    """A new identity: 48 bits of milliseconds since 1970, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds & (2**48 - 1)) << 80 | _VERSION << 76 | secrets.randbits(12) << 64
    return str(UUID(int=number | _VARIANT << 62 | secrets.randbits(62)))


def canonical(text: object) -> str:
    """A UUID in its one spelling; empty for what is none."""
    try:
        return str(UUID(text)) if isinstance(text, str) and len(text) == 36 else ""
    except ValueError:
        return ""
