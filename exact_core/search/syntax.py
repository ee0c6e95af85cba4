"""Queries as values: what the parser makes, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

KEYWORDS = frozenset({"and", "or", "not"})

_PLAIN_BARE = re.compile(r"(?!-)(?:[^\s\"(),:=<>~!]|!(?![=~]))+")
_PLAIN_VALUE = re.compile(r"(?![:=<>~]|![=~])[^\s\"(),]+")


class Op(StrEnum):
    """How a field is compared."""

    HAS = ":"
    IS = "="
    IS_NOT = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "~"
    CONTAINS_NOT = "!~"

    @property
    def is_negative(self) -> bool:
        """Whether it is the opposite of another comparison."""
        return self in (Op.IS_NOT, Op.CONTAINS_NOT)

    @property
    def positive(self) -> Op:
        """The comparison that a negative one is the opposite of; itself otherwise."""
        return {Op.IS_NOT: Op.IS, Op.CONTAINS_NOT: Op.CONTAINS}.get(self, self)


@dataclass(frozen=True, slots=True)
class Word:
    """A value as it was typed. Only one without quotes can have wildcards, units and special meanings."""

    text: str
    is_quoted: bool = False
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.written(_PLAIN_VALUE)

    def written(self, plain: re.Pattern[str]) -> str:
        """With quotes where it needs or had them."""
        if self.is_quoted or not plain.fullmatch(self.text):
            return '"' + self.text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return self.text


@dataclass(frozen=True, slots=True)
class Call:
    """A value with arguments: ``polygon(0,0,10,0,10,10)``, or without a name ``(x,y,200um)``."""

    name: str
    arguments: tuple[Word, ...]
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name}({','.join(map(str, self.arguments))})"


Value: TypeAlias = Word | Call


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty query."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Bare:
    """A word without a field: looked for in texts and names."""

    word: Word

    def __str__(self) -> str:
        if self.word.text.casefold() in KEYWORDS:
            return Word(self.word.text, is_quoted=True).written(_PLAIN_BARE)
        return self.word.written(_PLAIN_BARE)


@dataclass(frozen=True, slots=True)
class Term:
    """A field compared with one or several values, any of which will do."""

    name: str
    op: Op
    values: tuple[Value, ...]
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name}{self.op}{','.join(map(str, self.values))}"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    child: Node

    def __str__(self) -> str:
        return f"not {_inner(self.child, (Bare, Term, Not))}"


@dataclass(frozen=True, slots=True)
class And:
    """All of at least two; none of them is an ``And`` itself."""

    children: tuple[Node, ...]

    def __str__(self) -> str:
        return " ".join(_inner(child, (Bare, Term, Not)) for child in self.children)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of at least two; none of them is an ``Or`` itself."""

    children: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(_inner(child, (Bare, Term, Not, And)) for child in self.children)


Node: TypeAlias = Everything | Bare | Term | Not | And | Or


def all_of(*nodes: Node) -> Node:
    """The conjunction, flat; of nothing it is everything."""
    parts = [part for node in nodes for part in (node.children if isinstance(node, And) else (node,))]
    parts = [part for part in parts if not isinstance(part, Everything)]
    return And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else Everything()


def any_of(*nodes: Node) -> Node:
    """The disjunction, flat."""
    parts = [part for node in nodes for part in (node.children if isinstance(node, Or) else (node,))]
    return Or(tuple(parts)) if len(parts) > 1 else parts[0]


def terms_of(node: Node) -> Iterator[Term | Bare]:
    """Every comparison of a query, from left to right."""
    if isinstance(node, Term | Bare):
        yield node
    elif isinstance(node, Not):
        yield from terms_of(node.child)
    elif isinstance(node, And | Or):
        for child in node.children:
            yield from terms_of(child)


def _inner(node: Node, bare: tuple[type, ...]) -> str:
    return str(node) if isinstance(node, bare) else f"({node})"
