"""Reading queries: recursive descent over the tokens, bounded in depth and number of terms.

::

    query  = any
    any    = all { "or" all }
    all    = one { ["and"] one }
    one    = ("not" | "-") one | "(" query ")" | term
    term   = field operator value { "," value } | word
    value  = word | "quoted" | [name] "(" word { "," word } ")"
"""

from __future__ import annotations

from exact_core.search.syntax import Bare, Call, Everything, Node, Not, Op, Term, Value, Word, all_of, any_of
from exact_core.search.tokens import Kind, SearchSyntaxError, Token, tokens

MAX_TERMS = 100
MAX_DEPTH = 30
MAX_VALUES = 500

_BEGINS = (Kind.WORD, Kind.QUOTED, Kind.NOT, Kind.OPEN)


def parse(text: str) -> Node:
    """The query that a text says; raises ``SearchSyntaxError`` with the column."""
    return _Parser(list(tokens(text))).query()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._terms = 0
        self._values = 0

    def query(self) -> Node:
        if self._now().kind is Kind.END:
            return Everything()
        node = self._any(0)
        if self._now().kind is Kind.CLOSE:
            raise SearchSyntaxError("there is no ( for this )", self._now().column)
        self._require_end()
        return node

    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._now()
        self._at += 1
        return token

    def _is_word(self, word: str) -> bool:
        """Whether a keyword comes next; a field of that name would have an operator behind it."""
        behind = self._tokens[min(self._at + 1, len(self._tokens) - 1)].kind
        return self._now().kind is Kind.WORD and self._now().text.casefold() == word and behind is not Kind.OPERATOR

    def _require_end(self) -> None:
        token = self._now()
        if token.kind is not Kind.END:
            raise SearchSyntaxError(f"{token.text!r} makes no sense here", token.column, len(token.text))

    def _any(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise SearchSyntaxError(f"parentheses and negations go at most {MAX_DEPTH} deep", self._now().column)
        found = [self._all(depth)]
        while self._is_word("or"):
            self._take()
            found.append(self._all(depth))
        return any_of(*found)

    def _all(self, depth: int) -> Node:
        found = [self._one(depth)]
        while True:
            if self._is_word("and"):
                self._take()
            elif self._now().kind not in _BEGINS or self._is_word("or"):
                return all_of(*found)
            found.append(self._one(depth))

    def _one(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise SearchSyntaxError(f"parentheses and negations go at most {MAX_DEPTH} deep", self._now().column)
        if self._now().kind is Kind.NOT or self._is_word("not"):
            self._take()
            return Not(self._one(depth + 1))
        if self._now().kind is Kind.OPEN:
            opened = self._take()
            if self._now().kind is Kind.CLOSE:
                raise SearchSyntaxError("there is nothing between these parentheses", opened.column, 2)
            node = self._any(depth + 1)
            if self._now().kind is not Kind.CLOSE:
                raise SearchSyntaxError("this ( is never closed", opened.column)
            self._take()
            return node
        return self._term()

    def _term(self) -> Node:
        token = self._now()
        if token.kind not in (Kind.WORD, Kind.QUOTED):
            raise self._unexpected(token)
        if any(self._is_word(word) for word in ("and", "or")):
            raise SearchSyntaxError(f"something must stand before {token.text!r}", token.column, len(token.text))
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise SearchSyntaxError(f"a query has at most {MAX_TERMS} terms", token.column)
        self._take()
        if self._now().kind is not Kind.OPERATOR:
            return Bare(Word(token.text, token.kind is Kind.QUOTED, token.column))
        if token.kind is Kind.QUOTED:
            raise SearchSyntaxError("a field has no quotes", token.column, token.end - token.column, token.text)
        operator = self._take()
        values = [self._value(operator)]
        while self._now().kind is Kind.COMMA:
            values.append(self._value(self._take()))
        self._values += len(values)
        if self._values > MAX_VALUES:
            raise SearchSyntaxError(f"a query has at most {MAX_VALUES:,} values", token.column)
        return Term(token.text, Op(operator.text), tuple(values), token.column)

    def _value(self, before: Token) -> Value:
        token = self._now()
        if token.kind is Kind.OPEN:
            return self._call("", self._take().column)
        if token.kind not in (Kind.WORD, Kind.QUOTED):
            raise SearchSyntaxError("a value is missing", before.column, before.end - before.column)
        self._take()
        is_call = token.kind is Kind.WORD and self._now().kind is Kind.OPEN and self._now().column == token.end
        if is_call:
            self._take()
            return self._call(token.text, token.column)
        return Word(token.text, token.kind is Kind.QUOTED, token.column)

    def _call(self, name: str, column: int) -> Call:
        """The arguments, after the parenthesis was opened; commas and spaces separate them alike."""
        arguments: list[Word] = []
        while self._now().kind is not Kind.CLOSE:
            token = self._take()
            if token.kind is Kind.END:
                raise SearchSyntaxError("this ( is never closed", column, max(len(name), 1))
            if token.kind is Kind.COMMA and arguments:
                continue
            if token.kind not in (Kind.WORD, Kind.QUOTED):
                raise self._unexpected(token)
            arguments.append(Word(token.text, token.kind is Kind.QUOTED, token.column))
        self._take()
        return Call(name, tuple(arguments), column)

    def _unexpected(self, token: Token) -> SearchSyntaxError:
        if token.kind is Kind.END:
            return SearchSyntaxError("something is missing at the end", token.column)
        return SearchSyntaxError(f"{token.text!r} makes no sense here", token.column, len(token.text))
