"""Asking the tile endpoint as a web server would, without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

from exact_core.tiles.endpoint import TileApp

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body of a problem."""
        return json.loads(self.body)


class Browser:
    """One person's browser, or nobody's."""

    def __init__(self, runner: asyncio.Runner, app: TileApp, **headers: str) -> None:
        self._runner = runner
        self._app = app
        self._headers = headers

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask once."""
        return self.run(self.asks(path, method, **headers))

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run something in the server's loop."""
        return self._runner.run(coroutine)

    async def asks(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask from within the server's loop."""
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.disconnect"}

        named = {**self._headers, **headers}
        raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in named.items()]
        await self._app({"type": "http", "method": method, "path": path, "headers": raw}, receive, send)
        answered = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))
