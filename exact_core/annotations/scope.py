"""The one query scope for every reader of annotations: which rows of an image an actor may know about.

Views, counts, lists, single reads, undo, jobs and plugins all take their conditions from :class:`ReadScope`; nothing
else in the core reads annotations for somebody. In a blind image set (competitive, or second opinion) a reader sees
their own work only, whatever they ask, until the set is unblinded; who manages it sees all. Of a second opinion, more
is shown to some: see :mod:`exact_core.annotations.sharing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    SQLColumnExpression,
    Table,
    and_,
    bindparam,
    case,
    exists,
    false,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from exact_core.annotations.sharing import NOTHING, Shared, shared_with
from exact_core.annotations.sharing import Can as Can
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, NotFound
from exact_core.storage.models import (
    EVERY_FRAME,
    LIVE,
    Annotation,
    AnnotationRevision,
    AnnotationSummary,
    AnnotationVerification,
    Assignment,
    Image,
    ImageSet,
)
from exact_core.storage.prepared import Prepared

ROWS = cast("Table", AnnotationRevision.__table__)
"""States of annotations, as a table: reading never makes objects of them."""

COUNTS = cast("Table", AnnotationSummary.__table__)
"""Kept counts, as a table."""

CLOSED: ColumnElement[int] = literal_column(str(LIVE))
"""``LIVE`` written out: with ``valid_to < CLOSED`` planners find rows that ended by the index of those alone."""

VERDICTS = cast("Table", AnnotationVerification.__table__)
"""Verdicts on states of annotations, as a table."""

_CHUNK = 1_000  # SQLite takes a limited number of parameters


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
    is_assigned: bool = False  # whether the image, or a part of it, was given to readers
    mode_settings: Mapping[str, Any] = field(default_factory=dict, compare=False)  # see review/settings.py

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
    shared: Shared = NOTHING  # what is seen beyond the only author's

    @property
    def revision(self) -> int:
        """The revision that is shown."""
        return self.image.revision if self.at is None else self.at

    @property
    def sees_all(self) -> bool:
        """Whether the work of others is no secret for the actor, by right and not because an item was revealed."""
        return self.only_author is None and not self.shared.whole

    @property
    def only_reader(self) -> int | None:
        """Whose acts may be told; None for everybody's.

        What an item reveals is what others drew, never when and in which order they did so.
        """
        if self.sees_all:
            return None
        return self.shared.reader_id if self.only_author is None else self.only_author

    @property
    def has_kept_counts(self) -> bool:
        """Whether ``annotation_summary`` answers: it knows the present, and authors, but not single shapes."""
        return self.at is None and not self.shared.has_parts

    def revisions(self, frame: Frame | None = None) -> list[ColumnElement[bool]]:
        """Conditions for visible rows of ``annotation_revision`` that hold at the scope's revision."""
        row = ROWS.c
        found: list[ColumnElement[bool]] = [row.image_id == self.image.image_id, *holds(ROWS, self.at)]
        if self.only_author is not None:
            beyond = self.shared.conditions(ROWS, self.image.image_id)
            found.append(or_(row.author_id == self.only_author, *beyond))
        return found + (frame.conditions(row.z, row.t, row.c) if frame else [])

    def deleted(self) -> list[ColumnElement[bool]]:
        """Conditions for the last state of what was deleted and not restored since, as far as it may be seen."""
        row, later = ROWS.c, ROWS.alias("later")
        found: list[ColumnElement[bool]] = [row.image_id == self.image.image_id, row.valid_to < LIVE]
        if self.only_author is not None:
            found.append(row.author_id == self.only_author)
        newer = exists().where(later.c.annotation_id == row.annotation_id, later.c.valid_from >= row.valid_to)
        return [*found, ~newer]

    def summary(self, frame: Frame | None = None) -> list[ColumnElement[bool]]:
        """Conditions for visible rows of ``annotation_summary``, where it answers."""
        assert self.has_kept_counts, "kept counts know the present and whole authors only"
        row = COUNTS.c
        found: list[ColumnElement[bool]] = [row.image_id == self.image.image_id, row.n > 0]
        if self.only_author is not None:
            found.append(row.author_id == self.only_author)
        return found + (frame.conditions(row.z, row.t, row.c) if frame else [])

    def verdicts(self, table: Table = VERDICTS) -> list[ColumnElement[bool]]:
        """Conditions for verdicts that may be seen, of a table (or alias) of ``annotation_verification``."""
        row = table.c
        found: list[ColumnElement[bool]] = [row.image_id == self.image.image_id, *holds(table, self.at)]
        if self.only_author is not None:
            beyond = self.shared.verdict_conditions(row.annotation_id, self.image.image_id)
            found.append(or_(row.reader_id == self.only_author, *beyond))
        return found

    def authors(self, ids: Sequence[int]) -> ColumnElement[bool]:
        """Rows of ``annotation_revision`` by these authors; who is masked cannot be asked for by name."""
        if self.hides_names:
            ids = [each for each in ids if each == self.shared.reader_id]
        return ROWS.c.author_id.in_(ids) if ids else false()

    def author(self, author_id: int | None) -> int | None:
        """The author as the actor may know them; None for one who is masked."""
        return None if self.hides_names and author_id != self.shared.reader_id else author_id

    def known_people(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A column of accounts as the actor may know them: null for who is masked."""
        return case((column == self.shared.reader_id, column), else_=None) if self.hides_names else column

    @property
    def hides_names(self) -> bool:
        """Whether work is shown without saying whose it is."""
        return self.shared.is_masked and (self.shared.whole or self.shared.has_parts)

    def shows(self, author_id: int | None) -> bool:
        """Whether all work of this author may be seen; of some authors a part may be seen, see :func:`seen_among`."""
        return self.only_author is None or author_id == self.only_author

    def as_of(self, revision: int) -> ReadScope:
        """The same actor's view of the past."""
        return replace(self, at=revision)

    @property
    def tag(self) -> str:
        """What distinguishes this scope from other actors', for keys of caches."""
        whose = "all" if self.only_author is None else f"author-{self.only_author}"
        beyond = "" if self.shared == NOTHING else f"-and-{self.shared}"
        return f"{whose}{beyond}" if self.at is None else f"{whose}{beyond}-at-{self.at}"


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


FACTS = (
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
    exists().where(Assignment.image_id == Image.id),
    ImageSet.mode_settings,
)
"""What :class:`ImageFacts` is made of."""


def image_facts(session: Session, image_id: int) -> ImageFacts:
    """The image with its set's mode and revision, in one query; ``NotFound`` when either is gone."""
    found = _FACTS_OF_ONE.first(session, {"image": image_id})
    if found is None:
        raise no_image(image_id)
    return ImageFacts(*found)


def read_scopes(session: Session, actor: Actor, image_set_id: int, can: Can) -> list[ReadScope]:
    """What the actor may see of the annotations of each image of a set that they may view, in the set's order."""
    found = _all_facts().where(Image.image_set_id == image_set_id).order_by(Image.position, Image.id)
    return [scope_in(ImageFacts(*row), actor, can, session) for row in session.execute(found).all()]


def read_scope(session: Session, actor: Actor, image_id: int, can: Can) -> ReadScope:
    """What the actor may see of an image's annotations; ``NotFound`` when it is not even the image."""
    facts = image_facts(session, image_id)
    if not can(actor, "view", facts.image_set_id):
        raise no_image(image_id)
    return scope_in(facts, actor, can, session)


def scope_in(facts: ImageFacts, actor: Actor, can: Can, session: Session | None = None) -> ReadScope:
    """The scope in an image whose set the actor may view; without a session nothing of others is shared."""
    if can(actor, "see_all", facts.image_set_id):
        return ReadScope(facts, None)
    if facts.mode != "second_opinion" or not facts.is_assigned or session is None:
        return ReadScope(facts, actor.user_id)
    decides = can(actor, "adjudicate", facts.image_set_id)
    shared = shared_with(session, facts.mode_settings, actor.user_id, facts.image_id, decides)
    return ReadScope(facts, None if shared.whole else actor.user_id, shared=shared)


def seen_among(session: Session, scope: ReadScope, ids: Iterable[int]) -> set[int]:
    """Which of these annotations of the image the scope shows, deleted ones too."""
    wanted = list(ids)
    found: set[int] = set()
    whose = [] if scope.only_author is None else [Annotation.author_id == scope.only_author]
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        own = select(Annotation.id).where(Annotation.image_id == scope.image.image_id, Annotation.id.in_(part), *whose)
        found.update(session.scalars(own))
        if scope.only_author is not None and scope.shared.has_parts:
            row = ROWS.c
            beyond = select(row.annotation_id).where(*scope.revisions(), row.annotation_id.in_(part))
            found.update(session.scalars(beyond))
    return found


def require_size(facts: ImageFacts) -> None:
    """Refuse to place shapes on an image that was not read yet."""
    if not facts.width or not facts.height:
        raise Conflict(f"Image {facts.name} has no size yet: wait until it is ready, or see why it cannot be read.")


def _all_facts() -> Select[Any]:
    """The facts of images that are there."""
    there = (Image.deleted_at.is_(None), ImageSet.deleted_at.is_(None))
    facts: Any = select(*FACTS).join(ImageSet, ImageSet.id == Image.image_set_id).where(*there)
    return cast("Select[Any]", facts)


# Made once: every edit and every view asks it.
_FACTS_OF_ONE = Prepared(_all_facts().where(Image.id == bindparam("image")))


def no_image(image_id: int) -> NotFound:
    """The refusal that does not say whether there is such an image."""
    return NotFound(f"There is no image {image_id} that you may see.")
