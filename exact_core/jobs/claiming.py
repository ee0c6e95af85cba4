"""Taking a waiting job, in one statement, so that two workers never get the same one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, Update, or_, select, update
from sqlalchemy.orm import Session, attributes

from exact_core.jobs.leases import Lease
from exact_core.jobs.registry import PROBE
from exact_core.storage.models import Job, from_now


@dataclass(frozen=True, slots=True)
class Claimant:
    """A worker that looks for a job.

    Attributes:
        name: Its name, which the row will bear.
        lease: For how long it takes a job at a time.
        gpu: Whether it takes jobs that need a GPU.
        gpu_types: The types whose jobs all need one.
        types: The only types that it takes; None for all.
    """

    name: str
    lease: Lease
    gpu: bool
    gpu_types: Collection[str]
    types: Collection[str] | None = None

    def claim(self, session: Session, *, job_id: int | None = None, only_quick: bool = False) -> Job | None:
        """Take the job that is next, or one in particular if it waits; None when there is none for this worker.

        Args:
            session: A writing session; commit it before the work begins.
            job_id: The only job to take.
            only_quick: Take jobs that read new images only.
        """
        taken = session.execute(self._taken(self._next(job_id, only_quick))).first()
        if taken is None:
            return None
        job, log = taken
        attributes.set_committed_value(job, "log", log)
        return job  # type: ignore[no-any-return]

    def _next(self, job_id: int | None, only_quick: bool) -> Select[int]:
        conditions = [is_due()]
        if job_id is not None:
            conditions.append(Job.id == job_id)
        if not self.gpu:
            conditions.append(~needs_gpu(self.gpu_types))
        if self.types is not None:
            conditions.append(Job.type.in_(self.types))
        if only_quick:
            conditions.append(Job.type == PROBE)
        query = select(Job.id).where(*conditions).order_by(Job.rank, Job.id)
        return query.limit(1).with_for_update(skip_locked=True)

    def _taken(self, candidate: Select[int]) -> Update:
        return (
            update(Job)
            .where(Job.id == candidate.scalar_subquery(), Job.state == "queued")
            .values(
                state="running",
                worker=self.name,
                attempts=Job.attempts + 1,
                started_at=from_now(),
                heartbeat_at=from_now(),
                lease_until=from_now(self.lease.seconds),
                wait_until=None,
                finished_at=None,
            )
            .returning(Job, Job.log)
            .execution_options(synchronize_session=False)
        )


def is_due() -> ColumnElement[bool]:
    """The condition of jobs that may be started now."""
    return (Job.state == "queued") & or_(Job.wait_until.is_(None), Job.wait_until <= from_now())


def needs_gpu(gpu_types: Collection[str]) -> ColumnElement[bool]:
    """The condition of jobs that only a worker with a GPU may take."""
    return or_(Job.gpu, Job.type.in_(gpu_types)) if gpu_types else Job.gpu.is_(True)
