"""Typed attributes of an annotation type: the definitions that a product holds, and values checked against them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from exact_core.api.errors import Invalid

MAX_TEXT = 2_000
KINDS = ("text", "number", "boolean", "choice")


def checked(definitions: Sequence[Mapping[str, Any]], values: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    """The values as they are kept; a name, kind or range that the type does not define is refused with the reason."""
    known = {definition["name"]: definition for definition in definitions}
    answer: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            raise Invalid(f"{type_name} has no attribute {name!r}; it has: {listed}.")
        if value is not None:
            answer[name] = _checked_value(known[name], value, f"The attribute {name!r} of {type_name}")
    return answer


def defaults(definitions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values that a new shape begins with."""
    return {
        definition["name"]: definition["default"] for definition in definitions if definition.get("default") is not None
    }


def kept(definitions: Sequence[Mapping[str, Any]], values: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    """The values that still make sense after a shape was given another type."""
    answer: dict[str, Any] = {}
    for name, value in values.items():
        try:
            answer |= checked(definitions, {name: value}, type_name)
        except Invalid:
            continue
    return answer


def _checked_value(definition: Mapping[str, Any], value: Any, place: str) -> Any:
    kind = definition["kind"]
    if kind == "boolean":
        if not isinstance(value, bool):
            raise Invalid(f"{place} must be true or false.")
        return value
    if kind == "number":
        return _checked_number(definition, value, place)
    if not isinstance(value, str):
        raise Invalid(f"{place} must be text.")
    if kind == "choice":
        if value not in definition["choices"]:
            raise Invalid(f"{place} must be one of {', '.join(definition['choices'])}.")
        return value
    if len(value) > MAX_TEXT or "\x00" in value:
        raise Invalid(f"{place} must have at most {MAX_TEXT:,} characters, none of them NUL.")
    return value


def _checked_number(definition: Mapping[str, Any], value: Any, place: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Invalid(f"{place} must be a finite number.")
    unit = f" {definition['unit']}" if definition.get("unit") else ""
    low, high = definition.get("min"), definition.get("max")
    if low is not None and value < low:
        raise Invalid(f"{place} must be at least {low}{unit}.")
    if high is not None and value > high:
        raise Invalid(f"{place} must be at most {high}{unit}.")
    return value
