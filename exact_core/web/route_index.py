"""Finding the routers that may answer an address without asking all of them.

The framework tries one route after the other, with a regular expression each. With a few hundred routes that takes
longer than many an answer, and the routes of plugins, which come last, would pay for all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send


class RouteIndex:
    """Stands before an application's router and hands each request to the entries whose addresses are of its form.

    The order among these stays, and they still decide themselves; what none of them answers goes the whole way, for its
    redirect or its 404. Put it in place when all routes are there.
    """

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        self._tree: _Node | None = None
        self._few: dict[tuple[int, ...], APIRouter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        router = self._router
        if scope["type"] != "lifespan" and not scope.get("root_path"):
            if self._tree is None:  # at the first request: a command that serves nothing does not need it
                self._tree = _tree_of(router.routes)
            places = self._tree.places(scope["path"].split("/"))
            if places:
                scope["router"] = router
                router = self._of(places)
        await router.app(scope, receive, send)

    def _of(self, places: tuple[int, ...]) -> APIRouter:
        found = self._few.get(places)
        if found is None:
            routes = [self._router.routes[place] for place in places]
            found = APIRouter(routes=routes, redirect_slashes=False, default=self._router.app)
            self._few[places] = found
        return found


@dataclass(slots=True)
class _Node:
    """What follows one part of an address."""

    fixed: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    ends: set[int] = field(default_factory=set)
    goes_on: set[int] = field(default_factory=set)  # whatever follows the slash

    def add(self, parts: Sequence[str], place: int) -> None:
        """Note that the entry at ``place`` of the routes answers an address of these parts."""
        if not parts:
            self.ends.add(place)
        elif ":path}" in parts[0]:
            self.goes_on.add(place)
        elif "{" in parts[0]:
            self.any = self.any or _Node()
            self.any.add(parts[1:], place)
        else:
            self.fixed.setdefault(parts[0], _Node()).add(parts[1:], place)

    def places(self, parts: Sequence[str]) -> tuple[int, ...]:
        """Where in the routes the entries are that may answer an address, in order."""
        return tuple(sorted(set(self._found(parts, 0))))

    def _found(self, parts: Sequence[str], start: int) -> Iterator[int]:
        if start == len(parts):
            yield from self.ends
            return
        yield from self.goes_on
        part = parts[start]
        if (following := self.fixed.get(part)) is not None:
            yield from following._found(parts, start + 1)
        if self.any is not None and part:
            yield from self.any._found(parts, start + 1)


def _tree_of(routes: Sequence[BaseRoute]) -> _Node:
    tree = _Node()
    for place, entry in enumerate(routes):
        for context in iter_route_contexts([entry]):
            tree.add((context.path or "").split("/"), place)
    return tree
