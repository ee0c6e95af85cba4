"""Changing annotations: ordered operations on one image, kept together as one revision or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import TypeAlias

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from exact_core.annotations import digest, rules
from exact_core.annotations.batch import Batch
from exact_core.annotations.change_log import fold, next_revision
from exact_core.annotations.entry import Entry
from exact_core.annotations.operations import MAX_OPERATIONS, Create, Delete, Operation, Outcome, Stale, Update
from exact_core.annotations.scope import Can, ImageFacts, ReadScope, image_facts, require_size, scope_in
from exact_core.annotations.single import Entered, write_one
from exact_core.annotations.states import Change, Known, write, write_details
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.api.events import AnnotationAction, AnnotationChange
from exact_core.review.reading import begin_reading
from exact_core.storage.models import ChangeSet, Image, ImageSet, now
from exact_core.storage.prepared import Prepared

__all__ = [
    "BRINGS_BACK",
    "MAX_OPERATIONS",
    "MAX_RUN",
    "Create",
    "Delete",
    "Operation",
    "Outcome",
    "Record",
    "Stale",
    "Update",
    "Writer",
    "checked_run",
    "locked_facts",
]

MAX_RUN = 100
BRINGS_BACK = frozenset({"undo", "redo", "restore", "revert"})
"""Kinds of change sets that give a deleted annotation a state again; the others draw new ones."""

Record: TypeAlias = Callable[[AnnotationChange], None]
"""Tells the unit of work about a change, for the hooks."""


class Writer:
    """Changes the annotations of one image for one actor, inside a unit of work.

    Making it locks the image set against other writers until the transaction ends, checks that the set can be
    changed, and that the actor may annotate there. With ``looks_only`` it does not lock: for previews of changes.
    With an ``entry`` the set is locked already, and what it knows is not read again: for one operation.
    """

    def __init__(
        self,
        session: Session,
        actor: Actor,
        image_id: int,
        can: Can,
        record: Record | None,
        *,
        looks_only: bool = False,
        entry: Entry | None = None,
    ) -> None:
        self.session = session
        self.actor = actor
        self.looks_only = looks_only
        self.entry = entry
        if entry is not None:
            self.facts = entry.facts
        else:
            self.facts = image_facts(session, image_id) if looks_only else locked_facts(session, image_id)
        if not can(actor, "view", self.facts.image_set_id):
            raise NotFound(f"There is no image {image_id} that you may see.")
        if self.facts.is_locked:
            raise Conflict("This image set is locked: nothing in it can be changed until a manager unlocks it.")
        if not can(actor, "annotate", self.facts.image_set_id):
            raise Forbidden("You may look at this image set, but not annotate in it.")
        self._can = can
        self._begin()
        self.types = rules.TypeRules(session, self.facts.image_set_id)
        if entry is not None and entry.rule is not None:
            self.types.keep([entry.rule])
        self._may_edit_any = can(actor, "edit_any", self.facts.image_set_id)
        self.record = record

    @property
    def editor_id(self) -> int | None:
        """Who is written down as the author of what happens; None for the system."""
        return self.actor.user_id or None

    def may_edit(self, known: Known) -> bool:
        """Whether the actor may change this annotation."""
        return self.may_edit_work_of(known.author_id)

    def may_edit_work_of(self, author_id: int | None) -> bool:
        """Whether the actor may change annotations that somebody drew."""
        return author_id == self.editor_id or (self._may_edit_any and self.scope.sees_all)

    def knows_acts_on(self, author_id: int | None) -> bool:
        """Whether the actor may know what was done to the shapes that somebody drew."""
        return self.scope.only_reader is None or author_id == self.scope.only_reader

    def _begin(self) -> None:
        """What the actor sees of the image, and what work on it means to them."""
        require_size(self.facts)
        self.scope: ReadScope = scope_in(self.facts, self.actor, self._can, self.session)
        self.reading = begin_reading(self.session, self.facts, self.actor, self._can, looks_only=self.looks_only)

    def on(self, image_id: int) -> Writer:
        """The same for another image of the same set, whose lock is held already."""
        if image_id == self.facts.image_id:
            return self
        other = copy(self)
        other.entry = None
        other.facts = image_facts(self.session, image_id)
        if other.facts.image_set_id != self.facts.image_set_id:
            raise NotFound(f"There is no image {image_id} in image set {self.facts.image_set_id}.")
        other._begin()
        return other

    def apply(self, operations: Sequence[Operation], reason: str = "", run: str = "") -> Outcome:
        """Do the operations in order; any that cannot be done refuses them all, with its number.

        With the name of a run they are a model's work, not the actor's own: they are reverted by that name, not undone.
        """
        return Batch(self, operations).apply(reason, run)

    def commit(
        self, changes: Sequence[Change], kind: str, reason: str = "", reverts: int | None = None, run: str = ""
    ) -> int:
        """Write changes as the image set's next revision, tell the hooks, and return its number."""
        rows = digest.changes_digest(changes)
        revision = self.log_change_set(len(changes), kind, reason, reverts, run, rows=rows)
        self._write(changes, revision, restores=kind in BRINGS_BACK, draws=kind == "edit")
        return revision

    @property
    def does_one(self) -> bool:
        """Whether :meth:`commit_one` may be used: nothing is written yet, and no reading has to hear of the change."""
        return self.entry is not None and self.reading is None

    def commit_one(self, change: Change, kind: str, reason: str, run: str) -> tuple[int, Known]:
        """As :meth:`commit` of one change, with the fewest statements; gives the annotation with its number too."""
        assert self.entry is not None, "nothing was read that could be built on"
        last, self.entry = self.entry.digest, None
        revision, known = self.facts.revision + 1, change.known
        entered = Entered(
            image_set_id=self.facts.image_set_id,
            revision=revision,
            actor_id=self.editor_id,
            at=now(),
            kind=kind,
            reason=reason,
            run=checked_run(run),
            digest=digest.linked(last, digest.changes_digest([change])),
        )
        id_ = write_one(self.session, change, entered)
        if id_ != known.id:
            known = replace(known, id=id_)
            change = Change(known, change.after)
        write_details(self.session, [change], revision)
        if self.record is not None:
            self.record(event_of(change, self.facts.image_set_id, revision, self.editor_id, restores=False))
        return revision, known

    def write(self, changes: Sequence[Change], revision: int, *, restores: bool) -> None:
        """Write changes under a revision that was taken in this transaction, and tell the hooks.

        ``restores`` says whether a deleted annotation that gets a state again comes back, rather than being new.
        """
        self.fold(revision, digest.changes_digest(changes))
        self._write(changes, revision, restores=restores)

    def _write(self, changes: Sequence[Change], revision: int, *, restores: bool, draws: bool = False) -> None:
        if self.reading is not None:
            states = (state for change in changes for state in (change.known.state, change.after))
            self.reading.check((state.box, state.frame) for state in states if state is not None)
        write(self.session, changes, revision, self.editor_id, now())
        if self.record is not None:
            for change in changes:
                self.record(event_of(change, self.facts.image_set_id, revision, self.editor_id, restores=restores))
        if self.reading is not None and draws:
            self.reading.drew(changes, revision)

    def log_change_set(
        self, count: int, kind: str, reason: str = "", reverts: int | None = None, run: str = "", *, rows: bytes = b""
    ) -> int:
        """Take the image set's next revision number and write down whose it is.

        Args:
            count: How many annotations change.
            kind: What is done: ``edit``, ``undo``, ``import`` and so on.
            reason: Shown in the history.
            reverts: The revision that is taken back.
            run: The model run, import or job that the change belongs to; it can be reverted by this name.
            rows: The hash of all rows of the change set, see ``annotations/digest.py``; empty when they are written
                afterwards, in parts that :meth:`write`, ``bulk.add`` or :meth:`fold` add to it.
        """
        revision = next_revision(
            self.session,
            self.facts.image_set_id,
            kind,
            actor_id=self.editor_id,
            image_id=self.facts.image_id,
            count=count,
            reason=reason,
            reverts=reverts,
            run=checked_run(run),
            rows=rows,
        )
        if self.reading is not None:
            self.reading.worked(revision)
        return revision

    def fold(self, revision: int, rows: bytes) -> None:
        """Add the hash of more rows to a change set of this transaction that is written in parts."""
        fold(self.session, self.facts.image_id, revision, rows)

    def count_changes(self, revision: int, count: int) -> None:
        """Say how many annotations a change set of this transaction changed, once that is known."""
        self.session.execute(
            update(ChangeSet)
            .where(ChangeSet.image_set_id == self.facts.image_set_id, ChangeSet.revision == revision)
            .values(n_changes=count)
        )


def event_of(
    change: Change, image_set_id: int, revision: int, actor_id: int | None, *, restores: bool
) -> AnnotationChange:
    """What the hooks hear of a change; ``restores`` says whether one without a state before comes back or is new."""
    known, after = change.known, change.after
    if after is None:
        action = AnnotationAction.DELETED
    elif known.state is not None:
        action = AnnotationAction.UPDATED
    else:
        action = AnnotationAction.RESTORED if restores else AnnotationAction.CREATED
    return AnnotationChange(
        action=action,
        image_set_id=image_set_id,
        image_id=known.image_id,
        annotation_id=known.id,
        uuid=known.uuid,
        revision=revision,
        before=known.state.event() if known.state else None,
        after=after.event() if after else None,
        author_id=known.author_id,
        actor_id=actor_id,
    )


_LOCK_SET = Prepared(
    select(ImageSet.id)
    .join(Image, Image.image_set_id == ImageSet.id)
    .where(Image.id == bindparam("image"))
    .with_for_update(of=ImageSet)
)


def locked_facts(session: Session, image_id: int) -> ImageFacts:
    """The image's facts, with its set locked against other writers until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        _LOCK_SET.rows(session, {"image": image_id})
    return image_facts(session, image_id)


def checked_run(run: str) -> str:
    """The name of a run as the change log can hold it."""
    if len(run) > MAX_RUN or "\x00" in run:
        raise Invalid(f"The name of a run has at most {MAX_RUN} characters, none of them NUL.")
    return run
