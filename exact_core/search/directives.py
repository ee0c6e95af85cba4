"""Terms that do not choose among the annotations but say which ones are searched: deleted ones, or those of then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exact_core.annotations.scope import ReadScope
from exact_core.search.field import Asked, word_of, wrong
from exact_core.search.matching import truth
from exact_core.search.syntax import Value

_LARGEST = 2**31 - 2


@dataclass(frozen=True, slots=True)
class Effect:
    """What a directive does: search the deleted annotations, or change the scope of each image."""

    deleted: bool = False
    step: Callable[[ReadScope], ReadScope] | None = None


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive.

    Attributes:
        name: What people type.
        title: What they read.
        description: What it means.
        example: A term to copy.
        build: What a value does; raises ``SearchSyntaxError`` for one that it cannot read.
    """

    name: str
    title: str
    description: str
    example: str
    build: Callable[[Asked, Value], Effect]


def _deleted(_: Asked, value: Value) -> Effect:
    return Effect(deleted=truth(word_of(value, "yes or no")))


def _revision(_: Asked, value: Value) -> Effect:
    word = word_of(value, "a revision")
    if not word.text.isascii() or not word.text.isdecimal() or int(word.text) > _LARGEST:
        raise wrong(value, "a revision of the image set is a number")
    number = int(word.text)
    return Effect(step=lambda scope: scope.as_of(number))


DIRECTIVES = {
    each.name: each
    for each in (
        Directive("deleted", "Deleted", "With yes: annotations that were deleted.", "deleted:yes", _deleted),
        Directive(
            "revision", "As of a revision", "The annotations as they were at a revision of the image set.",
            "revision:41", _revision,
        ),
    )
}  # fmt: skip
"""By name; ``version`` joins them where versions of data sets are known."""
