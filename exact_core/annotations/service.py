"""What can be asked of annotations and done to them, on top of a database and its hooks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exact_core.annotations import bulk, undo
from exact_core.annotations.access import rights_in
from exact_core.annotations.counts import by_type_and_author
from exact_core.annotations.entry import enter
from exact_core.annotations.geometry import Box
from exact_core.annotations.loading import select_known
from exact_core.annotations.scope import EVERYTHING, ROWS, Can, Frame, ReadScope, no_image, read_scope, seen_among
from exact_core.annotations.spatial import tile_key
from exact_core.annotations.states import Known, masked
from exact_core.annotations.writing import Operation, Outcome, Writer
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid, NotFound
from exact_core.products.tree import TypeTree
from exact_core.review.verdicts import Verification, is_judged
from exact_core.storage.database import Database
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import Annotation, AnnotationType, User
from exact_core.storage.unit_of_work import ChangeHooks, UnitOfWork

MAX_PAGE = 1_000
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class AnnotationHooks(ChangeHooks, Protocol):
    """What changing annotations needs of the hooks; ``kernel.hooks.Hooks`` is one."""

    def hears_annotations(self, image_set_id: int) -> bool:
        """Whether anybody is told of changed annotations."""


class Annotations:
    """Changes annotations: each method is one transaction and one revision."""

    def __init__(self, database: Database, hooks: AnnotationHooks, actor: Actor) -> None:
        self._database = database
        self._hooks = hooks
        self._actor = actor

    def apply(
        self, image_id: int, operations: Sequence[Operation], reason: str, repeat: Repeat, *, run: str = ""
    ) -> bytes:
        """Do operations in order, all or none; the answer as JSON, the same again for a repeated request."""
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            seen = repeat.claim(uow.session)
            if seen is not None:
                read_scope(uow.session, self._actor, image_id, rights_in(uow.session))  # who may still see it?
                return seen.body
            writer = self._heard(uow, image_id, operations)
            body = as_json(writer.apply(operations, reason, run).to_json())
            repeat.keep(uow.session, 200, body)
            return body

    def change_one(self, annotation_id: int, operation: Operation, reason: str = "") -> Known:
        """Change one annotation, found by its permanent number alone."""
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            # First whether it may be seen: any other refusal would say that there is such an annotation.
            known = find_one(uow.session, self._actor, annotation_id, rights_in(uow.session))
            return self._writer(uow, known.image_id).apply([operation], reason).annotations[0]

    def undo(self, image_id: int, expected: int | None = None) -> Outcome:
        """Take back the actor's last change on an image; refused when that is not the expected revision."""
        with self._writing_many(image_id) as writer:
            return undo.undo(writer, expected)

    def redo(self, image_id: int) -> Outcome:
        """Bring back the actor's last undone change on an image."""
        with self._writing_many(image_id) as writer:
            return undo.redo(writer)

    def bulk_create(
        self,
        image_id: int,
        shapes: bulk.NewShapes,
        *,
        kind: str = "import",
        reason: str = "",
        run: str = "",
        skip_bad: bool = False,
    ) -> bulk.Added:
        """Add very many shapes as one revision; see :func:`exact_core.annotations.bulk.add`."""
        with self._writing_many(image_id) as writer:
            return bulk.add(writer, shapes, kind=kind, reason=reason, run=run, skip_bad=skip_bad)

    @contextmanager
    def _writing_many(self, image_id: int) -> Iterator[Writer]:
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            yield self._heard(uow, image_id)

    def _heard(self, uow: UnitOfWork, image_id: int, operations: Sequence[Operation] = ()) -> Writer:
        """Makes no events where nobody listens; of very many shapes they take a third longer."""
        writer = self._writer_for(uow, image_id, operations[0]) if len(operations) == 1 else self._writer(uow, image_id)
        if not self._hooks.hears_annotations(writer.facts.image_set_id):
            writer.record = None
        return writer

    def _writer(self, uow: UnitOfWork, image_id: int) -> Writer:
        return Writer(uow.session, self._actor, image_id, rights_in(uow.session), uow.record)

    def _writer_for(self, uow: UnitOfWork, image_id: int, operation: Operation) -> Writer:
        """For one operation, about which everything is read at once."""
        entry = enter(uow.session, self._actor.user_id, image_id, operation)
        if entry is None:
            raise no_image(image_id)
        can = rights_in(uow.session, {(self._actor.user_id, entry.facts.image_set_id): entry.standing})
        return Writer(uow.session, self._actor, image_id, can, uow.record, entry=entry)


@dataclass(frozen=True, slots=True)
class Names:
    """What types and people were called, where that is not what they are called now."""

    types: Mapping[int, str]
    people: Mapping[int, str]


AS_NOW = Names({}, {})


@dataclass(frozen=True, slots=True)
class Filters:
    """Which annotations a list shows."""

    type_ids: Sequence[int] = ()
    author_ids: Sequence[int] = ()
    shapes: Sequence[Shape] = ()
    frame: Frame = EVERYTHING
    verification: Verification | None = None


def page(
    session: Session,
    scope: ReadScope,
    filters: Filters,
    *,
    cursor: str | None,
    limit: int,
    newest_first: bool,
    names: Names = AS_NOW,
) -> dict[str, Any]:
    """A page of the annotations that the scope shows, in the order of drawing."""
    conditions: list[ColumnElement[bool]] = [
        Annotation.image_id == scope.image.image_id,
        *scope.revisions(filters.frame),
    ]
    if filters.type_ids:
        conditions.append(ROWS.c.type_id.in_(filters.type_ids))
    if filters.author_ids:
        conditions.append(scope.authors(filters.author_ids))
    if filters.shapes:
        conditions += _of_shapes(scope, filters.shapes)
    if filters.verification is not None:
        conditions.append(is_judged(scope, filters.verification))
    if cursor is not None:
        after = _position(cursor)
        conditions.append(Annotation.id < after if newest_first else Annotation.id > after)
    order = Annotation.id.desc() if newest_first else Annotation.id.asc()
    found = list(select_known(session, conditions, only_live=True, order_by=order, limit=limit + 1, at=scope.at))
    more = len(found) > limit
    return {
        "items": [masked(named(known, names), scope).to_json() for known in found[:limit]],
        "next_cursor": str(found[limit - 1].id) if more else None,
    }


def _of_shapes(scope: ReadScope, shapes: Sequence[Shape]) -> list[ColumnElement[bool]]:
    row = ROWS.c
    wanted = row.shape.in_([shape.number for shape in shapes])
    if not all(shape.is_label for shape in shapes):
        return [wanted]
    # Labels lie in the place of the whole image (of earlier releases: less its last edge), found without a scan.
    width, height = scope.image.width, scope.image.height
    places = {tile_key(Box(0, 0, width - less, height - less)) for less in (0, 1)}
    there = select(row.annotation_id).where(*scope.revisions(), row.tile_key.in_(places), wanted)
    return [wanted, Annotation.id.in_(there)]


def find_one(session: Session, actor: Actor, annotation_id: int, can: Can) -> Known:
    """One annotation, live or deleted; ``NotFound`` when the actor may not know of it."""
    image_id = image_of(session, annotation_id)
    return find_in(session, read_scope_for(session, actor, image_id, annotation_id, can), annotation_id)


def find_in(session: Session, scope: ReadScope, annotation_id: int, names: Names = AS_NOW) -> Known:
    """One annotation of the scope's image as it shows there; of the past only what was there then."""
    is_past = scope.at is not None
    for known in select_known(session, [Annotation.id == annotation_id], only_live=is_past, at=scope.at):
        is_seen = scope.shows(known.author_id) or seen_among(session, scope, [known.id])
        if known.image_id == scope.image.image_id and is_seen:
            return masked(named(known, names), scope)
    raise _no_annotation(annotation_id)


def named(known: Known, names: Names) -> Known:
    """With the name that the author had."""
    name = names.people.get(known.author_id) if known.author_id is not None else None
    return known if name is None else replace(known, author_name=name)


def read_scope_for(session: Session, actor: Actor, image_id: int, annotation_id: int, can: Can) -> ReadScope:
    """The scope of an annotation's image; says that there is no annotation when the image is hidden."""
    try:
        return read_scope(session, actor, image_id, can)
    except NotFound:
        raise _no_annotation(annotation_id) from None


def counts(session: Session, scope: ReadScope, frame: Frame, called: Names = AS_NOW) -> dict[str, Any]:
    """Shapes per type and author; those that are live come from the kept sums."""
    rows = by_type_and_author(session, scope, frame)
    authors = {author_id for _, author_id, _ in rows if author_id}
    people = select(User.id, User.display_name, User.name).where(User.id.in_(authors))
    names = {id_: display_name or name for id_, display_name, name in session.execute(people)}
    names |= called.people
    per_type: dict[int, int] = {}
    per_author: dict[int, int] = {}
    for type_id, author_id, n in rows:
        per_type[type_id] = per_type.get(type_id, 0) + n
        per_author[author_id] = per_author.get(author_id, 0) + n
    tree = _tree_above(session, per_type)
    rolled = tree.rolled_up(per_type)
    known = select(AnnotationType.id, AnnotationType.name).where(AnnotationType.id.in_(rolled))
    type_names = dict(session.execute(known).all()) | dict(called.types)
    return {
        "revision": scope.revision,
        "total": sum(per_type.values()),
        "types": [
            {"type_id": id_, "name": type_names.get(id_, ""), "count": per_type.get(id_, 0), "with_descendants": n}
            for id_, n in rolled.items()
        ],
        "authors": [
            {"author": {"id": id_, "name": names.get(id_, "")} if id_ else None, "count": n}
            for id_, n in per_author.items()
        ],
        "counts": [{"type_id": type_id, "author_id": author_id or None, "count": n} for type_id, author_id, n in rows],
    }


def _tree_above(session: Session, type_ids: Iterable[int]) -> TypeTree:
    """These types and all that lie above them in their label trees."""
    parents: dict[int, int | None] = {}
    wanted = set(type_ids)
    while wanted:
        found = select(AnnotationType.id, AnnotationType.parent_id).where(AnnotationType.id.in_(wanted))
        parents.update(session.execute(found).all())
        wanted = {parent for parent in parents.values() if parent is not None} - parents.keys()
    return TypeTree(parents)


def image_of(session: Session, annotation_id: int) -> int:
    """The image that carries an annotation."""
    image_id = session.execute(select(Annotation.image_id).where(Annotation.id == annotation_id)).scalar()
    if image_id is None:
        raise _no_annotation(annotation_id)
    return image_id


def as_json(value: Any) -> bytes:
    """Compact JSON."""
    return _ENCODER.encode(value).encode()


def _position(cursor: str) -> int:
    if not cursor.isdecimal() or not cursor.isascii() or len(cursor) > 18:
        raise Invalid("The cursor is not one that a list gave; leave it out to begin at the start.")
    return int(cursor)


def _no_annotation(annotation_id: int) -> NotFound:
    return NotFound(f"There is no annotation {annotation_id} that you may see.")
