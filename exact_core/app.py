"""The only place where the parts are put together: services of an instance, and the application that serves them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from exact_core import __version__
from exact_core.api.errors import ExactError
from exact_core.opening import close_services, open_services
from exact_core.settings import Settings
from exact_core.tiles.endpoint import Answer, TileApp, is_tile_path, tile_app
from exact_core.web.csrf import OwnHosts, foreign_host
from exact_core.web.problems import send_problem

if TYPE_CHECKING:
    from exact_core.kernel.discovery import Candidate
    from exact_core.services import Services

API = "/api/v2"


class ExactApp(FastAPI):
    """The application, which sends tile requests to the tile endpoint before the framework looks at them.

    A ready tile costs a few microseconds; routing and middleware of the framework cost a hundred. The endpoint does
    its own checks; of the guard against foreign pages only the look at the host is left, as tiles change nothing.
    """

    tiles: TileApp
    hosts: OwnHosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_tile_path(scope["path"]):
            host = next((value for name, value in scope["headers"] if name == b"host"), b"")
            if self.hosts.has(host.decode("latin-1")):
                await self.tiles(scope, receive, send)
            else:
                await send_problem(send, foreign_host(host.decode("latin-1")))
        else:
            await super().__call__(scope, receive, send)

    def ready_tile(self, path: str, headers: Mapping[bytes, bytes]) -> Answer | None:
        """Answer a GET request for a tile if nothing must be waited for; None sends it the ordinary way."""
        if not is_tile_path(path) or not self.hosts.has(headers.get(b"host", b"").decode("latin-1")):
            return None
        try:
            return self.tiles.answer_now(path, headers)
        except ExactError:
            return None  # the ordinary way refuses it again, and says why


def create_app(settings: Settings | None = None, candidates: Iterable[Candidate] | None = None) -> ExactApp:
    """Make the application of one instance.

    Args:
        settings: Its settings; read from the environment when not given.
        candidates: Load these plugins instead of the installed ones.
    """
    services = open_services(settings or Settings(), candidates)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        services.snapshot.start()
        services.kernel.startup()
        try:
            yield
        finally:
            services.kernel.shutdown()
            services.snapshot.stop()
            app.tiles.close()
            close_services(services)

    app = ExactApp(
        title="EXACT",
        version=__version__,
        summary="Collaborative, algorithm-aided annotation of images of any size.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own page loads from another host; web/api_docs.py serves one of ours
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    _add_routes(app, services)
    return app


def _add_routes(app: ExactApp, services: Services) -> None:
    """Core first, so that no plugin can stand in the way of a core address."""
    from exact_core.web import pages, problems
    from exact_core.web.csrf import RequestGuard
    from exact_core.web.plugin_routes import add_plugin_routes
    from exact_core.web.route_index import RouteIndex
    from exact_core.web.security import SecurityHeaders

    problems.install(app)
    pages.install(app, services)
    app.router.routes.extend(core_routes())
    add_plugin_routes(app, services)
    app.router.middleware_stack = RouteIndex(app.router)
    app.add_middleware(RequestGuard, settings=services.settings)
    app.add_middleware(SecurityHeaders, https=services.settings.behind_https)
    app.tiles = tile_app(services)
    app.hosts = OwnHosts(services.settings)


@cache
def core_routes() -> tuple[BaseRoute, ...]:
    """The core's own routes, which all applications of a process share.

    The framework works out what each route takes and answers when it is first looked at, which costs more than making
    the rest of an application. The routes know nothing of an instance: they ask the request for its services.
    """
    from exact_core.activation.routes import router as activation
    from exact_core.agreement.routes import router as agreement
    from exact_core.agreement.studies.routes import router as studies
    from exact_core.annotations.history_routes import router as history
    from exact_core.annotations.routes import router as annotations
    from exact_core.auth.routes import router as auth
    from exact_core.exchange.export_routes import router as annotation_exports
    from exact_core.exchange.routes import router as annotation_imports
    from exact_core.images.routes import router as images
    from exact_core.images.upload_routes import router as uploads
    from exact_core.imagesets.routes import router as image_sets
    from exact_core.jobs.remote.content_routes import router as work_content
    from exact_core.jobs.remote.routes import router as work
    from exact_core.jobs.routes import router as jobs
    from exact_core.models.file_routes import router as model_files
    from exact_core.models.routes import router as models
    from exact_core.predictions.routes import router as predictions
    from exact_core.products.routes import router as products
    from exact_core.review.routes import router as review
    from exact_core.search.routes import router as search
    from exact_core.tiles.region_routes import router as regions
    from exact_core.tiles.routes import router as tiles
    from exact_core.training.routes import router as trainings
    from exact_core.versioning.artefact_routes import router as artefacts
    from exact_core.versioning.branches.routes import router as branches
    from exact_core.versioning.diff_routes import router as differences
    from exact_core.versioning.routes import router as versions
    from exact_core.versioning.splits.routes import router as splits
    from exact_core.web import api_docs, assets, health, pages, system
    from exact_core.web.viewer_page import router as viewer

    core = APIRouter()
    for router in (health.router, assets.router):  # a page asks for a hundred files: they are found first
        core.include_router(router)
    for router in (
        auth,
        image_sets,
        images,
        uploads,
        tiles,
        regions,
        products,
        annotations,
        search,
        history,
        review,
        activation,
        jobs,
        work,
        work_content,
        agreement,
        studies,
        versions,
        artefacts,
        models,
        model_files,
        differences,
        annotation_imports,
        annotation_exports,
        splits,
        branches,
        trainings,
        predictions,
    ):
        core.include_router(router, prefix=API if not router.prefix.startswith(API) else "")
    for router in (api_docs.router, viewer, system.router, pages.router):
        core.include_router(router)
    return tuple(core.routes)
