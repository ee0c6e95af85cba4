"""People: finding them, and administrating their accounts."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Forbidden
from exact_core.auth import accounts, credentials
from exact_core.auth.schemas import (
    EndedOut,
    LoginLinkOut,
    NewUserOut,
    PersonOut,
    UserChange,
    UserIn,
    UserOut,
    UsersOut,
)
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import LoginSession, User

router = APIRouter(prefix="/users", tags=["users"])


@router.get("", summary="Find people")
def list_users(
    actor: CurrentActor,
    session: DbSession,
    q: Annotated[str, Query(max_length=100, description="Part of a login or display name.")] = "",
    inactive: Annotated[bool, Query(description="Include deactivated accounts; administrators only.")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str = "",
) -> UsersOut:
    """People by name, to add to teams and image sets. Administrators get more about each."""
    condition = accounts.search(q, active_only=not (inactive and actor.is_admin))
    total = session.scalar(select(func.count()).select_from(User).where(condition)) or 0
    statement = select(User).where(condition).order_by(User.folded_name, User.id).limit(limit + 1)
    if cursor:
        statement = statement.where(tuple_(User.folded_name, User.id) > tuple(read_cursor(cursor, str, int)))
    rows = list(session.scalars(statement))
    page = rows[:limit]
    return UsersOut(
        items=_shown(session, actor, page),
        next_cursor=write_cursor(page[-1].folded_name, page[-1].id) if len(rows) > limit else None,
        total=total,
    )


@router.post("", status_code=201, summary="Create an account")
def create_user(request: Request, response: Response, body: UserIn, actor: CurrentActor) -> NewUserOut:
    """For administrators. The answer holds a one-time login link, which is not shown again."""
    require_admin(actor)
    response.headers["Cache-Control"] = "no-store"
    with services_of(request).database.write() as session:
        user = accounts.create_user(session, body.name, display_name=body.display_name, is_admin=body.is_admin)
        link = accounts.issue_link(session, user)
        return NewUserOut(user=UserOut.of(user), login_link=_link(request, link))


@router.get("/{user_id}", summary="Read an account")
def read_user(user_id: int, actor: CurrentActor, session: DbSession) -> UserOut | PersonOut:
    """Administrators get more about it."""
    return _shown(session, actor, [accounts.get_user(session, user_id)])[0]


@router.patch("/{user_id}", summary="Change an account")
def change_user(request: Request, user_id: int, body: UserChange, actor: CurrentActor) -> UserOut:
    """For administrators. Deactivating ends every session and token; the last administrator stays one."""
    require_admin(actor)
    with services_of(request).database.write() as session:
        user = accounts.get_user(session, user_id)
        if body.display_name is not None:
            user.display_name = body.display_name or user.name
            raise_epoch(session, "access")
        if body.is_admin is not None and body.is_admin != user.is_admin:
            accounts.set_admin(session, user, body.is_admin)
        if body.is_active is not None and body.is_active != user.is_active:
            accounts.set_active(session, user, body.is_active)
        session.flush()
        return UserOut.of(user)


@router.post("/{user_id}/login-link", status_code=201, summary="Make a one-time login link")
def make_login_link(request: Request, response: Response, user_id: int, actor: CurrentActor) -> LoginLinkOut:
    """For administrators: an invitation, or help for a forgotten password. Earlier links stop working."""
    require_admin(actor)
    response.headers["Cache-Control"] = "no-store"
    with services_of(request).database.write() as session:
        return _link(request, accounts.issue_link(session, accounts.get_user(session, user_id)))


@router.delete("/{user_id}/sessions", summary="Log somebody out everywhere")
def end_sessions(request: Request, user_id: int, actor: CurrentActor) -> EndedOut:
    """For administrators; access tokens stay."""
    require_admin(actor)
    with services_of(request).database.write() as session:
        accounts.get_user(session, user_id)
        return EndedOut(ended=credentials.end_sessions(session, user_id))


def require_admin(actor: Actor) -> None:
    """Raise ``Forbidden`` unless an administrator asks, with a token of the scope ``admin`` if with a token."""
    if not actor.is_admin:
        raise Forbidden("Only administrators can do this.")
    require_scope(actor, "admin")


def require_scope(actor: Actor, scope: str) -> None:
    """Raise ``Forbidden`` for a token that lacks the scope."""
    if scope not in actor.scopes:
        raise Forbidden(f"The access token lacks the scope {scope!r}.")


def _shown(session: Session, actor: Actor, users: list[User]) -> list[UserOut | PersonOut]:
    if not actor.is_admin:
        return [PersonOut.of(user) for user in users]
    seen = session.execute(
        select(LoginSession.user_id, func.max(LoginSession.last_seen_at).label("at"))
        .where(LoginSession.user_id.in_([user.id for user in users]))
        .group_by(LoginSession.user_id)
    )
    last = {row.user_id: row.at for row in seen}
    return [UserOut.of(user, last.get(user.id)) for user in users]


def _link(request: Request, link: accounts.IssuedLink) -> LoginLinkOut:
    base = services_of(request).settings.base_url or str(request.base_url)
    return LoginLinkOut(url=link.url(base), expires_at=link.expires_at)
