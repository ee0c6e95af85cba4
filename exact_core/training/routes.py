"""Addresses of trainings: what a version offers, starting one, and how it goes."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.storage.models import Job, TrainingRun, VersionImage
from exact_core.training import runs
from exact_core.training.evaluations import samples_of
from exact_core.training.kinds import trainable_in
from exact_core.training.material import amounts_of, by_part, parts_of
from exact_core.training.schemas import (
    MaterialOut,
    SampleOut,
    SamplesOut,
    TrainingDetail,
    TrainingIn,
    TrainingOut,
    TypeAmountOut,
)
from exact_core.training.showing import shown_detail, shown_trainable, shown_training
from exact_core.versioning.access import open_version, require_all
from exact_core.versioning.splits.service import find_split

router = APIRouter(prefix="/api/v2", tags=["training"])


@router.get("/versions/{version_id}/training-material", summary="Show what a version offers for training")
def read_material(
    request: Request, version_id: int, actor: CurrentActor, session: DbSession, split_id: int | None = None
) -> MaterialOut:
    """Annotations of each type, by the parts of a split when one is named; and the kinds of models that learn."""
    services = services_of(request)
    can = services.snapshot.can
    opened = open_version(session, actor, version_id, can)
    require_all(session, actor, opened.version.image_set_id, can)
    split = find_split(session, actor, version_id, split_id, can) if split_id is not None else None
    there = by_part(amounts_of(session, opened.version), parts_of(split) if split is not None else {})
    types = [
        TypeAmountOut(
            type_id=kind["id"],
            name=kind["name"],
            color=kind["color"],
            product=kind["product"]["name"],
            parts=there.get(kind["id"], {}),
        )
        for kind in opened.frozen.types
    ]
    kinds = [shown_trainable(each) for each in trainable_in(services.kernel, opened.version.image_set_id)]
    return MaterialOut(types=types, kinds=kinds)


@router.get("/versions/{version_id}/trainings", summary="List the trainings of a version")
def list_trainings(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> list[TrainingOut]:
    """Newest first."""
    services = services_of(request)
    found = runs.runs_of(session, actor, version_id, services.snapshot.can)
    return [shown_training(services.kernel, run, job) for run, job in found]


@router.post("/versions/{version_id}/trainings", status_code=201, summary="Train a model from a version")
def start_training(request: Request, version_id: int, new: TrainingIn, actor: CurrentActor) -> TrainingOut:
    """A worker does it; for reviewers and managers. A training that is the same and has not failed is given instead."""
    services = services_of(request)
    wanted = runs.Wanted(
        new.kind,
        new.name,
        tuple(runs.ClassWanted(each.label, tuple(each.type_ids)) for each in new.classes),
        new.split_id,
        new.settings,
    )
    with services.database.write() as session:
        run = runs.start(services, session, actor, version_id, wanted)
        return shown_training(services.kernel, run, session.get(Job, run.job_id))


@router.get("/trainings/{training_id}", summary="Read a training")
def read_training(
    request: Request, training_id: int, actor: CurrentActor, session: DbSession, after: int = -1
) -> TrainingDetail:
    """How it goes, its curves beyond a step, and what the model is worth."""
    services = services_of(request)
    run, job = runs.find_run(session, actor, training_id, services.snapshot.can)
    return shown_detail(services.kernel, session, run, job, after)


@router.get("/trainings/{training_id}/samples", summary="List samples of an evaluation")
def list_samples(
    request: Request,
    training_id: int,
    actor: CurrentActor,
    session: DbSession,
    part: Literal["validation", "test"] = "test",
    truth: Annotated[int | None, Query(ge=0)] = None,
    predicted: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SamplesOut:
    """Samples of one cell of the confusion matrix, or of a row or a column, the surest first."""
    services = services_of(request)
    run, _job = runs.find_run(session, actor, training_id, services.snapshot.can)
    found = samples_of(services, session, run, part, truth, predicted)
    names = _names(session, run, {each.image_id for each in found[:limit]})
    items = [
        SampleOut(
            image_id=each.image_id,
            image_name=names.get(each.image_id, ""),
            annotation_id=each.annotation_id,
            truth=each.truth,
            predicted=each.predicted,
            confidence=each.confidence,
        )
        for each in found[:limit]
    ]
    return SamplesOut(items=items, count=len(found))


def _names(session: Session, run: TrainingRun, image_ids: set[int]) -> dict[int, str]:
    query = select(VersionImage.image_id, VersionImage.name).where(VersionImage.version_id == run.version_id)
    return {image_id: name for image_id, name in session.execute(query) if image_id in image_ids}
