"""What a remote worker says about the end of a job, as the instance writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_core.jobs.ending import End, Outcome
from exact_core.jobs.hosts.protocol import JobFailed
from exact_core.jobs.registry import CORE
from exact_core.jobs.runner import LONGEST_WAIT, MOST_RETRIES

if TYPE_CHECKING:
    from exact_core.jobs.remote.schemas import EndIn
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services
    from exact_core.storage.models import Job


def end_of(services: Services, job: Job, context: JobContext, told: EndIn) -> End:
    """How an attempt ended; its last lines go into the log, and a fault of a plugin is noted."""
    for line in told.lines:
        context.log(line)
    if told.traceback and job.plugin != CORE:
        failure = JobFailed(told.message)
        failure.add_note(told.traceback)
        services.kernel.faults.record(job.plugin, f"job {job.type}", failure, image_set_id=job.image_set_id)
    outcome = Outcome(told.outcome)
    if outcome is Outcome.LATER:
        if job.attempts >= MOST_RETRIES:
            return End(Outcome.FAILED, told.message)
        return End(outcome, told.message, wait_seconds=min(LONGEST_WAIT, 2.0 ** (job.attempts - 1)))
    if outcome is Outcome.CANCELLED:
        return End(outcome, told.message or "Cancelled.")
    if outcome is Outcome.GIVEN_BACK:
        return End(outcome, "The worker stopped; the job starts again with the next one.")
    return End(outcome, told.message, told.result)
