"""The application of ``exact dev``: files are read anew at each request, and pages reload when one changes."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from exact_sdk.dev.commands import WATCHED

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from exact_core.services import Services

_SCRIPT_PATH = "/-/dev/reload.js"
_EVENTS_PATH = "/-/dev/events"
_SCRIPT = b"""
let started = '';
const events = new EventSource('/-/dev/events');
events.addEventListener('started', ({ data }) => {
  if (started && started !== data) location.reload();
  started = data;
});
events.addEventListener('changed', () => location.reload());
"""
_SECONDS_BETWEEN_LOOKS = 0.3


def make() -> ASGIApp:
    """Bring the tables up to date, open the instance, and serve it for somebody who edits."""
    from exact_core.app import create_app
    from exact_core.settings import Settings
    from exact_core.storage import migrate
    from exact_core.storage.commands import installed_schemas
    from exact_core.storage.database import Database
    from exact_core.web import pages

    settings = Settings()
    database = Database(settings.effective_database_url)
    migrate.upgrade(database, installed_schemas(settings))
    database.dispose()
    app = create_app(settings)
    services: Services = app.state.services
    pages.install(app, services, dev=True)
    for record in services.kernel.plugins():
        if not record.state.is_healthy:
            print(f"{record.place or record.name}: {record.reason}", flush=True)  # noqa: T201 - the author's terminal
    threading.Thread(target=_work, args=(services,), daemon=True).start()
    names = [name for name in os.environ.get(WATCHED, "").split(",") if name in services.kernel.records]
    folders = [folder for name in names if (folder := services.kernel.records[name].static_folder) is not None]
    return Following(app, folders, _end_of_process())


def _end_of_process() -> threading.Event:
    """Set when the process is told to end: the server waits for open answers, and that of changes is endless."""
    ends = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def told(received: int, frame: FrameType | None, before: Any = before) -> None:
            ends.set()
            if callable(before):
                before(received, frame)

        signal.signal(number, told)
    return ends


def _work(services: Services) -> None:
    """Run jobs in this process, so that they too follow the edits."""
    from exact_core.api import ExactError
    from exact_core.jobs.runner import JobRunner

    runner = JobRunner(services)
    pause = threading.Event()
    while not pause.wait(_SECONDS_BETWEEN_LOOKS):
        try:
            runner.run_waiting()
        except ExactError:
            return  # the process ends and its database is closed


class Following:
    """Wraps an application: adds a small script to its pages, and tells it what has changed."""

    def __init__(self, app: ASGIApp, folders: Iterable[Path], ends: threading.Event) -> None:
        """Wrap an application.

        Args:
            app: What is served.
            folders: Browser files that are watched.
            ends: Set when the process is to end.
        """
        self._app = app
        self._folders = list(folders)
        self._ends = ends
        self._started = secrets.token_hex(8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == _SCRIPT_PATH:
            await _answer(send, b"text/javascript; charset=utf-8", _SCRIPT)
        elif scope["type"] == "http" and scope["path"] == _EVENTS_PATH:
            await self._tell(receive, send)
        elif scope["type"] == "http":
            await self._app(scope, receive, _WithScript(send))
        else:
            await self._app(scope, receive, send)

    async def _tell(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            async for event, data in self._events():
                if gone.done() or self._ends.is_set():
                    break
                text = f"event: {event}\ndata: {json.dumps(data)[1:-1]}\n\n"
                await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _events(self) -> AsyncIterator[tuple[str, str]]:
        before = self._stamps()  # before anybody can think of what comes next
        yield "started", self._started
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            now = self._stamps()
            if now != before:
                changed = sorted({path for path, _ in now ^ before})
                before = now
                yield "changed", changed[0]
            else:
                yield "quiet", ""

    def _stamps(self) -> frozenset[tuple[str, int]]:
        """Every watched file with the time of its last change; there are few, so reading them takes no time."""
        found = (path for folder in self._folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())
        return frozenset((str(path), path.stat().st_mtime_ns) for path in found)


class _WithScript:
    """Sends an answer on; a page gets the script that reloads it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        tag = f'<script type="module" src="{_SCRIPT_PATH}"></script></body>'.encode()
        body = self._body.replace(b"</body>", tag, 1)
        headers = [pair for pair in self._start["headers"] if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_page(message: Message) -> bool:
    kind = next((value for name, value in message["headers"] if name.lower() == b"content-type"), b"")
    return bool(kind.startswith(b"text/html"))


async def _answer(send: Send, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
