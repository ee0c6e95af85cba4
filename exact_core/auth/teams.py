"""Teams: groups of people that own image sets and products."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, func, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, NotFound
from exact_core.auth.accounts import folded, get_user
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSet, Model, Product, Team, TeamMember, User


class Teams:
    """What an actor can do with teams; raises ``NotFound`` for teams that the actor may not see."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session = session
        self._actor = actor

    def visible(self) -> ColumnElement[bool]:
        """The condition for teams that the actor may see: their own, or all for administrators."""
        if self._actor.is_admin:
            return true()
        return exists().where(TeamMember.team_id == Team.id, TeamMember.user_id == self._actor.user_id)

    def get(self, team_id: int) -> Team:
        """One team that the actor may see."""
        team = self._session.scalar(select(Team).where(Team.id == team_id, self.visible()))
        if team is None:
            raise NotFound(f"There is no team {team_id} that you may see.")
        return team

    def is_lead(self, team_id: int) -> bool:
        """Whether the actor manages the team."""
        if self._actor.is_admin:
            return True
        member = self._member(team_id, self._actor.user_id)
        return member is not None and member.is_lead

    def require_lead(self, team_id: int) -> Team:
        """One team that the actor manages; ``Forbidden`` for other members."""
        team = self.get(team_id)
        if not self.is_lead(team_id):
            raise Forbidden(f"Only leads of the team {team.name} and administrators can do this.")
        return team

    def create(self, name: str, description: str) -> Team:
        """A new team; for administrators."""
        if not self._actor.is_admin:
            raise Forbidden("Only administrators can create teams.")
        team = Team(
            name=name, folded_name=folded(name), description=description, created_by_id=self._actor.user_id or None
        )
        self._save(team)
        return team

    def change(self, team_id: int, name: str | None, description: str | None) -> Team:
        """Rename or describe a team."""
        team = self.require_lead(team_id)
        if name is not None:
            team.name, team.folded_name = name, folded(name)
        if description is not None:
            team.description = description
        self._save(team)
        return team

    def delete(self, team_id: int) -> None:
        """Remove a team that owns nothing; for administrators."""
        team = self.get(team_id)
        if not self._actor.is_admin:
            raise Forbidden("Only administrators can delete teams.")
        sets = self._session.scalar(select(func.count()).where(ImageSet.team_id == team_id)) or 0
        products = self._session.scalar(select(func.count()).where(Product.team_id == team_id)) or 0
        live = (Model.team_id == team_id, Model.deleted_at.is_(None))
        models = self._session.scalar(select(func.count()).where(*live)) or 0
        if sets or products or models:
            raise Conflict(
                f"The team {team.name} still owns {sets} image sets (deleted ones count), {products} products and"
                f" {models} models; give them to another team, or delete the models, first."
            )
        self._session.delete(team)
        raise_epoch(self._session, "access")

    def members(self, team_id: int) -> Sequence[tuple[TeamMember, User]]:
        """Who is in the team, leads first."""
        self.get(team_id)
        statement = select(TeamMember, User).join(User, User.id == TeamMember.user_id)
        statement = statement.where(TeamMember.team_id == team_id)
        rows = self._session.execute(statement.order_by(TeamMember.is_lead.desc(), User.folded_name))
        return [(member, user) for member, user in rows]

    def put_member(self, team_id: int, user_id: int, *, is_lead: bool) -> None:
        """Add somebody, or change whether they lead."""
        team = self.require_lead(team_id)
        user = get_user(self._session, user_id)
        if not user.is_active:
            raise Conflict(f"{user.name} is deactivated.")
        self._lock(team)
        member = self._member(team_id, user_id)
        if member is None:
            member = TeamMember(team_id=team_id, user_id=user_id)
            self._session.add(member)
        member.is_lead = is_lead
        self._session.flush()
        self._keep_a_lead(team, user_id)
        raise_epoch(self._session, "access")

    def remove_member(self, team_id: int, user_id: int) -> None:
        """Take somebody out; everybody can leave by themselves."""
        team = self.get(team_id) if user_id == self._actor.user_id else self.require_lead(team_id)
        self._lock(team)
        member = self._member(team_id, user_id)
        if member is None:
            raise NotFound(f"User {user_id} is not in the team {team.name}.")
        self._session.delete(member)
        self._session.flush()
        self._keep_a_lead(team, user_id)
        raise_epoch(self._session, "access")

    def _keep_a_lead(self, team: Team, user_id: int) -> None:
        """The last lead cannot step down by themselves; somebody else has to lead first."""
        if self._actor.is_admin or user_id != self._actor.user_id:
            return
        leads = exists().where(
            TeamMember.team_id == team.id, TeamMember.is_lead, TeamMember.user_id == User.id, User.is_active
        )
        members = exists().where(TeamMember.team_id == team.id)
        if not self._session.scalar(select(leads)) and self._session.scalar(select(members)):
            raise Conflict(f"You are the only lead of the team {team.name}; make somebody else a lead first.")
        if not self._session.scalar(select(members)):
            raise Conflict(f"You are the only member of the team {team.name}; an administrator can delete it.")

    def _member(self, team_id: int, user_id: int) -> TeamMember | None:
        return self._session.scalar(
            select(TeamMember).where(TeamMember.team_id == team_id, TeamMember.user_id == user_id)
        )

    def _lock(self, team: Team) -> None:
        """One change of members at a time, so that two leads cannot remove each other."""
        self._session.execute(select(Team.id).where(Team.id == team.id).with_for_update())

    def _save(self, team: Team) -> None:
        try:
            with self._session.begin_nested():
                self._session.add(team)
                self._session.flush()
        except IntegrityError:
            raise Conflict(f"There is already a team {team.name!r}.") from None
        raise_epoch(self._session, "access")
