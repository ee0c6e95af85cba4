"""Working out what a list of operations comes to, annotation by annotation, before anything of it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from exact_core.annotations import rules
from exact_core.annotations.geometry import parse
from exact_core.annotations.loading import load
from exact_core.annotations.operations import MAX_OPERATIONS, Create, Delete, Operation, Outcome, Stale, Update
from exact_core.annotations.packing import pack
from exact_core.annotations.people import last_editors
from exact_core.annotations.states import IDENTITIES, Change, Known, State, with_state
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.products import attributes
from exact_core.storage.models import now

if TYPE_CHECKING:
    from exact_core.annotations.writing import Writer


class Batch:
    """Works out what a list of operations comes to, annotation by annotation."""

    def __init__(self, writer: Writer, operations: Sequence[Operation]) -> None:
        if len(operations) > MAX_OPERATIONS:
            raise Invalid(f"One request has at most {MAX_OPERATIONS:,} operations, not {len(operations):,}.")
        self._writer = writer
        self._operations = operations
        self._does_one = writer.does_one and len(operations) == 1
        stored = self._stored()
        self._by_id = {known.id: known for known in stored}
        self._by_uuid = {known.uuid: known for known in stored}
        self._after: dict[str, State | None] = {}  # by uuid, what this batch has come to
        self._new: set[str] = set()
        self._stale: dict[str, Known] = {}

    def _stored(self) -> Sequence[Known]:
        """The annotations that the operations name, with their types at hand."""
        writer, operations = self._writer, self._operations
        if writer.entry is not None and len(operations) == 1:
            return () if writer.entry.known is None else (writer.entry.known,)
        writer.types.prepare({each.type_id for each in operations if not isinstance(each, Delete) and each.type_id})
        keys = [operation.uuid if isinstance(operation, Create) else operation.key for operation in operations]
        ids = [key for key in keys if isinstance(key, int)]
        uuids = [key for key in keys if isinstance(key, str)]
        return load(writer.session, writer.facts.image_id, ids=ids, uuids=uuids)

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
        kind = "model" if run else "edit"
        if changes and self._does_one:
            revision, known = self._writer.commit_one(changes[0], kind, reason, run)
            self._by_uuid[known.uuid] = known
        elif changes or self._new:
            revision = self._writer.commit(changes, kind, reason, run=run)
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
        # The number of a single one comes when it is written.
        ids = [0] if self._does_one else self._numbers(rows)
        name = writer.actor.display_name or writer.actor.name
        for id_, row in zip(ids, rows, strict=True):
            known = Known(id_, str(row["uuid"]), image_id, author_id, name, str(row["claimed_author"]), at)
            self._by_id[id_] = self._by_uuid[known.uuid] = known
        self._new = set(new)

    def _numbers(self, rows: list[dict[str, Any]]) -> Sequence[int]:
        """The numbers of new identities."""
        return self._writer.session.connection().execute(_NEW_IDENTITIES, rows).scalars().all()

    def _require_own(self, known: Known) -> None:
        if known.author_id != self._writer.editor_id:
            raise Conflict(f"The uuid {known.uuid} already names another annotation; make a new one.")


_NEW_IDENTITIES = insert(IDENTITIES).returning(IDENTITIES.c.id, sort_by_parameter_order=True)


def _at(number: int, count: int, error: Invalid | NotFound | Forbidden) -> Exception:
    """The same refusal with the operation's number, where there is more than one."""
    return error if count == 1 else type(error)(f"Operation {number}: {error.message}")
