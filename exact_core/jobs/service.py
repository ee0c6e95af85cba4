"""Reading, cancelling and repeating jobs, for those who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session, undefer

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, NotFound
from exact_core.auth.rights import Right, visible_image_sets
from exact_core.jobs.ending import ended
from exact_core.storage.models import ImageSet, Job, now
from exact_core.storage.models.job import LIVING_KEY

if TYPE_CHECKING:
    from exact_core.services import Services

MOST_PER_PAGE = 200


def visible_jobs(services: Services, session: Session, actor: Actor) -> ColumnElement[bool]:
    """The condition of every query for jobs: one's own in sets that one may still see, those of sets that one
    manages, all for administrators.
    """
    if actor.is_admin:
        return true()
    seen = list(session.scalars(select(ImageSet.id).where(visible_image_sets(actor))))
    managed = [each for each in seen if services.snapshot.can(actor, Right.MANAGE, each)]
    own = and_(Job.owner_id == actor.user_id, or_(Job.image_set_id.is_(None), Job.image_set_id.in_(seen)))
    return or_(own, Job.image_set_id.in_(managed))


def list_jobs(
    services: Services,
    session: Session,
    actor: Actor,
    *,
    states: Sequence[str] = (),
    type: str = "",
    image_set_id: int | None = None,
    image_id: int | None = None,
    owner_id: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Job]:
    """Jobs, newest first; one more than ``limit`` when there are more."""
    query = select(Job).where(visible_jobs(services, session, actor))
    if states:
        query = query.where(Job.state.in_(states))
    if type:
        query = query.where(Job.type == type)
    if image_set_id is not None:
        query = query.where(Job.image_set_id == image_set_id)
    if image_id is not None:
        query = query.where(Job.image_id == image_id)
    if owner_id is not None:
        query = query.where(Job.owner_id == owner_id)
    if before is not None:
        query = query.where(Job.id < before)
    return list(session.scalars(query.order_by(Job.id.desc()).limit(limit + 1)))


def get_job(services: Services, session: Session, actor: Actor, job_id: int) -> Job:
    """One job with its log, if the actor may see it."""
    job = session.scalar(
        select(Job).where(Job.id == job_id, visible_jobs(services, session, actor)).options(undefer(Job.log))
    )
    if job is None:
        raise NotFound(f"There is no job {job_id} that you may see.")
    return job


def cancel_job(services: Services, actor: Actor, job_id: int) -> Job:
    """End a waiting job at once and a running one within seconds; a job that has ended stays as it is."""
    with services.database.write() as session:
        job = _locked(services, session, actor, job_id)
        was_waiting = job.state == "queued"
        if was_waiting:
            job.state, job.message, job.finished_at = "cancelled", "Cancelled.", now()
        elif job.state == "running":
            job.cancel_requested = True
    if was_waiting:
        ended(services, job)
    return job


def retry_job(services: Services, actor: Actor, job_id: int) -> Job:
    """Put a job that failed or was cancelled back into the queue."""
    with services.database.write() as session:
        job = _locked(services, session, actor, job_id)
        if job.state not in {"failed", "cancelled"}:
            raise Conflict(f"The job is {job.state}; only failed and cancelled jobs can be started again.")
        if job.plugin == "core" and job.image_id is not None:
            raise Conflict("Start reading the image again from its page; that asks for the job it needs.")
        if job.key is not None and (other := session.scalar(select(Job.id).where(Job.key == job.key, LIVING_KEY))):
            raise Conflict(f"Job {other} does the same work already; look at that one.")
        job.state, job.progress, job.message, job.attempts = "queued", 0.0, "", 0
        job.cancel_requested, job.worker, job.finished_at, job.result = False, "", None, {}
        job.wait_until = job.lease_until = None
        services.jobs.wake_after(session, job.id)
    return job


def _locked(services: Services, session: Session, actor: Actor, job_id: int) -> Job:
    query = select(Job).where(Job.id == job_id, visible_jobs(services, session, actor)).with_for_update()
    job = session.scalar(query.options(undefer(Job.log)))
    if job is None:
        raise NotFound(f"There is no job {job_id} that you may see.")
    return job
