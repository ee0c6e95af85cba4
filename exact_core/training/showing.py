"""Trainings as the API answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from exact_core.jobs.registry import title_of
from exact_core.storage.models import Job, TrainingRun
from exact_core.training.curves import curves_of
from exact_core.training.evaluations import evaluations_of
from exact_core.training.kinds import Trainable
from exact_core.training.schemas import EvaluationOut, TrainableOut, TrainingDetail, TrainingOut
from exact_core.versioning.schemas import CreatorOut

if TYPE_CHECKING:
    from exact_core.kernel import Kernel


def shown_detail(
    kernel: Kernel, session: Session, run: TrainingRun, job: Job | None, after: int = -1
) -> TrainingDetail:
    """A training with its curves beyond a step, and with what its model is worth."""
    evaluations = [
        EvaluationOut(part=each.part, figures=each.figures, samples_id=each.samples_id)
        for each in evaluations_of(session, run.id)
    ]
    facts = shown_training(kernel, run, job).model_dump()
    return TrainingDetail(**facts, curves=curves_of(session, run.id, after), evaluations=evaluations)


def shown_trainable(each: Trainable) -> TrainableOut:
    """A kind of model that learns."""
    card = each.kind.card
    return TrainableOut(
        kind=each.kind.name,
        title=card.title,
        summary=card.summary,
        task=card.task.value,
        needs_gpu=card.needs_gpu,
        is_on=each.is_on,
        settings_schema=each.settings_schema,
    )


def shown_training(kernel: Kernel, run: TrainingRun, job: Job | None) -> TrainingOut:
    """A training with the state of its job."""
    plugin, _, name = run.kind.partition(".")
    return TrainingOut(
        id=run.id,
        version_id=run.version_id,
        image_set_id=run.image_set_id,
        kind=run.kind,
        title=title_of(kernel, f"{plugin}.train_{name}"),
        name=run.name,
        classes=run.classes,
        split_id=run.split_id,
        split_name=run.split_name,
        settings=run.settings,
        model_uuid=run.model_uuid,
        job_id=run.job_id,
        state=job.state if job is not None else None,
        progress=job.progress if job is not None else 0.0,
        message=job.message if job is not None else "",
        creator=CreatorOut(id=run.created_by_id, name=run.created_by_name),
        created_at=run.created_at,
        finished_at=job.finished_at if job is not None else None,
    )
