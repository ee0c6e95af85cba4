"""JSON of strangers: an object, with every key once, finite numbers and no depth that breaks a reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from exact_core.api.errors import Invalid

_MOST_DEPTH = 64


def read_object(path: Path, name: str) -> Mapping[str, object]:
    """Read a file that holds one JSON object.

    Args:
        path: The file; its size must be bounded before.
        name: What messages call it.

    Raises:
        Invalid: It is not UTF-8, not JSON, not an object, says a key twice or NaN, or is deeper than 64.
    """
    return parse_object(path.read_bytes(), name)


def parse_object(content: bytes, name: str) -> Mapping[str, object]:
    """As :func:`read_object`, of bytes."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
            raise Invalid(f"{name} says {twice[:100]!r} twice in one object; keep one of them.")
        return found

    def no_number(word: str) -> NoReturn:
        raise Invalid(f"{name} holds {word}, which is no JSON; write null where there is no number.")

    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{name} is not JSON in UTF-8: {str(error)[:200]}. Write it again.") from None
    if not isinstance(value, dict):
        raise Invalid(f"{name} must hold a JSON object, {{…}}.")
    _require_plain(value, name)
    return value


def _require_plain(value: object, name: str) -> None:
    """No depth that breaks a reader, no number that is infinite (``1e999``), no text that UTF-8 cannot say."""
    layer: list[object] = [value]
    for _ in range(_MOST_DEPTH):
        below: list[object] = []
        for each in layer:
            if isinstance(each, dict):
                below += [*each, *each.values()]
            elif isinstance(each, list):
                below += each
            elif isinstance(each, float) and each in (float("inf"), float("-inf")):
                raise Invalid(f"{name} holds a number that is too large; numbers must be finite.")
            elif isinstance(each, str) and not _can_be_kept(each):
                raise Invalid(f"{name} holds a text with half a character or a NUL; write it again.")
        layer = below
        if not layer:
            return
    raise Invalid(f"{name} is nested deeper than {_MOST_DEPTH} levels; make it flatter.")


def _can_be_kept(text: str) -> bool:
    """PostgreSQL keeps no NUL, and nothing keeps half a surrogate pair."""
    return not any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text)
