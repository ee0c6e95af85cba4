"""The short way of ready tiles through HTTP: taken for plain requests only, on a connection that does both."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import uvicorn

from exact_core.tiles.endpoint import Answer
from exact_core.tiles.protocol import tile_protocol

TILE = "/api/v2/images/7/tiles/0.0.rgb/0/1_2"


class Connection:
    """One connection, on which a test writes and reads bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""

    def send(self, *lines: str, body: bytes = b"") -> None:
        self.socket.sendall("\r\n".join((*lines, "", "")).encode("latin-1") + body)

    def get(self, path: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
        self.send(f"GET {path} HTTP/1.1", "Host: localhost", *headers)
        return self.answer()

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        length = 0 if head[0].split(" ")[1] == "304" else int(fields["content-length"])
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(head[0].split(" ")[1]), fields, body

    def is_closed(self) -> bool:
        return not self.buffer and self.socket.recv(1) == b""

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def _more(self) -> None:
        part = self.socket.recv(65536)
        assert part, "the server closed the connection"
        self.buffer += part


class Server:
    """A server that has one ready tile and says, of everything else, that it went the ordinary way."""

    def __init__(self, keep_alive: int = 5) -> None:
        self.asked: list[str] = []
        self.tile = b"\xff\xd8 a picture"
        config = uvicorn.Config(
            self._ordinary, http=tile_protocol(self._ready), log_config=None, access_log=False, lifespan="off",
            interface="asgi3", timeout_keep_alive=keep_alive,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        self._connections: list[Connection] = []

    def connect(self) -> Connection:
        self._connections.append(Connection(self.port))
        return self._connections[-1]

    def stop(self) -> None:
        for connection in self._connections:
            connection.socket.close()
        self._server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    def _ready(self, path: str, headers: Mapping[bytes, bytes]) -> Answer | None:
        self.asked.append(path)
        if path != TILE or b"cookie" not in headers:
            return None
        if headers.get(b"if-none-match") == b'"tile"':
            return 304, [(b"etag", b'"tile"')], b""
        return 200, [(b"content-length", b"%d" % len(self.tile)), (b"etag", b'"tile"')], self.tile

    async def _ordinary(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        text = b"ordinary " + scope["method"].encode() + b" " + body
        headers = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(**arguments: Any) -> Server:
        started.append(Server(**arguments))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()


COOKIE = "Cookie: exact_session=x"


def test_a_ready_tile_is_sent_with_the_servers_own_headers(server: Server) -> None:
    status, headers, body = server.connect().get(TILE + "?v=1", COOKIE)
    assert (status, body, headers["etag"]) == (200, server.tile, '"tile"')
    assert "date" in headers
    assert server.asked == [TILE]


def test_a_connection_carries_both_ways_in_any_order(server: Server) -> None:
    connection = server.connect()
    for path, begin in ((TILE, b"\xff\xd8"), ("/healthz", b"ordinary"), (TILE, b"\xff\xd8"), (TILE, b"\xff\xd8")):
        assert connection.get(path, COOKIE)[2].startswith(begin)
    assert connection.get(TILE, COOKIE, 'If-None-Match: "tile"')[::2] == (304, b"")
    assert connection.get(TILE)[2] == b"ordinary GET "


def test_what_was_sent_ahead_is_answered_in_order(server: Server) -> None:
    connection = server.connect()
    ask = "\r\n".join((f"GET {TILE} HTTP/1.1", "Host: localhost", COOKIE, "", ""))
    other = "\r\n".join(("GET /slow HTTP/1.1", "Host: localhost", "", ""))
    connection.socket.sendall((ask + other + ask + ask).encode())
    ready, ordinary = server.tile[:8], b"ordinary"  # behind a request that is under way everything queues up
    assert [connection.answer()[2][:8] for _ in range(4)] == [ready, ordinary, ordinary, ordinary]
    assert connection.get(TILE, COOKIE)[2] == server.tile


@pytest.mark.parametrize(
    ("first", "more", "body"),
    [
        (f"HEAD {TILE} HTTP/1.1", (), b""),
        (f"DELETE {TILE} HTTP/1.1", (), b""),
        (f"GET {TILE} HTTP/1.1", ("Content-Length: 3",), b"abc"),
        (f"GET {TILE} HTTP/1.1", ("Cookie: exact_session=y",), b""),
        (f"GET {TILE}%20 HTTP/1.1", (), b""),
        ("GET /api/v2/images/7 HTTP/1.1", (), b""),
    ],
)
def test_everything_special_goes_the_ordinary_way(
    server: Server, first: str, more: tuple[str, ...], body: bytes
) -> None:
    connection = server.connect()
    connection.send(first, "Host: localhost", COOKIE, *more, body=body)
    if first.startswith("HEAD"):
        assert connection._until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    else:
        assert connection.answer()[2] == b"ordinary " + first.split(" ")[0].encode() + b" " + body
    assert connection.get(TILE, COOKIE)[2] == server.tile  # and the next one does not suffer


def test_a_last_request_closes_the_connection(server: Server) -> None:
    connection = server.connect()
    status, headers, body = connection.get(TILE, COOKIE, "Connection: close")
    assert (status, headers["connection"], body) == (200, "close", server.tile)
    assert connection.is_closed()


def test_http_1_0_is_left_to_uvicorn(server: Server) -> None:
    connection = server.connect()
    connection.send(f"GET {TILE} HTTP/1.0", COOKIE)
    assert connection.answer()[2] == b"ordinary GET "
    assert connection.is_closed()


def test_an_idle_connection_is_closed_after_a_tile(serve: Callable[..., Server]) -> None:
    connection = serve(keep_alive=1).connect()
    connection.get(TILE, COOKIE)
    started = time.monotonic()
    assert connection.is_closed()
    assert time.monotonic() - started < 8


def test_a_reader_that_does_not_read_is_not_buffered_for_without_end(server: Server) -> None:
    server.tile = bytes(1_000_000)
    connection = server.connect()
    ask = "\r\n".join((f"GET {TILE} HTTP/1.1", "Host: localhost", COOKIE, "", "")).encode()
    connection.socket.sendall(ask * 50)
    deadline = time.monotonic() + 10
    while not server.asked and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    assert len(server.asked) < 20  # the rest waits until somebody reads
    bodies = [connection.answer()[2] for _ in range(50)]
    assert {len(body) for body in bodies} <= {len(server.tile), len(b"ordinary GET ")}
