"""Logging in and out."""

from fastapi import APIRouter, Request, Response

from exact_core.api.deps import services_of
from exact_core.auth.credentials import end_session_of
from exact_core.auth.keys import SESSION_COOKIE, csrf_token_of, session_key
from exact_core.auth.login import LoggedIn, Login
from exact_core.auth.schemas import LoggedInOut, LoginIn, LoginLinkIn

router = APIRouter(tags=["login"])


@router.post("/auth/login", summary="Log in by name and password")
def login(body: LoginIn, request: Request, response: Response) -> LoggedInOut:
    """Set the session cookie. Failures say the same for known and unknown names, and slow down the next try."""
    return _opened(request, response, _login(request).with_password(body.name, body.password))


@router.post("/auth/login-link", summary="Log in by a one-time link")
def login_link(body: LoginLinkIn, request: Request, response: Response) -> LoggedInOut:
    """Set the session cookie and use the link up."""
    return _opened(request, response, _login(request).with_link(body.token))


@router.post("/auth/logout", status_code=204, summary="Log out")
def logout(request: Request, response: Response) -> None:
    """End this browser's session; harmless for who is not logged in."""
    key = session_key(request.headers.get("cookie"))
    if key is not None:
        with services_of(request).database.write() as session:
            end_session_of(session, key)
    response.delete_cookie(SESSION_COOKIE, path="/", secure=_https(request), httponly=True, samesite="lax")


def _login(request: Request) -> Login:
    services = services_of(request)
    address = request.client.host if request.client else ""
    return Login(services.database, services.settings, address, request.headers.get("user-agent", ""))


def _opened(request: Request, response: Response, logged_in: LoggedIn) -> LoggedInOut:
    settings = services_of(request).settings
    response.set_cookie(
        SESSION_COOKIE,
        logged_in.session_key,
        max_age=settings.session_days * 86_400,
        path="/",
        secure=_https(request),
        httponly=True,
        samesite="lax",
    )
    response.headers["Cache-Control"] = "no-store"
    user = logged_in.user
    return LoggedInOut(
        id=user.id,
        name=user.name,
        display_name=user.display_name,
        is_admin=user.is_admin,
        has_password=user.password_hash is not None,
        csrf_token=csrf_token_of(settings.secret, logged_in.session_key),
    )


def _https(request: Request) -> bool:
    settings = services_of(request).settings
    return settings.behind_https or settings.base_url.startswith("https://") or request.url.scheme == "https"
