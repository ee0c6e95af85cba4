"""The lab of the annotations, with the addresses of searching."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from exact_core.annotations.routes import router as annotations
from exact_core.products.routes import router as products
from exact_core.search.routes import router as search
from exact_core.services import Services
from exact_core.web import problems
from tests.core.annotations.conftest import client_of, lab, make_lab, services

__all__ = ["application", "client_of", "lab", "make_lab", "services"]


@pytest.fixture
def application(services: Services) -> FastAPI:
    """The addresses of annotations, products and searching."""
    app = FastAPI()
    app.state.services = services
    problems.install(app)
    for router in (annotations, products, search):
        app.include_router(router)
    return app
