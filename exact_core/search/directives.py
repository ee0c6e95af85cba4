"""Terms that do not choose among the annotations but say which ones are searched: deleted ones, or those of then.

What is shown of the past follows the rights of now: a version shows readers of a blind set their own work only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from exact_core.annotations.scope import ReadScope
from exact_core.annotations.sharing import NOTHING
from exact_core.search.field import Asked, word_of, wrong
from exact_core.search.fields.labels import nearest
from exact_core.search.matching import truth
from exact_core.search.syntax import Value
from exact_core.storage.models import Version

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
        values: Values to offer.
    """

    name: str
    title: str
    description: str
    example: str
    build: Callable[[Asked, Value], Effect]
    values: Callable[[Asked], Sequence[str]] = lambda _: ()


def _deleted(_: Asked, value: Value) -> Effect:
    return Effect(deleted=truth(word_of(value, "yes or no")))


def _revision(_: Asked, value: Value) -> Effect:
    word = word_of(value, "a revision")
    if not word.text.isascii() or not word.text.isdecimal() or int(word.text) > _LARGEST:
        raise wrong(value, "a revision of the image set is a number")
    number = int(word.text)
    return Effect(step=lambda scope: scope.as_of(number))


def _version(asked: Asked, value: Value) -> Effect:
    word = word_of(value, "the name of a version")
    versions = _versions(asked)
    named = {name.casefold(): revision for name, revision in versions.items()}
    revision = named.get(word.text.casefold())
    if revision is None:
        raise wrong(value, f"this image set has no version called {word.text!r}", nearest(word.text, versions))
    found = revision
    sees_all = asked.can(asked.actor, "see_all", asked.image_set_id)
    only_author = None if sees_all else asked.actor.user_id
    return Effect(step=lambda scope: replace(scope, only_author=only_author, shared=NOTHING).as_of(found))


def _versions(asked: Asked) -> dict[str, int]:
    """The revision of each version of the image set, the newest first."""
    there = (Version.image_set_id == asked.image_set_id, Version.deleted_at.is_(None))
    found = select(Version.name, Version.revision).where(*there).order_by(Version.id.desc())
    return dict(asked.session.execute(found).all())


DIRECTIVES = {
    each.name: each
    for each in (
        Directive(
            "deleted", "Deleted", "With yes: annotations that were deleted.", "deleted:yes", _deleted,
            lambda _: ["yes", "no"],
        ),
        Directive(
            "revision", "As of a revision", "The annotations as they were at a revision of the image set.",
            "revision:41", _revision,
        ),
        Directive(
            "version", "As of a version",
            "The annotations as they were in a version of the image set, on the images that are still there.",
            'version:"Release 1"', _version, lambda asked: list(_versions(asked)),
        ),
    )
}  # fmt: skip
"""By name."""
