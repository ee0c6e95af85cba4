"""What can be asked of the annotations of an image set: fields, pages of hits, counts, changing all hits at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import Can
from exact_core.annotations.set_events import listening_to
from exact_core.annotations.set_writing import SetWriter
from exact_core.api.context import Actor
from exact_core.api.errors import PluginError
from exact_core.search import bulk_edits, hits
from exact_core.search.directives import DIRECTIVES
from exact_core.search.field import Asked, Field, FieldKind
from exact_core.search.fields import plugins
from exact_core.search.parser import parse
from exact_core.search.registry import CORE_FIELDS, all_fields
from exact_core.search.running import Search
from exact_core.search.syntax import Op, Term, terms_of
from exact_core.search.tokens import SearchSyntaxError
from exact_core.services import Services
from exact_core.storage.models import now
from exact_core.storage.unit_of_work import UnitOfWork

MAX_PAGE = 1_000
_MOST_VALUES = 300


def asked_of(session: Session, services: Services, actor: Actor, image_set_id: int, can: Can) -> Asked:
    """A request about an image set that the actor may view."""
    return Asked(session, services, actor, can, image_set_id, now())


def page(asked: Asked, query: str, image_id: int | None, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of hits."""
    with blamed(asked, query):
        search = Search(asked, query, image_id)
        return hits.page_to_json(asked, search, search.page(cursor, limit))


def facets(asked: Asked, query: str, image_id: int | None) -> dict[str, Any]:
    """Numbers of hits per class and author, and in all."""
    with blamed(asked, query):
        return hits.facets_to_json(asked, Search(asked, query, image_id).counts())


def mistake_in(asked: Asked, query: str) -> dict[str, Any] | None:
    """What is wrong with a query, found without searching; None when it means something."""
    try:
        Search(asked, query)
    except SearchSyntaxError as error:
        return {**error.details, "detail": error.message}
    return None


def described(asked: Asked | None) -> list[dict[str, Any]]:
    """The fields of an image set; without one, those of the core."""
    found: Sequence[Field] = list(CORE_FIELDS.values()) if asked is None else all_fields(asked)
    fields = [
        {
            "name": field.name,
            "title": field.title,
            "kind": field.kind.value,
            "operators": [op.value for op in Op if op in field.operators],
            "description": field.description,
            "example": field.example,
            "values": [] if asked is None else list(field.values(asked))[:_MOST_VALUES],
            "plugin": field.plugin,
        }
        for field in found
    ]
    return fields + [
        {
            "name": each.name,
            "title": each.title,
            "kind": FieldKind.CHOICE.value,
            "operators": [":"],
            "description": each.description,
            "example": each.example,
            "values": [] if asked is None else list(each.values(asked))[:_MOST_VALUES],
            "plugin": "",
        }
        for each in DIRECTIVES.values()
    ]


def preview(
    asked: Asked, query: str, image_id: int | None, ids: Sequence[int] | None, wanted: bulk_edits.Wanted
) -> dict[str, Any]:
    """What a change of all hits would do."""
    with blamed(asked, query):
        return bulk_edits.plan(asked, query, image_id, ids, wanted).to_json(asked.session, wanted)


def change_all(
    services: Services,
    actor: Actor,
    image_set_id: int,
    query: str,
    image_id: int | None,
    ids: Sequence[int] | None,
    wanted: bulk_edits.Wanted,
    expected_revision: int | None,
    reason: str,
) -> dict[str, Any]:
    """Change all hits as one revision of the image set."""
    hooks = services.kernel.hooks
    with UnitOfWork(services.database, hooks, actor) as uow:
        can = rights_in(uow.session)
        writer = SetWriter(uow.session, actor, image_set_id, can, listening_to(uow, hooks))
        asked = asked_of(uow.session, services, actor, image_set_id, can)
        with blamed(asked, query):
            plan = bulk_edits.plan(asked, query, image_id, ids, wanted)
        answer = plan.to_json(uow.session, wanted)
        revision = bulk_edits.apply(writer, plan, wanted, expected_revision, reason)
        return answer | {"revision": revision}


def take_back(services: Services, actor: Actor, image_set_id: int, revision: int) -> dict[str, Any]:
    """Undo a change of the whole set."""
    hooks = services.kernel.hooks
    with UnitOfWork(services.database, hooks, actor) as uow:
        can = rights_in(uow.session)
        return bulk_edits.take_back(uow.session, actor, image_set_id, revision, can, listening_to(uow, hooks))


@contextmanager
def blamed(asked: Asked, query: str) -> Iterator[None]:
    """Name the plugin when the database refuses a query with one of its fields."""
    try:
        yield
    except SQLAlchemyError as error:
        used = {term.name.casefold() for term in terms_of(parse(query)) if isinstance(term, Term)}
        guilty = next((each for each in plugins.fields(asked) if each.name.casefold() in used), None)
        if guilty is None:
            raise
        asked.services.kernel.faults.record(guilty.plugin, plugins.HOOK, error, asked.image_set_id)
        raise PluginError(
            500, "plugin-failed", f"The search field {guilty.name} of the plugin {guilty.plugin!r} failed."
        ) from error
