"""Networks that model files may name: nothing of a file is looked up as code (ml-spec 0.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from exact_core.api.errors import Conflict, Invalid

Build = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network that files may name.

    Attributes:
        build: Called with the arguments by name; gives the module.
        arguments: Pydantic model of them with ``extra="forbid"``: nothing else is taken from a file.
    """

    build: Build
    arguments: type[BaseModel]


_ARCHITECTURES: dict[str, Architecture] = {}


def register(name: str, build: Build, arguments: type[BaseModel]) -> None:
    """Make a network known by a name; plugins call it when their module is imported.

    Args:
        name: ``<plugin>.<network>``.
        build: Makes the module from the arguments.
        arguments: What is taken from ``model.json``.

    Raises:
        Conflict: Another network has the name.
    """
    before = _ARCHITECTURES.get(name)
    if before is not None and before.build is not build:
        raise Conflict(f"Two networks are called {name!r}; name yours after your plugin.")
    _ARCHITECTURES[name] = Architecture(build, arguments)


def build(name: str, arguments: Mapping[str, Any], known: Mapping[str, Architecture] | None = None) -> Any:
    """Build a network that a file names.

    Args:
        name: Its name.
        arguments: As the file tells them.
        known: Networks by name; those that were registered without it.

    Raises:
        Invalid: The network is not known here, or an argument is not one of its own.
    """
    known = _ARCHITECTURES if known is None else known
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise Invalid(f"The network {name!r} is not known here; known: {there}. Is its plugin installed?")
    try:
        checked = known[name].arguments.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Invalid(f"model.json, argument {place} of {name}: {first['msg']}.") from None
    return known[name].build(**checked.model_dump())
