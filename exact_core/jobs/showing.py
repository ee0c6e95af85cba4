"""Jobs with the names that people read: of their type, owner and image set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.jobs.registry import title_of
from exact_core.jobs.schemas import JobDetail, JobOut
from exact_core.jobs.workers import shown_name
from exact_core.storage.models import ImageSet, Job, User, now

if TYPE_CHECKING:
    from exact_core.kernel import Kernel

_NAMED = frozenset({"title", "owner", "image_set", "worker", "seconds"})


def shown(session: Session, kernel: Kernel, jobs: Sequence[Job]) -> list[JobOut]:
    """Jobs for a list."""
    return [JobOut(**facts) for facts in _facts(session, kernel, jobs)]


def shown_whole(session: Session, kernel: Kernel, job: Job) -> JobDetail:
    """One job with its result and log."""
    [facts] = _facts(session, kernel, [job])
    return JobDetail(**facts, result=job.result, log=job.log)


def _facts(session: Session, kernel: Kernel, jobs: Sequence[Job]) -> list[dict[str, object]]:
    owners = {job.owner_id for job in jobs if job.owner_id is not None}
    sets = {job.image_set_id for job in jobs if job.image_set_id is not None}
    people = {
        user.id: user.display_name or user.name for user in session.scalars(select(User).where(User.id.in_(owners)))
    }
    names = dict(session.execute(select(ImageSet.id, ImageSet.name).where(ImageSet.id.in_(sets))).all())
    plain = JobOut.model_fields.keys() - _NAMED
    return [
        {name: getattr(job, name) for name in plain}
        | {
            "title": title_of(kernel, job.type),
            "owner": people.get(job.owner_id or 0),
            "image_set": names.get(job.image_set_id or 0),
            "worker": shown_name(job.worker),
            "seconds": _seconds(job),
        }
        for job in jobs
    ]


def _seconds(job: Job) -> float | None:
    if job.started_at is None or job.state == "queued":
        return None
    return max(0.0, ((job.finished_at or now()) - job.started_at).total_seconds())
