"""Applications and clients of tests: quick to make, quick to ask.

Starlette's own client hands each request over to another thread and back eight times, so that an answer can be read
while it is being written. Few tests need that; for the others the request is answered in the thread of the test.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
from anyio import create_task_group
from fastapi import FastAPI
from fastapi.testclient import TestClient

from exact_core.app import core_routes
from exact_core.services import Services
from exact_core.web import problems

T = TypeVar("T")


def application(services: Services) -> FastAPI:
    """Every address of the core over services that a test has opened, without pages, plugins and guards."""
    app = FastAPI()
    app.state.services = services
    problems.install(app)
    app.router.routes.extend(core_routes())
    return app


class Client(TestClient):
    """A client whose requests are answered in the thread that asks.

    In another thread than the first, and inside an event loop, requests go the way of the base class. Unlike there,
    ``with`` does not start and stop the application, it only closes the client.
    """

    def __init__(self, app: Any, *, raise_server_exceptions: bool = True, **more: Any) -> None:
        super().__init__(app, raise_server_exceptions=raise_server_exceptions, **more)
        self._transport = _SameThread(app, raise_server_exceptions, self._transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _SameThread(httpx2.BaseTransport):
    def __init__(self, app: Any, raises: bool, other: httpx2.BaseTransport) -> None:
        self._asgi = httpx2.ASGITransport(app=app, raise_app_exceptions=raises, client=("testclient", 50000))
        self._other = other

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if threading.current_thread() is not threading.main_thread() or asyncio._get_running_loop() is not None:
            return self._other.handle_request(request)
        request.read()

        async def answer() -> httpx2.Response:
            answered = await self._asgi.handle_async_request(request)
            body = b"".join([part async for part in answered.aiter_raw()])
            return httpx2.Response(
                answered.status_code, headers=answered.headers, stream=httpx2.ByteStream(body), request=request
            )

        return _loop().run(answer)

    def close(self) -> None:
        self._other.close()


class Loop:
    """An event loop that stands still between requests, with the threads that it has started for them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._work: asyncio.Queue[Callable[[], Awaitable[None]] | None] = asyncio.Queue()
        self._root = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        # Tasks of this group share its threads; those of a task of their own would end with each request.
        async with create_task_group() as tasks:
            while (work := await self._work.get()) is not None:
                tasks.start_soon(work)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for what ``work()`` comes to."""
        done: list[T] = []
        failed: list[BaseException] = []

        async def recorded() -> None:
            try:
                done.append(await work())
            except BaseException as error:  # noqa: BLE001 - it is raised again where the test waits
                failed.append(error)
            finally:
                self._loop.stop()

        self._work.put_nowait(recorded)
        self._loop.run_forever()
        if failed:
            raise failed[0]
        return done[0]

    def close(self) -> None:
        """End the loop and its threads."""
        self._work.put_nowait(None)
        self._loop.run_until_complete(self._root)
        self._loop.close()


_loops: list[Loop] = []


def _loop() -> Loop:
    if not _loops:
        _loops.append(Loop())
    return _loops[0]


def close_loop() -> None:
    """End the loop of this process, where there is one."""
    while _loops:
        _loops.pop().close()
