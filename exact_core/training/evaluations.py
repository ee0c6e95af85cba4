"""Keeping what a training is worth: its figures, and its samples as a file of the version."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.errors import Invalid, NotFound
from exact_core.api.training import Evaluation
from exact_core.storage.models import TrainingEvaluation, TrainingRun, VersionArtefact, VersionImage
from exact_core.training.judging import Sample, checked, judged, samples_in, table_of
from exact_core.training.runs import run_of_job
from exact_core.versioning.artefacts import folder_of

if TYPE_CHECKING:
    from exact_core.services import Services


def keep_evaluation(services: Services, job_id: int, evaluation: Evaluation) -> None:
    """Judge an evaluation and keep it; one of the same part that an earlier attempt made is replaced."""
    figures = judged(checked(evaluation))
    with services.database.read() as session:
        run = run_of_job(session, job_id)
        known = set(session.scalars(select(VersionImage.image_id).where(VersionImage.version_id == run.version_id)))
        run_id, version_id = run.id, run.version_id
    strangers = {int(image_id) for image_id in evaluation.image_ids} - known
    if strangers:
        raise Invalid(f"image_ids: image {min(strangers)} is not in the version.")
    table = "".join(table_of(evaluation)).encode()
    relative = f"{folder_of(version_id)}/artefacts/{secrets.token_hex(16)}"
    services.blobs.write(relative, table)
    kept = False
    try:
        with services.database.write() as session:
            replaced = _forget(session, run_id, evaluation.part)
            artefact = _artefact(session, session.get_one(TrainingRun, run_id), evaluation.part, relative, table)
            session.add(
                TrainingEvaluation(run_id=run_id, part=evaluation.part, figures=figures, samples_id=artefact.id)
            )
        kept = True
    finally:
        if not kept:
            services.blobs.remove(relative)
    for path in replaced:
        services.blobs.remove(path)


def _forget(session: Session, run_id: int, part: str) -> list[str]:
    """Remove an earlier evaluation; the files that nothing names any more."""
    earlier = session.get(TrainingEvaluation, (run_id, part))
    if earlier is None:
        return []
    artefact = session.get(VersionArtefact, earlier.samples_id) if earlier.samples_id is not None else None
    session.delete(earlier)
    if artefact is None:
        return []
    session.delete(artefact)
    session.flush()
    return [artefact.path]


def _artefact(session: Session, run: TrainingRun, part: str, path: str, table: bytes) -> VersionArtefact:
    artefact = VersionArtefact(
        version_id=run.version_id,
        kind="metrics",
        name=f"{run.name} training {run.id} {part} samples.csv",
        description=f"Every sample of the part {part!r} with what {run.name!r} says of it.",
        media_type="text/csv",
        size_bytes=len(table),
        sha256=hashlib.sha256(table).hexdigest(),
        path=path,
        plugin=run.kind.partition(".")[0],
        created_by_id=run.created_by_id,
        created_by_name=run.created_by_name,
    )
    session.add(artefact)
    session.flush()
    return artefact


def evaluations_of(session: Session, run_id: int) -> list[TrainingEvaluation]:
    """What is kept of a training, ``test`` first."""
    query = select(TrainingEvaluation).where(TrainingEvaluation.run_id == run_id).order_by(TrainingEvaluation.part)
    return list(session.scalars(query))


def samples_of(
    services: Services, session: Session, run: TrainingRun, part: str, truth: int | None, predicted: int | None
) -> list[Sample]:
    """The samples of one part with these classes, the surest first."""
    kept = session.get(TrainingEvaluation, (run.id, part))
    if kept is None:
        raise NotFound(f"The training {run.id} has no evaluation of the part {part!r}.")
    artefact = session.get(VersionArtefact, kept.samples_id) if kept.samples_id is not None else None
    if artefact is None:
        raise NotFound("The file with the samples was removed from the version.")
    with services.blobs.path(artefact.path).open(encoding="utf-8", newline="") as table:
        return samples_in(table, truth, predicted)
