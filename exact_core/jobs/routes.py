"""``/api/v2/jobs``: what works in the background, for its owner, the managers of its image set and administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.api.errors import Invalid
from exact_core.jobs import service
from exact_core.jobs.registry import title_of
from exact_core.jobs.schemas import JobDetail, JobOut, JobPage, State
from exact_core.kernel import Kernel
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
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=service.MOST_PER_PAGE)] = 50,
) -> JobPage:
    """List background jobs, newest first."""
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
        before=int(cursor[:18]) if cursor else None,
        limit=limit,
    )
    items = [JobOut(**_facts(services.kernel, job)) for job in jobs[:limit]]
    return JobPage(items=items, next_cursor=str(items[-1].id) if len(jobs) > limit else None)


@router.get("/{job_id}")
def get_job(job_id: int, request: Request, session: DbSession, actor: CurrentActor) -> JobDetail:
    """Show one job with its log."""
    services = services_of(request)
    return _detail(services.kernel, service.get_job(services, session, actor, job_id))


@router.post("/{job_id}/cancel")
def cancel_job(job_id: int, request: Request, actor: CurrentActor) -> JobDetail:
    """Ask for the end of a job."""
    services = services_of(request)
    return _detail(services.kernel, service.cancel_job(services, actor, job_id))


@router.post("/{job_id}/retry")
def retry_job(job_id: int, request: Request, actor: CurrentActor) -> JobDetail:
    """Start a failed or cancelled job again."""
    services = services_of(request)
    return _detail(services.kernel, service.retry_job(services, actor, job_id))


def _facts(kernel: Kernel, job: Job) -> dict[str, object]:
    names = JobOut.model_fields.keys() - {"title"}
    return {name: getattr(job, name) for name in names} | {"title": title_of(kernel, job.type)}


def _detail(kernel: Kernel, job: Job) -> JobDetail:
    return JobDetail(**_facts(kernel, job), result=job.result, log=job.log)
