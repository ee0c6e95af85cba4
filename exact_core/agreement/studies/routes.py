"""Addresses of studies, below ``/api/v2``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything, can_of, everything_in
from exact_core.agreement.figures import Resampling
from exact_core.agreement.studies.activity import record
from exact_core.agreement.studies.report import report
from exact_core.agreement.studies.schemas import (
    ActivityIn,
    ActivityOut,
    ImportRunOut,
    OpenedOut,
    OwnStudyOut,
    ReportOut,
    StudiesOut,
    StudyChange,
    StudyIn,
    StudyOut,
    SurveyIn,
)
from exact_core.agreement.studies.service import Studies, shown
from exact_core.agreement.studies.tables import StudyTable, rows_of
from exact_core.agreement.studies.tasks import Participation
from exact_core.agreement.tables import csv_lines
from exact_core.annotations.access import rights_in
from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, VisibleImage, services_of
from exact_core.auth.rights import Right
from exact_core.storage.models import ChangeSet, Image, Study, StudyParticipant
from exact_core.storage.unit_of_work import UnitOfWork

router = APIRouter(tags=["studies"])

StudyId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_RUNS = 200


@router.get("/image-sets/{image_set_id}/studies", summary="List studies")
def list_studies(access: ImageSetAccess, session: DbSession, actor: CurrentActor) -> StudiesOut:
    """Those in which you take part; for managers of the set all of them."""
    own = (
        select(Study.id)
        .join(StudyParticipant, StudyParticipant.study_id == Study.id)
        .where(
            Study.image_set_id == access.image_set_id,
            Study.state != "draft",
            StudyParticipant.user_id == actor.user_id,
        )
        .order_by(Study.id.desc())
    )
    mine = [Participation(session, actor, access.image_set_id, study_id) for study_id in session.scalars(own)]
    managed = []
    if access.can(Right.MANAGE):
        studies = Studies(session, everything_in(session, access.image_set_id, access.can, Right.MANAGE))
        managed = [StudyOut(**shown(studies, study)) for study in studies.all()]
    return StudiesOut(managed=managed, own=[OwnStudyOut(**each.shown()) for each in mine])


@router.post("/image-sets/{image_set_id}/studies", status_code=201, summary="Design a study")
def create_study(request: Request, access: ImageSetAccess, actor: CurrentActor, body: StudyIn) -> StudyOut:
    """A draft: nothing is given out before it starts."""
    with services_of(request).database.write() as session:
        studies = Studies(session, _managed(session, actor, access.image_set_id))
        made = studies.create(actor, body.title, body.description, body.design.design(), body.participants, body.seed)
        return StudyOut(**shown(studies, made))


@router.get("/image-sets/{image_set_id}/import-runs", summary="List imports and model runs")
def list_import_runs(access: ImageSetAccess, session: DbSession) -> list[ImportRunOut]:
    """The newest ones, as sources of prepared annotations."""
    everything_in(session, access.image_set_id, access.can, Right.MANAGE)
    query = (
        select(ChangeSet, Image.name)
        .outerjoin(Image, Image.id == ChangeSet.image_id)
        .where(ChangeSet.image_set_id == access.image_set_id, ChangeSet.kind.in_(("import", "model")))
        .order_by(ChangeSet.revision.desc())
        .limit(_RUNS)
    )
    return [
        ImportRunOut(
            change_set=run.revision, kind=run.kind, image=name or "", reason=run.reason, annotations=run.n_changes,
            at=run.at,
        )
        for run, name in session.execute(query)
    ]  # fmt: skip


@router.get("/image-sets/{image_set_id}/studies/{study_id}", summary="Read a study")
def read_study(access: ImageSetAccess, session: DbSession, study_id: StudyId) -> StudyOut:
    """Its design and how far everybody is; for managers."""
    studies = Studies(session, everything_in(session, access.image_set_id, access.can, Right.MANAGE))
    return StudyOut(**shown(studies, studies.get(study_id)))


@router.patch("/image-sets/{image_set_id}/studies/{study_id}", summary="Change a study")
def change_study(
    request: Request, access: ImageSetAccess, study_id: StudyId, actor: CurrentActor, body: StudyChange
) -> StudyOut:
    """The design of a draft; title and description at any time."""
    with services_of(request).database.write() as session:
        studies = Studies(session, _managed(session, actor, access.image_set_id))
        study = studies.change(
            study_id,
            title=body.title,
            description=body.description,
            design=body.design.design() if body.design else None,
            participants=body.participants,
            seed=body.seed,
        )
        return StudyOut(**shown(studies, study))


@router.delete("/image-sets/{image_set_id}/studies/{study_id}", status_code=204, summary="Delete a study")
def delete_study(request: Request, access: ImageSetAccess, study_id: StudyId, actor: CurrentActor) -> None:
    """With its times and answers; annotations stay."""
    with services_of(request).database.write() as session:
        Studies(session, _managed(session, actor, access.image_set_id)).delete(study_id)


@router.post("/image-sets/{image_set_id}/studies/{study_id}/start", summary="Start a study")
def start_study(request: Request, access: ImageSetAccess, study_id: StudyId, actor: CurrentActor) -> StudyOut:
    """Fixes the design and gives out the tasks in their random order."""
    with services_of(request).database.write() as session:
        studies = Studies(session, _managed(session, actor, access.image_set_id))
        return StudyOut(**shown(studies, studies.start(study_id)))


@router.post("/image-sets/{image_set_id}/studies/{study_id}/close", summary="Close a study")
def close_study(request: Request, access: ImageSetAccess, study_id: StudyId, actor: CurrentActor) -> StudyOut:
    """Participants can go on no longer; what was read stays."""
    with services_of(request).database.write() as session:
        studies = Studies(session, _managed(session, actor, access.image_set_id))
        return StudyOut(**shown(studies, studies.close(study_id)))


@router.get("/image-sets/{image_set_id}/studies/{study_id}/report", summary="Report of a study")
def read_report(access: ImageSetAccess, session: DbSession, study_id: StudyId) -> ReportOut:
    """Time and agreement per arm with intervals and tests, and the survey; for managers."""
    everything = everything_in(session, access.image_set_id, access.can, Right.MANAGE)
    study = Studies(session, everything).get(study_id)
    return ReportOut(**report(session, everything, study, Resampling()))


@router.get(
    "/image-sets/{image_set_id}/studies/{study_id}/report.csv",
    summary="A study as a table",
    response_class=StreamingResponse,
)
def read_study_table(
    access: ImageSetAccess,
    session: DbSession,
    study_id: StudyId,
    table: Annotated[StudyTable, Query(description="Every task, stretch of activity, or grade.")] = "tasks",
) -> StreamingResponse:
    """As CSV, for spreadsheets and statistics programs; for managers."""
    everything = everything_in(session, access.image_set_id, access.can, Right.MANAGE)
    study = Studies(session, everything).get(study_id)
    headers = {"Content-Disposition": f'attachment; filename="study-{study.id}-{table}.csv"'}
    rows = rows_of(session, everything, study, table)
    return StreamingResponse(csv_lines(rows), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/image-sets/{image_set_id}/studies/{study_id}/own", summary="Your part of a study")
def read_own_part(access: ImageSetAccess, session: DbSession, study_id: StudyId, actor: CurrentActor) -> OwnStudyOut:
    """How far you are, and what comes next."""
    return OwnStudyOut(**Participation(session, actor, access.image_set_id, study_id).shown())


@router.post("/image-sets/{image_set_id}/studies/{study_id}/images/{image_id}/open", summary="Begin an image")
def open_task(
    request: Request, access: ImageSetAccess, study_id: StudyId, image_id: int, actor: CurrentActor
) -> OpenedOut:
    """The next one in your order; what is prepared for you is on it then. Opening it again changes nothing."""
    services = services_of(request)
    with UnitOfWork(services.database, services.kernel.hooks, actor) as uow:
        task = Participation(uow.session, actor, access.image_set_id, study_id).open(uow, image_id)
        return OpenedOut(prepared=task.copied)


@router.post("/image-sets/{image_set_id}/studies/{study_id}/images/{image_id}/finish", summary="Finish an image")
def finish_task(
    request: Request, access: ImageSetAccess, study_id: StudyId, image_id: int, actor: CurrentActor
) -> OwnStudyOut:
    """Its time stops; answers with what comes next."""
    with services_of(request).database.write() as session:
        part = Participation(session, actor, access.image_set_id, study_id)
        part.finish(image_id)
        return OwnStudyOut(**part.shown())


@router.put("/image-sets/{image_set_id}/studies/{study_id}/survey", summary="Grade the work")
def answer_survey(
    request: Request, access: ImageSetAccess, study_id: StudyId, actor: CurrentActor, body: SurveyIn
) -> OwnStudyOut:
    """One grade per question, when all images are done."""
    with services_of(request).database.write() as session:
        part = Participation(session, actor, access.image_set_id, study_id)
        part.answer(body.grades)
        return OwnStudyOut(**part.shown())


@router.post("/images/{image_id}/activity", summary="Report active seconds")
def report_activity(request: Request, image: VisibleImage, actor: CurrentActor, body: ActivityIn) -> ActivityOut:
    """Sent by the viewer while somebody is active on an image of their study; elsewhere nothing is kept."""
    with services_of(request).database.write() as session:
        seconds = record(session, actor.user_id, image.id, body.seconds)
    return ActivityOut(recorded=seconds is not None, seconds=seconds or 0.0)


def _managed(session: Session, actor: Actor, image_set_id: int) -> Everything:
    """Leave to change studies, asked of the transaction."""
    return everything_in(session, image_set_id, can_of(rights_in(session), actor, image_set_id), Right.MANAGE)
