"""How a job's end is written, once, also when the database is away at that very moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from exact_core.api.errors import Unavailable
from exact_core.api.events import JobResult, JobState
from exact_core.jobs.registry import job_types
from exact_core.storage.models import Job, from_now

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_TRIES = 0.5
_MOST_TRIES_WHEN_STOPPING = 10


class Outcome(StrEnum):
    """What became of one attempt at a job."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LATER = "later"  # it is tried again after a while
    GIVEN_BACK = "given back"  # the worker stops: the attempt does not count
    LOST = "lost"  # another worker has it, or the row is gone


@dataclass(frozen=True, slots=True)
class End:
    """The outcome of an attempt, with what people and plugins hear about it."""

    outcome: Outcome
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    wait_seconds: float = 0.0

    def values(self, context: JobContext) -> dict[str, Any]:
        """What the row says afterwards."""
        values: dict[str, Any] = {
            "log": context.log_text,
            "heartbeat_at": from_now(),
            "lease_until": None,
            "message": self.message or context.last_message,
        }
        if self.outcome is Outcome.GIVEN_BACK:
            return values | {"state": "queued", "attempts": Job.attempts - 1, "worker": ""}
        if self.outcome is Outcome.LATER:
            return values | {"state": "queued", "worker": "", "wait_until": from_now(self.wait_seconds)}
        values |= {"state": str(self.outcome), "finished_at": from_now()}
        return values | ({"progress": 1.0, "result": dict(self.result)} if self.outcome is Outcome.DONE else {})


def write_end(services: Services, context: JobContext, end: End) -> None:
    """Write how an attempt ended, if it is still this worker's; waits for a database that is away."""
    if end.outcome is Outcome.LOST:
        logger.warning("Job %s went to another worker, or is gone; this one stopped working on it.", context.job_id)
        return
    tries = 0
    while True:
        try:
            job = _written(services, context, end)
            break
        except Unavailable as error:
            tries += 1
            if context.stopping.is_set() and tries >= _MOST_TRIES_WHEN_STOPPING:
                logger.warning("Job %s: its end could not be written (%s).", context.job_id, error.message)
                return
            time.sleep(_SECONDS_BETWEEN_TRIES)
    if job is not None and job.finished_at is not None:
        ended(services, job)


def _written(services: Services, context: JobContext, end: End) -> Job | None:
    """Write the end; the row, or None when it is no longer this attempt's."""
    if not context.is_finished:
        with services.database.write() as session:
            changed = session.execute(context.mine().values(**end.values(context)).returning(Job))
            job: Job | None = changed.scalar()
            if job is not None and end.outcome is Outcome.GIVEN_BACK:
                services.jobs.wake_after(session, job.id)
        if job is not None:
            return job
    # Finished in the job's own transaction, or written before and the confirmation was lost on the way.
    with services.database.read() as session:
        mine = Job.id == context.job_id, Job.worker == context.worker, Job.attempts == context.attempt
        return session.scalar(select(Job).where(*mine, Job.state != "running"))


def ended(services: Services, job: Job) -> None:
    """Let the domain tidy up when a job did not succeed, and tell plugins how it ended."""
    found = job_types(services.kernel).get(job.type)
    if found is not None and job.state != "done":
        found.given_up(services, job)
    services.kernel.hooks.job_finished(
        JobResult(
            job_id=job.id,
            type=job.type,
            state=JobState(job.state),
            image_set_id=job.image_set_id,
            image_id=job.image_id,
            owner_id=job.owner_id,
            message=job.message,
            result=dict(job.result),
        )
    )
