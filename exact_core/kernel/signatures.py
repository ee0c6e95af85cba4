"""Rules for hook implementations, and the table of hooks; a broken rule is told with plugin, hook and remedy."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any

import pluggy

from exact_core.api import hookspecs
from exact_core.api.markers import PROJECT, Deprecated, HookFacts, hook_facts
from exact_core.kernel.places import place_of_function

PREFIX = f"{PROJECT}_"
_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class RuleBroken(Exception):
    """A plugin does something that the contract does not allow; the message is the reason that people read.

    Attributes:
        place: ``file:line`` to mend, when it is known.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Hook:
    """One declared hook."""

    name: str
    facts: HookFacts
    arguments: tuple[str, ...]
    spec: Callable[..., Any]


@cache
def all_hooks() -> Mapping[str, Hook]:
    """Every declared hook by name, in the order of declaration."""
    found = {
        name: Hook(name, hook_facts(spec), tuple(inspect.signature(spec).parameters), spec)
        for name, spec in vars(hookspecs).items()
        if name.startswith(PREFIX)
    }
    return MappingProxyType(found)


def new_plugin_manager() -> pluggy.PluginManager:
    """A plugin manager that knows every hook."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def check_implementations(plugin: object) -> Sequence[str]:
    """Check every marked function of a plugin; raises ``RuleBroken``.

    Returns:
        Warnings about functions that look like hooks and are not marked, and about what will be taken away.
    """
    warnings: list[str] = []
    members = vars(plugin).items() if isinstance(plugin, ModuleType) else inspect.getmembers(plugin)
    for name, function in sorted(members, key=lambda member: member[0]):
        options = getattr(function, f"{PROJECT}_impl", None)
        if isinstance(options, Mapping):
            try:
                _check_one(name, function, options)
            except RuleBroken as error:
                raise RuleBroken(str(error), place_of_function(function)) from error
            warnings += _deprecations(all_hooks()[name], function)
        elif name.startswith(PREFIX) and _is_of(function, plugin):
            warnings.append(f"{name} is not marked with @hookimpl and is never called")
    return warnings


def _is_of(function: object, plugin: object) -> bool:
    return inspect.isfunction(function) and function.__module__ == getattr(plugin, "__name__", "")


def _check_one(name: str, function: Any, options: Mapping[str, Any]) -> None:
    if options.get("wrapper") or options.get("hookwrapper"):
        raise RuleBroken(f"{name} is a hook wrapper; write an ordinary implementation")
    if options.get("specname"):
        raise RuleBroken(f"{name} uses specname; name the function after its hook")
    hook = all_hooks().get(name)
    if hook is None:
        raise RuleBroken(f"there is no hook {name}{_nearest(name, all_hooks())}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise RuleBroken(f"{name} is an async function; hooks are synchronous, put long work into a job")
    if inspect.isgeneratorfunction(function):
        raise RuleBroken(f"{name} is a generator; return a list")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in _COLLECTING:
            raise RuleBroken(f"{name} takes *{parameter.name}; name the arguments that it needs")
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            raise RuleBroken(f"{name} takes {parameter.name!r} by keyword only; remove the star before it")
        if parameter.default is not inspect.Parameter.empty:
            raise RuleBroken(f"{name} gives {parameter.name!r} a default value; arguments are always given")
        if parameter.name not in hook.arguments:
            offered = ", ".join(hook.arguments) or "nothing"
            nearest = _nearest(parameter.name, hook.arguments)
            raise RuleBroken(f"{name} asks for {parameter.name!r}{nearest}; the hook offers {offered}")


def _deprecations(hook: Hook, function: Any) -> list[str]:
    """What an implementation uses that a later version of the contract does not have."""
    said = [f"{hook.name} {_ending(hook.facts.deprecated)}"] if hook.facts.deprecated else []
    taken = inspect.signature(function).parameters
    for argument, ending in hook.facts.deprecated_arguments.items():
        if argument in taken:
            said.append(f"the argument {argument!r} of {hook.name} {_ending(ending)}")
    return said


def _ending(deprecated: Deprecated) -> str:
    return f"is deprecated since API {deprecated.since} and gone in {deprecated.until}; {deprecated.instead}"


def _nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}" if close else ""
