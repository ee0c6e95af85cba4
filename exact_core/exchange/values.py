"""Attributes of a file as an annotation type defines them: found by name, turned into the defined kind, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from exact_core.api.errors import Invalid
from exact_core.exchange.document import Report
from exact_core.products import attributes

SCORES = ("score", "confidence", "probability")
"""Names of attributes that take a model's confidence, the first that a type has."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")
_MOST_NAME = 50


class AttributeValues:
    """Turns the values of a file into those of one annotation type."""

    def __init__(self, type_name: str, definitions: Sequence[Mapping[str, Any]]) -> None:
        self._type_name = type_name
        self._definitions = definitions
        self._defaults = attributes.defaults(definitions)
        self._by_name: dict[str, Mapping[str, Any]] = {}
        for definition in reversed(definitions):
            for name in (definition.get("title") or "", definition["name"]):
                if name:
                    self._by_name[name.casefold()] = definition
                    self._by_name[attribute_name(name)] = definition

    def of(self, values: Mapping[str, Any], score: float | None, report: Report) -> dict[str, Any]:
        """The values as they are kept; what the type has no attribute for is counted as lost.

        Raises:
            Invalid: A value is not what the type allows.
        """
        if not values and score is None:
            return self._defaults
        found: dict[str, Any] = {}
        for name, value in values.items():
            definition = self._definition(name)
            if definition is not None and value is not None:
                found[definition["name"]] = _as_defined(definition, value)
            elif value is not None:
                report.lose(f"attribute {name[:60]!r}: {self._type_name} has no attribute of that name")
        if score is not None:
            taker = next((self._by_name[name] for name in SCORES if name in self._by_name), None)
            if taker is None:
                report.lose(f"scores: {self._type_name} has no attribute named {SCORES[0]!r}")
            else:
                found.setdefault(taker["name"], _as_defined(taker, score))
        return attributes.checked(self._definitions, self._defaults | found, self._type_name)

    def _definition(self, name: str) -> Mapping[str, Any] | None:
        return self._by_name.get(name.casefold()) or self._by_name.get(attribute_name(name))


def attribute_name(title: str) -> str:
    """The name of an attribute that files write as they like: ``Nucleus: Area µm^2`` is ``nucleus_area_m_2``."""
    plain = _NOT_IN_NAMES.sub("_", title).strip("_").lower()
    if not plain[:1].isalpha():
        plain = f"a_{plain}"
    return plain[:_MOST_NAME].rstrip("_") or "attribute"


def definitions_of(kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """Definitions for attributes that a file has, by their kinds, for a type that is made for it."""
    found: dict[str, dict[str, Any]] = {}
    for title, kind in kinds.items():
        name = attribute_name(title)
        shown = "" if title == name else title[:100]
        found.setdefault(name, {"name": name, "title": shown, "kind": kind})
    return list(found.values())


def _as_defined(definition: Mapping[str, Any], value: Any) -> Any:
    """A value in the defined kind, where a file's text or number says the same."""
    kind = definition["kind"]
    if kind == "number" and isinstance(value, str):
        return _number(definition["name"], value)
    if kind == "boolean" and not isinstance(value, bool):
        word = str(value).strip().lower()
        if word in ("true", "yes", "1"):
            return True
        if word in ("false", "no", "0"):
            return False
    if kind in ("text", "choice") and not isinstance(value, str):
        return (
            str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
        )
    return value


def _number(name: str, text: str) -> int | float:
    try:
        value = float(text)
    except ValueError:
        raise Invalid(f"The attribute {name!r} must be a number, not {text[:40]!r}.") from None
    return (
        int(value)
        if math.isfinite(value) and value == int(value) and "." not in text and "e" not in text.lower()
        else value
    )
