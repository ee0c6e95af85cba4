"""The interactive description of the API, with Swagger UI served by this server and not by somebody else's."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from exact_core.api.deps import CurrentActor
from exact_core.web.templating import pages_of

router = APIRouter(include_in_schema=False)


@router.get("/api/docs", response_class=HTMLResponse)
def api_docs(request: Request, actor: CurrentActor) -> HTMLResponse:
    """Every route with its parameters and answers, to read and to try."""
    return pages_of(request).render(
        request, "api_docs.html", title="API", actor=actor, module="shell/pages/api_docs.js"
    )
