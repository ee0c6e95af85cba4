"""Who may do what with a model: it follows from rights in the image set that it learned from, and from its team."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, false, or_, select, true
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, Invalid, NotFound
from exact_core.auth.rights import Decision, Right, Rights, visible_image_sets
from exact_core.storage.models import ImageSet, Model, TeamMember


class ModelRight(StrEnum):
    """Something that can be done with a model."""

    SEE = "see"
    """Know that it is there: name, kind, classes, size. Nothing that tells of other people's annotations."""

    OPEN = "open"
    """Read its card, download and run it. Whoever may not see others' work in the set that it learned from has only
    ``see``: figures, counts and what it predicts tell of that work."""

    CHANGE = "change"
    """Rename, annotate with notes, pin, delete, restore."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a decision needs to know of a model.

    Attributes:
        team_id: Its team; None for a built-in model.
        image_set_id: The set that it learned from, while that is there.
        was_in_set: Whether it ever belonged to an image set.
        created_by_id: Who made it.
    """

    team_id: int | None
    image_set_id: int | None
    was_in_set: bool
    created_by_id: int | None

    @classmethod
    def of(cls, model: Model) -> ModelFacts:
        """The facts of a row."""
        return cls(model.team_id, model.image_set_id, bool(model.image_set_name), model.created_by_id)


class ModelRights:
    """Decides from the rows that a transaction sees; what was found out once is not asked again."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._actor = actor
        self._session = session
        self._rights = Rights(session)
        self._in_sets: dict[tuple[int, Right], Decision] = {}
        self._live: dict[int, bool] = {}
        self._teams: dict[int, bool] | None = None

    def decide(self, right: ModelRight, facts: ModelFacts) -> Decision:
        """Whether the actor may do this with the model, and why."""
        if "read" not in self._actor.scopes:
            return Decision(False, "The access token lacks the scope 'read'.", is_visible=False)
        if facts.team_id is None:
            is_change = right is ModelRight.CHANGE
            return Decision(not is_change, "Built-in models are the same for everybody and cannot be changed.")
        if not self._may_see(facts):
            return Decision(False, "There is no such model.", is_visible=False)
        if right is ModelRight.SEE:
            return Decision(True, "You are in its team, or see the image set that it learned from.")
        if right is ModelRight.OPEN:
            return self._may_open(facts)
        return self._may_change(facts)

    def require(self, right: ModelRight, model: Model) -> None:
        """Raise ``NotFound`` when the actor may not even know of the model, ``Forbidden`` when not do this."""
        decision = self.decide(right, ModelFacts.of(model))
        if not decision.is_visible:
            raise no_model(model.uuid)
        if not decision.allowed:
            raise Forbidden(decision.why)

    def may(self, right: ModelRight, model: Model) -> bool:
        """Whether the actor may do this."""
        return self.decide(right, ModelFacts.of(model)).allowed

    def require_keeping(self, image_set_id: int | None, team_id: int | None, *, from_job: bool = False) -> int:
        """The team that a new model is for; refuses who may not add one.

        Args:
            image_set_id: The set that it learned from: for who manages it; jobs also keep what reviewers started.
            team_id: Its team, where it learned from none of our sets: for leads of the team.
            from_job: Whether a job asks that trained it.
        """
        if image_set_id is not None:
            if from_job:
                self._rights.require(self._actor, Right.SEE_ALL, image_set_id)
            self._rights.require(self._actor, Right.EXPORT if from_job else Right.MANAGE, image_set_id)
            return self._session.get_one(ImageSet, image_set_id).team_id
        if team_id is None:
            raise Invalid("Say whose the model is: image_set_id, the set that it learned from, or team_id.")
        if not self._actor.is_admin and team_id not in self._own_teams():
            raise NotFound(f"There is no team {team_id} that you are in.")
        if not self._leads(team_id):
            raise Forbidden("Only leads of a team can add a model to it; in an image set, who manages the set can.")
        self._require_write()
        return team_id

    def _may_see(self, facts: ModelFacts) -> bool:
        """In a set that is there the set decides, which may belong to another team by now; else the team."""
        image_set_id = self._live_set(facts)
        if image_set_id is not None:
            return self._in_set(image_set_id, Right.VIEW).allowed
        return self._actor.is_admin or facts.team_id in self._own_teams()

    def _may_open(self, facts: ModelFacts) -> Decision:
        image_set_id = self._live_set(facts)
        if image_set_id is not None:
            decision = self._in_set(image_set_id, Right.SEE_ALL)
            why = "You may see your own annotations only in the image set that this model learned from, and it holds"
            return decision if decision.allowed else Decision(False, f"{why} everybody's.")
        if facts.was_in_set and not self._leads(facts.team_id):
            return Decision(False, "The image set that this model learned from was deleted; ask a lead of its team.")
        return Decision(True, "You are in its team.")

    def _may_change(self, facts: ModelFacts) -> Decision:
        if "write" not in self._actor.scopes:
            return Decision(False, "The access token lacks the scope 'write'.")
        image_set_id = self._live_set(facts)
        if image_set_id is None and self._leads(facts.team_id):
            return Decision(True, "You lead its team.")
        if image_set_id is not None:
            if self._in_set(image_set_id, Right.MANAGE).allowed:
                return Decision(True, "You manage the image set that it learned from.")
            is_own = facts.created_by_id is not None and facts.created_by_id == self._actor.user_id
            if is_own and self._in_set(image_set_id, Right.EXPORT).allowed:
                return Decision(True, "You made it.")
        return Decision(
            False, "A model can be changed by who manages the image set that it learned from, and by leads of its team."
        )

    def _require_write(self) -> None:
        if "write" not in self._actor.scopes:
            raise Forbidden("The access token lacks the scope 'write'.")

    def _live_set(self, facts: ModelFacts) -> int | None:
        """The set that it learned from, unless that was deleted."""
        image_set_id = facts.image_set_id
        if image_set_id is not None and image_set_id not in self._live:
            image_set = self._session.get(ImageSet, image_set_id)
            self._live[image_set_id] = image_set is not None and image_set.deleted_at is None
        return image_set_id if image_set_id is not None and self._live[image_set_id] else None

    def _in_set(self, image_set_id: int, right: Right) -> Decision:
        key = image_set_id, right
        if key not in self._in_sets:
            self._in_sets[key] = self._rights.decide(self._actor, right, image_set_id)
        return self._in_sets[key]

    def _leads(self, team_id: int | None) -> bool:
        return self._actor.is_admin or (team_id is not None and self._own_teams().get(team_id, False))

    def _own_teams(self) -> dict[int, bool]:
        """The actor's teams, and whether they lead each."""
        if self._teams is None:
            rows = select(TeamMember.team_id, TeamMember.is_lead).where(TeamMember.user_id == self._actor.user_id)
            self._teams = {row.team_id: row.is_lead for row in self._session.execute(rows)}
        return self._teams


def visible_models(actor: Actor) -> ColumnElement[bool]:
    """The condition on ``Model`` for those that an actor may see; what :class:`ModelRights` decides for one."""
    if "read" not in actor.scopes:
        return false()
    if actor.is_admin:
        return true()
    own_teams = select(TeamMember.team_id).where(TeamMember.user_id == actor.user_id)
    sets = select(ImageSet.id).where(visible_image_sets(actor))
    deleted = select(ImageSet.id).where(ImageSet.deleted_at.is_not(None))
    in_no_set = or_(Model.image_set_id.is_(None), Model.image_set_id.in_(deleted))
    return or_(Model.team_id.is_(None), Model.image_set_id.in_(sets), and_(Model.team_id.in_(own_teams), in_no_set))


def no_model(uuid: str) -> NotFound:
    """What is said of models that are not there, and of those that somebody may not know of."""
    return NotFound(f"There is no model {uuid[:64]} that you may see.")
