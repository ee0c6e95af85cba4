"""``/api/v2/jobs``: what works in the background, for its owner, the managers of its image set and administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Forbidden, Invalid
from exact_core.jobs import service
from exact_core.jobs.registry import title_of
from exact_core.jobs.schemas import JobDetail, JobPage, State, WorkerJob, WorkerOut
from exact_core.jobs.showing import shown, shown_whole
from exact_core.jobs.workers import list_workers
from exact_core.storage.models import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("")
def list_jobs(
    request: Request,
    session: DbSession,
    actor: CurrentActor,
    state: Annotated[list[State] | None, Query()] = None,
    type: str = "",
    image_set_id: int | None = None,
    image_id: int | None = None,
    mine: bool = False,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=service.MOST_PER_PAGE)] = 50,
) -> JobPage:
    """List background jobs, newest first; with `mine`, those that one asked for oneself."""
    if cursor and not (cursor.isascii() and cursor.isdigit()):
        raise Invalid("The cursor is not one that this list gave out.")
    services = services_of(request)
    jobs = service.list_jobs(
        services,
        session,
        actor,
        states=state or (),
        type=type,
        image_set_id=image_set_id,
        image_id=image_id,
        owner_id=actor.user_id if mine else None,
        before=int(cursor[:18]) if cursor else None,
        limit=limit,
    )
    items = shown(session, services.kernel, jobs[:limit])
    return JobPage(items=items, next_cursor=str(items[-1].id) if len(jobs) > limit else None)


@router.get("/workers")
def get_workers(request: Request, session: DbSession, actor: CurrentActor) -> list[WorkerOut]:
    """List the processes that take jobs, and what each of them does."""
    if not actor.is_admin or "read" not in actor.scopes:
        raise Forbidden("Only administrators can see the workers.")
    services = services_of(request)
    return [
        WorkerOut(
            **{name: getattr(worker, name) for name in WorkerOut.model_fields.keys() - {"jobs"}},
            jobs=[
                WorkerJob(id=job.id, title=title_of(services.kernel, job.type), progress=job.progress)
                for job in worker.jobs
            ],
        )
        for worker in list_workers(session, services.settings.job_lease_seconds)
    ]


@router.get("/{job_id}")
def get_job(job_id: int, request: Request, session: DbSession, actor: CurrentActor) -> JobDetail:
    """Show one job with its log."""
    services = services_of(request)
    return shown_whole(session, services.kernel, service.get_job(services, session, actor, job_id))


@router.post("/{job_id}/cancel")
def cancel_job(job_id: int, request: Request, actor: CurrentActor) -> JobDetail:
    """Ask for the end of a job."""
    return _after(request, service.cancel_job(services_of(request), actor, job_id))


@router.post("/{job_id}/retry")
def retry_job(job_id: int, request: Request, actor: CurrentActor) -> JobDetail:
    """Start a failed or cancelled job again."""
    return _after(request, service.retry_job(services_of(request), actor, job_id))


def _after(request: Request, job: Job) -> JobDetail:
    services = services_of(request)
    with services.database.read() as session:
        return shown_whole(session, services.kernel, job)
