"""Addresses of predictions: runs of an image, their shapes and maps, and decisions about them."""

import hashlib
import math
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from exact_core.annotations import wire
from exact_core.annotations.geometry import INT32_MAX, INT32_MIN, Box
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import Invalid
from exact_core.predictions import maps, service, views
from exact_core.predictions.decision_routes import router as decisions
from exact_core.predictions.describing import described
from exact_core.predictions.kinds import kinds_in, schema_of
from exact_core.predictions.label_types import types_for
from exact_core.predictions.reading import Wanted
from exact_core.predictions.schemas import (
    KindOut,
    RunDetail,
    RunIn,
    RunOut,
    SetRunIn,
    ShownIn,
    StartedOut,
)
from exact_core.predictions.starting import RunRequest, start_on_image, start_on_set
from exact_core.storage.idempotency import Repeat

router = APIRouter(tags=["predictions"])
router.include_router(decisions)

RunUuid = Annotated[str, Path(description="The run, by its uuid.")]
_Pixel = Annotated[float, Query(ge=INT32_MIN, le=INT32_MAX, allow_inf_nan=False, description="Level-0 pixel.")]
_Score = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False, description="Least score.")]
_Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Makes sending the request again harmless.")]
_VARY = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Cookie, Authorization"}


@router.get("/image-sets/{image_set_id}/prediction-kinds", summary="List kinds of models that can be run here")
def list_kinds(request: Request, access: ImageSetAccess) -> list[KindOut]:
    """Built-in models, and those of plugins that are switched on in the set, with the schema of their settings."""
    return [
        KindOut(
            kind=kind.name,
            title=kind.card.title,
            task=kind.card.task,
            summary=kind.card.summary,
            labels=list(kind.card.labels),
            needs_gpu=kind.card.needs_gpu,
            is_built_in=kind.card.is_built_in,
            settings_schema=dict(schema_of(kind.card) or {}) or None,
        )
        for kind in kinds_in(services_of(request).kernel, access.image_set_id)
    ]


@router.get("/images/{image_id}/predictions", summary="List runs")
def list_runs(request: Request, image_id: int, actor: CurrentActor, session: DbSession) -> list[RunOut]:
    """Runs of models on the image that the actor may see, the newest first."""
    return [RunOut(**each) for each in service.list_runs(session, actor, image_id, services_of(request).snapshot.can)]


@router.post("/images/{image_id}/predictions", status_code=202, summary="Run a model on an image")
def start_run(
    request: Request, image_id: int, actor: CurrentActor, asked: RunIn, idempotency_key: _Key = None
) -> StartedOut:
    """Ask for a run on the image or a rectangle of it; a job does it."""
    services = services_of(request)
    repeat = Repeat(actor, idempotency_key, request.method, request.url.path, asked.model_dump_json())
    with services.database.write() as session:
        seen = repeat.claim(session)
        if seen is not None:
            return StartedOut.model_validate_json(seen.body)
        job = start_on_image(services, session, actor, image_id, asked.request())
        answer = StartedOut(job_ids=[job.id])
        repeat.keep(session, 202, answer.model_dump_json().encode())
        return answer


@router.post("/image-sets/{image_set_id}/predictions", status_code=202, summary="Run a model on an image set")
def start_runs(
    request: Request, access: ImageSetAccess, actor: CurrentActor, asked: SetRunIn, idempotency_key: _Key = None
) -> StartedOut:
    """Ask for a run on each image that is ready, or on some of them; a job for each."""
    services = services_of(request)
    repeat = Repeat(actor, idempotency_key, request.method, request.url.path, asked.model_dump_json())
    with services.database.write() as session:
        seen = repeat.claim(session)
        if seen is not None:
            return StartedOut.model_validate_json(seen.body)
        wanted = RunRequest(asked.kind, asked.model or "", asked.settings)
        jobs = start_on_set(services, session, actor, access.image_set_id, wanted, asked.image_ids)
        answer = StartedOut(job_ids=[job.id for job in jobs])
        repeat.keep(session, 202, answer.model_dump_json().encode())
        return answer


@router.get("/images/{image_id}/predictions/{run}", summary="Read a run")
def read_run(request: Request, image_id: int, run: RunUuid, actor: CurrentActor, session: DbSession) -> RunDetail:
    """One run, with its score histogram, its maps, and the annotation types that its labels become."""
    found, scope = service.seen_run(session, actor, image_id, run, services_of(request).snapshot.can)
    types = types_for(session, found, actor.user_id)
    return RunDetail(**described(session, scope, [found])[0], types=types)


@router.patch("/images/{image_id}/predictions/{run}", summary="Show a run to readers, or hide it")
def show_run(request: Request, image_id: int, run: RunUuid, actor: CurrentActor, shown: ShownIn) -> RunOut:
    """Readers of a blind set see a run of others only when somebody who manages the set shows it to them."""
    found = service.show_run(services_of(request), actor, image_id, run, shown=shown.shown_to_readers)
    return RunOut(**found)


@router.delete("/images/{image_id}/predictions/{run}", status_code=204, summary="Delete a run")
def delete_run(request: Request, image_id: int, run: RunUuid, actor: CurrentActor) -> None:
    """For who asked for it and who manages the set. Annotations and decisions that were made of it stay."""
    service.delete_run(services_of(request), actor, image_id, run)


@router.get(
    "/images/{image_id}/predictions/{run}/view",
    summary="View predictions",
    response_class=Response,
    responses={200: {"content": {wire.MEDIA_TYPE: {}}}, 304: {"description": "What the client has is current."}},
)
def view_run(
    request: Request,
    image_id: int,
    run: RunUuid,
    actor: CurrentActor,
    session: DbSession,
    x0: _Pixel,
    y0: _Pixel,
    x1: _Pixel,
    y1: _Pixel,
    least: _Score = 0.0,
    limit: Annotated[int, Query(ge=1, le=views.MAX_LIMIT)] = views.DEFAULT_LIMIT,
) -> Response:
    """Shapes in a rectangle as typed arrays; numbers per place and score where there are more than ``limit``."""
    if x1 < x0 or y1 < y0:
        raise Invalid("The rectangle is empty: x1 must not be less than x0, nor y1 less than y0.")
    found, _ = service.seen_run(session, actor, image_id, run, services_of(request).snapshot.can)
    box = Box(math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1))
    accepted = request.headers.get("accept-encoding", "")
    identity = f"{found.uuid} {box} {least} {limit} {wire.chosen_encoding(accepted)}"  # what was found never changes
    etag = f'"{hashlib.sha256(identity.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, **_VARY}
    if _has(request, etag):
        return Response(status_code=304, headers=headers)
    body, encoding = wire.compressed(views.view(session, found, Wanted(box, least), limit), accepted)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(body, media_type=wire.MEDIA_TYPE, headers=headers)


@router.get(
    "/images/{image_id}/predictions/{run}/maps/{map_id}/tiles/{level}/{column}_{row}",
    summary="A tile of a map",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}},
        204: {"description": "All of the tile is 0."},
        304: {"description": "What the client has is current."},
    },
)
def read_map_tile(
    request: Request,
    image_id: int,
    run: RunUuid,
    map_id: int,
    level: int,
    column: int,
    row: int,
    actor: CurrentActor,
    session: DbSession,
) -> Response:
    """256 × 256 values as a grey PNG, 255 is 1; level 0 is the map as the model gave it."""
    services = services_of(request)
    found, _ = service.seen_run(session, actor, image_id, run, services.snapshot.can)
    map_ = service.map_of(session, found, map_id)
    etag = f'"{found.uuid}/{map_id}/{level}/{column}_{row}"'
    headers = {"ETag": etag, **_VARY}
    if _has(request, etag):
        return Response(status_code=304, headers=headers)
    body = maps.tile(services.blobs.path(map_.path), map_.width, map_.height, level, column, row)
    return Response(body, 200 if body else 204, media_type="image/png" if body else None, headers=headers)


def _has(request: Request, etag: str) -> bool:
    return etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
