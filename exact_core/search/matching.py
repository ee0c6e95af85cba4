"""Comparing texts, numbers, dates and truths as people type them."""

from __future__ import annotations

import fnmatch
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func

from exact_core.search.syntax import Op, Word
from exact_core.search.tokens import SearchSyntaxError

_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d{1,3}))?)\s*(.*)", re.DOTALL)
_DAYS_AGO = re.compile(r"-(\d{1,5})([dwmy])")
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(?:Z|[+-]\d{2}:\d{2})?")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def has_wildcard(word: Word) -> bool:
    """Whether a word stands for several texts: it has a star and no quotes."""
    return "*" in word.text and not word.is_quoted


def matches(column: ColumnElement[Any] | Any, op: Op, word: Word) -> ColumnElement[bool]:
    """A text column compared with a word; capitals and small letters are the same."""
    lowered, text = func.lower(column), word.text.lower()
    if op is Op.CONTAINS:
        return lowered.like(f"%{_escaped(text)}%", escape="\\")
    if has_wildcard(word):
        return lowered.like("%".join(_escaped(part) for part in text.split("*")), escape="\\")
    condition: ColumnElement[bool] = lowered == text
    return condition


def text_matches(text: str, op: Op, word: Word) -> bool:
    """The same for a text at hand."""
    lowered, wanted = text.lower(), word.text.lower()
    if op is Op.CONTAINS:
        return wanted in lowered
    if has_wildcard(word):
        pattern = "*".join(part.replace("[", "[[]").replace("?", "[?]") for part in wanted.split("*"))
        return fnmatch.fnmatchcase(lowered, pattern)
    return lowered == wanted


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from ``low`` to ``high``; whether the ends belong to it."""

    low: float = -math.inf
    high: float = math.inf
    has_low: bool = True
    has_high: bool = True

    def scaled(self, factor: float) -> Interval:
        """Both ends in another unit; the factor is positive."""
        return Interval(self.low * factor, self.high * factor, self.has_low, self.has_high)

    def holds(self, values: Any) -> Any:
        """Whether a number, a numpy array of them, or a column lies inside."""
        above = values >= self.low if self.has_low else values > self.low
        below = values <= self.high if self.has_high else values < self.high
        if math.isinf(self.high):
            return above
        return below if math.isinf(self.low) else above & below


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it was typed: its unit, and half of its last digit."""

    value: float
    unit: str
    half_digit: float

    def interval(self, op: Op, *, exact: bool) -> Interval:
        """The numbers that a comparison allows.

        Equal to a measured number means equal when rounded to the digits that were typed.
        """
        if op is Op.MORE:
            return Interval(low=self.value, has_low=False)
        if op is Op.AT_LEAST:
            return Interval(low=self.value)
        if op is Op.LESS:
            return Interval(high=self.value, has_high=False)
        if op is Op.AT_MOST:
            return Interval(high=self.value)
        if exact:
            return Interval(self.value, self.value)
        return Interval(self.value - self.half_digit, self.value + self.half_digit, has_high=False)


def quantity(word: Word) -> Quantity | None:
    """The number and unit of a word; None when it is no finite number."""
    found = _NUMBER.fullmatch(word.text.strip())
    if found is None:
        return None
    value = float(found[1])
    if not math.isfinite(value):
        return None
    digits = len(found[2] or found[3] or "") - int(found[4] or 0)
    return Quantity(value, normal_unit(found[5]), 0.5 * 10.0 ** -min(max(digits, -300), 300))


def normal_unit(unit: str) -> str:
    """One spelling of a unit: both signs for micro and the letter u, exponents with and without sign."""
    plain = unit.strip().replace("µ", "u").replace("μ", "u").replace("²", "2").replace("^", "")
    return plain.lower()


def truth(word: Word) -> bool:
    """Yes or no."""
    value = _TRUTH.get(word.text.casefold())
    if value is None:
        raise SearchSyntaxError("yes or no is expected here", word.column, len(word.text))
    return value


@dataclass(frozen=True, slots=True)
class Span:
    """A time as precise as it was typed: from ``start`` up to, and without, ``end``."""

    start: datetime
    end: datetime

    def compared(self, column: Any, op: Op) -> Any:
        """A column of times, or a text column of ISO dates, compared with it."""
        if op is Op.MORE:
            return column >= self.end
        if op is Op.AT_LEAST:
            return column >= self.start
        if op is Op.LESS:
            return column < self.start
        if op is Op.AT_MOST:
            return column < self.end
        return (column >= self.start) & (column < self.end)

    def holds(self, value: datetime, op: Op) -> bool:
        """The same for a time at hand."""
        return bool(self.compared(value, op))


def span(word: Word, now: datetime) -> Span:
    """A year, month, day or moment in UTC; ``today``, ``yesterday``, or ``-7d`` for the day a week ago."""
    text = word.text.strip()
    try:
        found = _span(text, now)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise SearchSyntaxError(
            "a date is written 2026-11-24, 2026-11, 2026, today or -7d", word.column, len(word.text)
        )
    return found


def _span(text: str, now: datetime) -> Span | None:
    today = now.astimezone(UTC).date()
    if text.casefold() in ("today", "yesterday"):
        return _day(today - timedelta(days=text.casefold() == "yesterday"))
    ago = _DAYS_AGO.fullmatch(text)
    if ago is not None:
        return _day(today - timedelta(days=int(ago[1]) * _DAYS[ago[2]]))
    whole = _DATE.fullmatch(text)
    if whole is not None:
        year, month, day = (int(part) if part else None for part in whole.groups())
        assert year is not None
        if day is not None:
            return _day(date(year, month or 1, day))
        following = (year + (month or 12) // 12, (month or 12) % 12 + 1)
        return Span(_midnight(date(year, month or 1, 1)), _midnight(date(*following, 1)))
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Span(moment, moment + (timedelta(seconds=1) if found[1] else timedelta(minutes=1)))


def _day(day: date) -> Span:
    return Span(_midnight(day), _midnight(day + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
