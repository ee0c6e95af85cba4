"""One's own account: profile, preferences, password, tokens, sessions."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Forbidden, Invalid, NotFound
from exact_core.auth import accounts, credentials, passwords
from exact_core.auth.keys import hash_of, session_key
from exact_core.auth.rights import WORK
from exact_core.auth.schemas import (
    EndedOut,
    MeChange,
    MeOut,
    NewTokenOut,
    OwnTeam,
    PasswordChange,
    SessionOut,
    TokenIn,
    TokenOut,
    UserOut,
)
from exact_core.auth.throttle import Throttle
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import LoginSession, Team, TeamMember, User

router = APIRouter(prefix="/me", tags=["me"])


@router.get("", summary="Read your account")
def read_me(request: Request, actor: CurrentActor, session: DbSession) -> MeOut:
    """Who you are, your teams and preferences, and what this session or token may do."""
    return _me(request, session, actor)


@router.patch("", summary="Change your name or preferences")
def change_me(request: Request, body: MeChange, actor: CurrentActor) -> MeOut:
    """Change what others read of you, or merge preferences."""
    with services_of(request).database.write() as session:
        user = accounts.get_user(session, actor.user_id)
        if body.display_name is not None:
            user.display_name = body.display_name or user.name
            raise_epoch(session, "access")
        if body.preferences is not None:
            accounts.change_preferences(user, body.preferences)
        session.flush()
        return _me(request, session, actor)


@router.put("/password", status_code=204, summary="Choose a password")
def change_password(request: Request, body: PasswordChange, actor: CurrentActor) -> None:
    """Needs the current password, except right after a login by link. Every other browser is logged out."""
    _require_browser(actor, "change the password")
    services = services_of(request)
    throttle = Throttle(services.settings.secret, None, f"user-{actor.user_id}")
    with services.database.read() as session:
        user = accounts.get_user(session, actor.user_id)
        asks = _needs_current(request, session, user)
    if asks:
        with services.database.write() as session:
            throttle.attempt(session)
        if not passwords.is_correct(user.password_hash, body.current_password):
            raise Invalid("current_password: this is not your current password.")
    with services.database.write() as session:
        throttle.succeeded(session)
        current = accounts.get_user(session, actor.user_id)
        key = session_key(request.headers.get("cookie"))
        accounts.set_password(session, current, body.new_password, keep_session=key)


@router.get("/tokens", summary="List your access tokens")
def list_tokens(actor: CurrentActor, session: DbSession) -> list[TokenOut]:
    """Those that are not revoked, newest first; the secrets are never shown again."""
    return [TokenOut.of(row) for row in credentials.list_tokens(session, actor.user_id)]


@router.post("/tokens", status_code=201, summary="Make an access token")
def make_token(request: Request, response: Response, body: TokenIn, actor: CurrentActor) -> NewTokenOut:
    """The answer holds the token, which is not kept and cannot be shown again."""
    _require_browser(actor, "make access tokens")
    if "admin" in body.scopes and not actor.is_admin:
        raise Forbidden("Only administrators can make tokens with the scope 'admin'.")
    if WORK in body.scopes and not actor.is_admin:
        raise Forbidden("Only administrators can make tokens for workers.")
    response.headers["Cache-Control"] = "no-store"
    with services_of(request).database.write() as session:
        row, token = credentials.make_token(session, actor.user_id, body.name, body.scopes, body.days)
        return NewTokenOut(**TokenOut.of(row).model_dump(), token=token)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke an access token")
def revoke_token(request: Request, token_id: int, actor: CurrentActor) -> None:
    """The token stops working everywhere within a second."""
    with services_of(request).database.write() as session:
        credentials.revoke_token(session, actor.user_id, token_id)


@router.get("/sessions", summary="List the browsers in which you are logged in")
def list_sessions(request: Request, actor: CurrentActor, session: DbSession) -> list[SessionOut]:
    """Newest first."""
    current = hash_of(session_key(request.headers.get("cookie")) or "")
    rows = session.scalars(
        select(LoginSession).where(LoginSession.user_id == actor.user_id).order_by(LoginSession.id.desc())
    )
    return [SessionOut.of(row, current) for row in rows]


@router.delete("/sessions", summary="Log all your other browsers out")
def end_other_sessions(request: Request, actor: CurrentActor) -> EndedOut:
    """Keep only the session that asks."""
    _require_browser(actor, "end sessions")
    key = session_key(request.headers.get("cookie"))
    with services_of(request).database.write() as session:
        return EndedOut(ended=credentials.end_sessions(session, actor.user_id, but=key))


@router.delete("/sessions/{session_id}", status_code=204, summary="Log one of your browsers out")
def end_session(request: Request, session_id: int, actor: CurrentActor) -> None:
    """The session stops working everywhere within a second."""
    _require_browser(actor, "end sessions")
    with services_of(request).database.write() as session:
        if not credentials.end_sessions(session, actor.user_id, only=session_id):
            raise NotFound(f"You have no session {session_id}.")


def _me(request: Request, session: Session, actor: Actor) -> MeOut:
    user = accounts.get_user(session, actor.user_id)
    teams = session.execute(
        select(Team.id, Team.name, TeamMember.is_lead)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.user_id == user.id)
        .order_by(Team.folded_name)
    )
    return MeOut(
        **UserOut.of(user).model_dump(),
        preferences=user.preferences,
        teams=[OwnTeam(id=row.id, name=row.name, is_lead=row.is_lead) for row in teams],
        scopes=sorted(actor.scopes),
        via=actor.via,
        password_needs_current=_needs_current(request, session, user),
    )


def _needs_current(request: Request, session: Session, user: User) -> bool:
    if user.password_hash is None:
        return False
    key = session_key(request.headers.get("cookie"))
    by_link = key is not None and session.scalar(
        select(LoginSession.by_link).where(LoginSession.key_hash == hash_of(key), LoginSession.user_id == user.id)
    )
    return not by_link


def _require_browser(actor: Actor, what: str) -> None:
    """A stolen token must not be able to make itself stronger or longer-lived."""
    if actor.via != "session":
        raise Forbidden(f"An access token cannot {what}; log in with a browser.")
