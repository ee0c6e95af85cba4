"""Giving jobs to remote workers, and knowing which job a request is about: by its lease, at every request anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import or_, select, update
from sqlalchemy.orm import undefer

from exact_core import __version__
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, ExactError
from exact_core.jobs.claiming import Claimant, is_due
from exact_core.jobs.ending import End, Outcome, write_end
from exact_core.jobs.hosts.apart import task_of
from exact_core.jobs.hosts.protocol import JobTask
from exact_core.jobs.interruption import JobCancelled
from exact_core.jobs.leases import Lease
from exact_core.jobs.preparing import prepared
from exact_core.jobs.registry import CORE, RunnableType, job_types
from exact_core.jobs.running import JobContext
from exact_core.storage.models import Job, JobWorker, from_now

if TYPE_CHECKING:
    from exact_core.kernel import Kernel
    from exact_core.services import Services

ENGINE = "https"
"""How remote workers are called in the list of workers."""

_SALT = "exact.work-lease"


class LeaseLost(Conflict):
    """The job is no longer the worker's; whatever it still sends is refused."""

    code = "lease-lost"


@dataclass(frozen=True, slots=True)
class RemoteWorker:
    """One slot of a worker that asks for work.

    Attributes:
        actor: Whose token it has.
        machine: What administrators read.
        session: Of one run of the worker.
        slot: Which of its slots.
        gpu: Whether it takes jobs that need a GPU.
        types: The job types that it can run, with the version of what brings them.
    """

    actor: Actor
    machine: str
    session: str
    slot: int
    gpu: bool
    types: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name in the rows of its jobs."""
        return f"{self.machine}/{_owner_mark(self.actor)}/{self.session}-{self.slot}"


def offered_types(kernel: Kernel) -> dict[str, RunnableType]:
    """The job types that remote workers may run."""
    return {name: each for name, each in job_types(kernel).items() if each.is_portable}


def version_of(kernel: Kernel, found: RunnableType) -> str:
    """The version of what brings a job type: both sides must have the same one."""
    if found.plugin == CORE:
        return __version__
    return next((record.version for record in kernel.records.values() if record.name == found.plugin), "")


def take(services: Services, worker: RemoteWorker) -> tuple[str, JobTask] | None:
    """Give the next job to a worker: the lease, and what is to be done; None when there is none for it.

    A worker whose last answer was lost on the way is given the same job again.
    """
    kernel = services.kernel
    fitting = {
        name: found
        for name, found in offered_types(kernel).items()
        if worker.types.get(name) == version_of(kernel, found)
    }
    if not fitting:
        return None
    while (job := _claim(services, worker, fitting)) is not None:
        context = context_of(services, job)
        try:
            found = prepared(services, job, context)
        except JobCancelled as end:
            write_end(services, context, End(Outcome.CANCELLED, str(end) or "Cancelled."))
        except ExactError as error:
            write_end(services, context, End(Outcome.FAILED, error.message))
        else:
            lease = _signer(services).dumps([job.id, job.attempts, job.worker])
            return str(lease), task_of(job, found, context.params)
    return None


def list_worker(services: Services, worker: RemoteWorker) -> None:
    """Put a worker on the list that administrators see."""
    name = f"{worker.machine}/{_owner_mark(worker.actor)}/{worker.session}"
    with services.database.write() as session:
        listed = session.get(JobWorker, name)
        if listed is None:
            listed = JobWorker(name=name, machine=worker.machine, engine=ENGINE, slots=0, started_at=from_now())
            session.add(listed)
        listed.slots, listed.gpu, listed.seen_at = max(listed.slots, worker.slot + 1), worker.gpu, from_now()


def worker_lives(services: Services, context: JobContext) -> None:
    """Note that the worker of a job gave a sign of life."""
    name = context.worker.rpartition("-")[0]
    with services.database.write() as session:
        session.execute(update(JobWorker).where(JobWorker.name == name).values(seen_at=from_now()))


def held(services: Services, actor: Actor, lease: str) -> JobContext:
    """The attempt that a lease is about, while the worker holds it.

    Raises:
        LeaseLost: It ended, was given to another worker, or was never this actor's.
    """
    job = leased(services, actor, lease)
    if job.state != "running":
        raise lease_lost()
    return context_of(services, job)


def leased(services: Services, actor: Actor, lease: str) -> Job:
    """The row of a lease, which may have ended in the meantime, but was not given to anybody else."""
    try:
        job_id, attempt, worker = _signer(services).loads(lease)
    except (BadSignature, ValueError, TypeError):
        raise lease_lost() from None
    if worker.split("/")[1] != _owner_mark(actor):
        raise lease_lost()
    query = select(Job).where(Job.id == job_id, Job.attempts == attempt, Job.worker == worker)
    with services.database.read() as session:
        job = session.scalar(query.options(undefer(Job.log)))
    if job is None:
        raise lease_lost()
    return job


def context_of(services: Services, job: Job) -> JobContext:
    """The context of a leased row: it writes to the row only while the lease holds."""
    return JobContext(
        services=services,
        job_id=job.id,
        type=job.type,
        params=dict(job.params),
        worker=job.worker,
        attempt=job.attempts,
        image_set_id=job.image_set_id,
        image_id=job.image_id,
        owner_id=job.owner_id,
        earlier_log=job.log,
        lease_seconds=services.settings.job_lease_seconds,
    )


def _claim(services: Services, worker: RemoteWorker, fitting: Mapping[str, RunnableType]) -> Job | None:
    gpu_types = [name for name, found in fitting.items() if found.gpu]
    lease = Lease(services.settings.job_lease_seconds)
    claimant = Claimant(worker.name, lease, worker.gpu, gpu_types, tuple(fitting))
    own = (Job.state == "running") & (Job.worker == worker.name)
    with services.database.read() as session:  # most of the time there is nothing, and nobody needs the write lock
        if session.scalar(select(Job.id).where(or_(own, is_due() & Job.type.in_(fitting))).limit(1)) is None:
            return None
    again = select(Job).where(own).options(undefer(Job.log))
    with services.database.write() as session:
        return session.scalar(again.limit(1)) or claimant.claim(session)


def _owner_mark(actor: Actor) -> str:
    return f"https-{actor.user_id}"


def _signer(services: Services) -> URLSafeSerializer:
    return URLSafeSerializer(services.settings.secret, salt=_SALT)


def lease_lost() -> LeaseLost:
    """What a worker is told whose job is not its own any more."""
    return LeaseLost("The job is not this worker's any more: it ended, was cancelled, or went to another worker.")
