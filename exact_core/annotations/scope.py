"""The one query scope for every reader of annotations: which rows of an image an actor may know about.

Views, counts, lists, single reads, undo, jobs and plugins all take their conditions from :class:`ReadScope`; nothing
else in the core reads annotations for somebody. In a competitive (blind) image set a reader sees their own work only,
whatever they ask; who manages the set sees all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from sqlalchemy import ColumnElement, FromClause, SQLColumnExpression, Table, and_, literal_column, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, NotFound
from exact_core.storage.models import EVERY_FRAME, LIVE, AnnotationRevision, AnnotationSummary, Image, ImageSet

ROWS = cast("Table", AnnotationRevision.__table__)
"""States of annotations, as a table: reading never makes objects of them."""

COUNTS = cast("Table", AnnotationSummary.__table__)
"""Kept counts, as a table."""

CLOSED: ColumnElement[int] = literal_column(str(LIVE))
"""``LIVE`` written out: with ``valid_to < CLOSED`` planners find rows that ended by the index of those alone."""

Can: TypeAlias = Callable[[Actor, str, int], bool]
"""Whether an actor has a right in an image set: the access snapshot's, or one that asks the database."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A focal plane, time point and channel; -1 stands for all of an axis."""

    z: int = EVERY_FRAME
    t: int = EVERY_FRAME
    c: int = EVERY_FRAME

    def conditions(
        self, z: ColumnElement[int], t: ColumnElement[int], c: ColumnElement[int]
    ) -> list[ColumnElement[bool]]:
        """Rows of this frame, and rows that belong to every frame of an axis."""
        asked = ((z, self.z), (t, self.t), (c, self.c))
        return [column.in_((value, EVERY_FRAME)) for column, value in asked if value != EVERY_FRAME]


EVERYTHING = Frame()
"""All frames."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What reading and writing need to know of an image and its set."""

    image_id: int
    image_set_id: int
    name: str
    width: int
    height: int
    size_z: int
    size_t: int
    size_c: int
    mode: str
    is_locked: bool
    revision: int

    @property
    def longest(self) -> int:
        """The longer side."""
        return max(self.width, self.height)


@dataclass(frozen=True, slots=True)
class ReadScope:
    """The annotations of one image that one actor may see, now or as they were at a revision of the image set."""

    image: ImageFacts
    only_author: int | None  # None: everybody's
    at: int | None = None  # None: now

    @property
    def revision(self) -> int:
        """The revision that is shown."""
        return self.image.revision if self.at is None else self.at

    def revisions(self, frame: Frame | None = None) -> list[ColumnElement[bool]]:
        """Conditions for visible rows of ``annotation_revision`` that hold at the scope's revision."""
        row = ROWS.c
        found: list[ColumnElement[bool]] = [row.image_id == self.image.image_id, *holds(ROWS, self.at)]
        if self.only_author is not None:
            found.append(row.author_id == self.only_author)
        return found + (frame.conditions(row.z, row.t, row.c) if frame else [])

    def summary(self, frame: Frame | None = None) -> list[ColumnElement[bool]]:
        """Conditions for visible rows of ``annotation_summary``, which counts what is live; never for the past."""
        assert self.at is None, "kept counts know the present only"
        row = COUNTS.c
        found: list[ColumnElement[bool]] = [row.image_id == self.image.image_id, row.n > 0]
        if self.only_author is not None:
            found.append(row.author_id == self.only_author)
        return found + (frame.conditions(row.z, row.t, row.c) if frame else [])

    def shows(self, author_id: int | None) -> bool:
        """Whether work of this author may be seen."""
        return self.only_author is None or author_id == self.only_author

    def as_of(self, revision: int) -> ReadScope:
        """The same actor's view of the past."""
        return replace(self, at=revision)

    @property
    def tag(self) -> str:
        """What distinguishes this scope from other actors', for keys of caches."""
        whose = "all" if self.only_author is None else f"author-{self.only_author}"
        return whose if self.at is None else f"{whose}-at-{self.at}"


def begun_at(rows: FromClause, revision: SQLColumnExpression[int] | int) -> ColumnElement[bool]:
    """Whether a row of states begins at a revision; for the index by image and revision.

    ``BETWEEN`` and not ``=``: SQLite, which has no statistics here, would walk all rows of the image instead.
    """
    return rows.c.valid_from.between(revision, revision)


def ended_at(rows: FromClause, revision: SQLColumnExpression[int] | int) -> ColumnElement[bool]:
    """Whether a row of states ends at a revision; for the index of closed rows, as :func:`begun_at`."""
    return and_(rows.c.valid_to.between(revision, revision), rows.c.valid_to < CLOSED)


def holds(table: Table, at: int | None) -> list[ColumnElement[bool]]:
    """Conditions for the temporal rows (``valid_from``, ``valid_to``) of a table that hold now, or at a revision."""
    row = table.c
    return [row.valid_to == LIVE] if at is None else [row.valid_from <= at, row.valid_to > at]


def image_facts(session: Session, image_id: int) -> ImageFacts:
    """The image with its set's mode and revision, in one query; ``NotFound`` when either is gone."""
    columns = (
        Image.id,
        Image.image_set_id,
        Image.name,
        Image.width,
        Image.height,
        Image.size_z,
        Image.size_t,
        Image.size_c,
        ImageSet.mode,
        ImageSet.is_locked,
        ImageSet.revision,
    )
    statement = (
        select(*columns)
        .join(ImageSet, ImageSet.id == Image.image_set_id)
        .where(Image.id == image_id, Image.deleted_at.is_(None), ImageSet.deleted_at.is_(None))
    )
    found = session.execute(statement).first()
    if found is None:
        raise _no_image(image_id)
    return ImageFacts(*found)


def read_scope(session: Session, actor: Actor, image_id: int, can: Can) -> ReadScope:
    """What the actor may see of an image's annotations; ``NotFound`` when it is not even the image."""
    facts = image_facts(session, image_id)
    if not can(actor, "view", facts.image_set_id):
        raise _no_image(image_id)
    return scope_in(facts, actor, can)


def scope_in(facts: ImageFacts, actor: Actor, can: Can) -> ReadScope:
    """The scope in an image whose set the actor may view."""
    return ReadScope(facts, None if can(actor, "see_all", facts.image_set_id) else actor.user_id)


def require_size(facts: ImageFacts) -> None:
    """Refuse to place shapes on an image that was not read yet."""
    if not facts.width or not facts.height:
        raise Conflict(f"Image {facts.name} has no size yet: wait until it is ready, or see why it cannot be read.")


def _no_image(image_id: int) -> NotFound:
    return NotFound(f"There is no image {image_id} that you may see.")
