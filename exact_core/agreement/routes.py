"""Addresses of agreement, references and drift, below ``/api/v2``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from exact_core.agreement import service, tables
from exact_core.agreement.access import NOT_FOR_YOU, Everything, can_of, everything_in
from exact_core.agreement.drift import drift_of, own_figures
from exact_core.agreement.figures import Resampling
from exact_core.agreement.gold import Gold
from exact_core.agreement.readings import load
from exact_core.agreement.report import compared_of
from exact_core.agreement.schemas import (
    AgreementOut,
    AgreementParams,
    AgreementTableParams,
    DriftOut,
    DriftParams,
    GoldChange,
    GoldIn,
    GoldOut,
    OwnDriftOut,
    ReaderDriftOut,
    ReaderOut,
)
from exact_core.annotations.access import rights_in
from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, SetAccess, services_of
from exact_core.api.errors import Conflict, Forbidden
from exact_core.auth.rights import Right
from exact_core.storage.models import Job

router = APIRouter(tags=["agreement"])

GoldId = Annotated[int, Path(ge=1, le=2**63 - 1)]
CSV = "text/csv; charset=utf-8"


@router.get(
    "/image-sets/{image_set_id}/agreement",
    summary="How far readers agree",
    response_model=AgreementOut,
    responses={202: {"model": AgreementOut, "description": "A job is making the answer; ask again."}},
)
def read_agreement(
    request: Request, access: ImageSetAccess, session: DbSession, actor: CurrentActor, asked: AgreementParams
) -> Response:
    """For those who see everybody's work in the set and may export it. Large sets are answered by a job."""
    question = asked.question()
    found = service.ask(services_of(request), session, actor, _everything(session, access), question)
    told = {"is_current": found.is_current, "job_id": found.job.id if found.job else None}
    if found.answer is None:
        _require_running(found.job)
        return _json({"state": "computing", **told}, 202)
    return _json({**found.answer, **told})


@router.get("/image-sets/{image_set_id}/agreement.csv", summary="Agreement as a table", response_class=Response)
def read_agreement_table(
    request: Request,
    access: ImageSetAccess,
    session: DbSession,
    actor: CurrentActor,
    asked: AgreementTableParams,
) -> Response:
    """The same as CSV, for spreadsheets and other statistics programs."""
    everything, question, table = _everything(session, access), asked.question(), asked.table
    if table == "items":
        service.check_revision(everything, question.at)
        compared = compared_of(session, everything, question)
        rows = tables.item_rows(compared) if compared else iter([("image_id", "image", "x", "y", "z", "t")])
        return StreamingResponse(tables.csv_lines(rows), media_type=CSV, headers=_named(everything, table))
    found = service.ask(services_of(request), session, actor, everything, question)
    if found.answer is None:
        raise Conflict("The figures of this large set are being computed; ask again in a while.")
    body = "".join(tables.csv_lines(tables.table_of(found.answer, table)))
    return Response(body, media_type=CSV, headers=_named(everything, table))


@router.get("/image-sets/{image_set_id}/readers", summary="List who has read")
def list_readers(access: ImageSetAccess, session: DbSession) -> list[ReaderOut]:
    """Authors, and those whom imports and models name."""
    return [ReaderOut(**asdict(reader)) for reader in load(session, _everything(session, access)).readers]


@router.get("/image-sets/{image_set_id}/gold", summary="List references")
def list_gold(access: ImageSetAccess, session: DbSession) -> list[GoldOut]:
    """For managers only: readers must not learn on which images they are compared."""
    gold = Gold(session, _everything(session, access, Right.MANAGE))
    return [GoldOut(**gold.shown(each)) for each in gold.all()]


@router.post("/image-sets/{image_set_id}/gold", status_code=201, summary="Make a reference")
def create_gold(request: Request, access: ImageSetAccess, actor: CurrentActor, body: GoldIn) -> GoldOut:
    """What one reader marked on some images becomes the reference, as it is now or was at a revision."""
    with services_of(request).database.write() as session:
        gold = Gold(session, _to_change(session, actor, access.image_set_id))
        made = gold.create(actor, **body.model_dump())
        return GoldOut(**gold.shown(made))


@router.patch("/image-sets/{image_set_id}/gold/{gold_id}", summary="Change a reference")
def change_gold(
    request: Request, access: ImageSetAccess, gold_id: GoldId, actor: CurrentActor, body: GoldChange
) -> GoldOut:
    """Its title, its images, and whether readers may see their own figures against it."""
    with services_of(request).database.write() as session:
        gold = Gold(session, _to_change(session, actor, access.image_set_id))
        return GoldOut(**gold.shown(gold.change(gold_id, **body.model_dump())))


@router.delete("/image-sets/{image_set_id}/gold/{gold_id}", status_code=204, summary="Delete a reference")
def delete_gold(request: Request, access: ImageSetAccess, gold_id: GoldId, actor: CurrentActor) -> None:
    """Annotations stay."""
    with services_of(request).database.write() as session:
        Gold(session, _to_change(session, actor, access.image_set_id)).delete(gold_id)


@router.get("/image-sets/{image_set_id}/gold/{gold_id}/drift", summary="How readers do over time")
def read_drift(
    access: ImageSetAccess,
    session: DbSession,
    gold_id: GoldId,
    asked: DriftParams,
) -> DriftOut:
    """Each reader against the reference, per window, with a test for a trend."""
    everything = _everything(session, access, Right.MANAGE)
    gold = Gold(session, everything)
    question = asked.question()
    compared = gold.against(gold.get(gold_id), question.rule)
    found = drift_of(session, compared, asked.window, question.resampling)
    return DriftOut(
        window=asked.window,
        rule=compared.rule.to_json() if compared else None,
        readers=[ReaderDriftOut(**each.to_json()) for each in found],
    )


@router.get("/image-sets/{image_set_id}/own-drift", summary="How you do over time")
def read_own_drift(access: ImageSetAccess, session: DbSession, actor: CurrentActor) -> OwnDriftOut:
    """Your own figures against references that a manager has released, never in a blind set, and without images."""
    if not access.can(Right.SEE_ALL):
        raise Forbidden(NOT_FOR_YOU)
    everything = everything_in(session, access.image_set_id, access.can, Right.SEE_ALL)
    found = own_figures(session, everything, actor, Resampling())
    return OwnDriftOut(references=[ReaderDriftOut(**each.to_json()) for each in found])


def _everything(session: Session, access: SetAccess, right: Right = Right.EXPORT) -> Everything:
    return everything_in(session, access.image_set_id, access.can, right)


def _to_change(session: Session, actor: Actor, image_set_id: int) -> Everything:
    """Leave to change references, asked of the transaction."""
    return everything_in(session, image_set_id, can_of(rights_in(session), actor, image_set_id), Right.MANAGE)


def _require_running(job: Job | None) -> None:
    if job is not None and job.state == "failed":
        raise Conflict(
            f"Job {job.id} could not compute this: {job.message or 'see its log'}. Start it again from there."
        )


def _named(everything: Everything, table: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="agreement-{everything.image_set_id}-{table}.csv"'}


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(value, separators=(",", ":")), status, media_type="application/json")
