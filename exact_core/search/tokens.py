"""The words of a query, each with its place, and the refusal that says where something is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from exact_core.api.errors import Invalid

MAX_LENGTH = 4_000


class SearchSyntaxError(Invalid):
    """A query that means nothing: where, why, and what was probably meant."""

    code = "search-syntax"

    def __init__(self, message: str, column: int, length: int = 1, suggestion: str = "") -> None:
        hint = f" Did you mean {suggestion}?" if suggestion else ""
        super().__init__(f"Column {column + 1}: {message}{hint}")
        self.details = {"column": column, "length": max(length, 1), "reason": message, "suggestion": suggestion}
        self.column = column
        self.suggestion = suggestion


class Kind(Enum):
    """What a token is."""

    WORD = auto()  # typed without quotes
    QUOTED = auto()
    OPERATOR = auto()
    NOT = auto()  # the minus before a term
    OPEN = auto()
    CLOSE = auto()
    COMMA = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``column`` and ``end`` count characters of the query from 0."""

    kind: Kind
    text: str
    column: int
    end: int


_OPERATOR = re.compile(r":?(?:!=|!~|>=|<=|[=<>~])|:")  # size:>50 is size>50
_BARE = re.compile(r"(?:[^\s\"(),:=<>~!]|!(?![=~]))+")
_VALUE = re.compile(r"[^\s\"(),]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SIGNS = {"(": Kind.OPEN, ")": Kind.CLOSE, ",": Kind.COMMA}


def tokens(text: str) -> Iterator[Token]:
    """Cut a query into tokens; the last one says where it ends.

    A value, which comes after an operator, a comma or inside of a call, may hold the signs of operators itself:
    ``class:NCBI:txid9606``, ``edited>=2026-01-01T10:00``.
    """
    if len(text) > MAX_LENGTH:
        raise SearchSyntaxError(f"a query has at most {MAX_LENGTH:,} characters", MAX_LENGTH)
    if "\x00" in text:
        raise SearchSyntaxError("a query cannot hold a NUL character", text.index("\x00"))
    at = 0
    wants_value = False
    value_end = -1  # where the last value without quotes ended: a parenthesis there makes it a call
    calls: list[bool] = []  # of each open parenthesis, whether it holds the arguments of a call
    while at < len(text):
        sign = text[at]
        if sign.isspace():
            at += 1
            continue
        kind = _SIGNS.get(sign)
        token = _one(text, at, wants_value) if kind is None else Token(kind, sign, at, at + 1)
        yield token
        if kind is Kind.OPEN:
            calls.append(wants_value or value_end == at)
        elif kind is Kind.CLOSE and calls:
            calls.pop()
        elif token.kind is Kind.WORD and wants_value:
            value_end = token.end
        in_call = bool(calls and calls[-1])
        wants_value = token.kind in (Kind.OPERATOR, Kind.COMMA) or in_call
        at = token.end
    yield Token(Kind.END, "", len(text), len(text))


def _one(text: str, at: int, wants_value: bool) -> Token:
    """The token at a place that is neither a space nor a parenthesis nor a comma."""
    if text[at] == '"':
        found = _QUOTED.match(text, at)
        if found is None:
            raise SearchSyntaxError("this quote is never closed", at, len(text) - at)
        return Token(Kind.QUOTED, re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), at, found.end())
    operator = _OPERATOR.match(text, at)
    if operator is not None:
        if wants_value:
            raise SearchSyntaxError(f"a value cannot begin with {operator[0]}; put it in quotes", at, len(operator[0]))
        return Token(Kind.OPERATOR, operator[0].removeprefix(":") or ":", at, operator.end())
    if text[at] == "-" and not wants_value:
        return Token(Kind.NOT, "-", at, at + 1)
    found = (_VALUE if wants_value else _BARE).match(text, at)
    assert found is not None, text[at:]
    return Token(Kind.WORD, found[0], at, found.end())
