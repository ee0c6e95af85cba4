"""What a check finds: a problem with the place to mend and what to write there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to mend in a plugin.

    Attributes:
        message: What is wrong, and with what.
        place: ``file:line``, or a file, when it is known.
        remedy: What to write instead.
        rule: The check that found it.
    """

    message: str
    place: str = ""
    remedy: str = ""
    rule: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text}\n    {self.remedy}" if self.remedy else text


class CannotCheck(Exception):
    """The check needs something that this machine or this installation has not; the message says what."""


Check = Callable[[Any], Iterable[Problem]]
"""A check: it is given a ``Subject``, or a ``World`` when it needs a running instance, and yields what it finds."""
