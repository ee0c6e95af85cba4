"""A plugin's routes are described on trial, alone: one that fails there would break the description of all routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from exact_core.api.markers import Scope
from exact_core.kernel.signatures import RuleBroken

if TYPE_CHECKING:
    from fastapi import APIRouter
    from fastapi.routing import RouteContext

    from exact_core.api.contributions import PluginRouter


def prefix_of(plugin: str, scope: Scope) -> str:
    """The address below which all routes of a plugin live."""
    if scope is Scope.IMAGE_SET:
        return f"/api/v2/image-sets/{{image_set_id}}/plugins/{plugin}"
    return f"/api/v2/plugins/{plugin}"


def try_routes(plugin: str, routers: Sequence[PluginRouter]) -> None:
    """Check the routes of a plugin and build their OpenAPI description; raises ``RuleBroken`` or what that raises."""
    if not routers:
        return
    from fastapi import FastAPI

    app = FastAPI(title=plugin)
    for each in routers:
        _check_paths(each.router)
        app.include_router(each.router, prefix=prefix_of(plugin, each.scope))
    app.openapi()


def _check_paths(router: APIRouter) -> None:
    seen: set[tuple[str, str]] = set()
    for path, methods in _paths(router):
        if path in ("", "/"):
            raise RuleBroken(
                "exact_routers: a route needs a path of its own, such as '/score'; the bare prefix is taken"
            )
        for method in methods:
            if (path, method) in seen:
                raise RuleBroken(f"exact_routers: {method} {path} is given twice")
            seen.add((path, method))


def _paths(router: APIRouter) -> Iterator[tuple[str, set[str]]]:
    from fastapi.routing import APIRoute, iter_route_contexts

    for context in iter_route_contexts(router.routes):
        original = context.original_route
        if not isinstance(original, APIRoute):
            kind = type(original).__name__
            raise RuleBroken(f"exact_routers: a {kind} is not allowed, the core's checks would not cover it")
        yield _path(context), set(context.methods or ())


def _path(context: RouteContext) -> str:
    return context.path or ""
