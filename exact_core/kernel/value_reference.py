"""The reference of what ``exact_core.api`` offers: values, enumerations and what a plugin is handed, by subject."""

from __future__ import annotations

import dataclasses
import inspect
import re
from enum import Enum

import exact_core.api as api

_HEAD = """
# Values

What hooks give and take, all from `exact_core.api`. A field with `=` may be left out. What routes ask for is in
`exact_core.api.deps` (`ImageSetAccess`, `ImageInSet`, `Annotations`, `DbSession`, `Transaction`, `Thumbnails`,
`PluginSettings`, `Plugin`, `CurrentActor`), the base of a plugin's tables and the core's tables in
`exact_core.api.tables`.
"""
_LEFT_OUT = frozenset({"Policy", "Scope"})  # facts of hooks, explained above
_PARTS = ("Args:", "Attributes:", "Returns:", "Raises:")


def value_reference() -> str:
    """The part of the page, as Markdown."""
    named = [(name, getattr(api, name)) for name in sorted(api.__all__) if name not in _LEFT_OUT]
    classes = [(name, value) for name, value in named if isinstance(value, type) and _is_ours(value)]
    errors = [(name, value) for name, value in classes if issubclass(value, api.ExactError)]
    values = [(name, value) for name, value in classes if not issubclass(value, api.ExactError)]
    rows = "".join(f"| `{name}` | {value.status} | {_first_sentence(value)} |\n" for name, value in errors)
    table = (
        f"\n## Errors\n\nRaised by plugins and by what they call.\n\n| error | answer | means |\n|---|---|---|\n{rows}"
    )
    return _HEAD + "".join(_section(name, value) for name, value in values) + table


def _is_ours(value: type) -> bool:
    return value.__module__.startswith(api.__name__)


def _section(name: str, value: type) -> str:
    if issubclass(value, Enum):
        members = ", ".join(f"`{member.name}`" for member in value)
        return f"\n## {name}\n\n{_summary(value)}\n\n{members}\n"
    if dataclasses.is_dataclass(value):
        fields = ", ".join(_field(each) for each in dataclasses.fields(value))
        return f"\n## {name}\n\n```python\n{name}({fields})\n```\n\n{_summary(value)}\n{_listed(value)}"
    methods = [(each, found) for each, found in vars(value).items() if not each.startswith("_")]
    return f"\n## {name}\n\n{_summary(value)}\n\n" + "".join(_method(each, found) for each, found in methods)


def _field(each: dataclasses.Field[object]) -> str:
    needed = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    return each.name if needed else f"{each.name}="


def _method(name: str, found: object) -> str:
    target = found.fget if isinstance(found, property) else found
    if not inspect.isfunction(target):
        return ""
    given = list(inspect.signature(target).parameters.values())[1:]
    arguments = ", ".join(each.name if each.default is each.empty else f"{each.name}=" for each in given)
    called = name if isinstance(found, property) else f"{name}({arguments})"
    return f"- `{called}`: {_first_sentence(target)}\n"


def _paragraphs(value: object) -> list[str]:
    return (inspect.getdoc(value) or "").replace("``", "`").split("\n\n")


def _first_sentence(value: object) -> str:
    return _paragraphs(value)[0].replace("\n", " ")


def _summary(value: object) -> str:
    """The text before the list of fields; an indented example becomes a block of code."""
    texts = [each for each in _paragraphs(value) if not each.startswith(_PARTS)]
    return "\n\n".join(each if each.startswith("    ") else each.replace("\n", " ") for each in texts)


def _listed(value: object) -> str:
    """What each field means."""
    block = next((each for each in _paragraphs(value) if each.startswith("Attributes:")), "")
    if not block:
        return ""
    lines = inspect.cleandoc(block.partition("\n")[2]).splitlines()
    joined = re.sub(r"\n +", " ", "\n".join(lines))
    return "\n" + "".join(
        f"- `{name}`: {text}\n" for name, _, text in (line.partition(": ") for line in joined.split("\n"))
    )
