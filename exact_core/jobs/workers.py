"""Who works: the workers that gave a sign of life lately, and what each of them does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.storage.models import Job, JobWorker, from_now


@dataclass(slots=True)
class WorkerState:
    """One worker, as an administrator sees it."""

    name: str
    machine: str
    process: int | None
    engine: str
    slots: int
    gpu: bool
    started_at: datetime
    seen_at: datetime
    is_alive: bool
    jobs: list[Job] = field(default_factory=list)


def process_of(worker: str) -> int | None:
    """The process id in a worker's name."""
    parts = worker.split("/")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


def shown_name(worker: str) -> str:
    """A worker's name as people read it: machine and process."""
    return "/".join(worker.split("/")[:2])


def list_workers(session: Session, lease_seconds: float) -> list[WorkerState]:
    """Every worker of the list, those that live first."""
    is_alive = JobWorker.seen_at >= from_now(-lease_seconds)
    workers = [
        WorkerState(
            name=row.name,
            machine=row.machine,
            process=process_of(row.name),
            engine=row.engine,
            slots=row.slots,
            gpu=row.gpu,
            started_at=row.started_at,
            seen_at=row.seen_at,
            is_alive=bool(alive),
        )
        for row, alive in session.execute(select(JobWorker, is_alive).order_by(JobWorker.machine, JobWorker.started_at))
    ]
    by_name = {worker.name: worker for worker in workers}
    for job in session.scalars(select(Job).where(Job.state == "running").order_by(Job.id)):
        if job.worker in by_name:
            by_name[job.worker].jobs.append(job)
    return sorted(workers, key=lambda worker: not worker.is_alive)
