"""Giving the jobs of dead workers to others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.jobs.claiming import is_due
from exact_core.jobs.ending import ended
from exact_core.jobs.leases import Held, Watch
from exact_core.storage.models import Job, from_now

if TYPE_CHECKING:
    from exact_core.services import Services

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Workers that may die of one job."""


def recover(services: Services, watch: Watch) -> int:
    """Look at the running jobs, and put those whose worker is gone back into the queue.

    Returns:
        How many jobs could start now.
    """
    with services.database.read() as session:
        lost = watch.lost(_running(session))
        due = session.scalar(select(func.count()).select_from(Job).where(is_due())) or 0
    if not lost:
        return due
    with services.database.write() as session:
        taken = [job for held in lost if (job := _locked(session, held)) is not None]
        for job in taken:
            _take_from(job)
            if job.state == "queued":
                services.jobs.wake_after(session, job.id)
        session.flush()
        given_up = [job for job in taken if job.state != "queued"]
    for job in given_up:
        ended(services, job)
    return due + len(taken) - len(given_up)


def _running(session: Session) -> list[Held]:
    columns = Job.id, Job.worker, Job.attempts, Job.heartbeat_at, Job.lease_until < from_now()
    rows = session.execute(select(*columns).where(Job.state == "running")).all()
    # A row of before leases were written has none: it counts as expired.
    return [
        Held(job_id, worker, attempts, beat, has_expired is None or bool(has_expired))
        for job_id, worker, attempts, beat, has_expired in rows
    ]


def _locked(session: Session, held: Held) -> Job | None:
    """The row, if it still stands as it was seen."""
    query = select(Job).where(
        Job.id == held.job_id,
        Job.state == "running",
        Job.worker == held.worker,
        Job.attempts == held.attempts,
        Job.heartbeat_at.is_not_distinct_from(held.heartbeat_at),
    )
    return session.scalar(query.with_for_update(skip_locked=True))


def _take_from(job: Job) -> None:
    gone = job.worker
    job.lease_until = None
    if job.cancel_requested:
        job.state, job.message, job.finished_at = "cancelled", "Cancelled.", from_now()
    elif job.attempts >= MOST_ATTEMPTS:
        job.state, job.finished_at = "failed", from_now()
        job.message = f"The worker process died {job.attempts} times while it ran this job."
    else:
        job.state, job.worker = "queued", ""
        job.message = "Its worker stopped unexpectedly; it starts again."
    logger.warning("Job %s (%s): worker %s is gone; the job is %s.", job.id, job.type, gone, job.state)
