"""The one place that decides what somebody may do in an image set, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, FromClause, Table, and_, bindparam, exists, false, or_, select, true
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.contributions import Role
from exact_core.api.errors import Forbidden, NotFound
from exact_core.storage.models import Image, ImageSet, ImageSetMember, Team, TeamMember
from exact_core.storage.prepared import Prepared


class Right(StrEnum):
    """Something that can be done in an image set."""

    VIEW = "view"
    ANNOTATE = "annotate"
    EDIT_ANY = "edit_any"
    SEE_ALL = "see_all"
    VERIFY = "verify"
    ADJUDICATE = "adjudicate"
    UPLOAD = "upload"
    EDIT_IMAGES = "edit_images"
    DELETE_IMAGES = "delete_images"
    PRIVATE_NAMES = "private_names"
    LABEL_PICTURES = "label_pictures"
    EXPORT = "export"
    MANAGE = "manage"
    DELETE_SET = "delete_set"


_VIEWER = frozenset({Right.VIEW})
_ANNOTATOR = _VIEWER | {Right.ANNOTATE, Right.VERIFY}
_REVIEWER = _ANNOTATOR | {Right.EDIT_ANY, Right.EXPORT}

RIGHTS_OF: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {Role.VIEWER: _VIEWER, Role.ANNOTATOR: _ANNOTATOR, Role.REVIEWER: _REVIEWER, Role.MANAGER: frozenset(Right)}
)
"""What each role may do. Original file names and label pictures can name patients: managers only."""

_BY_MODE: Mapping[str, Mapping[str, Role]] = MappingProxyType(
    {
        "cooperative": MappingProxyType({Right.SEE_ALL: Role.VIEWER, Right.EDIT_ANY: Role.ANNOTATOR}),
    }
)
"""The lowest role that has a right in image sets of a mode. In cooperative sets all who annotate correct each other's
shapes; in competitive and second-opinion ones, which are blind, only those who manage the set see what others drew,
until it is unblinded. What a reader of a second opinion sees beyond their own is in ``annotations/sharing.py``."""

BLIND_MODES = frozenset({"competitive", "second_opinion"})
"""Modes in which the work of others is hidden until the set is unblinded."""

_READING = frozenset(
    {Right.VIEW, Right.SEE_ALL, Right.ADJUDICATE, Right.PRIVATE_NAMES, Right.LABEL_PICTURES, Right.EXPORT}
)
"""Rights that change nothing: held in a locked set too, and by tokens with the scope ``read``. An adjudicator sees by
``adjudicate``; to decide needs ``verify`` as well."""

_CORE_RIGHTS = frozenset(Right)

_RANK: Mapping[Role, int] = MappingProxyType({role: rank for rank, role in enumerate(Role)})

GrantsOf = Callable[[str], tuple[Role, ...] | None]
"""Roles that have a plugin's permission; None when no running plugin brought one of that name."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One reason why somebody has a role."""

    role: Role
    source: str


@dataclass(frozen=True, slots=True)
class SetFacts:
    """What a decision needs to know of an image set."""

    id: int
    team_id: int
    is_locked: bool
    is_deleted: bool
    mode: str = "competitive"  # the strictest, for whoever does not say
    is_unblinded: bool = False
    adjudicators: frozenset[int] = frozenset()

    @property
    def is_blind(self) -> bool:
        """Whether the work of others is hidden here."""
        return self.mode in BLIND_MODES and not self.is_unblinded


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether somebody may do something, and why. ``is_visible``: may they know that the set exists?"""

    allowed: bool
    why: str
    is_visible: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody has in an image set."""

    role: Role | None
    rights: tuple[Right, ...]


Standing: TypeAlias = tuple[SetFacts | None, Grant | None]
"""What is known of a set, and of somebody in it."""


def strongest(grants: Iterable[Grant]) -> Grant | None:
    """The grant with the highest role."""
    return max(grants, key=lambda grant: _RANK[grant.role], default=None)


def includes(role: Role, other: Role) -> bool:
    """Whether a role has at least the rights of another."""
    return _RANK[role] >= _RANK[other]


WORK = "work"
"""Scope of the access tokens of remote workers. It opens nothing but the jobs that the worker holds."""


def may_work(actor: Actor) -> Decision:
    """Whether somebody may take jobs as a remote worker: a token for that and nothing else, of an administrator."""
    if WORK not in actor.scopes:
        return Decision(False, "This needs an access token with the scope 'work', which administrators make.")
    if not actor.is_admin:
        return Decision(False, "Only administrators may have workers.")
    return Decision(True, "This is an administrator's token for a worker.")


def judge(actor: Actor, right: str, facts: SetFacts | None, grant: Grant | None, roles_of: GrantsOf) -> Decision:
    """Decide from known facts; every decision of the platform, cached or not, is made here."""
    if facts is None or (facts.is_deleted and right != Right.DELETE_SET):
        return Decision(False, "There is no such image set.", is_visible=False)
    if not actor.is_admin and grant is None:
        return Decision(False, "You have no role in this image set.", is_visible=False)
    if facts.is_deleted and not actor.is_admin and (grant is None or grant.role is not Role.MANAGER):
        return Decision(False, "There is no such image set.", is_visible=False)
    if right in _READING and "read" not in actor.scopes:
        return Decision(False, "The access token lacks the scope 'read'.", is_visible=False)
    if right not in _READING and "write" not in actor.scopes:
        return Decision(False, "The access token lacks the scope 'write'.")
    roles = _roles_with(right, facts.mode, roles_of)
    if roles is None:
        return Decision(False, f"No right {right!r} exists here.")
    if facts.is_locked and right not in _READING and right != Right.MANAGE and actor.via != "system":
        return Decision(False, "The image set is locked; somebody who manages it can unlock it.")
    if actor.is_admin:
        return Decision(True, "Administrators have every right.")
    assert grant is not None
    if grant.role in roles:
        return Decision(True, f"You are {grant.role} {grant.source}.")
    if right == Right.SEE_ALL and facts.mode in BLIND_MODES and facts.is_unblinded:
        return Decision(True, "The image set was unblinded.")
    if actor.user_id in facts.adjudicators and includes(grant.role, Role.ANNOTATOR):
        if right == Right.ADJUDICATE:
            return Decision(True, "You adjudicate in this image set.")
        if right == Right.SEE_ALL and facts.mode == "competitive":
            return Decision(True, "You adjudicate in this blind image set.")
    needed = ", ".join(role for role in Role if role in roles) or "nobody"
    return Decision(False, f"You are {grant.role} {grant.source}; {right} needs: {needed}.")


def _roles_with(right: str, mode: str, roles_of: GrantsOf) -> frozenset[Role] | None:
    if right in _CORE_RIGHTS:
        return _roles_of_core(right, mode)
    granted = roles_of(right)
    return None if granted is None else frozenset(granted)


@lru_cache(maxsize=256)
def _roles_of_core(right: str, mode: str) -> frozenset[Role]:
    """What the code says, which no change of rights alters."""
    lowest = _BY_MODE.get(mode, {}).get(right)
    return frozenset(
        role for role, rights in RIGHTS_OF.items() if right in rights or (lowest and includes(role, lowest))
    )


def no_plugin_rights(_name: str) -> tuple[Role, ...] | None:
    """Roles with a plugin's permission, where no plugin is known."""
    return None


class Rights:
    """Decides from the rows that a transaction sees, for changes; hot paths ask the access snapshot instead."""

    def __init__(self, session: Session, roles_of: GrantsOf = no_plugin_rights) -> None:
        self._session = session
        self._roles_of = roles_of

    def decide(self, actor: Actor, right: Right | str, image_set_id: int) -> Decision:
        """Whether the actor may do this in the set."""
        facts = self._facts(image_set_id)
        grant = None
        if facts is not None and not actor.is_admin:
            grant = strongest(self.grants(actor.user_id, facts))
        return judge(actor, right, facts, grant, self._roles_of)

    def require(self, actor: Actor, right: Right | str, image_set_id: int) -> None:
        """Raise ``NotFound`` when the actor may not even see the set, ``Forbidden`` when not do this."""
        decision = self.decide(actor, right, image_set_id)
        if decision.allowed:
            return
        if not decision.is_visible:
            raise NotFound(f"There is no image set {image_set_id} that you may see.")
        raise Forbidden(decision.why)

    def require_image(self, actor: Actor, right: Right | str, image_id: int) -> int:
        """As :meth:`require` for the set of an image; gives that set's id."""
        image_set_id = self._session.scalar(
            select(Image.image_set_id).where(Image.id == image_id, Image.deleted_at.is_(None))
        )
        if image_set_id is None or not self.decide(actor, Right.VIEW, image_set_id).allowed:
            raise NotFound(f"There is no image {image_id} that you may see.")
        self.require(actor, right, image_set_id)
        return image_set_id

    def held(self, actor: Actor, image_sets: Sequence[ImageSet]) -> dict[int, Held]:
        """The actor's own role in each set, and every right of the core that follows."""
        sets = [_facts_of(image_set) for image_set in image_sets]
        grants = {set_id: strongest(found) for set_id, found in self._grants_in(actor.user_id, sets).items()}
        return {
            facts.id: Held(
                grant.role if (grant := grants[facts.id]) else None,
                tuple(right for right in Right if judge(actor, right, facts, grant, self._roles_of).allowed),
            )
            for facts in sets
        }

    def explain(
        self, actor: Actor, image_set_id: int, permissions: Iterable[str] = (), *, is_active: bool = True
    ) -> dict[str, Decision]:
        """Every right of the core, and these of plugins, with the reason."""
        names = [*Right, *permissions]
        if not is_active:
            return {name: Decision(False, "The account is deactivated.") for name in names}
        return {str(name): self.decide(actor, name, image_set_id) for name in names}

    def role(self, actor: Actor, image_set_id: int) -> Role | None:
        """The actor's role in the set; administrators act as managers."""
        facts = self._facts(image_set_id)
        if facts is None:
            return None
        if actor.is_admin:
            return Role.MANAGER
        grant = strongest(self.grants(actor.user_id, facts))
        return grant.role if grant else None

    def grants(self, user_id: int, facts: SetFacts) -> list[Grant]:
        """Every reason why a user has a role in a set."""
        return self._grants_in(user_id, [facts])[facts.id]

    def _grants_in(self, user_id: int, sets: Sequence[SetFacts]) -> dict[int, list[Grant]]:
        """The same for many sets, with two queries."""
        own = self._session.execute(
            select(TeamMember.team_id, TeamMember.is_lead, Team.name)
            .join(Team, Team.id == TeamMember.team_id)
            .where(TeamMember.user_id == user_id)
        ).all()
        teams = {row.team_id: row for row in own}
        found: dict[int, list[Grant]] = {}
        for facts in sets:
            team = teams.get(facts.team_id)
            found[facts.id] = [] if team is None else [_grant_of_owner(team.name, team.is_lead)]
        member = ImageSetMember
        holders = or_(member.user_id == user_id, member.team_id.in_(list(teams)) if teams else false())
        for row in self._session.scalars(select(member).where(member.image_set_id.in_(list(found)), holders)):
            source = "in this image set" if row.team_id is None else f"here through the team {teams[row.team_id].name}"
            found[row.image_set_id].append(Grant(Role(row.role), source))
        return found

    def standing(self, user_id: int, image_set_id: int) -> Standing:
        """What :func:`judge` needs to know of a set and somebody in it, in one query; grants do not name their team."""
        rows = _STANDING.rows(self._session, {"user": user_id, "image_set": image_set_id})
        if not rows:
            return None, None
        is_locked, deleted_at, mode, settings, *_ = rows[0]
        return standing_of(image_set_id, (is_locked, deleted_at, mode, settings), [row[4:] for row in rows])

    @staticmethod
    def visible_image_sets(actor: Actor) -> ColumnElement[bool]:
        """The condition on ``ImageSet`` that every list, count and search of the actor carries."""
        return visible_image_sets(actor)

    def _facts(self, image_set_id: int) -> SetFacts | None:
        image_set = self._session.get(ImageSet, image_set_id)
        return None if image_set is None else _facts_of(image_set)


_SETS = cast("Table", ImageSet.__table__).c
_IN_TEAMS = cast("Table", TeamMember.__table__)
_IN_SETS = cast("Table", ImageSetMember.__table__)
_OWN_TEAMS = select(_IN_TEAMS.c.team_id).where(_IN_TEAMS.c.user_id == bindparam("user"))
BESIDE_SET: tuple[ColumnElement[Any], ...] = (
    _SETS.team_id,
    _SETS.unblinded_at,
    select(_IN_TEAMS.c.is_lead)
    .where(_IN_TEAMS.c.user_id == bindparam("user"), _IN_TEAMS.c.team_id == _SETS.team_id)
    .scalar_subquery(),  # whether the user leads the owning team; NULL: is not in it
    _IN_SETS.c.role,
)
"""The columns of :func:`standing_of`, for statements that know the set's mode, lock and deletion besides."""

_HOLDS_ROLE = and_(
    _IN_SETS.c.image_set_id == _SETS.id,
    or_(_IN_SETS.c.user_id == bindparam("user"), _IN_SETS.c.team_id.in_(_OWN_TEAMS)),
)


def with_roles(source: FromClause) -> FromClause:
    """Where ``BESIDE_SET`` is selected from: image sets with a row for each role of ``user``, or one without."""
    return source.outerjoin(_IN_SETS, _HOLDS_ROLE)


def standing_of(image_set_id: int, held: _SetState, rows: Sequence[Sequence[Any]]) -> tuple[SetFacts, Grant | None]:
    """What :func:`judge` needs to know of a set and somebody in it.

    Args:
        image_set_id: The set.
        held: Of the set: its lock, its deletion, its mode and that mode's settings.
        rows: All rows of ``BESIDE_SET`` of the set.
    """
    is_locked, deleted_at, mode, settings = held
    team_id, unblinded_at, leads, _ = rows[0]
    adjudicators = adjudicators_in(settings)
    facts = SetFacts(
        image_set_id, team_id, is_locked, deleted_at is not None, mode, unblinded_at is not None, adjudicators
    )
    grants = [Grant(Role(row[-1]), "in this image set") for row in rows if row[-1] is not None]
    if leads is not None:
        grants.append(_grant_of_owner("that owns the set", leads))
    return facts, strongest(grants)


_SetState: TypeAlias = tuple[bool, datetime | None, str, Mapping[str, Any]]
_STANDING = Prepared(
    select(_SETS.is_locked, _SETS.deleted_at, _SETS.mode, _SETS.mode_settings, *BESIDE_SET)
    .select_from(with_roles(cast("Table", ImageSet.__table__)))
    .where(_SETS.id == bindparam("image_set"))
)


def _facts_of(image_set: ImageSet) -> SetFacts:
    return SetFacts(
        image_set.id,
        image_set.team_id,
        image_set.is_locked,
        image_set.deleted_at is not None,
        image_set.mode,
        image_set.unblinded_at is not None,
        adjudicators_in(image_set.mode_settings),
    )


def adjudicators_in(mode_settings: Mapping[str, object] | None) -> frozenset[int]:
    """Who adjudicates by the settings of an image set's mode."""
    named = (mode_settings or {}).get("adjudicators", ())
    return frozenset(each for each in named if isinstance(each, int)) if isinstance(named, list) else frozenset()


def _grant_of_owner(team: str, is_lead: bool) -> Grant:
    if is_lead:
        return Grant(Role.MANAGER, f"as a lead of the team {team}")
    return Grant(Role.ANNOTATOR, f"as a member of the team {team}")


def visible_image_sets(actor: Actor, *, deleted: bool = False) -> ColumnElement[bool]:
    """The condition on ``ImageSet`` for the sets that an actor may see; with ``deleted``, those to restore."""
    state = ImageSet.deleted_at.is_not(None) if deleted else ImageSet.deleted_at.is_(None)
    if "read" not in actor.scopes:
        return false()
    if actor.is_admin:
        return and_(true(), state)
    own_teams = select(TeamMember.team_id).where(TeamMember.user_id == actor.user_id)
    leading = own_teams.where(TeamMember.is_lead)
    member = ImageSetMember
    role = exists().where(
        member.image_set_id == ImageSet.id, or_(member.user_id == actor.user_id, member.team_id.in_(own_teams))
    )
    if deleted:
        return and_(state, or_(ImageSet.team_id.in_(leading), role.where(member.role == Role.MANAGER)))
    return and_(state, or_(ImageSet.team_id.in_(own_teams), role))
