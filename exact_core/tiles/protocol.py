"""HTTP/1.1 as uvicorn speaks it, with a short way for tiles that lie ready.

A ready tile takes a few microseconds; a task, an event and a cycle of ASGI messages take several times as long. What
needs no waiting is therefore written at once. Everything else (a body, HTTP/1.0, an upgrade, a slow reader, a refusal,
a tile that must be rendered) goes uvicorn's own way, so that this class decides nothing. See ADR 0005.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import uvicorn.protocols.http.httptools_impl as uvicorn_http

if TYPE_CHECKING:
    from exact_core.tiles.endpoint import Answer

ReadyTile = Callable[[str, Mapping[bytes, bytes]], "Answer | None"]

_PREFIX = b"/api/v2/images/"
_MOST_HEADERS = 64
_LONG_WAY = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
_STATUS = {200: b"HTTP/1.1 200 OK\r\n", 304: b"HTTP/1.1 304 Not Modified\r\n"}


def tile_protocol(ready_tile: ReadyTile) -> type[uvicorn_http.HttpToolsProtocol]:
    """Make the protocol class for ``uvicorn.Config(http=...)``.

    Args:
        ready_tile: Takes the path and the headers of a GET request; checks everything and answers, or returns None.
    """
    return type("TileProtocol", (_TileProtocol,), {"ready_tile": staticmethod(ready_tile)})


class _TileProtocol(uvicorn_http.HttpToolsProtocol):
    """One connection."""

    ready_tile: ReadyTile
    _is_answered = False

    def on_headers_complete(self) -> None:
        """Write a ready tile, else begin a request as usual."""
        self._is_answered = self.url.startswith(_PREFIX) and self._answer_now()
        if not self._is_answered:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on what belongs to a request that was begun."""
        if not self._is_answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request that was begun."""
        if not self._is_answered:
            super().on_message_complete()

    def _answer_now(self) -> bool:
        parser, headers, cycle = self.parser, dict(self.headers), self.cycle
        is_plain = (
            parser.get_method() == b"GET"
            and parser.get_http_version() == "1.1"
            and (cycle is None or cycle.response_complete)
            and not self.pipeline
            and not self.flow.write_paused
            and len(headers) == len(self.headers) <= _MOST_HEADERS
            and _LONG_WAY.isdisjoint(headers)
        )
        if not is_plain or self.transport.is_closing():
            return False
        path = self.url.partition(b"?")[0]
        answer = self.ready_tile(path.decode("latin-1"), headers)
        if answer is None:
            return False
        status, lines, body = answer
        head = [_STATUS[status]]
        for name, value in (*self.server_state.default_headers, *lines):
            head += (name, b": ", value, b"\r\n")
        is_kept = parser.should_keep_alive()
        head += (b"\r\n" if is_kept else b"connection: close\r\n\r\n", body)
        self.transport.write(b"".join(head))
        self.server_state.total_requests += 1
        if is_kept:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()
        return True
