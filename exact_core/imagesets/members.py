"""Who has which role in an image set, and giving and taking roles."""

from __future__ import annotations

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.contributions import Role
from exact_core.api.errors import Conflict, Forbidden, NotFound
from exact_core.auth.accounts import get_user
from exact_core.auth.rights import Right, Rights, includes
from exact_core.auth.schemas import PersonOut, TeamRef
from exact_core.auth.teams import Teams
from exact_core.imagesets.schemas import MemberOut
from exact_core.review import audit
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSet, ImageSetMember, Team, TeamMember, User


class Members:
    """The roles in one image set, as an actor may see and change them."""

    def __init__(self, session: Session, actor: Actor, image_set_id: int) -> None:
        self._session = session
        self._actor = actor
        self._id = image_set_id
        self._rights = Rights(session)

    def all(self) -> list[MemberOut]:
        """Roles given here, then those that come from the owning team."""
        self._rights.require(self._actor, Right.VIEW, self._id)
        rows = self._session.execute(
            select(ImageSetMember, User, Team)
            .outerjoin(User, User.id == ImageSetMember.user_id)
            .outerjoin(Team, Team.id == ImageSetMember.team_id)
            .where(ImageSetMember.image_set_id == self._id)
            .order_by(ImageSetMember.team_id.is_(None), Team.folded_name, User.folded_name)
        )
        found = [
            MemberOut(
                user=PersonOut.of(user) if user is not None else None,
                team=TeamRef(id=team.id, name=team.name) if team is not None else None,
                role=Role(member.role),
                source="set",
            )
            for member, user, team in rows
        ]
        owners = self._session.execute(
            select(User, TeamMember.is_lead)
            .join(TeamMember, TeamMember.user_id == User.id)
            .join(ImageSet, ImageSet.team_id == TeamMember.team_id)
            .where(ImageSet.id == self._id)
            .order_by(TeamMember.is_lead.desc(), User.folded_name)
        )
        for user, is_lead in owners:
            role = Role.MANAGER if is_lead else Role.ANNOTATOR
            found.append(MemberOut(user=PersonOut.of(user), role=role, source="team"))
        return found

    def give_user(self, user_id: int, role: Role) -> None:
        """Give somebody a role, or another one."""
        self._require_manager(role)
        user = get_user(self._session, user_id)
        if not user.is_active:
            raise Conflict(f"{user.name} is deactivated.")
        self._give(self._of_user(user_id), user_id=user_id, role=role)

    def give_team(self, team_id: int, role: Role) -> None:
        """Give every member of a team a role."""
        self._require_manager(role)
        Teams(self._session, self._actor).get(team_id)
        self._give(self._of_team(team_id), team_id=team_id, role=role)

    def take_user(self, user_id: int) -> None:
        """Take somebody's role away; everybody can give up their own."""
        if user_id == self._actor.user_id:
            self._rights.require(self._actor, Right.VIEW, self._id)
            self._lock()
        else:
            self._require_manager(None)
        self._take(self._of_user(user_id), f"user {user_id}")

    def take_team(self, team_id: int) -> None:
        """Take a team's role away."""
        self._require_manager(None)
        self._take(self._of_team(team_id), f"team {team_id}")

    def _require_manager(self, role: Role | None) -> None:
        self._rights.require(self._actor, Right.MANAGE, self._id)
        own = self._rights.role(self._actor, self._id)
        if role is not None and (own is None or not includes(own, role)):
            raise Forbidden(f"Nobody can give a role above their own; you are {own or 'nothing'} here.")
        self._lock()

    def _lock(self) -> None:
        """One change of roles at a time, so that two managers cannot remove each other."""
        self._session.execute(select(ImageSet.id).where(ImageSet.id == self._id).with_for_update())

    def _give(
        self, member: ImageSetMember | None, *, role: Role, user_id: int | None = None, team_id: int | None = None
    ) -> None:
        before = None if member is None else member.role
        if member is None:
            member = ImageSetMember(image_set_id=self._id, user_id=user_id, team_id=team_id, role=role)
            self._session.add(member)
        member.role = role
        self._session.flush()
        self._keep_a_manager()
        holder = {"user": user_id} if user_id is not None else {"team": team_id}
        audit.note(self._session, self._id, self._actor, "role_given", before=before, after=str(role), **holder)
        raise_epoch(self._session, "access")

    def _take(self, member: ImageSetMember | None, who: str) -> None:
        if member is None:
            raise NotFound(f"No role was given to {who} in image set {self._id}.")
        self._session.delete(member)
        self._session.flush()
        self._keep_a_manager()
        audit.note(self._session, self._id, self._actor, "role_taken", before=member.role, who=who)
        raise_epoch(self._session, "access")

    def _keep_a_manager(self) -> None:
        """Only an administrator can leave a set without anybody who manages it."""
        if self._actor.is_admin:
            return
        member, person = ImageSetMember, TeamMember
        by_role = exists().where(
            member.image_set_id == self._id,
            member.role == Role.MANAGER,
            or_(
                exists().where(User.id == member.user_id, User.is_active),
                exists().where(person.team_id == member.team_id, person.user_id == User.id, User.is_active),
            ),
        )
        by_team = exists().where(
            ImageSet.id == self._id,
            person.team_id == ImageSet.team_id,
            person.is_lead,
            person.user_id == User.id,
            User.is_active,
        )
        if not self._session.scalar(select(or_(by_role, by_team))):
            raise Conflict("Nobody would manage the image set any more; make somebody else a manager first.")

    def _of_user(self, user_id: int) -> ImageSetMember | None:
        return self._session.scalar(select(ImageSetMember).filter_by(image_set_id=self._id, user_id=user_id))

    def _of_team(self, team_id: int) -> ImageSetMember | None:
        return self._session.scalar(select(ImageSetMember).filter_by(image_set_id=self._id, team_id=team_id))
