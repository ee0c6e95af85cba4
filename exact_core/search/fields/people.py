"""Who drew a shape and who changed it: author, editor, and who an import or a model says it was."""

from __future__ import annotations

from sqlalchemy import func, select

from exact_core.annotations.scope import COUNTS, ROWS
from exact_core.search.conditions import IDENTITY, Always, Condition, Decided
from exact_core.search.field import TEXTUAL, Asked, Field, FieldKind, Use, word_of, wrong
from exact_core.search.matching import has_wildcard, matches
from exact_core.search.syntax import Op, Value
from exact_core.storage.models import Annotation, AnnotationSummary, Image, User


def _author(use: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "the name of a person")
    if op is not Op.CONTAINS and not word.is_quoted and word.text.casefold() == "none":
        return Decided(ROWS.c.author_id.is_(None), COUNTS.c.author_id == 0)
    ids = _ids(use, op, value)
    if not ids:
        return Always(False)
    return Decided(func.coalesce(ROWS.c.author_id, 0).in_(ids), COUNTS.c.author_id.in_(ids))


def _editor(use: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "the name of a person")
    if op is not Op.CONTAINS and not word.is_quoted and word.text.casefold() == "none":
        return Decided(ROWS.c.editor_id.is_(None))
    ids = _ids(use, op, value)
    return Decided(func.coalesce(ROWS.c.editor_id, 0).in_(ids)) if ids else Always(False)


def _ids(use: Use, op: Op, value: Value) -> list[int]:
    """Accounts that a value names: ``me``, a name or a shown name; nobody of that name is a mistake of the query."""
    word = word_of(value, "the name of a person")
    if op is not Op.CONTAINS and not word.is_quoted and word.text.casefold() == "me":
        return [use.asked.actor.user_id]
    found = list(use.asked.people(op, word))
    if not found and op is not Op.CONTAINS and not has_wildcard(word):
        raise wrong(value, f"nobody is called {word.text!r}")
    return found


def _claimed(_: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "the name of an author")
    return Decided(matches(Annotation.claimed_author, op, word), needs=frozenset({IDENTITY}))


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
