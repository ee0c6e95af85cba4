"""A running instance with one plugin on in one image set: what the checks of a living plugin look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from exact_sdk.checks.routes import methods_of, routes_of
from exact_sdk.harness import Instance
from exact_sdk.subject import Subject

if TYPE_CHECKING:
    from fastapi.routing import APIRoute
    from starlette.testclient import TestClient


@dataclass(frozen=True, slots=True)
class Address:
    """One method of one route, with real numbers in its path.

    Attributes:
        method: ``GET`` and so on.
        url: What to ask for.
        route: The route.
        is_of_set: Whether it belongs to an image set.
    """

    method: str
    url: str
    route: APIRoute
    is_of_set: bool


class World:
    """An instance with a plugin, an image set in which it is on, and one image with one annotation."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        """Prepare it; it runs inside a ``with`` block.

        Args:
            subject: The plugin; it must load.
            folder: An empty folder for its data.
        """
        self.subject = subject
        self.folder = folder
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.app = self._open.enter_context(Instance(self.folder / "instance", (*self.needs, self.subject.name)))
        self.image_set = self.app.image_set(plugins=(*self.needs, self.subject.name))
        self.image = self.app.image(self.image_set, width=2000, height=1500)
        self.annotation = self.app.annotate(self.image, "Cell", box=(100, 100, 160, 160))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @property
    def client(self) -> TestClient:
        """An administrator's client."""
        return self.app.client

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The plugins that must be on before this one, in order."""
        found: list[str] = []

        def add(name: str) -> None:
            contributions = self.subject.kernel.records[name].contributions
            for need in contributions.info.requires if contributions else ():
                add(need)
                if need not in found:
                    found.append(need)

        add(self.subject.name)
        return tuple(found)

    def addresses(self) -> Iterator[Address]:
        """Every method of every route of the plugin."""
        from exact_core.api import Scope

        for scope, path, route in routes_of(self.subject):
            is_of_set = scope is Scope.IMAGE_SET
            place = self.app.routes(self.subject.name, self.image_set if is_of_set else None)
            for method in methods_of(route):
                yield Address(method, place + self._filled(path), route, is_of_set)

    def switch(self, *, enabled: bool) -> int:
        """Switch the plugin as an administrator; the status of the answer."""
        url = f"/api/v2/image-sets/{self.image_set}/plugins/{self.subject.name}"
        return int(self.client.put(url, json={"enabled": enabled}).status_code)

    def _filled(self, path: str) -> str:
        known = {"image_id": self.image, "annotation_id": self.annotation}
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(known.get(found[1], 1)), path)
