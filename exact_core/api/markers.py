"""Markers of hooks: ``hookspec`` for the core's declarations, ``hookimpl`` for what plugins write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar, cast

import pluggy

PROJECT = "exact"
"""The name under which pluggy knows our hooks; every hook starts with it and an underscore."""

_FACTS = "__exact_hook__"
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Policy(StrEnum):
    """What the answers of a hook become, and what happens when an implementation raises."""

    COLLECT = "collect"
    """Every answer is collected; one that raises is recorded and left out."""

    FIRST = "first"
    """The first answer that is not None counts; one that raises is recorded and the next is asked."""

    CHAIN = "chain"
    """Each answer is handed to the next; one that raises, or answers None, leaves the value as it was."""

    GUARD = "guard"
    """Asked inside the transaction. ``Refused`` aborts the change; any other error undoes only that plugin's writes."""

    NOTIFY = "notify"
    """Told after the commit; one that raises is recorded and the others are still told."""


class Scope(StrEnum):
    """For which plugins a hook is called."""

    INSTANCE = "instance"
    """All plugins that loaded."""

    IMAGE_SET = "image_set"
    """Only plugins that are switched on in the image set concerned."""


@dataclass(frozen=True, slots=True)
class Deprecated:
    """The end of a hook or of an argument: plugins that use it are warned about, once each, in the list of plugins.

    Attributes:
        since: The API version that warns first.
        until: The API version that no longer has it: at least two minor versions later, or the next major one.
        instead: What to write instead, a sentence without a stop.
    """

    since: str
    until: str
    instead: str

    def __post_init__(self) -> None:
        (major, minor), (last_major, last_minor) = _numbers(self.since), _numbers(self.until)
        if last_major <= major and (last_major, last_minor) < (major, minor + 2):
            raise ValueError(f"{self.until} is too soon: what is deprecated in {self.since} stays two minor versions")


@dataclass(frozen=True, slots=True)
class HookFacts:
    """The facts that every hook declares next to its signature."""

    policy: Policy
    scope: Scope
    since: str
    deprecated: Deprecated | None = None
    deprecated_arguments: Mapping[str, Deprecated] = field(default_factory=lambda: MappingProxyType({}))
    is_provisional: bool = False


_mark_spec = pluggy.HookspecMarker(PROJECT)
_mark_impl = pluggy.HookimplMarker(PROJECT)


def hookspec(
    *,
    policy: Policy,
    scope: Scope,
    since: str,
    deprecated: Deprecated | None = None,
    deprecated_arguments: Mapping[str, Deprecated] = MappingProxyType({}),
    is_provisional: bool = False,
) -> Callable[[_Function], _Function]:
    """Declare a hook of the platform.

    Args:
        policy: How answers and failures are treated.
        scope: For which plugins it is called.
        since: The API version that first had it.
        deprecated: When it goes, if it does.
        deprecated_arguments: Arguments that go, by name.
        is_provisional: Whether it may still change in a minor version, because no plugin of ours has tried it yet.

    Returns:
        A decorator that leaves the function as it is.
    """

    def mark(function: _Function) -> _Function:
        setattr(function, _FACTS, HookFacts(policy, scope, since, deprecated, deprecated_arguments, is_provisional))
        return _mark_spec(function)

    return mark


def hookimpl(function: _Function) -> _Function:
    """Mark a module-level function of a plugin as the implementation of the hook that it is named after.

    An implementation may take fewer arguments than the hook offers. It is an ordinary function: no ``async def``,
    no generator, no default values; such a plugin is refused when it loads, with the reason.
    """
    return _mark_impl(function)


def hook_facts(spec: Callable[..., Any]) -> HookFacts:
    """Read what ``hookspec`` stored on a declaration."""
    return cast("HookFacts", getattr(spec, _FACTS))


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)
