"""Who drew a shape and who changed it: author, editor, and who an import or a model says it was."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from exact_core.annotations.scope import COUNTS, ROWS
from exact_core.search.conditions import IDENTITY, Always, Condition, Decided
from exact_core.search.field import TEXTUAL, Asked, Field, FieldKind, Use, word_of, wrong
from exact_core.search.matching import has_wildcard, matches
from exact_core.search.syntax import Op, Value
from exact_core.storage.models import Annotation, AnnotationSummary, Image, User


def _author(use: Use, op: Op, value: Value) -> Condition:
    ids = _people(use, op, value)
    if not ids:
        return Always(False)
    counted = COUNTS.c.author_id.in_(ids) if _counts_tell(use) else None
    return Decided(known_person(use, ROWS.c.author_id).in_(ids), counted)


def _editor(use: Use, op: Op, value: Value) -> Condition:
    ids = _people(use, op, value)
    return Decided(known_person(use, ROWS.c.editor_id).in_(ids)) if ids else Always(False)


def known_person(use: Use, column: ColumnElement[Any]) -> ColumnElement[int]:
    """A column of accounts as the actor may know them; 0 for nobody, and for who is masked."""
    return func.coalesce(column if use.image is None else use.image.scope.known_people(column), 0)


def _counts_tell(use: Use) -> bool:
    """Whether kept counts, which know every author, say the same as the rows; not where authors are masked."""
    if use.image is not None:
        return not use.image.scope.hides_names
    return use.asked.can(use.asked.actor, "see_all", use.asked.image_set_id)


def _people(use: Use, op: Op, value: Value) -> list[int]:
    """Accounts that a value names: ``me``, ``none`` (0), a name or a shown name.

    Nobody of that name is a mistake of the query, but only for those who may know who is there.
    """
    word = word_of(value, "the name of a person")
    if op is not Op.CONTAINS and not word.is_quoted and word.text.casefold() == "none":
        return [0]
    if op is not Op.CONTAINS and not word.is_quoted and word.text.casefold() == "me":
        return [use.asked.actor.user_id]
    found = list(use.asked.people(op, word))
    may_know = use.asked.can(use.asked.actor, "see_all", use.asked.image_set_id)
    if not found and may_know and op is not Op.CONTAINS and not has_wildcard(word):
        raise wrong(value, f"nobody is called {word.text!r}")
    return found


def _claimed(use: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "the name of an author")
    return Decided(matches(claimed_author(use), op, word), needs=frozenset({IDENTITY}))


def claimed_author(use: Use) -> ColumnElement[Any]:
    """Who drew it elsewhere, as the actor may know it: empty where the author is masked."""
    claimed: ColumnElement[Any] = Annotation.claimed_author.expression
    if use.image is None or not use.image.scope.hides_names:
        return claimed
    return case((ROWS.c.author_id == use.image.scope.shared.reader_id, claimed), else_="")


def _names(asked: Asked) -> list[str]:
    """Authors to offer: those with shapes in the set, or only oneself where one sees no others."""
    if not asked.can(asked.actor, "see_all", asked.image_set_id):
        return ["me"]
    row = AnnotationSummary
    drew = (
        select(row.author_id)
        .join(Image, Image.id == row.image_id)
        .where(Image.image_set_id == asked.image_set_id, row.n > 0)
    )
    names = asked.session.scalars(select(User.name).where(User.id.in_(drew)).order_by(User.name).limit(200))
    return ["me", "none", *names]


FIELDS = (
    Field(
        "author", "Author", FieldKind.PERSON, _author, TEXTUAL,
        "Who drew it: a user name, the name that is shown, me, or none for imports and models.", "author:me", _names,
    ),
    Field(
        "editor", "Last editor", FieldKind.PERSON, _editor, TEXTUAL, "Who made its present state.", "editor:me", _names,
    ),
    Field(
        "claimed", "Claimed author", FieldKind.TEXT, _claimed, TEXTUAL,
        "Who drew it elsewhere, as an import or a model says.", 'claimed~"model 3"',
    ),
)  # fmt: skip
