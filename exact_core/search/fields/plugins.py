"""Fields of plugins: what they gave in the hook ``exact_search_fields``, in image sets where they are on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, false, func
from sqlalchemy import cast as sql_cast
from sqlalchemy.sql.roles import ExpressionElementRole

from exact_core.annotations.scope import ROWS
from exact_core.api.contributions import SearchField, SearchKind, SearchRow
from exact_core.api.errors import ExactError
from exact_core.api.images import ImageInfo
from exact_core.kernel.dispatch import blamed_on
from exact_core.search.conditions import Always, Condition, Decided
from exact_core.search.field import ORDERED, TEXTUAL, Asked, Build, Field, FieldKind, Use, unknown_yet, word_of, wrong
from exact_core.search.matching import Interval, matches, quantity, span, text_matches, truth
from exact_core.search.syntax import Op, Value, Word
from exact_core.storage.models import Image

HOOK = "exact_search_fields"
_OPERATORS = {
    SearchKind.TEXT: TEXTUAL,
    SearchKind.NUMBER: ORDERED,
    SearchKind.DATE: ORDERED,
    SearchKind.BOOLEAN: frozenset({Op.HAS, Op.IS, Op.IS_NOT}),
}
_KINDS = {
    SearchKind.TEXT: FieldKind.TEXT,
    SearchKind.NUMBER: FieldKind.NUMBER,
    SearchKind.DATE: FieldKind.DATE,
    SearchKind.BOOLEAN: FieldKind.BOOLEAN,
}

_VALUES: dict[SearchKind, type | tuple[type, ...]] = {
    SearchKind.TEXT: str,
    SearchKind.NUMBER: (int, float),
    SearchKind.DATE: datetime,
    SearchKind.BOOLEAN: bool,
}


def fields(asked: Asked) -> list[Field]:
    """The fields of the plugins that are on in the image set."""
    kernel = asked.services.kernel
    enabled = kernel.activation.enabled(asked.image_set_id)
    return [_field(plugin, each) for plugin, each in kernel.index.search_fields() if plugin in enabled]


def _field(plugin: str, given: SearchField) -> Field:
    return Field(
        given.name,
        given.title or given.name,
        _KINDS[given.kind],
        _build(plugin, given),
        _OPERATORS[given.kind],
        given.description,
        values=lambda _: ["yes", "no"] if given.kind is SearchKind.BOOLEAN else list(given.values),
        plugin=plugin,
    )


def _build(plugin: str, given: SearchField) -> Build:
    def build(use: Use, op: Op, value: Value) -> Condition:
        if given.image_value is not None:
            return _of_image(use, plugin, given, op, value)
        expression = _expression(use.asked, plugin, given)
        return Decided(func.coalesce(_compared(use, given, expression, op, value), false()))

    return build


def _expression(asked: Asked, plugin: str, given: SearchField) -> ColumnElement[Any]:
    """What the plugin gives for a row; its mistakes are recorded against it."""
    row = SearchRow(ROWS.c.annotation_id, ROWS.c.image_id, ROWS.c.type_id, ROWS.c.author_id)
    kernel = asked.services.kernel
    faults, settings = kernel.faults, kernel.activation.of(asked.image_set_id).settings.get(plugin)
    with blamed_on(faults, plugin, HOOK, asked.image_set_id, passes=(ExactError,)):
        assert given.expression is not None
        made = given.expression(row, settings)
        if not isinstance(made, ExpressionElementRole):
            raise TypeError(f"the expression of {given.name!r} gave {type(made).__name__}, not SQL")
        return made


def _of_image(use: Use, plugin: str, given: SearchField, op: Op, value: Value) -> Condition:
    """The same for all annotations of an image; nothing is known while there is none."""
    test = _test(use.asked, given, op, value)
    if use.image is None:
        return unknown_yet()
    found = _image_value(use.asked, plugin, given, use.image.id)
    return Always(found is not None and test(found))


def _image_value(asked: Asked, plugin: str, given: SearchField, image_id: int) -> Any:
    """What the plugin says of an image, asked once per request; its mistakes are recorded against it."""
    key = (HOOK, given.name, image_id)
    if key not in asked.kept:
        kernel = asked.services.kernel
        settings = kernel.activation.of(asked.image_set_id).settings.get(plugin)
        reader = asked.services.annotation_reader(asked.session, asked.actor)
        with blamed_on(kernel.faults, plugin, HOOK, asked.image_set_id, passes=(ExactError,)):
            assert given.image_value is not None
            found = given.image_value(reader, ImageInfo.of(asked.session.get_one(Image, image_id)), settings)
            if found is not None and not isinstance(found, _VALUES[given.kind]):
                raise TypeError(f"the value of {given.name!r} is {type(found).__name__}, not of kind {given.kind}")
        asked.kept[key] = found
    return asked.kept[key]


def _test(asked: Asked, given: SearchField, op: Op, value: Value) -> Callable[[Any], bool]:
    """How a value at hand is compared."""
    word = word_of(value, "a value")
    if given.kind is SearchKind.TEXT:
        return lambda found: text_matches(found, op, word)
    if given.kind is SearchKind.DATE:
        meant = span(word, asked.now)
        return lambda found: meant.holds(found, op)
    if given.kind is SearchKind.BOOLEAN:
        wanted = truth(word)
        return lambda found: bool(found) is wanted
    interval = _interval(given, op, value, word)
    return lambda found: bool(interval.holds(found))


def _interval(given: SearchField, op: Op, value: Value, word: Word) -> Interval:
    number = quantity(word)
    if number is None or number.unit:
        raise wrong(value, f"{given.name} is a number")
    return number.interval(op, exact=True)


def _compared(
    use: Use, given: SearchField, expression: ColumnElement[Any], op: Op, value: Value
) -> ColumnElement[bool]:
    word = word_of(value, "a value")
    if given.kind is SearchKind.TEXT:
        return matches(expression, op, word)
    if given.kind is SearchKind.DATE:
        timed: ColumnElement[bool] = span(word, use.asked.now).compared(expression, op)
        return timed
    if given.kind is SearchKind.BOOLEAN:
        return expression if truth(word) else and_(expression.is_(None) | ~expression)
    condition: ColumnElement[bool] = _interval(given, op, value, word).holds(sql_cast(expression, Double))
    return condition
