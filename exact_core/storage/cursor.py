"""Marks where a page of a list ended, as text that clients only hand back."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

from exact_core.api.errors import Invalid

Part = str | int | float | bool | None


def write_cursor(*parts: Part) -> str:
    """A mark of the last row's sort values."""
    return urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


def read_cursor(cursor: str, *kinds: type) -> list[Part]:
    """The sort values of a mark; raises ``Invalid`` for text that is none, or one of another list."""
    try:
        parts = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (Error, UnicodeError, ValueError):
        parts = None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise Invalid("cursor: this is not the next_cursor of a page of this list.")
    return parts
