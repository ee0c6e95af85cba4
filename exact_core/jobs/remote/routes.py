"""``/api/v2/work``: jobs for workers that reach the instance over HTTPS only. Every request names its lease."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from exact_core.api.context import Actor
from exact_core.api.deps import services_of
from exact_core.api.errors import Forbidden, Unauthenticated
from exact_core.auth.rights import may_work
from exact_core.jobs.ending import write_end
from exact_core.jobs.hosts.local import LocalHost
from exact_core.jobs.hosts.protocol import Said
from exact_core.jobs.hosts.wire import image_as_json, task_as_json
from exact_core.jobs.leases import Lease
from exact_core.jobs.remote import leasing
from exact_core.jobs.remote.reporting import end_of
from exact_core.jobs.remote.schemas import BeatIn, BeatOut, EndIn, LeaseOut, LeaseRequest
from exact_core.jobs.running import JobContext

router = APIRouter(prefix="/work", tags=["remote workers"])

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 0.5


def current_worker(request: Request) -> Actor:
    """Whose worker makes the request; 401 for nobody, 403 for everybody else."""
    headers = request.headers
    actor = services_of(request).snapshot.authenticate(headers.get("cookie"), headers.get("authorization"))
    if actor is None:
        raise Unauthenticated("Send the access token of a worker.")
    decision = may_work(actor)
    if not decision.allowed:
        raise Forbidden(decision.why)
    return actor


CurrentWorker = Annotated[Actor, Depends(current_worker)]
"""Whose worker makes the request."""


def held_lease(request: Request, lease: str, actor: CurrentWorker) -> JobContext:
    """The attempt that the lease of the address is about; 409 when it is not the worker's any more."""
    return leasing.held(services_of(request), actor, lease)


HeldLease = Annotated[JobContext, Depends(held_lease)]
"""The attempt that the lease of the address is about."""


@router.post("/leases", responses={204: {"description": "There is no job for this worker now."}})
async def take_lease(request: Request, body: LeaseRequest, actor: CurrentWorker) -> LeaseOut:
    """Ask for a job, and wait for one."""
    services = services_of(request)
    facts = body.model_dump(include={"machine", "session", "slot", "gpu", "types"})
    worker = leasing.RemoteWorker(actor=actor, **facts)
    await run_in_threadpool(leasing.list_worker, services, worker)
    deadline, pause = asyncio.get_running_loop().time() + body.wait, _FIRST_PAUSE
    while not await request.is_disconnected():
        taken = await run_in_threadpool(leasing.take, services, worker)
        if taken is not None:
            lease, task = taken
            beat = Lease(services.settings.job_lease_seconds).between_beats
            return LeaseOut(lease=lease, beat_seconds=beat, task=task_as_json(task))
        if asyncio.get_running_loop().time() + pause > deadline:
            break
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.3)
    return Response(status_code=204)  # type: ignore[return-value]


@router.post("/leases/{lease}/beat")
def beat(request: Request, body: BeatIn, context: HeldLease) -> BeatOut:
    """Give a sign of life, tell how far the job is, and hear whether to go on."""
    verdict = LocalHost(context).beat(Said(body.progress, body.message, tuple(body.lines)))
    leasing.worker_lives(services_of(request), context)
    return BeatOut(verdict=str(verdict))


@router.post("/leases/{lease}/end", status_code=204)
def end(request: Request, lease: str, body: EndIn, actor: CurrentWorker) -> None:
    """Say how the attempt ended; saying it again is harmless."""
    services = services_of(request)
    job = leasing.leased(services, actor, lease)
    if job.state != "running":
        return
    context = leasing.context_of(services, job)
    write_end(services, context, end_of(services, job, context, body))


@router.get("/leases/{lease}/images/{image}")
def describe_image(image: int, context: HeldLease) -> dict[str, object]:
    """What an image of the job's set offers; never where its file lies."""
    return {**image_as_json(LocalHost(context).image(image)), "slide": None}
