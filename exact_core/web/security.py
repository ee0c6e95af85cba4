"""Headers that tell browsers what a page may do: nothing from elsewhere, nothing inline without this page's nonce."""

from __future__ import annotations

import secrets

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "csp_nonce"

_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_PAGE: tuple[tuple[bytes, bytes], ...] = (
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'; sandbox"
_HTTPS = (b"strict-transport-security", b"max-age=31536000")


def page_policy(nonce: str) -> str:
    """The content security policy of a page.

    Libraries of plugins that draw in a shadow root, such as players, carry their style with the page's nonce. Plugins
    run models as WebAssembly, which needs ``wasm-unsafe-eval``; it does not allow ``eval`` of text.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def nonce_of(connection: HTTPConnection) -> str:
    """The nonce of this request's page; made when a template first asks for it."""
    state = connection.scope.setdefault("state", {})
    nonce = state.get(_KEY)
    if not isinstance(nonce, str):
        nonce = state[_KEY] = secrets.token_urlsafe(16)
    return nonce


class SecurityHeaders:
    """ASGI middleware that adds the headers; an answer that sets one itself keeps its own.

    It is plain ASGI because ``BaseHTTPMiddleware`` breaks streaming and costs more than a tile.
    """

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self.app = app
        self._always = (*_ALWAYS, _HTTPS) if https else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._headers(scope, list(message.get("headers", ())))
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _headers(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name for name, _ in headers}
        nonce = (scope.get("state") or {}).get(_KEY)
        wanted = [*self._always, (b"content-security-policy", _DATA_POLICY)]
        if nonce is not None:
            wanted = [*self._always, *_PAGE, (b"content-security-policy", page_policy(nonce).encode())]
        headers.extend(pair for pair in wanted if pair[0] not in present)
        return headers
