"""Deciding an item on which readers did not agree: whose work stands, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import lock_set, next_revision
from exact_core.annotations.loading import load as load_shapes
from exact_core.annotations.scope import Can, ImageFacts
from exact_core.annotations.writing import Update, Writer
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid
from exact_core.auth.rights import Right, Rights
from exact_core.review import audit, closing, image_states
from exact_core.review.adjudicating import Adjudicating, letters_of
from exact_core.review.closing import OpenItem
from exact_core.review.items import ITEMS
from exact_core.review.matching import ReadShape
from exact_core.review.modes import checked_reason
from exact_core.review.settings import ModeSettings
from exact_core.review.verdicts import NewVerdict, VerdictName, write_verdicts
from exact_core.storage.models import Adjudication, now

DecisionName = Literal["reader", "both", "neither", "each", "edit"]
MAX_KEPT = 2_000  # verdicts that are kept with the decision; all of them are rows of their own


@dataclass(frozen=True, slots=True)
class Decision:
    """What an adjudicator decides.

    Attributes:
        decision: ``reader``: the work of one reader stands. ``both``: everybody's. ``neither``: nobody's. ``each``:
            shape by shape, as ``verdicts`` says; of what the readers agree on, the first reader's shape stands.
            ``edit``: what the adjudicator drew on the item stands instead of the readers' work.
        reason: Why.
        reader: Whose work stands, by letter.
        verdicts: Shapes that are an exception.
        type_id: What a shape is, where single shapes are read.
    """

    decision: DecisionName
    reason: str
    reader: str = ""
    verdicts: Mapping[int, VerdictName] = field(default_factory=dict)
    type_id: int | None = None


class Deciding:
    """Decides items of one image set in one transaction."""

    def __init__(self, session: Session, actor: Actor, image_set_id: int, can: Can) -> None:
        self._adjudicating = Adjudicating(session, actor, image_set_id, can)
        Rights(session).require(actor, Right.VERIFY, image_set_id)
        if not actor.user_id:
            raise Forbidden("The system itself decides nothing.")
        lock_set(session, image_set_id)
        self._session = session
        self._actor = actor
        self._id = image_set_id
        self._can = can

    def decide(self, item_id: int, decision: Decision) -> Adjudication:
        """Write a decision down: verdicts on the readers' shapes, the item's end, and why."""
        reason = checked_reason(decision.reason, "this is decided so")
        item, facts, _settings = self._adjudicating.item(item_id)
        kept = self._kept_reader(item, decision)
        if item.annotation_id is not None:
            revision, verdicts = self._decide_shape(item, facts, decision, kept)
        else:
            verdicts = self._decide_work(item, facts, decision, kept)
            revision = self._revision(facts, len(verdicts), reason)
        write_verdicts(self._session, facts.image_id, self._actor.user_id, revision, verdicts)
        closed = update(ITEMS).where(ITEMS.c.id == item.id).values(state="decided", closed_at=now())
        self._session.execute(closed)
        row = Adjudication(
            item_id=item.id,
            image_set_id=self._id,
            image_id=facts.image_id,
            decision=decision.decision,
            kept_reader_id=kept,
            details={"verdicts": {each.annotation_id: each.verdict for each in verdicts[:MAX_KEPT]}},
            reason=reason,
            decided_by_id=self._actor.user_id,
            revision=revision,
        )
        self._session.add(row)
        if not self._has_open(facts.image_id):
            image_states.write_state(self._session, facts.image_id, self._actor.user_id, "reviewed", revision, reason)
        audit.note(
            self._session, self._id, self._actor, "decided", reason, item=item.id, image=facts.image_id,
            decision=decision.decision, again=item.state == "decided",
        )  # fmt: skip
        self._session.flush()
        return row

    def _kept_reader(self, item: OpenItem, decision: Decision) -> int | None:
        if decision.decision != "reader":
            return None
        for reader, letter in letters_of(item).items():
            if letter == decision.reader:
                return reader
        raise Invalid(f"reader: this item has no reader {decision.reader!r}.")

    def _decide_work(self, item: OpenItem, facts: ImageFacts, decision: Decision, kept: int | None) -> list[NewVerdict]:
        """Verdicts on everything that the readers drew on the item."""
        work = closing.work_on(self._session, facts.image_id, item)
        own = self._own_work(item, facts) if decision.decision == "edit" else []
        if decision.decision == "edit" and not own:
            raise Invalid("decision: draw on the item what shall stand instead, then decide so.")
        first = self._first_of_agreed(item, facts, decision) if decision.decision == "each" else {}
        wanted: dict[int, VerdictName] = dict.fromkeys((each.id for each in own), "accepted")
        for reader, shapes in work.items():
            for shape in shapes:
                stands = decision.decision == "both" or reader == kept or first.get(shape.id, False)
                wanted[shape.id] = "accepted" if stands else "rejected"
        unknown = set(decision.verdicts) - wanted.keys()
        if unknown:
            raise Invalid(f"verdicts: annotation {min(unknown)} is not part of this item.")
        if decision.decision == "each":
            missing = {id_ for id_ in wanted if id_ not in decision.verdicts and id_ not in first}
            if missing:
                raise Invalid(f"verdicts: {len(missing):,} shapes on which the readers differ are not decided yet.")
        wanted |= decision.verdicts
        states = {each.id: each.revision for each in load_shapes(self._session, facts.image_id, ids=wanted)}
        return [NewVerdict(id_, states[id_], verdict) for id_, verdict in wanted.items()]

    def _own_work(self, item: OpenItem, facts: ImageFacts) -> Sequence[ReadShape]:
        mine = OpenItem(item.id, item.kind, item.state, None, item.region, {self._actor.user_id: "done"})
        return closing.work_on(self._session, facts.image_id, mine)[self._actor.user_id]

    def _first_of_agreed(self, item: OpenItem, facts: ImageFacts, decision: Decision) -> dict[int, bool]:
        """Of groups on which nothing was decided because the readers agree: the first reader's shape stands."""
        rule = ModeSettings.stored(facts.mode_settings).second_opinion.rule
        letters = letters_of(item)
        found: dict[int, bool] = {}
        compared = closing.compared(self._session, facts, item, rule)
        apart = {id(group) for group in compared.disagreements}
        for group in compared.groups:
            if id(group) in apart:
                continue
            ordered = sorted(group.shapes.items(), key=lambda each: letters[each[0]])
            found |= {shape.id: number == 0 for number, (_, shape) in enumerate(ordered)}
        return found

    def _decide_shape(
        self, item: OpenItem, facts: ImageFacts, decision: Decision, kept: int | None
    ) -> tuple[int, list[NewVerdict]]:
        """The one verdict on a shape that readers judged differently; the class that stands becomes its class."""
        assert item.annotation_id is not None
        known = load_shapes(self._session, facts.image_id, ids=[item.annotation_id])[0]
        if known.state is None:
            raise Conflict("The annotation was deleted; there is nothing to decide any more.")
        verdict: VerdictName = "accepted" if decision.decision in ("both", "edit", "each") else "rejected"
        type_id = decision.type_id
        if kept is not None:
            said = closing.opinions_of(self._session, [item.annotation_id]).get((item.annotation_id, kept))
            if said is None:
                raise Conflict("This reader has taken the verdict back; decide by another.")
            if said.verdict == "dubious":
                raise Invalid("reader: this reader was not sure either; say yourself what it is.")
            verdict, type_id = ("accepted" if said.verdict == "accepted" else "rejected"), said.type_id
        verdict = decision.verdicts.get(item.annotation_id, verdict)
        if verdict != "accepted" or type_id is None or type_id == known.state.type_id:
            revision = self._revision(facts, 1, decision.reason)
            return revision, [NewVerdict(known.id, known.revision, verdict)]
        writer = Writer(self._session, self._actor, facts.image_id, self._as_editor, None)
        revision = writer.apply([Update(known.id, None, type_id)], decision.reason).revision
        return revision, [NewVerdict(known.id, revision, verdict)]

    def _as_editor(self, actor: Actor, right: str, image_set_id: int) -> bool:
        """An adjudicator may give the one shape of an item the class that stands, and nothing else."""
        return right in (Right.EDIT_ANY, Right.SEE_ALL) or self._can(actor, right, image_set_id)

    def _revision(self, facts: ImageFacts, count: int, reason: str) -> int:
        return next_revision(
            self._session, self._id, "verify",
            actor_id=self._actor.user_id, image_id=facts.image_id, count=count, reason=reason,
        )  # fmt: skip

    def _has_open(self, image_id: int) -> bool:
        left: list[ColumnElement[bool]] = [ITEMS.c.image_id == image_id, ITEMS.c.state.in_(("open", "disagreed"))]
        return bool(self._session.scalar(select(exists().where(*left))))
