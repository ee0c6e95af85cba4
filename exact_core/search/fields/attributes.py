"""Attributes of a shape, compared as their definitions say: numbers, choices in their order, dates, texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Double, and_, case, exists, false, func, literal, or_, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB

from exact_core.annotations.states import DETAILS
from exact_core.products.attributes import CHOOSING
from exact_core.search.conditions import DETAIL, Condition, Decided
from exact_core.search.field import ORDERED, TEXTUAL, Asked, Field, FieldKind, Use, known, word_of, wrong
from exact_core.search.fields.labels import nearest
from exact_core.search.matching import matches, normal_unit, quantity, span
from exact_core.search.syntax import Op, Value, Word
from exact_core.search.tokens import SearchSyntaxError

PREFIX = "attr."
_ORDERING = (Op.LESS, Op.AT_MOST, Op.MORE, Op.AT_LEAST)
_TRUE, _FALSE = ("yes", "true"), ("no", "false")
_KINDS = {
    "number": FieldKind.NUMBER,
    "date": FieldKind.DATE,
    "boolean": FieldKind.BOOLEAN,
    "choice": FieldKind.CHOICE,
    "multi_choice": FieldKind.CHOICE,
    "text": FieldKind.TEXT,
}
_JSON_TYPES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "sqlite": {"number": ("integer", "real"), "text": ("text",), "truth": ("true", "false"), "list": ("array",)},
    "postgresql": {"number": ("number",), "text": ("string",), "truth": ("boolean",), "list": ("array",)},
}
Definition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """One attribute inside of the stored JSON, as each database reads it."""

    dialect: str
    name: str

    @property
    def _path(self) -> str:
        return f'$."{self.name}"'

    @property
    def _part(self) -> ColumnElement[Any]:
        """On PostgreSQL: the value as JSON."""
        column: Any = DETAILS.c.attributes
        part: ColumnElement[Any] = column[self.name]
        return part

    @property
    def kind(self) -> ColumnElement[str]:
        """Its JSON type; null when there is no value."""
        if self.dialect == "sqlite":
            return func.json_type(DETAILS.c.attributes, self._path)
        return func.jsonb_typeof(self._part)

    def is_(self, *kinds: str) -> ColumnElement[bool]:
        """Whether it is of one of these: ``number``, ``text``, ``truth``, ``list``."""
        spelled = _JSON_TYPES[self.dialect]
        return self.kind.in_([each for kind in kinds for each in spelled[kind]])

    @property
    def text(self) -> ColumnElement[str]:
        """A text, or the spelling of another value."""
        if self.dialect == "sqlite":
            return func.json_extract(DETAILS.c.attributes, self._path)
        return func.jsonb_extract_path_text(DETAILS.c.attributes, self.name)

    @property
    def number(self) -> ColumnElement[float]:
        """The number; null for everything else, so that nothing else is ever read as one."""
        return case((self.is_("number"), sql_cast(self.text, Double)))

    def is_true(self, wanted: bool) -> ColumnElement[bool]:
        """Whether it is this truth."""
        if self.dialect == "sqlite":
            return self.kind == ("true" if wanted else "false")
        return and_(self.is_("truth"), self.text == ("true" if wanted else "false"))

    def any_of_list(self, op: Op, word: Word) -> ColumnElement[bool]:
        """Whether an entry of a list matches."""
        if self.dialect == "sqlite":
            entries = func.json_each(DETAILS.c.attributes, self._path).table_valued("value", name="entries")
        else:
            empty = sql_cast(literal("[]"), JSONB)
            listed = case((self.is_("list"), self._part), else_=empty)
            entries = func.jsonb_array_elements_text(listed).table_valued("value", name="entries")
        found = exists(select(1).select_from(entries).where(matches(entries.c.value, op, word)))
        return and_(self.is_("list"), found)


def has_value(asked: Asked, value: Value, name: str) -> Condition:
    """Whether a shape has a value of an attribute."""
    stored = _stored(asked, _definitions(asked, name, value.column))
    return Decided(or_(*(known(each.kind.is_not(None), nullable=False) for each in stored)), needs=frozenset({DETAIL}))


def field_of(asked: Asked, name: str, column: int) -> Field:
    """The field ``attr.name``; refused when no type of the image set has that attribute."""
    definitions = _definitions(asked, name, column)
    kinds = {each["kind"] for each in definitions}

    def build(use: Use, op: Op, value: Value) -> Condition:
        return _compared(use, definitions, op, value)

    first = definitions[0]
    shown = first.get("title") or first["name"]
    unit = f" ({first['unit']})" if first.get("unit") else ""
    choices = [choice for each in definitions for choice in each.get("choices") or ()]
    offered = list(dict.fromkeys(choices)) or (["yes", "no"] if kinds == {"boolean"} else [])
    kind = _KINDS[first["kind"]]
    return Field(
        f"{PREFIX}{first['name']}", f"{shown}{unit}", kind, build, TEXTUAL | ORDERED, first.get("description", ""),
        f"{PREFIX}{first['name']}:{Word(offered[0]) if offered else '…'}", lambda _: offered,
    )  # fmt: skip


def fields(asked: Asked) -> list[Field]:
    """A field for each attribute of the image set."""
    return [field_of(asked, name, 0) for name in asked.attributes]


def _definitions(asked: Asked, name: str, column: int) -> Sequence[Definition]:
    found = asked.attributes.get(name.casefold())
    if found:
        return found
    names = [definitions[0]["name"] for definitions in asked.attributes.values()]
    suggestion = nearest(name, names)
    listed = f"; there are: {', '.join(names[:20])}" if names and not suggestion else ""
    raise SearchSyntaxError(
        f"no class has an attribute {name!r}{listed}", column, len(PREFIX) + len(name),
        f"{PREFIX}{suggestion}" if suggestion else "",
    )  # fmt: skip


def _stored(asked: Asked, definitions: Sequence[Definition]) -> list[Stored]:
    """The attribute under each spelling that types have of its name."""
    return [Stored(asked.dialect, name) for name in dict.fromkeys(each["name"] for each in definitions)]


def _compared(use: Use, definitions: Sequence[Definition], op: Op, value: Value) -> Condition:
    word = word_of(value, "a value")
    parts: list[ColumnElement[bool]] = []
    reasons: list[str] = []
    for definition in definitions:
        stored = Stored(use.asked.dialect, definition["name"])
        try:
            parts.append(_one(use, stored, definition, op, word))
        except SearchSyntaxError as error:
            reasons.append(str(error.details["reason"]))
    if not parts:
        raise wrong(value, reasons[0])
    return Decided(func.coalesce(or_(*parts), false()), needs=frozenset({DETAIL}))


def _one(use: Use, stored: Stored, definition: Definition, op: Op, word: Word) -> ColumnElement[bool]:
    """The comparison as one definition of the attribute means it."""
    kind = definition["kind"]
    if kind == "number" and op is not Op.CONTAINS:
        number = quantity(word)
        unit = normal_unit(definition.get("unit") or "")
        if number is None:
            raise wrong(word, f"{definition['name']} is a number")
        if number.unit and number.unit != unit:
            told = f"in {definition['unit']}" if unit else "without a unit"
            raise wrong(word, f"{definition['name']} is a number {told}")
        condition: ColumnElement[bool] = number.interval(op, exact=True).holds(stored.number)
        return condition
    if kind == "date" and op is not Op.CONTAINS:
        wanted = span(word, use.asked.now)
        days = type(wanted)(wanted.start, wanted.end)
        return and_(stored.is_("text"), _iso(days, stored.text, op))
    if kind == "boolean":
        return _truth(stored, definition, op, word)
    if op in _ORDERING:
        return _ranked(stored, definition, op, word)
    if kind == "multi_choice":
        return stored.any_of_list(op, word)
    return and_(stored.is_("text"), matches(stored.text, op, word))


def _iso(wanted: Any, column: ColumnElement[str], op: Op) -> ColumnElement[bool]:
    """Stored dates are ISO texts, which are in the order of time."""
    start, end = wanted.start.date().isoformat(), wanted.end.date().isoformat()
    return cast("ColumnElement[bool]", type(wanted)(start, end).compared(column, op))


def _truth(stored: Stored, definition: Definition, op: Op, word: Word) -> ColumnElement[bool]:
    folded = word.text.casefold()
    if op in (Op.HAS, Op.IS) and folded in (*_TRUE, *_FALSE):
        return stored.is_true(folded in _TRUE)
    raise wrong(word, f"{definition['name']} is yes or no")


def _ranked(stored: Stored, definition: Definition, op: Op, word: Word) -> ColumnElement[bool]:
    """Choices have the order in which they are listed: ``attr.grade>low``."""
    choices = list(definition.get("choices") or ()) if definition["kind"] in CHOOSING else []
    folded = [choice.casefold() for choice in choices]
    if word.text.casefold() not in folded:
        raise wrong(word, f"{definition['name']} has no order in which {word.text!r} stands")
    place = folded.index(word.text.casefold())
    allowed = {
        Op.LESS: choices[:place],
        Op.AT_MOST: choices[: place + 1],
        Op.MORE: choices[place + 1 :],
        Op.AT_LEAST: choices[place:],
    }[op]
    if definition["kind"] == "choice":
        return and_(stored.is_("text"), stored.text.in_(allowed))
    return or_(false(), *(stored.any_of_list(Op.IS, Word(choice, is_quoted=True)) for choice in allowed))
