"""Routes of plugins: forced prefixes, checks that no plugin can forget, and faults that name the plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from exact_core.api.deps import CurrentActor, ImageSetAccess, services_of
from exact_core.api.errors import ExactError, NotFound, Unavailable
from exact_core.api.markers import Scope
from exact_core.kernel.dispatch import blamed_on
from exact_core.kernel.records import State
from exact_core.kernel.route_trial import prefix_of

if TYPE_CHECKING:
    from exact_core.services import Services

_DELIBERATE = (ExactError, HTTPException, RequestValidationError)


class PluginNotEnabled(NotFound):
    """The plugin exists, but is not on in this image set."""

    code = "plugin-not-enabled"


def add_plugin_routes(app: FastAPI, services: Services) -> None:
    """Mount the routes of every running plugin; call it after the core's own routes are included."""
    for plugin, contributed in services.kernel.index.routers():
        gate = _image_set_gate(plugin) if contributed.scope is Scope.IMAGE_SET else _instance_gate(plugin)
        gated = APIRouter(dependencies=[Depends(gate)])
        gated.include_router(contributed.router)
        app.include_router(gated, prefix=prefix_of(plugin, contributed.scope), tags=[f"plugin:{plugin}"])


def _image_set_gate(plugin: str) -> Callable[..., Iterator[None]]:
    def gate(request: Request, access: ImageSetAccess) -> Iterator[None]:
        kernel = services_of(request).kernel
        activation = kernel.activation.of(access.image_set_id)
        if plugin not in activation.enabled:
            why = activation.problems.get(plugin, "")
            raise PluginNotEnabled(f"The plugin {plugin!r} is not enabled here. {why}".strip())
        request.state.plugin, request.state.plugin_settings = plugin, activation.settings.get(plugin)
        with blamed_on(kernel.faults, plugin, _place(request), access.image_set_id, passes=_DELIBERATE):
            yield

    return gate


def _instance_gate(plugin: str) -> Callable[..., Iterator[None]]:
    def gate(request: Request, _actor: CurrentActor) -> Iterator[None]:
        kernel = services_of(request).kernel
        record = kernel.records.get(plugin)
        if record is None or record.state is not State.LOADED:
            reason = record.reason if record is not None else "it was removed"
            raise Unavailable(f"The plugin {plugin!r} cannot be used now: {reason}")
        request.state.plugin = plugin
        with blamed_on(kernel.faults, plugin, _place(request), None, passes=_DELIBERATE):
            yield

    return gate


def _place(request: Request) -> str:
    route = request.scope.get("route")
    return f"{request.method} {getattr(route, 'path', request.url.path)}"
