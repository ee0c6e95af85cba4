"""Keeps other web pages from acting in a visitor's name: Host, Origin and CSRF token of every request."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from exact_core.api.errors import Forbidden
from exact_core.auth.keys import bearer_token, csrf_token_of, session_key
from exact_core.web.problems import send_problem

if TYPE_CHECKING:
    from exact_core.settings import Settings

CSRF_HEADER = "x-csrf-token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_LOGGING_IN = frozenset({"/api/v2/auth/login", "/api/v2/auth/login-link"})
_LOCAL_NAMES = frozenset({"localhost"})
_KEPT_HOSTS = 1000


def csrf_token(request: HTTPConnection) -> str:
    """What the page of this request carries in ``<meta name="csrf-token">``; empty without a session."""
    key = session_key(request.headers.get("cookie"))
    secret: bytes = request.app.state.services.settings.secret
    return csrf_token_of(secret, key) if key else ""


def foreign_host(host: str) -> Forbidden:
    """The answer to a request under a name that is not ours."""
    return Forbidden(f"This server does not answer to the name {host!r}; set EXACT_BASE_URL to its public address.")


class OwnHosts:
    """Knows under which names this server is asked for.

    ``Host`` must be ours even on a laptop: a page of another site can point its own name at 127.0.0.1 and would then
    be "same origin".
    """

    def __init__(self, settings: Settings) -> None:
        public = urlsplit(settings.base_url)
        self._names = _LOCAL_NAMES | {name.lower() for name in (public.hostname, settings.host) if name}
        self._takes_numbers = not public.netloc
        self._seen: set[str] = set()

    def has(self, host: str) -> bool:
        """Names must be known. Without a public address, plain numbers are fine: no foreign name is one."""
        if host in self._seen:
            return True
        if not self._is_own(host):
            return False
        if len(self._seen) < _KEPT_HOSTS:
            self._seen.add(host)
        return True

    def _is_own(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._takes_numbers


class RequestGuard:
    """ASGI middleware that refuses requests which another page made this browser send.

    Requests with an access token need neither origin nor token of the page, because no browser adds one by itself.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._secret = settings.secret
        public = urlsplit(settings.base_url)
        self._hosts = OwnHosts(settings)
        self._base = f"{public.scheme}://{public.netloc}".lower() if public.netloc else ""
        self._https = settings.behind_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        why = self._why_not(scope, Headers(scope=scope))
        if why is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why.message[:120]})
        else:
            await send_problem(send, why)

    def _why_not(self, scope: Scope, headers: Headers) -> Forbidden | None:
        host = headers.get("host", "")
        if not self._hosts.has(host):
            return foreign_host(host)
        method = scope.get("method", "WEBSOCKET")
        if method in _SAFE_METHODS or bearer_token(headers.get("authorization")) is not None:
            return None
        origin = headers.get("origin")
        if origin is not None and not self._is_own_origin(origin, host, scope):
            return Forbidden(f"The request comes from a page of {origin}, not from this server.")
        key = session_key(headers.get("cookie"))
        if key is None or method == "WEBSOCKET" or scope["path"] in _LOGGING_IN:
            return None
        sent = headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), csrf_token_of(self._secret, key).encode()):
            return Forbidden("The page is out of date, or the request was not made by it; load the page again.")
        return None

    def _is_own_origin(self, origin: str, host: str, scope: Scope) -> bool:
        scheme = "https" if self._https else {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        own = {f"{scheme}://{host}".lower(), self._base} - {""}
        return origin.lower() in own
