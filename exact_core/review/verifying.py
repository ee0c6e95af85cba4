"""Verifying: what a reader says of shapes and of whole images, each as one revision of the image set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.change_log import next_revision
from exact_core.annotations.loading import load
from exact_core.annotations.rules import TypeRules
from exact_core.annotations.scope import Can, ImageFacts, ReadScope, scope_in, seen_among
from exact_core.annotations.service import AnnotationHooks
from exact_core.annotations.states import Known, masked
from exact_core.annotations.writing import Stale, Update, Writer, locked_facts
from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, Invalid, NotFound
from exact_core.api.events import AnnotationAction, AnnotationChange
from exact_core.auth.rights import Right, Rights
from exact_core.review import closing, image_states
from exact_core.review.items import ASSIGNMENTS
from exact_core.review.reading import begin_reading
from exact_core.review.settings import ModeSettings
from exact_core.review.verdicts import NewVerdict, VerdictName, accept_all, write_verdicts
from exact_core.storage.database import Database
from exact_core.storage.unit_of_work import UnitOfWork

MAX_VERDICTS = 5_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reader says of one shape; without a verdict an earlier one is withdrawn."""

    annotation_id: int
    verdict: VerdictName | None
    type_id: int | None = None
    base_revision: int | None = None
    reason: str = ""


class Verifying:
    """Verifies shapes and images for one actor: each method is one transaction and one revision."""

    def __init__(self, database: Database, hooks: AnnotationHooks, actor: Actor) -> None:
        self._database = database
        self._hooks = hooks
        self._actor = actor

    def judge(self, image_id: int, judgements: Sequence[Judgement]) -> dict[str, Any]:
        """Write down verdicts on shapes of one image, all or none; with another type the shape is relabelled too.

        Where relabelling would show other readers what one thinks, the type stays with the verdict.
        """
        if len(judgements) > MAX_VERDICTS:
            raise Invalid(f"One request has at most {MAX_VERDICTS:,} verdicts, not {len(judgements):,}.")
        if len({each.annotation_id for each in judgements}) < len(judgements):
            raise Invalid("An annotation can be judged once per request.")
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            work = _Work(uow, self._actor, image_id)
            known = work.known([each.annotation_id for each in judgements])
            for each in judgements:
                work.require_current(known[each.annotation_id], each.base_revision)
            if work.keeps_types:
                closing.require_open(uow.session, work.facts, self._actor.user_id, list(known))
            revision, states = work.relabel(judgements, known)
            verdicts = [work.verdict(each, known[each.annotation_id], states) for each in judgements]
            write_verdicts(uow.session, image_id, self._actor.user_id, revision, verdicts)
            work.tell(verdicts, known, revision)
            work.finish_shapes([each.annotation_id for each in judgements if each.verdict is not None])
            return {"revision": revision, "ids": [each.annotation_id for each in judgements]}

    def finish_image(self, image_id: int, *, accept: bool, reason: str = "") -> dict[str, Any]:
        """Call an image done, with or without shapes on it; what is not judged yet is accepted if asked for."""
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            work = _Work(uow, self._actor, image_id)
            session, facts, reader_id = uow.session, work.facts, self._actor.user_id
            revision = work.next_revision(reason=reason)
            accepted = accept_all(session, work.scope, reader_id, revision) if accept else 0
            image_states.write_state(session, image_id, reader_id, "done", revision, reason)
            row = ASSIGNMENTS.c
            own: list[ColumnElement[bool]] = [row.image_id == image_id, row.reader_id == reader_id]
            if not accept and facts.is_assigned:  # single shapes are done when they are judged
                own.append(row.annotation_id.is_(None))
            closing.close(session, facts, closing.finish(session, own))
            return {"revision": revision, "accepted": accepted, "state": "done"}

    def set_state(self, image_id: int, state: image_states.ImageState, reason: str = "") -> dict[str, Any]:
        """Set one's own state of an image by hand."""
        if state == "done":
            return self.finish_image(image_id, accept=False, reason=reason)
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            work = _Work(uow, self._actor, image_id, may_reopen=state in ("to_do", "in_work"))
            if state == "reviewed" and not work.can(self._actor, Right.EDIT_ANY, work.facts.image_set_id):
                raise Forbidden("Only reviewers can call an image reviewed; you can call it done.")
            if state == "dubious" and not reason.strip():
                raise Invalid("Say in a few words what is dubious, so that others can look at it.")
            revision = work.next_revision(reason=reason)
            if state in ("to_do", "in_work"):
                closing.reopen(uow.session, work.facts, self._actor.user_id)
            image_states.write_state(uow.session, image_id, self._actor.user_id, state, revision, reason)
            return {"revision": revision, "accepted": 0, "state": state}

    def finish_item(self, image_id: int, item_id: int) -> dict[str, Any]:
        """Call a region done."""
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            work = _Work(uow, self._actor, image_id)
            row = ASSIGNMENTS.c
            own = (row.item_id == item_id, row.image_id == image_id, row.reader_id == self._actor.user_id)
            done = closing.finish(uow.session, own)
            if not done:
                raise NotFound(f"You have no open item {item_id} on image {image_id}.")
            revision = work.next_revision()
            closing.close(uow.session, work.facts, done)
            work.note_all_done(revision)
            return {"revision": revision, "accepted": 0, "state": "done"}


class _Work:
    """One actor's verifying of one image inside a unit of work: checked, and the set locked against other writers."""

    def __init__(self, uow: UnitOfWork, actor: Actor, image_id: int, *, may_reopen: bool = False) -> None:
        self.uow = uow
        self.session: Session = uow.session
        self.actor = actor
        self.facts: ImageFacts = locked_facts(uow.session, image_id)
        self.can: Can = rights_in(uow.session)
        rights = Rights(uow.session)
        if not rights.decide(actor, Right.VIEW, self.facts.image_set_id).allowed:
            raise NotFound(f"There is no image {image_id} that you may see.")
        rights.require(actor, Right.VERIFY, self.facts.image_set_id)
        if not actor.user_id:
            raise Forbidden("The system itself verifies nothing.")
        if not may_reopen:
            begin_reading(uow.session, self.facts, actor, self.can)  # refuses who may not, or is done
        self.scope: ReadScope = scope_in(self.facts, actor, self.can, uow.session)

    @property
    def keeps_types(self) -> bool:
        """Whether a relabelling would tell others what the reader thinks."""
        settings = ModeSettings.stored(self.facts.mode_settings).second_opinion
        return (
            self.facts.mode == "second_opinion"
            and settings.items == "annotation"
            and not self.can(self.actor, Right.SEE_ALL, self.facts.image_set_id)
        )

    def next_revision(self, count: int = 1, reason: str = "") -> int:
        """The revision that holds what is verified."""
        facts = self.facts
        return next_revision(
            self.session, facts.image_set_id, "verify",
            actor_id=self.actor.user_id, image_id=facts.image_id, count=count, reason=reason,
        )  # fmt: skip

    def known(self, ids: Sequence[int]) -> dict[int, Known]:
        """Live shapes by number; what the actor may not see is not there."""
        found = {known.id: known for known in load(self.session, self.facts.image_id, ids=ids)}
        seen = seen_among(self.session, self.scope, found)
        for id_ in ids:
            if id_ not in seen:
                raise NotFound(f"This image has no annotation {id_} that you may see.")
            if found[id_].state is None:
                raise Stale(
                    "Somebody has deleted this annotation meanwhile.", [masked(found[id_], self.scope).to_json()]
                )
        return found

    def require_current(self, known: Known, base_revision: int | None) -> None:
        """Refuse to judge a state that the reader has not seen."""
        if base_revision is not None and known.revision > base_revision:
            current = masked(known, self.scope).to_json()
            raise Stale("Somebody has changed this annotation meanwhile; look at its current state.", [current])

    def relabel(self, judgements: Sequence[Judgement], known: dict[int, Known]) -> tuple[int, dict[int, int]]:
        """Change types where they shall be changed: the revision, and the state that each shape is in now."""
        states = {id_: each.revision for id_, each in known.items()}
        changes = [each for each in judgements if self._is_relabelled(each, known[each.annotation_id])]
        if not changes:
            return self.next_revision(len(judgements)), states
        writer = Writer(self.session, self.actor, self.facts.image_id, self.can, self.uow.record)
        operations = [Update(each.annotation_id, each.base_revision, each.type_id) for each in changes]
        outcome = writer.apply(operations, changes[0].reason)
        return outcome.revision, states | {each.id: each.revision for each in outcome.annotations}

    def _is_relabelled(self, judgement: Judgement, known: Known) -> bool:
        assert known.state is not None
        is_other = judgement.type_id is not None and judgement.type_id != known.state.type_id
        return is_other and not self.keeps_types

    def verdict(self, judgement: Judgement, known: Known, states: dict[int, int]) -> NewVerdict:
        """The row to write; a type is kept only where the shape was not relabelled."""
        assert known.state is not None
        type_id = judgement.type_id if self.keeps_types and judgement.type_id != known.state.type_id else None
        if type_id is not None:
            self._require_type(type_id)
        return NewVerdict(known.id, states[known.id], judgement.verdict, type_id, judgement.reason)

    def _require_type(self, type_id: int) -> None:
        TypeRules(self.session, self.facts.image_set_id).require(type_id).require_active()

    def tell(self, verdicts: Sequence[NewVerdict], known: dict[int, Known], revision: int) -> None:
        """Let plugins hear of it."""
        facts = self.facts
        for each in verdicts:
            one = known[each.annotation_id]
            assert one.state is not None
            action = AnnotationAction.VERIFIED if each.verdict == "accepted" else AnnotationAction.UNVERIFIED
            event = one.state.event()
            self.uow.record(
                AnnotationChange(
                    action, facts.image_set_id, facts.image_id, one.id, one.uuid, revision, event, event,
                    one.author_id, self.actor.user_id,
                )
            )  # fmt: skip

    def finish_shapes(self, ids: Sequence[int]) -> None:
        """Call the actor's assignments of these shapes done."""
        if not self.facts.is_assigned:
            return
        row = ASSIGNMENTS.c
        items: list[int] = []
        for start in range(0, len(ids), 900):
            own = (row.reader_id == self.actor.user_id, row.annotation_id.in_(ids[start : start + 900]))
            items += closing.finish(self.session, own)
        closing.close(self.session, self.facts, items)

    def note_all_done(self, revision: int) -> None:
        """Call the image done for the actor when nothing of it is left to do."""
        row = ASSIGNMENTS.c
        left = select(row.id).where(
            row.image_id == self.facts.image_id, row.reader_id == self.actor.user_id,
            row.state.in_(("open", "in_work")), row.role == "reader",
        )  # fmt: skip
        if self.session.scalar(left.limit(1)) is None:
            image_states.write_state(self.session, self.facts.image_id, self.actor.user_id, "done", revision)
