"""Taking runs away: what was never finished, and what somebody deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from exact_core.storage.models import PredictionChunk, PredictionMap, PredictionRun, now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.services import Services
    from exact_core.storage.models import Job


def folder_of(image_id: int, uuid: str) -> str:
    """Where the files of a run lie, below the data folder."""
    return f"derived/{image_id}/predictions/{uuid}"


def remove_unfinished(services: Services, job_id: int, image_id: int | None = None, uuid: str | None = None) -> None:
    """Remove what attempts of a job have left unfinished; of one image, or of one attempt.

    Args:
        services: Of the instance.
        job_id: The job.
        image_id: Only of this image.
        uuid: Only this run.
    """
    conditions = [PredictionRun.job_id == job_id, PredictionRun.state == "writing"]
    if image_id is not None:
        conditions.append(PredictionRun.image_id == image_id)
    if uuid is not None:
        conditions.append(PredictionRun.uuid == uuid)
    with services.database.write() as session:
        gone = session.execute(
            delete(PredictionRun).where(*conditions).returning(PredictionRun.image_id, PredictionRun.uuid)
        ).all()
    for found_image, found_uuid in gone:
        services.blobs.remove(folder_of(found_image, found_uuid))


def give_up(services: Services, job: Job) -> None:
    """Tidy up after a job that failed or was cancelled, when its worker could not."""
    remove_unfinished(services, job.id)


def empty(session: Session, run: PredictionRun) -> None:
    """Delete what a run found; its row stays for the decisions about it. The caller removes its folder afterwards."""
    session.execute(delete(PredictionChunk).where(PredictionChunk.run_id == run.id))
    session.execute(delete(PredictionMap).where(PredictionMap.run_id == run.id))
    run.state, run.deleted_at = "deleted", now()


def is_ready(session: Session, job_id: int, image_id: int) -> bool:
    """Whether a job has made its run of an image already."""
    own = (PredictionRun.job_id == job_id, PredictionRun.image_id == image_id, PredictionRun.state != "writing")
    return session.scalar(select(PredictionRun.id).where(*own)) is not None
