"""Running an instance: web processes that share one socket, a worker, and whoever starts them again when they die."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType

from exact_core.api.errors import ConfigurationError
from exact_core.settings import Settings

logger = logging.getLogger("exact.serve")

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_STOP = 25.0
_SECONDS_TO_START = 120.0
_LONGEST_PAUSE = 30.0
_SECONDS_OF_GOOD_HEALTH = 60.0
_TRIES_BEFORE_READY = 3
_LONGEST_PATH = 3


@dataclass(slots=True)
class _Child:
    """A process that is kept alive."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    start_again_at: float = 0.0
    pass_fds: tuple[int, ...] = field(default=())


class Supervisor:
    """Starts the processes of an instance, keeps them running, and ends them together."""

    def __init__(self, settings: Settings, *, worker: bool = True) -> None:
        self._settings = settings
        self._socket = listen(settings.host, settings.port)
        self.url = f"http://{_host_in_url(settings.host)}:{self._socket.getsockname()[1]}"
        self._environment = {**os.environ, **as_environment(settings)}
        self._stop = threading.Event()
        self._is_hurried = False
        python = [sys.executable, "-m"]
        descriptor = self._socket.fileno()
        serving = [*python, "exact_core.jobs.web_process", str(descriptor), str(os.getpid())]
        self._children = [
            _Child(f"web {number}", serving, pass_fds=(descriptor,)) for number in range(1, settings.web_processes + 1)
        ]
        if worker:
            working = [*python, "exact_core", "worker", "--parent", str(os.getpid())]
            self._children.append(_Child("worker", working))

    def run(self, when_ready: Callable[[str], None]) -> int:
        """Serve until SIGINT or SIGTERM; returns the exit status.

        Args:
            when_ready: Called once with the address, when the first page can be opened.
        """
        before = {number: signal.signal(number, self._signalled) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for child in self._children:
                self._start(child)
            if not self._wait_until_ready():
                return 0 if self._stop.is_set() else 1
            when_ready(self.url)
            while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
                self._look_after_children()
            return 0
        finally:
            self._end_children()
            self._socket.close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """End ``run`` from another thread."""
        self._stop.set()

    @property
    def process_ids(self) -> Mapping[str, int]:
        """The processes that run now, by name."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            self._is_hurried = True
        self._stop.set()

    def _start(self, child: _Child) -> None:
        child.process = subprocess.Popen(  # noqa: S603 - fixed arguments
            child.command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            pass_fds=child.pass_fds,
            start_new_session=True,  # Ctrl-C reaches this process only, which then ends the others in order
        )
        child.started_at = time.monotonic()

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
            if can_open_first_page(self.url):
                return True
            self._look_after_children()
            web = [child for child in self._children if child.name != "worker"]
            if all(child.deaths >= _TRIES_BEFORE_READY for child in web):
                logger.error("The web server does not start; the reason stands above.")
                return False
            if time.monotonic() > deadline:
                logger.error("No page could be opened at %s within %.0f seconds.", self.url, _SECONDS_TO_START)
                return False
        return False

    def _look_after_children(self) -> None:
        moment = time.monotonic()
        for child in self._children:
            if child.process is None:
                if moment >= child.start_again_at:
                    self._start(child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            lived = moment - child.started_at
            child.process = None
            child.deaths = 1 if lived > _SECONDS_OF_GOOD_HEALTH else child.deaths + 1
            pause = min(_LONGEST_PAUSE, 0.5 * 2 ** (child.deaths - 1)) if child.deaths > 1 else 0.0
            child.start_again_at = moment + pause
            logger.warning("The process %r ended (%s) after %.0f s; it is started again.", child.name, code, lived)

    def _end_children(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            with contextlib.suppress(OSError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for process in running:
            while process.poll() is None:
                if self._is_hurried or time.monotonic() > deadline:
                    with contextlib.suppress(OSError):
                        process.kill()
                    process.wait()
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=_SECONDS_BETWEEN_LOOKS)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at the address; says what to do when it is taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"The address {host!r} cannot be used ({error}); see EXACT_HOST.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
        listening.set_inheritable(True)
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"Cannot listen at {host}:{port} ({error.strerror}). Stop what uses this port, or choose another one: "
            "--port, or EXACT_PORT."
        ) from error
    return listening


def can_open_first_page(url: str) -> bool:
    """Whether a browser that opens the address gets a page, following redirects on the way."""
    host = url.removeprefix("http://")
    host = host.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")  # noqa: S104 - asked, not listened to
    path = "/"
    for _ in range(_LONGEST_PATH):
        connection = http.client.HTTPConnection(host, timeout=20)
        try:
            connection.request("GET", path, headers={"Accept": "text/html"})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if response.status == 200:
            return True
        location = response.headers.get("Location", "")
        if response.status not in {301, 302, 303, 307, 308} or not location.startswith("/"):
            return False
        path = location
    return False


def as_environment(settings: Settings) -> dict[str, str]:
    """Settings as environment variables, for child processes."""
    values: dict[str, str] = {}
    for name, value in settings.model_dump().items():
        if value is None:
            continue
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        values[f"EXACT_{name.upper()}"] = text
    return values


def _host_in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
