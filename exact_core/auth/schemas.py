"""What the API of accounts, teams and login takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from exact_core.storage.models import AccessToken, LoginSession, Team, TeamMember, User

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
DisplayName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=128)]
Description = Annotated[str, StringConstraints(max_length=10_000)]
Password = Annotated[str, StringConstraints(max_length=1024)]
Scope = Literal["read", "write", "admin", "work"]


class Input(BaseModel):
    """A body that refuses members it does not know, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


class LoginIn(Input):
    """Name and password."""

    name: str = Field(max_length=256)
    password: Password


class LoginLinkIn(Input):
    """The secret part of a one-time login link."""

    token: str = Field(min_length=1, max_length=256)


class LoggedInOut(BaseModel):
    """A browser that is now logged in; the cookie travels in the headers."""

    id: int
    name: str
    display_name: str
    is_admin: bool
    has_password: bool
    csrf_token: str = Field(description="To send back as X-CSRF-Token with changing requests of this session.")


class PersonOut(BaseModel):
    """What everybody may know of somebody."""

    id: int
    name: str
    display_name: str
    is_active: bool

    @classmethod
    def of(cls, user: User) -> PersonOut:
        return cls(id=user.id, name=user.name, display_name=user.display_name, is_active=user.is_active)


class UserOut(PersonOut):
    """What administrators may know of somebody."""

    is_admin: bool
    has_password: bool
    created_at: datetime
    last_seen_at: datetime | None = None

    @classmethod
    def of(cls, user: User, last_seen_at: datetime | None = None) -> UserOut:
        return cls(
            id=user.id,
            name=user.name,
            display_name=user.display_name,
            is_active=user.is_active,
            is_admin=user.is_admin,
            has_password=user.password_hash is not None,
            created_at=user.created_at,
            last_seen_at=last_seen_at,
        )


class UsersOut(BaseModel):
    """A page of people; administrators get more about each."""

    items: list[UserOut | PersonOut]
    next_cursor: str | None
    total: int


class UserIn(Input):
    """A new person."""

    name: Name
    display_name: DisplayName = ""
    is_admin: bool = False


class UserChange(Input):
    """What an administrator changes about somebody; what is absent stays."""

    display_name: DisplayName | None = None
    is_admin: bool | None = None
    is_active: bool | None = None


class LoginLinkOut(BaseModel):
    """A one-time login link, shown this once."""

    url: str
    expires_at: datetime


class NewUserOut(BaseModel):
    """A new person, with the link for their first login."""

    user: UserOut
    login_link: LoginLinkOut


class TeamRef(BaseModel):
    """A team by name."""

    id: int
    name: str


class OwnTeam(TeamRef):
    """A team that one belongs to."""

    is_lead: bool


class MeOut(UserOut):
    """One's own account."""

    preferences: dict[str, Any]
    teams: list[OwnTeam]
    scopes: list[Scope] = Field(description="What this session or token may do.")
    via: Literal["session", "token", "system"]
    password_needs_current: bool = Field(
        description="Whether a new password can be chosen only by who knows the current one."
    )


class MeChange(Input):
    """What one changes about oneself; preferences are merged, null removes one."""

    display_name: DisplayName | None = None
    preferences: dict[Annotated[str, StringConstraints(max_length=64)], Any] | None = None


class PasswordChange(Input):
    """A new password, and the current one where one is set."""

    new_password: Password
    current_password: Password = ""


class TokenIn(Input):
    """A new access token."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scopes: list[Scope] = Field(default=["read"], min_length=1)
    days: int | None = Field(default=90, ge=1, le=3650, description="null means that it never expires.")


class TokenOut(BaseModel):
    """An access token, without its secret."""

    id: int
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, row: AccessToken) -> TokenOut:
        return cls.model_validate(row, from_attributes=True)


class NewTokenOut(TokenOut):
    """A new access token; ``token`` is shown this once."""

    token: str


class SessionOut(BaseModel):
    """A browser in which one is logged in."""

    id: int
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool

    @classmethod
    def of(cls, row: LoginSession, current_hash: str) -> SessionOut:
        return cls(
            id=row.id,
            user_agent=row.user_agent,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            is_current=row.key_hash == current_hash,
        )


class EndedOut(BaseModel):
    """How many sessions were ended."""

    ended: int


class TeamIn(Input):
    """A new team."""

    name: Name
    description: Description = ""


class TeamChange(Input):
    """What changes about a team; what is absent stays."""

    name: Name | None = None
    description: Description | None = None


class TeamOut(BaseModel):
    """A team that one may see."""

    id: int
    name: str
    description: str
    created_at: datetime
    member_count: int
    image_set_count: int
    is_member: bool
    is_lead: bool = Field(description="Whether you manage it: as a lead, or as an administrator.")

    @classmethod
    def of(cls, team: Team, *, members: int, image_sets: int, is_member: bool, is_lead: bool) -> TeamOut:
        return cls(
            id=team.id,
            name=team.name,
            description=team.description,
            created_at=team.created_at,
            member_count=members,
            image_set_count=image_sets,
            is_member=is_member,
            is_lead=is_lead,
        )


class TeamMemberIn(Input):
    """Whether somebody leads the team."""

    is_lead: bool = False


class TeamMemberOut(BaseModel):
    """Somebody in a team."""

    user: PersonOut
    is_lead: bool

    @classmethod
    def of(cls, member: TeamMember, user: User) -> TeamMemberOut:
        return cls(user=PersonOut.of(user), is_lead=member.is_lead)
