"""Changing annotations: ordered operations on one image, kept together as one revision or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from exact_core.annotations import digest, rules
from exact_core.annotations.change_log import fold, next_revision
from exact_core.annotations.geometry import parse
from exact_core.annotations.packing import pack
from exact_core.annotations.people import last_editors
from exact_core.annotations.scope import Can, Frame, ImageFacts, ReadScope, image_facts, require_size, scope_in
from exact_core.annotations.states import Change, Known, State, load, with_state, write
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.api.events import AnnotationAction, AnnotationChange
from exact_core.products import attributes
from exact_core.review.reading import begin_reading
from exact_core.storage.models import Annotation, ChangeSet, Image, ImageSet, now
from exact_core.storage.prepared import Prepared

MAX_OPERATIONS = 5_000
MAX_RUN = 100
BRINGS_BACK = frozenset({"undo", "redo", "restore", "revert"})
"""Kinds of change sets that give a deleted annotation a state again; the others draw new ones."""

Record: TypeAlias = Callable[[AnnotationChange], None]
"""Tells the unit of work about a change, for the hooks."""


class Stale(Conflict):
    """Somebody has changed annotations since the client read them; the answer carries their current states.

    ``current`` is the first of ``conflicts``; each says who changed it last, in ``changed_by``.
    """

    code = "stale-annotation"

    def __init__(self, message: str, conflicts: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(message)
        self.details = {"current": conflicts[0], "conflicts": list(conflicts)}


@dataclass(frozen=True, slots=True)
class Create:
    """Draw a new annotation; repeating it with the same uuid changes nothing."""

    uuid: str
    type_id: int
    geometry: object
    frame: Frame = rules.DEFAULT_FRAME
    text: str = ""
    attributes: Mapping[str, Any] | None = None
    claimed_author: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Change what is given of an annotation; None leaves it."""

    key: int | str  # id or uuid
    base_revision: int | None = None
    type_id: int | None = None
    geometry: object = None
    frame: Frame | None = None
    text: str | None = None
    attributes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an annotation; its identity and history stay."""

    key: int | str
    base_revision: int | None = None


Operation: TypeAlias = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change set did: the annotations in the order of the operations, and what undo had to leave out.

    ``is_complete`` is false when there were too many annotations to name them: look at the image again.
    """

    revision: int
    annotations: list[Known]
    skipped: tuple[Mapping[str, Any], ...] = ()
    is_complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        return {
            "revision": self.revision,
            "annotations": [known.to_json() for known in self.annotations],
            "skipped": list(self.skipped),
            "complete": self.is_complete,
        }


class Writer:
    """Changes the annotations of one image for one actor, inside a unit of work.

    Making it locks the image set against other writers until the transaction ends, checks that the set can be
    changed, and that the actor may annotate there. With ``looks_only`` it does not lock: for previews of changes.
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
    ) -> None:
        self.session = session
        self.actor = actor
        self.looks_only = looks_only
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
        other.facts = image_facts(self.session, image_id)
        if other.facts.image_set_id != self.facts.image_set_id:
            raise NotFound(f"There is no image {image_id} in image set {self.facts.image_set_id}.")
        other._begin()
        return other

    def apply(self, operations: Sequence[Operation], reason: str = "", run: str = "") -> Outcome:
        """Do the operations in order; any that cannot be done refuses them all, with its number.

        With the name of a run they are a model's work, not the actor's own: they are reverted by that name, not undone.
        """
        return _Batch(self, operations).apply(reason, run)

    def commit(
        self, changes: Sequence[Change], kind: str, reason: str = "", reverts: int | None = None, run: str = ""
    ) -> int:
        """Write changes as the image set's next revision, tell the hooks, and return its number."""
        rows = digest.changes_digest(changes)
        revision = self.log_change_set(len(changes), kind, reason, reverts, run, rows=rows)
        self._write(changes, revision, restores=kind in BRINGS_BACK, draws=kind == "edit")
        return revision

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
                self.record(self._event(change, revision, restores))
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

    def _event(self, change: Change, revision: int, restores: bool) -> AnnotationChange:
        known, after = change.known, change.after
        if after is None:
            action = AnnotationAction.DELETED
        elif known.state is not None:
            action = AnnotationAction.UPDATED
        else:
            action = AnnotationAction.RESTORED if restores else AnnotationAction.CREATED
        return AnnotationChange(
            action=action,
            image_set_id=self.facts.image_set_id,
            image_id=self.facts.image_id,
            annotation_id=known.id,
            uuid=known.uuid,
            revision=revision,
            before=known.state.event() if known.state else None,
            after=after.event() if after else None,
            author_id=known.author_id,
            actor_id=self.editor_id,
        )


class _Batch:
    """Works out what a list of operations comes to, annotation by annotation."""

    def __init__(self, writer: Writer, operations: Sequence[Operation]) -> None:
        if len(operations) > MAX_OPERATIONS:
            raise Invalid(f"One request has at most {MAX_OPERATIONS:,} operations, not {len(operations):,}.")
        self._writer = writer
        self._operations = operations
        keys = [operation.uuid if isinstance(operation, Create) else operation.key for operation in operations]
        writer.types.prepare({each.type_id for each in operations if not isinstance(each, Delete) and each.type_id})
        ids = [key for key in keys if isinstance(key, int)]
        uuids = [key for key in keys if isinstance(key, str)]
        # Of a single new shape the insert itself finds out whether it is there already.
        self._draws_one = len(operations) == 1 and isinstance(operations[0], Create)
        stored = [] if self._draws_one else load(writer.session, writer.facts.image_id, ids=ids, uuids=uuids)
        self._by_id = {known.id: known for known in stored}
        self._by_uuid = {known.uuid: known for known in stored}
        self._after: dict[str, State | None] = {}  # by uuid, what this batch has come to
        self._new: list[str] = []
        self._stale: dict[str, Known] = {}

    def apply(self, reason: str, run: str) -> Outcome:
        self._create_identities()
        touched: list[str] = []
        for number, operation in enumerate(self._operations):
            try:
                touched.append(self._do(operation))
            except (Invalid, NotFound, Forbidden) as error:
                raise _at(number, len(self._operations), error) from None
        if self._stale:
            raise self._conflict()
        changes = [
            Change(self._by_uuid[uuid], after)
            for uuid, after in self._after.items()
            if after != self._by_uuid[uuid].state
        ]
        revision = self._writer.facts.revision
        if changes or self._new:
            revision = self._writer.commit(changes, "model" if run else "edit", reason, run=run)
        return Outcome(revision, self._answers(touched, {change.known.uuid for change in changes}, revision))

    def _answers(self, touched: Sequence[str], changed: set[str], revision: int) -> list[Known]:
        answer = []
        at = now()
        for uuid in touched:
            known = self._by_uuid[uuid]
            answer.append(with_state(known, self._after[uuid], revision, at) if uuid in changed else known)
        return answer

    def _do(self, operation: Operation) -> str:
        if isinstance(operation, Create):
            return self._create(operation)
        known = self._find(operation.key)
        if not self._writer.may_edit(known):
            raise Forbidden("You may change your own annotations only, and this one was drawn by somebody else.")
        if not self._is_current(known, operation):
            self._stale.setdefault(known.uuid, known)
            return known.uuid
        if isinstance(operation, Update):
            return self._update(operation, known)
        self._after[known.uuid] = None
        return known.uuid

    def _create(self, operation: Create) -> str:
        known = self._by_uuid[operation.uuid]
        if operation.uuid not in self._new:
            return known.uuid  # the same request again
        if operation.uuid in self._after:
            raise Invalid(f"The uuid {operation.uuid} is used twice.")
        facts = self._writer.facts
        rule = self._writer.types.require(operation.type_id)
        rule.require_active()
        geometry = parse(operation.geometry, facts.width, facts.height)
        rule.require_shape(geometry.shape)
        given = attributes.defaults(rule.attributes) | dict(operation.attributes or {})
        self._after[known.uuid] = State.of(
            geometry,
            facts,
            rule.id,
            rules.checked_frame(operation.frame, facts),
            rules.checked_text(operation.text),
            rules.checked_attributes(rule, given),
        )
        return known.uuid

    def _update(self, operation: Update, known: Known) -> str:
        state = self._after.get(known.uuid, known.state)
        assert state is not None
        facts = self._writer.facts
        rule = self._writer.types.require(operation.type_id or state.type_id)
        is_relabelled = rule.id != state.type_id
        if is_relabelled:
            rule.require_active()
            state = replace(state, type_id=rule.id, attributes=self._kept(rule, state))
        if operation.geometry is not None:
            geometry = parse(operation.geometry, facts.width, facts.height)
            state = replace(
                state, shape=geometry.shape, geometry=pack(geometry), box=geometry.box(facts.width, facts.height)
            )
        rule.require_shape(state.shape)
        if operation.frame is not None:
            state = replace(state, frame=rules.checked_frame(operation.frame, facts))
        if operation.text is not None:
            state = replace(state, text=rules.checked_text(operation.text))
        if operation.attributes is not None:
            state = replace(state, attributes=rules.checked_attributes(rule, operation.attributes))
        elif is_relabelled:
            attributes.require(rule.attributes, state.attributes, rule.name)
        self._after[known.uuid] = state
        return known.uuid

    @staticmethod
    def _kept(rule: rules.TypeRule, state: State) -> dict[str, Any]:
        return attributes.defaults(rule.attributes) | attributes.kept(rule.attributes, state.attributes, rule.name)

    def _find(self, key: int | str) -> Known:
        known = self._by_id.get(key) if isinstance(key, int) else self._by_uuid.get(key)
        if known is None or not self._writer.scope.shows(known.author_id):
            raise NotFound(f"This image has no annotation {key} that you may see.")
        return known

    def _is_current(self, known: Known, operation: Update | Delete) -> bool:
        """Whether the work is on a state that still holds; deleting what is deleted is no conflict."""
        if known.uuid in self._after:
            if self._after[known.uuid] is None and isinstance(operation, Update):
                raise Invalid("The annotation is deleted by an earlier operation of the same request.")
            return True
        if known.state is None:
            return not isinstance(operation, Update)
        return operation.base_revision is None or known.revision <= operation.base_revision

    def _conflict(self) -> Stale:
        """What the client has to look at: every annotation that others have changed, as it is now, and by whom."""
        stale = list(self._stale.values())
        writer = self._writer
        ids = [known.id for known in stale]
        names = last_editors(writer.session, writer.facts.image_set_id, ids, writer.scope.only_reader)
        conflicts = [known.to_json() | {"changed_by": names.get(known.id)} for known in stale]
        if len(stale) > 1:
            return Stale(f"Somebody has changed {len(stale)} of these annotations meanwhile.", conflicts)
        if stale[0].state is None:
            return Stale("Somebody has deleted this annotation meanwhile.", conflicts)
        return Stale("Somebody has changed this annotation meanwhile; look at its current state.", conflicts)

    def _create_identities(self) -> None:
        """Give the new uuids their permanent numbers, in the order of drawing."""
        writer = self._writer
        new: dict[str, Create] = {}
        for operation in self._operations:
            if isinstance(operation, Create) and operation.uuid not in self._by_uuid:
                new.setdefault(operation.uuid, operation)
            elif isinstance(operation, Create):
                self._require_own(self._by_uuid[operation.uuid])
        if not new:
            return
        at, image_id, author_id = now(), writer.facts.image_id, writer.editor_id
        rows = [
            {
                "image_id": image_id,
                "uuid": uuid,
                "author_id": author_id,
                "claimed_author": create.claimed_author,
                "created_at": at,
            }
            for uuid, create in new.items()
        ]
        ids = self._numbers(rows)
        if not ids:
            [known] = load(writer.session, image_id, uuids=new)
            self._require_own(known)
            self._by_id[known.id] = self._by_uuid[known.uuid] = known
            return
        name = writer.actor.display_name or writer.actor.name
        for id_, row in zip(ids, rows, strict=True):
            known = Known(id_, str(row["uuid"]), image_id, author_id, name, str(row["claimed_author"]), at)
            self._by_id[id_] = self._by_uuid[known.uuid] = known
        self._new = list(new)

    def _numbers(self, rows: list[dict[str, Any]]) -> Sequence[int]:
        """The numbers of new identities; none when the only one is there already."""
        session = self._writer.session
        if self._draws_one:
            added = _new_identity(session.get_bind().dialect.name).first(session, rows[0])
            return [] if added is None else [added[0]]
        return session.connection().execute(_NEW_IDENTITIES, rows).scalars().all()

    def _require_own(self, known: Known) -> None:
        if known.author_id != self._writer.editor_id:
            raise Conflict(f"The uuid {known.uuid} already names another annotation; make a new one.")


_IDENTITIES = cast("Table", Annotation.__table__)
_NEW_IDENTITIES = insert(_IDENTITIES).returning(_IDENTITIES.c.id, sort_by_parameter_order=True)


@cache
def _new_identity(dialect: str) -> Prepared:
    """Adds an identity unless the image has one of that uuid."""
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(_IDENTITIES)
    added = statement.on_conflict_do_nothing(index_elements=["image_id", "uuid"]).returning(_IDENTITIES.c.id)
    return Prepared(added, ["image_id", "uuid", "author_id", "claimed_author", "created_at"])


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


def _at(number: int, count: int, error: Invalid | NotFound | Forbidden) -> Exception:
    """The same refusal with the operation's number, where there is more than one."""
    return error if count == 1 else type(error)(f"Operation {number}: {error.message}")
