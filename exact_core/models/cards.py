"""Model cards as people read them: figures of merit, what everybody may know, and safe markup (ml-spec 0.7)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

METRICS = "metrics"
_MOST_FIGURES = 200
_MOST_DEPTH = 4
_MOST_RENDERED = 64 * 1024
_VALUES = ("value", "mean", "estimate")
_INTERVALS = ("ci", "ci95", "interval")
_ENDS = (("low", "high"), ("lower", "upper"))

OPEN_FACTS = frozenset(
    {
        *("plugin", "plugin_version", "arch", "architecture", "created_utc", "intended_use", "out_of_scope"),
        *("known_failure_modes", "limitations", "licence", "license", "input_contract", "input", "n_images"),
        *("parent_model_id", "model_id", "name", "title", "kind", "parameters", "failure_modes", "pretrained_licence"),
    }
)
"""What of a card tells nothing of other people's annotations: for who may know of the model only."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of merit with its 95 % interval, where the card tells one."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def figures_of(card: Mapping[str, object]) -> list[Figure]:
    """The figures of a card, with names such as ``test f1``, in its order; what is no finite number is left out.

    Args:
        card: Its ``metrics`` are numbers, or objects with ``value`` and ``ci``, in as many groups as one likes.
    """
    metrics = card.get(METRICS)
    found = _figures("", metrics, _MOST_DEPTH) if isinstance(metrics, Mapping) else iter(())
    return [figure for _, figure in zip(range(_MOST_FIGURES), found, strict=False)]


def open_facts(card: Mapping[str, object]) -> dict[str, object]:
    """What those may read of a card who must not learn of other people's work."""
    return {key: value for key, value in card.items() if key in OPEN_FACTS}


def rendered(text: str) -> str:
    """Markdown as HTML: no markup of its own, no pictures, no address that is a script.

    Texts of more than 64 KiB are not rendered, as that would take long; the answer is empty then.
    """
    if len(text) > _MOST_RENDERED:
        return ""
    markup: str = _renderer().render(text)
    return markup


def _figures(name: str, value: object, depth: int) -> Iterator[Figure]:
    number = _number(value)
    if number is not None:
        yield Figure(name, number)
    elif isinstance(value, Mapping) and depth:
        figure = _with_interval(name, value)
        if figure is not None:
            yield figure
            return
        for key, below in value.items():
            yield from _figures(f"{name} {key}".strip()[:200], below, depth - 1)


def _with_interval(name: str, value: Mapping[str, object]) -> Figure | None:
    number = next((found for key in _VALUES if (found := _number(value.get(key))) is not None), None)
    if number is None:
        return None
    for key in _INTERVALS:
        ends = value.get(key)
        if isinstance(ends, list) and len(ends) == 2:
            return Figure(name, number, _number(ends[0]), _number(ends[1]))
    for low, high in _ENDS:
        if low in value or high in value:
            return Figure(name, number, _number(value.get(low)), _number(value.get(high)))
    return Figure(name, number)


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]
    except OverflowError:  # whole numbers of JSON have no end
        return None


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    options = MappingProxyType({"html": False, "linkify": False, "maxNesting": 20})
    return MarkdownIt("commonmark", options).enable("table").disable("image")
