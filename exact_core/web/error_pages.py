"""Pages for people who ran into an error; programs get problem details instead."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

_TITLES = {
    403: ("You may not see this page", "lock"),
    404: ("There is nothing here", "search"),
    413: ("That is too large", "file-warning"),
    429: ("One moment, please", "clock"),
    503: ("Not available right now", "plug"),
}


def wants_page(request: Request) -> bool:
    """Whether a person with a browser asked, for something that is not the API or a file."""
    path = request.url.path
    if path.startswith(("/api/", "/static/", "/healthz", "/readyz")) or "/static/" in path:
        return False
    if not hasattr(request.app.state, "pages"):
        return False
    accepted = request.headers.get("accept", "*/*")
    return request.method in ("GET", "HEAD") and ("text/html" in accepted or "*/*" in accepted)


def error_page(request: Request, status: int, message: str) -> Response:
    """The page that says what went wrong; somebody who is not logged in is sent to log in."""
    if status == 401:
        return to_login(request)
    from exact_core.web.templating import pages_of  # which needs problems, which needs this module

    title, icon = _TITLES.get(status, ("Something went wrong on the server", "circle-alert"))
    pages = pages_of(request)
    headers = request.headers
    # Where the server itself is in trouble, asking who this is could fail for the same reason.
    actor = pages.services.snapshot.authenticate(headers.get("cookie"), None) if status < 500 else None
    return pages.render(
        request,
        "error.html",
        title=title,
        actor=actor,
        status=status,
        error_icon=icon,
        message=message,
        can_retry=status >= 500 or status == 429,
    )


def to_login(request: Request) -> Response:
    """Send somebody to the login page, and back here afterwards."""
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    suffix = f"?next={quote(target, safe='')}" if target != "/" else ""
    return RedirectResponse(f"/login{suffix}", 303, headers={"Cache-Control": "no-store"})
