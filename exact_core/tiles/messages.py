"""Messages between the server and its limited processes: a JSON header and raw bytes, both with their length."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

Header = dict[str, Any]

LONGEST_HEADER = 8 * 1024 * 1024
LONGEST_BODY = 1024 * 1024 * 1024
_LENGTHS = struct.Struct("<II")


class ConnectionLost(Exception):
    """The other side has gone, or sends what is no message."""


class TookTooLong(Exception):
    """No complete message came in time."""


def send(connection: socket.socket, header: Mapping[str, Any], body: bytes | memoryview = b"") -> None:
    """Send one message."""
    text = json.dumps(header, separators=(",", ":")).encode()
    try:
        connection.sendall(_LENGTHS.pack(len(text), len(body)) + text)
        if body:
            connection.sendall(body)
    except TimeoutError:
        raise TookTooLong from None
    except OSError:
        raise ConnectionLost from None


def receive(connection: socket.socket, seconds: float | None = None) -> tuple[Header, bytes]:
    """Wait for one message; nothing of it is executed or trusted to be short.

    Raises:
        ConnectionLost: When the other side has gone or the message is malformed.
        TookTooLong: When it is not complete in time.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    header_length, body_length = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size, deadline))
    if header_length > LONGEST_HEADER or body_length > LONGEST_BODY:
        raise ConnectionLost
    text = _exactly(connection, header_length, deadline)
    body = _exactly(connection, body_length, deadline)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise ConnectionLost from None
    if not isinstance(header, dict):
        raise ConnectionLost
    return header, body


def _exactly(connection: socket.socket, count: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    missing = count
    while missing:
        try:
            connection.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
            part = connection.recv(min(missing, 1024 * 1024))
        except TimeoutError:
            raise TookTooLong from None
        except OSError:
            raise ConnectionLost from None
        if not part:
            raise ConnectionLost
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
