"""The small language of users' own export templates: Jinja's look, nothing of its reach.

A template is text of a stranger that runs on the server. Jinja's sandbox keeps it from Python's objects; besides, only
a few kinds of expressions are let through, nothing can be called but listed filters, nothing can be remembered, so that
no text can double itself, and every step of a loop is counted.
"""

from __future__ import annotations

import json
import math
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from exact_core.api.errors import Invalid
from exact_core.exchange.formats.csv_table import guarded
from exact_core.exchange.numbers import spelled

Escape = Literal["none", "json", "csv", "xml"]

MOST_CHARACTERS = 16 * 1024 * 1024
"""Of what one annotation, header or footer may become."""

_MOST_OF_FILTER = 1024 * 1024
_MOST_DEPTH = 60
_MOST_LOOPS = 5
_LOOK_EVERY = 2_048
_NAMES = ("annotation", "image", "set", "types", "number", "loop")
_TOLD_FAILURES = (
    TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError,
)  # fmt: skip
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Concat,
    nodes.For, nodes.List, nodes.Tuple,
)  # fmt: skip
_TESTS = frozenset({"defined", "undefined", "none", "number", "string", "odd", "even", "eq", "ne", "lt", "gt", "in"})
_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class TemplateFailure(Invalid):
    """A template that is wrong, or that does not work with some annotation.

    Attributes:
        part: Which of its texts: ``body``, ``header``.
        line: Where in it; None when that is not known.
        reason: What is wrong.
    """

    def __init__(self, part: str, line: int | None, reason: str) -> None:
        place = f"{part.replace('_', ' ')}, line {line}" if line else part.replace("_", " ")
        super().__init__(f"The template's {place}: {reason}")
        self.part = part
        self.line = line
        self.reason = reason


class Exhausted(ValueError):
    """A template takes too long or writes too much."""


@dataclass(slots=True)
class Budget:
    """What a template may use: seconds of time for each text, and for all of them together."""

    each: float = 2.0
    whole: float = 3600.0
    _ends: float = math.inf
    _whole_ends: float = math.inf
    _steps: int = 0

    def __post_init__(self) -> None:
        self._whole_ends = time.monotonic() + self.whole

    def begin(self) -> None:
        """Another annotation, header or footer begins."""
        self._ends = min(time.monotonic() + self.each, self._whole_ends)

    def step(self) -> None:
        """One step of a loop."""
        self._steps += 1
        if self._steps % _LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """Raise when the time is over."""
        if time.monotonic() > self._ends:
            raise Exhausted(f"it takes more than {self.each:g} seconds for one annotation; simplify its loops")


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a template, ready to be filled in."""

    name: str
    template: Template
    budget: Budget

    def filled(self, values: Mapping[str, Any]) -> str:
        """The text for some values.

        Raises:
            TemplateFailure: It does not work with these values, takes too long or becomes too long.
        """
        budget, found, length = self.budget, [], 0
        budget.begin()
        try:
            for piece in self.template.generate(values):
                length += len(piece)
                if length > MOST_CHARACTERS:
                    raise Exhausted(f"it writes more than {MOST_CHARACTERS // 1_000_000} MB for one annotation")
                found.append(piece)
                budget.step()
            budget.look()
        except _TOLD_FAILURES as error:
            raise TemplateFailure(self.name, _line_of(error), _words(error)) from None
        return "".join(found)


class Language:
    """Makes parts of texts, which all write in one way and share what they may use."""

    def __init__(self, escape: Escape = "none", budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._environment = _Environment(escape, self.budget)

    def part(self, name: str, text: str) -> Part:
        """A text, checked.

        Raises:
            TemplateFailure: With the line of what is wrong.
        """
        environment = self._environment
        try:
            tree = environment.parse(text)
            _Checker(name).check(tree)
            code = environment.compile(tree)
            template = Template.from_code(environment, code, environment.make_globals(None), None)
        except TemplateSyntaxError as error:
            raise TemplateFailure(name, error.lineno, error.message or "it is no template") from None
        except (RecursionError, MemoryError, SyntaxError, OverflowError):
            raise TemplateFailure(name, None, "it is nested too deeply") from None
        return Part(name, template, self.budget)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja with numbers as the only operands, and a few filters."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self, escape: Escape, budget: Budget) -> None:
        super().__init__(
            undefined=StrictUndefined, finalize=_FINALIZERS[escape], autoescape=False, keep_trailing_newline=True,
            cache_size=0, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self.globals.clear()
        self.filters = {**_FILTERS, "counted": _counter(budget)}
        self.tests = {name: test for name, test in self.tests.items() if name in _TESTS}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Only numbers are calculated with: texts could grow without bounds."""
        for value in (left, right):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{operator} needs two numbers; join texts with ~")
        return super().call_binop(context, operator, left, right)


class _Checker:
    """Lets only the small language through, and has loops counted."""

    def __init__(self, part: str) -> None:
        self._part = part

    def check(self, tree: nodes.Template) -> None:
        """Refuse everything else, with its line."""
        self._look_at(tree, 0, 0, frozenset(_NAMES))

    def _look_at(self, node: nodes.Node, depth: int, loops: int, names: frozenset[str]) -> None:
        if not isinstance(node, _ALLOWED):
            raise self._refused(node, f"{_spoken(node)} cannot be used in templates")
        if depth > _MOST_DEPTH:
            raise self._refused(node, "it is nested too deeply")
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in names:
            known = ", ".join(sorted(names - {"loop"}))
            raise self._refused(node, f"there is no {node.name!r}; there are {known}")
        if isinstance(node, nodes.Filter):
            self._check_filter(node)
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            raise self._refused(node, f"there is no test {node.name!r}")
        if isinstance(node, nodes.Getattr | nodes.Getitem) and _is_private(node):
            raise self._refused(node, "names that begin with _ cannot be used")
        if isinstance(node, nodes.For):
            names = names | self._loop_names(node, loops)
            loops += 1
            self._look_at(node.iter, depth + 1, loops, names)
            node.iter = nodes.Filter(node.iter, "counted", [], [], None, None, lineno=node.lineno)
            children: Iterable[nodes.Node] = [*([node.test] if node.test else []), *node.body, *node.else_]
        else:
            children = node.iter_child_nodes()
        for child in children:
            self._look_at(child, depth + 1, loops, names)

    def _loop_names(self, node: nodes.For, loops: int) -> frozenset[str]:
        if node.recursive or loops >= _MOST_LOOPS:
            raise self._refused(node, "loops cannot call themselves, and at most 5 can stand in each other")
        targets = [node.target] if isinstance(node.target, nodes.Name) else list(node.target.iter_child_nodes())
        found = {each.name for each in targets if isinstance(each, nodes.Name)}
        if found & set(_NAMES) or any(name.startswith("_") for name in found):
            raise self._refused(node, "choose another name for what the loop goes over")
        return frozenset(found)

    def _check_filter(self, node: nodes.Filter) -> None:
        if node.name not in _FILTERS:
            raise self._refused(node, f"there is no filter {node.name!r}; there are {', '.join(sorted(_FILTERS))}")
        if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None or node.node is None:
            raise self._refused(node, "filters take plain arguments only")

    def _refused(self, node: nodes.Node, reason: str) -> TemplateFailure:
        return TemplateFailure(self._part, node.lineno, reason)


def _is_private(node: nodes.Getattr | nodes.Getitem) -> bool:
    name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", "")
    return isinstance(name, str) and name.startswith("_")


_SPOKEN: Mapping[type[nodes.Node], str] = {
    nodes.Call: "calling something with ( )",
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Pow: "**",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Macro: "macro",
    nodes.Block: "block",
    nodes.Slice: "slices",
}


def _spoken(node: nodes.Node) -> str:
    return _SPOKEN.get(type(node), type(node).__name__.lower())


def _counter(budget: Budget) -> Callable[[Any], Iterator[Any]]:
    def counted(values: Any) -> Iterator[Any]:
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError("a loop goes over points, rings, types or names of attributes, not over a single value")
        for value in values:
            budget.step()
            yield value

    return counted


class Raw(str):
    """A text that is written as it is."""

    __slots__ = ()


def _plain(value: Any) -> str:
    if isinstance(value, StrictUndefined):
        str(value)  # raises, and says what is missing
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return spelled(value) if math.isfinite(value) else ""
    if isinstance(value, str | int):
        return str(value)
    raise TypeError("write single values, or use the filter json")


def _as_json(value: Any) -> str:
    return value if isinstance(value, Raw) else _json(value)


def _json(value: Any) -> Raw:
    if isinstance(value, StrictUndefined):
        str(value)
    return Raw(json.dumps(value, ensure_ascii=False, sort_keys=False, default=_default))


def _default(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError("it cannot be written as JSON")


def _csv(value: Any) -> Raw:
    text = guarded(_plain(value)) if isinstance(value, str) else _plain(value)
    return Raw('"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',;"\t\r\n') else text)


def _xml(value: Any) -> Raw:
    text = _NO_XML.sub("\ufffd", _plain(value))
    return Raw("".join(_XML.get(letter, letter) for letter in text) if any(mark in text for mark in _XML) else text)


_FINALIZERS: Mapping[Escape, Callable[[Any], str]] = {
    "none": _plain,
    "json": _as_json,
    "csv": lambda value: value if isinstance(value, Raw) else _csv(value),
    "xml": lambda value: value if isinstance(value, Raw) else _xml(value),
}


def _limited(text: str) -> str:
    if len(text) > _MOST_OF_FILTER:
        raise Exhausted("a filter writes more than 1 MB")
    return text


def _replace(value: Any, old: str, new: str) -> str:
    text, old, new = _plain(value), str(old), str(new)
    if not old:
        raise ValueError("replace needs a text to look for")
    if len(text) + text.count(old) * len(new) > _MOST_OF_FILTER:
        raise Exhausted("replace writes more than 1 MB")
    return text.replace(old, new)


def _join(values: Any, between: str = "") -> str:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError("join needs several values")
    parts = [_plain(value) for value in values]
    if sum(map(len, parts)) + len(parts) * len(str(between)) > _MOST_OF_FILTER:
        raise Exhausted("join writes more than 1 MB")
    return str(between).join(parts)


def _fixed(value: Any, digits: int = 2) -> Raw:
    return Raw(f"{_number(value):.{min(max(int(digits), 0), 15)}f}")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("this needs a number")
    return float(value)


def _round(value: Any, digits: int = 0) -> int | float:
    rounded = round(_number(value), min(max(int(digits), 0), 15))
    return rounded if digits else int(rounded)


def _default_value(value: Any, other: Any = "") -> Any:
    return other if isinstance(value, StrictUndefined) or value is None else value


def _first(values: Any) -> Any:
    return next(iter(values), "")


def _last(values: Any) -> Any:
    return values[-1] if len(values) else ""


_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(_number(value)),
    "csv": _csv,
    "default": _default_value,
    "first": _first,
    "fixed": _fixed,
    "int": lambda value: math.floor(_number(value)),
    "join": _join,
    "json": _json,
    "last": _last,
    "length": len,
    "lower": lambda value: _limited(_plain(value).lower()),
    "raw": lambda value: Raw(_plain(value)),
    "replace": _replace,
    "round": _round,
    "trim": lambda value: _plain(value).strip(),
    "upper": lambda value: _limited(_plain(value).upper()),
    "xml": _xml,
}
"""What a value can be put through: ``{{ annotation.text | upper }}``."""


def _line_of(error: BaseException) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    if lines:
        return lines[-1]
    return getattr(error, "lineno", None)


def _words(error: BaseException) -> str:
    if isinstance(error, UndefinedError):
        text = str(error.message or error)
        found = re.search(r"has no attribute '([^']{1,60})'", text)
        return f"there is no {found[1]!r} here; use | default for what not every annotation has" if found else text
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    return (str(error) or type(error).__name__)[:300]
