"""One limited process seen from the server: started when needed, asked one thing at a time, ended when it fails."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import exact_core
from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import Unavailable
from exact_core.tiles.messages import ConnectionLost, Header, TookTooLong, receive, send

_START_SECONDS = 60.0
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TMPDIR")
_MODULE = "exact_core.tiles.decode_worker"


class WorkerProcess:
    """A child process with limits; not to be used by two threads at once."""

    def __init__(self, memory_mib: int) -> None:
        self._memory_mib = memory_mib
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self.missing_limits: tuple[str, ...] = ()

    @property
    def pid(self) -> int | None:
        """The process that runs now, if any."""
        return self._process.pid if self._process is not None else None

    def ask(self, request: Mapping[str, Any], seconds: float) -> tuple[Header, bytes]:
        """Send a request and wait for the answer.

        Raises:
            UnreadableImage: With the reason, when the file cannot be read, takes too long or ends the process.
            Unavailable: When no process can be started.
        """
        connection = self._connection or self._start()
        try:
            connection.settimeout(seconds)
            send(connection, {**request, "seconds": seconds})
            header, body = receive(connection, seconds)
        except TookTooLong:
            self.stop()
            raise UnreadableImage(f"Reading the file took longer than {seconds:g} seconds and was stopped.") from None
        except ConnectionLost:
            raise UnreadableImage(self._why_it_ended(seconds)) from None
        if "reason" in header:
            path = request.get("path") or request.get("slide", {}).get("path", "")
            raise UnreadableImage(without_path(str(header["reason"]), Path(path))[:500])
        return header, body

    def interrupt(self) -> None:
        """End the process from another thread; the request under way fails and its thread tidies up."""
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()

    def stop(self) -> None:
        """End the process at once; the next request starts another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> socket.socket:
        self.stop()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
                    [sys.executable, "-m", _MODULE, str(theirs.fileno()), str(self._memory_mib)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C reaches the server only, which then closes the connection
                )
            self._connection = ours
            header, _ = receive(ours, _START_SECONDS)
        except (OSError, ConnectionLost, TookTooLong) as error:
            ours.close()
            self._connection = None
            self.stop()
            raise Unavailable("The process that reads pictures could not be started; try again later.") from error
        self.missing_limits = tuple(str(name) for name in header.get("missing", ()))
        return ours

    def _why_it_ended(self, seconds: float) -> str:
        process = self._process
        code = None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout=2.0)
        self.stop()
        if code is not None and -code == signal.SIGXCPU:
            return f"Reading the file took more than {seconds:g} seconds of computing and was stopped."
        if code is not None and -code == signal.SIGKILL:
            return "Reading the file was stopped by the system, most likely for the memory it needs."
        return "The reader crashed on this file."


_ORDINARY_WORDS = frozenset(
    ("empty", "file", "folder", "image", "level", "memory", "picture", "pixels", "slide", "tile")
)
"""Words of our own messages: a file of that name says nothing about anybody."""


def without_path(text: str, path: Path) -> str:
    """A message without where a file lies and what it is called, with or without its ending: both can name somebody."""
    names = {str(path), *(str(parent) for parent in path.parents), path.name, path.stem} - _ORDINARY_WORDS
    for name in sorted((name for name in names if len(name) > 2), key=len, reverse=True):
        text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", "the file", text)
    return text


def _environment() -> dict[str, str]:
    """Keep secrets and settings of the server from the process; one thread per library."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    package_parent = str(Path(exact_core.__file__).resolve().parent.parent)
    paths = [package_parent, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    one_thread = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VIPS_CONCURRENCY", "NUMEXPR_NUM_THREADS"), "1"
    )
    return kept | one_thread | {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "HOME": "/nonexistent"}
