"""Where a shape comes from: drawn by hand, imported, or made by a model, and in which run."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, func, select

from exact_core.annotations.scope import ROWS
from exact_core.search.conditions import Condition, Decided
from exact_core.search.field import EQUAL, Field, FieldKind, Use, word_of, wrong
from exact_core.search.syntax import Op, Value
from exact_core.storage.models import ChangeSet

_KINDS = {"import": ("import",), "model": ("model",)}
_LARGEST = 2**31 - 1


def _first_revision() -> ColumnElement[Any]:
    """The revision in which a row's annotation came into being."""
    states = ROWS.alias("states")
    first = select(func.min(states.c.valid_from)).where(states.c.annotation_id == ROWS.c.annotation_id)
    return first.correlate(ROWS).scalar_subquery()


def _runs(use: Use, kinds: tuple[str, ...]) -> ColumnElement[Any]:
    """Whether an annotation came into being in a change of one of these kinds."""
    made_by = (
        ChangeSet.image_set_id == use.asked.image_set_id,
        ChangeSet.kind.in_(kinds),
        ChangeSet.revision == _first_revision(),
    )
    return exists().where(*made_by).correlate(ROWS)


def _source(use: Use, _: Op, value: Value) -> Condition:
    word = word_of(value, "a source")
    name = word.text.casefold()
    if name == "hand":
        return Decided(~_runs(use, ("import", "model")))
    if name not in _KINDS:
        raise wrong(value, "a source is hand, import or model")
    return Decided(_runs(use, _KINDS[name]))


def _run(_: Use, __: Op, value: Value) -> Condition:
    word = word_of(value, "the number of a run")
    if not word.text.isascii() or not word.text.isdecimal() or int(word.text) > _LARGEST:
        raise wrong(value, "a run is named by the revision that it made")
    return Decided(_first_revision() == int(word.text))


FIELDS = (
    Field(
        "source", "Source", FieldKind.CHOICE, _source, EQUAL,
        "Whether it was drawn by hand, imported, or made by a model.", "source:model",
        lambda _: ["hand", "import", "model"],
    ),
    Field(
        "run", "Run", FieldKind.NUMBER, _run, EQUAL,
        "The import or model run that made it: the revision of that change.", "run:41",
    ),
)  # fmt: skip
