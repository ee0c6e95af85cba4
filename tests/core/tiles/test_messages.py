"""Messages between the server and its limited processes."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from exact_core.tiles.messages import ConnectionLost, TookTooLong, receive, send


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_header_and_body_arrive_whole(ends: tuple[socket.socket, socket.socket]) -> None:
    body = bytes(range(256)) * 20_000
    sender = threading.Thread(target=send, args=(ends[0], {"a": 1, "µ": "ü"}, body))
    sender.start()
    assert receive(ends[1], 10) == ({"a": 1, "µ": "ü"}, body)
    sender.join()


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("<II", 2**31, 0),
        struct.pack("<II", 2, 2**31) + b"{}",
        struct.pack("<II", 3, 0) + b"[1]",
        struct.pack("<II", 4, 0) + b"\xff\xfe\xfd\xfc",
        struct.pack("<II", 200_000, 0) + b"[" * 200_000,
        struct.pack("<II", 9, 0) + json.dumps({"a": 1})[:5].encode(),
    ],
)
def test_what_is_no_message_ends_the_conversation(ends: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    sender = threading.Thread(target=lambda: (ends[0].sendall(sent), ends[0].shutdown(socket.SHUT_WR)))
    sender.start()
    with pytest.raises(ConnectionLost):
        receive(ends[1], 10)
    sender.join()


def test_a_message_that_does_not_come_is_not_waited_for(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TookTooLong):
        receive(ends[1], 0.05)
