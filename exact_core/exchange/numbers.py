"""Numbers as text formats spell them: read strictly, written so that they come back the same."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from exact_core.api.errors import Invalid


def number(text: str | None, what: str, place: str) -> float:
    """A finite number, with a point or a decimal comma.

    Raises:
        Invalid: When it is missing, no number, infinite or NaN; names the place.
    """
    if text is None:
        raise Invalid(f"{place} has no {what}.")
    try:
        value = float(text)
    except ValueError:
        try:
            value = float(text.replace(",", ".", 1))
        except ValueError:
            raise Invalid(f"{place}: {what} is {_short(text)}, which is not a number.") from None
    if not math.isfinite(value):
        raise Invalid(f"{place}: {what} is {_short(text)}; coordinates must be finite numbers.")
    return value


def whole(text: str | None, what: str, place: str) -> int:
    """A whole number; ``Invalid`` names the place of anything else."""
    value = number(text, what, place)
    if value != int(value):
        raise Invalid(f"{place}: {what} is {_short(text or '')}, which is not a whole number.")
    return int(value)


def spelled(value: float) -> str:
    """A number in the shortest form that reads back as the same one; whole numbers without a point."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def spelled_value(value: Any) -> str:
    """A value of an attribute as text: text stays as it is, unless it would read back as something else."""
    if isinstance(value, str) and read_value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def read_value(text: str) -> Any:
    """The value that a text stands for: JSON's numbers, truth values, lists and quoted texts, else the text."""
    if not text or text[0] not in '-0123456789tfn"[{':
        return text
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def read_object(text: str) -> dict[str, Any]:
    """A JSON object; an empty one for everything else."""
    found = read_value(text)
    return found if isinstance(found, dict) else {}


def compact(value: Mapping[str, Any]) -> str:
    """A JSON object in one line, always spelled the same way."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
