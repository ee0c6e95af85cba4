"""Plain facts of a shape: its text, frame, numbers, times, and what it has."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, or_

from exact_core.annotations.scope import COUNTS, ROWS
from exact_core.annotations.states import DETAILS
from exact_core.search.conditions import DETAIL, IDENTITY, Condition, Decided
from exact_core.search.field import EQUAL, ORDERED, TEXTUAL, Build, Field, FieldKind, Use, word_of, wrong
from exact_core.search.fields.attributes import has_value
from exact_core.search.fields.people import claimed_author, known_person
from exact_core.search.matching import has_wildcard, matches, quantity, span
from exact_core.search.syntax import Op, Value
from exact_core.storage.models import EVERY_FRAME, Annotation

_LARGEST = 2**53


def _text(_: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "a text")
    if op is Op.HAS and not has_wildcard(word):
        op = Op.CONTAINS  # a remark is looked for by its words
    return Decided(matches(ROWS.c.text, op, word))


def _frame(axis: str) -> Build:
    """Shapes on some planes of an axis; those that belong to every plane are on each."""

    def build(_: Use, op: Op, value: Value) -> Condition:
        word = word_of(value, "a number")
        number = quantity(word)
        if number is None or number.unit:
            raise wrong(value, f"the {axis} of a frame is a number")
        wanted = number.interval(op, exact=True)
        rows, counts = ROWS.c[axis], COUNTS.c[axis]
        every = EVERY_FRAME
        return Decided(or_(rows == every, wanted.holds(rows)), or_(counts == every, wanted.holds(counts)))

    return build


def _id(_: Use, __: Op, value: Value) -> Condition:
    word = word_of(value, "a number")
    if not word.text.isascii() or not word.text.isdecimal() or int(word.text) > _LARGEST:
        raise wrong(value, "the number of an annotation is expected here")
    return Decided(ROWS.c.annotation_id == int(word.text))


def _uuid(_: Use, __: Op, value: Value) -> Condition:
    word = word_of(value, "a UUID")
    try:
        wanted = str(UUID(word.text))
    except ValueError:
        raise wrong(value, "a UUID is expected here") from None
    return Decided(Annotation.uuid == wanted, needs=frozenset({IDENTITY}))


def _edited(use: Use, op: Op, value: Value) -> Condition:
    return Decided(span(word_of(value, "a date"), use.asked.now).compared(ROWS.c.edited_at, op))


def _created(use: Use, op: Op, value: Value) -> Condition:
    wanted = span(word_of(value, "a date"), use.asked.now)
    return Decided(wanted.compared(Annotation.created_at, op), needs=frozenset({IDENTITY}))


_HAS = ("text", "attributes", "author", "claimed")


def _has(use: Use, _: Op, value: Value) -> Condition:
    word = word_of(value, "what it has")
    name = word.text.casefold()
    if name.startswith("attr."):
        return has_value(use.asked, value, name.removeprefix("attr."))
    if name not in _HAS:
        raise wrong(value, f"it has one of: {', '.join(_HAS)}, or attr.name")
    if name == "attributes":  # rows without any have no detail at all
        return Decided(DETAILS.c.annotation_id.is_not(None), needs=frozenset({DETAIL}))
    if name == "author":
        return Decided(known_person(use, ROWS.c.author_id) != 0)
    if name == "claimed":
        return Decided(func.length(claimed_author(use)) > 0, needs=frozenset({IDENTITY}))
    return Decided(ROWS.c.text != "")


FIELDS = (
    Field(
        "text", "Remark", FieldKind.TEXT, _text, TEXTUAL, "Its free text; = compares the whole of it.",
        'text~"necrosis"',
    ),
    Field("created", "Drawn", FieldKind.DATE, _created, ORDERED, "When it was drawn, in UTC.", "created:today"),
    Field(
        "edited", "Changed", FieldKind.DATE, _edited, ORDERED, "When its present state was made, in UTC.",
        "edited>=2026-01-01",
    ),
    Field(
        "has", "Has", FieldKind.CHOICE, _has, EQUAL,
        "Whether there is a text, an author, any attribute, or one of a name.", "has:attributes",
        lambda asked: [*_HAS, *(f"attr.{name}" for name in asked.attributes)],
    ),
    Field("z", "Focal plane", FieldKind.NUMBER, _frame("z"), ORDERED, "From 0; what belongs to all is on each.", "z:2"),
    Field("t", "Time point", FieldKind.NUMBER, _frame("t"), ORDERED, "From 0; what belongs to all is on each.", "t:0"),
    Field("c", "Channel", FieldKind.NUMBER, _frame("c"), ORDERED, "From 0; what belongs to all is in each.", "c:1"),
    Field("id", "Number", FieldKind.NUMBER, _id, EQUAL, "The permanent number of an annotation.", "id:17"),
    Field("uuid", "UUID", FieldKind.TEXT, _uuid, EQUAL, "The name that the drawing client gave it.", ""),
)  # fmt: skip
