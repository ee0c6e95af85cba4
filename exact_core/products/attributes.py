"""Typed attributes of an annotation type: the definitions that a product holds, and values checked against them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from exact_core.api.errors import Invalid

MAX_TEXT = 2_000
KINDS = ("text", "number", "boolean", "choice", "multi_choice", "date")
CHOOSING = ("choice", "multi_choice")
"""Kinds with a list of choices."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_STEP_SLACK = 1e-6  # of a step: 0.1 + 0.2 is three steps of 0.1


def checked(definitions: Sequence[Mapping[str, Any]], values: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    """The values as they are kept; a name, kind or range that the type does not define is refused with the reason."""
    known = {definition["name"]: definition for definition in definitions}
    answer: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            raise Invalid(f"{type_name} has no attribute {name!r}; it has: {listed}.")
        if value is not None and value != []:
            answer[name] = _checked_value(known[name], value, f"The attribute {name!r} of {type_name}")
    return answer


def missing(definitions: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """Names of required attributes that have no value."""
    return [each["name"] for each in definitions if each.get("required") and values.get(each["name"]) is None]


def require(definitions: Sequence[Mapping[str, Any]], values: Mapping[str, Any], type_name: str) -> None:
    """Refuse values that leave out what the type requires."""
    absent = missing(definitions, values)
    if absent:
        named = " and ".join(repr(name) for name in absent)
        raise Invalid(f"{type_name} needs a value for {named}.")


def defaults(definitions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values that a new shape begins with."""
    return {
        definition["name"]: definition["default"] for definition in definitions if definition.get("default") is not None
    }


def kept(definitions: Sequence[Mapping[str, Any]], values: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    """The values that still make sense after a shape was given another type, or its type other definitions."""
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
    if kind == "multi_choice":
        return _checked_choices(definition, value, place)
    if not isinstance(value, str):
        raise Invalid(f"{place} must be text.")
    if kind == "date":
        return _checked_date(value, place)
    if kind == "choice":
        if value not in definition["choices"]:
            raise Invalid(f"{place} must be one of {', '.join(definition['choices'])}.")
        return value
    if len(value) > MAX_TEXT or "\x00" in value:
        raise Invalid(f"{place} must have at most {MAX_TEXT:,} characters, none of them NUL.")
    return value


def _checked_choices(definition: Mapping[str, Any], value: Any, place: str) -> list[str]:
    """Several choices, each once, in the order of the definition."""
    choices: Sequence[str] = definition["choices"]
    chosen = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each in choices for each in chosen):
        raise Invalid(f"{place} must be a list of {', '.join(choices)}.")
    return [choice for choice in choices if choice in chosen]


def _checked_date(value: str, place: str) -> str:
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise Invalid(f"{place} must be a date, written as 2026-11-24.")


def _checked_number(definition: Mapping[str, Any], value: Any, place: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Invalid(f"{place} must be a finite number.")
    unit = f" {definition['unit']}" if definition.get("unit") else ""
    low, high, step = definition.get("min"), definition.get("max"), definition.get("step")
    if low is not None and value < low:
        raise Invalid(f"{place} must be at least {low}{unit}.")
    if high is not None and value > high:
        raise Invalid(f"{place} must be at most {high}{unit}.")
    if step:
        steps = (value - (low or 0)) / step
        if abs(steps - round(steps)) > max(_STEP_SLACK, abs(steps) * 1e-12):
            start = f" from {low}" if low else ""
            raise Invalid(f"{place} must be in steps of {step}{unit}{start}.")
    return value
