"""Whether the server lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from exact_core import __version__
from exact_core.api.deps import services_of
from exact_core.api.errors import Unavailable

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The server answers."""

    status: str = "ok"
    version: str = __version__


@router.get("/healthz", summary="The server process lives")
async def healthz() -> Health:
    """Answer without looking at anything else: what keeps a process from being restarted."""
    return Health()


@router.get("/readyz", summary="The server can do its work")
def readyz(request: Request) -> Health:
    """Answer when the database can be read and its tables are those of this version; 503 says why not."""
    from exact_core.storage import migrate  # takes long to import: not before the server answers

    if not migrate.is_current(services_of(request).database):
        raise Unavailable("The tables of the database are not those of this version; run: exact db upgrade")
    return Health()
