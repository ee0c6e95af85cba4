"""The query language: what is read, how it is written again, and what is refused with its place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.search.parser import MAX_DEPTH, MAX_TERMS, MAX_VALUES, parse
from exact_core.search.syntax import And, Bare, Call, Everything, Node, Not, Op, Or, Term, Word, all_of, any_of
from exact_core.search.tokens import MAX_LENGTH, SearchSyntaxError


def term(name: str, op: str, *values: str) -> Term:
    return Term(name, Op(op), tuple(Word(value) for value in values))


def test_a_query_is_read_as_it_is_meant() -> None:
    found = parse('class:"Mitotic figure" size>50 (author:ann or author:ben) not text~"old, bad" attr.grade:high,low')
    assert found == And(
        (
            Term("class", Op.HAS, (Word("Mitotic figure", is_quoted=True),)),
            term("size", ">", "50"),
            Or((term("author", ":", "ann"), term("author", ":", "ben"))),
            Not(Term("text", Op.CONTAINS, (Word("old, bad", is_quoted=True),))),
            term("attr.grade", ":", "high", "low"),
        )
    )


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", Everything()),
        ("   ", Everything()),
        ("necrosis", Bare(Word("necrosis"))),
        ("a AND b", And((Bare(Word("a")), Bare(Word("b"))))),
        ("a b or c", Or((And((Bare(Word("a")), Bare(Word("b")))), Bare(Word("c"))))),
        ("-a:b", Not(term("a", ":", "b"))),
        ("size:>50", term("size", ">", "50")),
        ("size >= 50µm²", term("size", ">=", "50µm²")),
        ("class:NCBI:txid9606", term("class", ":", "NCBI:txid9606")),
        ("edited<2026-01-01T10:00", term("edited", "<", "2026-01-01T10:00")),
        ("or:x", term("or", ":", "x")),
        ("x:or", term("x", ":", "or")),
        ("near:(1,-2,200um)", Term("near", Op.HAS, (Call("", (Word("1"), Word("-2"), Word("200um"))),))),
        (
            "in:box(0 0, 5 5)",
            Term("in", Op.HAS, (Call("box", (Word("0"), Word("0"), Word("5"), Word("5"))),)),
        ),
        ('text:"say \\"hi\\""', Term("text", Op.HAS, (Word('say "hi"', is_quoted=True),))),
    ],
)
def test_small_queries(text: str, node: Node) -> None:
    assert parse(text) == node


@pytest.mark.parametrize(
    ("text", "column", "why"),
    [
        ("a:", 1, "missing"),
        ("a: )", 1, "missing"),
        ("(a b", 0, "never closed"),
        ("a b)", 3, "no ("),
        ("()", 0, "nothing between"),
        ('a:"b', 2, "never closed"),
        ("or b", 0, "before"),
        ("a or", 4, "at the end"),
        ("a or or b", 5, "before"),
        ("not", 3, "at the end"),
        ("a,b", 1, "no sense"),
        (":x", 0, "no sense"),
        ("a::x", 2, "begin with"),
        ('"a":x', 0, "no quotes"),
        ("in:box(1,2", 3, "never closed"),
        ("in:box(1,(2))", 9, "no sense"),
    ],
)
def test_a_mistake_is_told_with_its_column(text: str, column: int, why: str) -> None:
    with pytest.raises(SearchSyntaxError) as caught:
        parse(text)
    assert caught.value.column == column
    assert why in caught.value.message
    assert caught.value.message.startswith(f"Column {column + 1}: ")


@pytest.mark.parametrize(
    "text",
    [
        "x" * (MAX_LENGTH + 1),
        " ".join(f"a{n}:b" for n in range(MAX_TERMS + 1)),
        "a:" + ",".join("b" for _ in range(MAX_VALUES + 1)),
        "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1),
        "-" * (MAX_DEPTH + 1) + "a",
        "not " * (MAX_DEPTH + 1) + "a",
        "(" * 2_000,
        "a\x00b",
    ],
)
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(SearchSyntaxError):
        parse(text)


_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.]{0,8}", fullmatch=True).filter(
    lambda name: name.casefold() not in ("and", "or", "not")
)
_quoted = st.builds(
    lambda text: Word(text, is_quoted=True), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
)
_plain = st.from_regex(r"[\w.*%µ²+/#@-][\w.:*%µ²+/#@=<>~!-]{0,10}", fullmatch=True).map(Word)
_bare = st.one_of(
    st.from_regex(r"[\w.*%µ][\w.*%µ-]{0,8}", fullmatch=True)
    .filter(lambda text: text.casefold() not in ("and", "or", "not"))
    .map(Word),
    _quoted,
).map(Bare)
_calls = st.builds(
    Call, st.sampled_from(["", "box", "polygon"]), st.lists(st.one_of(_plain, _quoted), max_size=4).map(tuple)
)
_values = st.lists(st.one_of(_plain, _quoted, _calls), min_size=1, max_size=3).map(tuple)
_terms = st.one_of(_bare, st.builds(Term, _names, st.sampled_from(Op), _values))
nodes = st.recursive(
    _terms,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: all_of(*parts)),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: any_of(*parts)),
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(nodes)
def test_what_is_written_is_read_as_the_same_query(node: Node) -> None:
    assert parse(str(node)) == node
    assert str(parse(str(node))) == str(node)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(st.sampled_from("ab:=<>~!\"(),-\\ 'orndt1"), max_size=40)))
def test_no_input_breaks_the_parser(text: str) -> None:
    column = 0
    try:
        node = parse(text)
    except SearchSyntaxError as error:
        column = error.column
    else:
        assert parse(str(node)) == node
    assert 0 <= column <= len(text)
