"""Addresses of what is decided about predictions: counting, deciding, what to look at next, and the export."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import Forbidden
from exact_core.auth.rights import Right
from exact_core.predictions import service
from exact_core.predictions.choosing import next_of, undecided
from exact_core.predictions.reading import Wanted
from exact_core.predictions.schemas import CountOut, DecidedOut, DecisionsIn, DecisionsOut, NextOut, SelectionIn
from exact_core.predictions.scope import find_runs, scope_of
from exact_core.predictions.signals import signals
from exact_core.storage.idempotency import Repeat

router = APIRouter(tags=["predictions"])

_Score = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False, description="Least score.")]
_Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Makes sending the request again harmless.")]


@router.post("/images/{image_id}/predictions/{run}/count", summary="Count predictions")
def count_shapes(
    request: Request, image_id: int, run: str, actor: CurrentActor, session: DbSession, selection: SelectionIn
) -> CountOut:
    """How many shapes a selection has, before something is decided about all of them."""
    found, scope = service.seen_run(session, actor, image_id, run, services_of(request).snapshot.can)
    open_, shapes = undecided(session, found, scope, selection.wanted())
    return CountOut(shapes=shapes, undecided=len(open_))


@router.get("/images/{image_id}/predictions/{run}/decisions", summary="Read decisions")
def read_decisions(request: Request, image_id: int, run: str, actor: CurrentActor, session: DbSession) -> DecisionsOut:
    """Numbers of the shapes that were decided; in a blind set one's own decisions only."""
    found, scope = service.seen_run(session, actor, image_id, run, services_of(request).snapshot.can)
    return DecisionsOut(**service.decisions(session, scope, found))


@router.post(
    "/images/{image_id}/predictions/{run}/decisions", summary="Accept or reject predictions", response_model=DecidedOut
)
def decide(
    request: Request,
    image_id: int,
    run: str,
    actor: CurrentActor,
    asked: DecisionsIn,
    idempotency_key: _Key = None,
) -> Response:
    """Accept (annotations are made, unverified, with the model as claimed author), reject, or take decisions back."""
    repeat = Repeat(actor, idempotency_key, request.method, request.url.path, asked.model_dump_json())
    body = service.decide_on(services_of(request), actor, image_id, run, asked.asked(), repeat)
    return Response(body, media_type="application/json")


@router.get("/images/{image_id}/predictions/{run}/next", summary="What to look at next")
def read_next(
    request: Request,
    image_id: int,
    run: str,
    actor: CurrentActor,
    session: DbSession,
    k: Annotated[int, Query(ge=1, le=200, description="How many.")] = 10,
    least: _Score = 0.0,
) -> list[NextOut]:
    """Undecided shapes that the model is least sure of and that are unlike each other."""
    found, scope = service.seen_run(session, actor, image_id, run, services_of(request).snapshot.can)
    return [NextOut(**each) for each in next_of(session, [found], scope, Wanted(least=least), k)]


@router.get("/image-sets/{image_set_id}/predictions/next", summary="What to look at next in an image set")
def read_next_in_set(
    request: Request,
    access: ImageSetAccess,
    actor: CurrentActor,
    session: DbSession,
    run: Annotated[list[str], Query(max_length=100, description="The runs to choose from.")],
    k: Annotated[int, Query(ge=1, le=200)] = 10,
    least: _Score = 0.0,
) -> list[NextOut]:
    """The same over several runs of the set."""
    scope = scope_of(access.image_set_id, actor, services_of(request).snapshot.can)
    runs = find_runs(session, scope, run)
    return [NextOut(**each) for each in next_of(session, runs, scope, Wanted(least=least), k)]


@router.get(
    "/image-sets/{image_set_id}/prediction-decisions",
    summary="Export decisions",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
)
def export_decisions(
    access: ImageSetAccess,
    session: DbSession,
    model: Annotated[str, Query(max_length=36, description="Only about this model.")] = "",
) -> StreamingResponse:
    """Every decision of the set as JSON lines, for those who see everybody's work in it and may export it."""
    if not (access.can(Right.SEE_ALL) and access.can(Right.EXPORT)):
        raise Forbidden("Exporting decisions needs the rights to see everybody's work here and to export it.")

    def lines() -> Iterator[str]:
        yield from signals(session, access.image_set_id, model)

    name = f"decisions-{access.image_set_id}.jsonl"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=disposition)
