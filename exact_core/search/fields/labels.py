"""What a shape is called and drawn as: class, label, product, shape."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from exact_core.annotations.scope import COUNTS, ROWS
from exact_core.api.contributions import Shape
from exact_core.search.conditions import Always, Condition, Decided
from exact_core.search.field import EQUAL, TEXTUAL, Asked, Field, FieldKind, Use, word_of, wrong
from exact_core.search.matching import has_wildcard, text_matches
from exact_core.search.syntax import Op, Value, Word


def types_named(asked: Asked, op: Op, word: Word) -> frozenset[int]:
    """The types that a word names, by name, old name or external number."""
    names = asked.names
    if op is not Op.CONTAINS and not has_wildcard(word):
        return frozenset(names.find(word.text))
    fits = (
        each.id
        for each in names.types.values()
        if any(text_matches(name, op, word) for name in (each.name, *each.aliases))
    )
    return frozenset(fits)


def of_types(type_ids: Iterable[int]) -> Condition:
    """Shapes of these types."""
    chosen = sorted(type_ids)
    if not chosen:
        return Always(False)
    return Decided(ROWS.c.type_id.in_(chosen), COUNTS.c.type_id.in_(chosen))


def known_types(asked: Asked, op: Op, value: Value) -> frozenset[int]:
    """The types that a value names; a name that no type has is refused, with the nearest one there is."""
    word = word_of(value, "the name of a class")
    found = types_named(asked, op, word)
    if not found and op is not Op.CONTAINS and not has_wildcard(word):
        raise wrong(value, f"no class is called {word.text!r}", nearest(word.text, asked.names.spellings))
    return found


def nearest(text: str, known: Iterable[str]) -> str:
    """The most similar of known texts, as it would be typed; empty when none is similar."""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(text.casefold(), by_folded, n=1)
    return str(Word(by_folded[close[0]])) if close else ""


def _class(use: Use, op: Op, value: Value) -> Condition:
    found = known_types(use.asked, op, value)
    return of_types(use.asked.names.tree.with_descendants(found))


def _label(use: Use, op: Op, value: Value) -> Condition:
    return of_types(known_types(use.asked, op, value))


def _product(use: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "the name of a product")
    types = use.asked.names.types.values()
    found = [each.id for each in types if text_matches(each.product, op, word)]
    if not found and op is not Op.CONTAINS and not has_wildcard(word):
        raise wrong(
            value, f"this image set uses no product {word.text!r}", nearest(word.text, {each.product for each in types})
        )
    return of_types(found)


def _shape(_: Use, __: Op, value: Value) -> Condition:
    word = word_of(value, "the name of a shape")
    plain = word.text.casefold().replace(" ", "_").replace("-", "_")
    if plain not in set(Shape):
        raise wrong(value, f"no shape is called {word.text!r}", nearest(plain, set(Shape)))
    return Decided(ROWS.c.shape == Shape(plain).number)


def _spellings(asked: Asked) -> list[str]:
    return sorted(asked.names.spellings, key=str.casefold)


def _products(asked: Asked) -> list[str]:
    return sorted({each.product for each in asked.names.types.values()}, key=str.casefold)


_shapes: Callable[[Asked], list[str]] = lambda _: [shape.value for shape in Shape]  # noqa: E731

FIELDS = (
    Field(
        "class", "Class", FieldKind.CLASS, _class, TEXTUAL,
        "The annotation type or any type below it in the label tree; old names and external numbers count too.",
        'class:"Mitotic figure"', _spellings,
    ),
    Field(
        "label", "Label", FieldKind.CLASS, _label, TEXTUAL, "The annotation type itself, without those below it.",
        "label:Butterfly", _spellings,
    ),
    Field(
        "product", "Product", FieldKind.NAME, _product, TEXTUAL, "The product of the type.", "product:Mitoses",
        _products,
    ),
    Field("shape", "Shape", FieldKind.CHOICE, _shape, EQUAL, "How it is drawn.", "shape:polygon", _shapes),
)  # fmt: skip
