"""``exact jobs``: look at background work, cancel it and start it again, from a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from exact_core.jobs.schemas import JobOut
    from exact_core.services import Services

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("jobs")
def group() -> None:
    """Look at background work, cancel it and start it again."""


@group.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["queued", "running", "done", "failed", "cancelled"]),
    help="Only these; can be given more than once.",
)
@click.option("--type", "kind", default="", help="Only this type, for example core.convert.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@_AS_JSON
def list_(states: tuple[str, ...], kind: str, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    from exact_core.api.context import Actor
    from exact_core.jobs import service
    from exact_core.jobs.showing import shown

    with _opened() as services, services.database.read() as session:
        found = service.list_jobs(services, session, Actor.system(), states=states, type=kind, limit=limit)
        jobs = shown(session, services.kernel, found[:limit])
    if as_json:
        _print_json(jobs)
        return
    for job in jobs:
        share = f"{job.progress:4.0%}" if job.state == "running" else ""
        click.echo(f"{job.id:>8}  {job.state:<9} {share:<4}  {job.type:<28} {job.message}".rstrip())


@group.command()
@click.argument("job_id", type=int)
@_AS_JSON
def show(job_id: int, as_json: bool) -> None:
    """Show one job with its log."""
    _told(job_id, as_json)


@group.command()
@click.argument("job_id", type=int)
@_AS_JSON
def cancel(job_id: int, as_json: bool) -> None:
    """End a job: at once when it waits, else within seconds."""
    _told(job_id, as_json, action="cancel")


@group.command()
@click.argument("job_id", type=int)
@_AS_JSON
def retry(job_id: int, as_json: bool) -> None:
    """Start a job again that failed or was cancelled."""
    _told(job_id, as_json, action="retry")


def _told(job_id: int, as_json: bool, *, action: Literal["", "cancel", "retry"] = "") -> None:
    """Do something to a job, and say how it is then."""
    from exact_core.api.context import Actor
    from exact_core.jobs import service
    from exact_core.jobs.showing import shown_whole

    with _opened() as services:
        if action == "cancel":
            service.cancel_job(services, Actor.system(), job_id)
        elif action == "retry":
            service.retry_job(services, Actor.system(), job_id)
        with services.database.read() as session:
            job = shown_whole(session, services.kernel, service.get_job(services, session, Actor.system(), job_id))
    if as_json:
        click.echo(job.model_dump_json(indent=2))
        return
    for name in ("id", "type", "state", "progress", "message", "owner", "image_set", "worker", "attempts", "seconds"):
        value = getattr(job, name)
        click.echo(f"{name.replace('_', ' '):<10} {'' if value is None else value}".rstrip())
    if job.log:
        click.echo(job.log)


def _print_json(jobs: list[JobOut]) -> None:
    import json

    click.echo(json.dumps([job.model_dump(mode="json") for job in jobs], indent=2))


@contextmanager
def _opened() -> Iterator[Services]:
    from exact_core.opening import close_services, open_services
    from exact_core.settings import Settings

    services = open_services(Settings())
    try:
        yield services
    finally:
        services.kernel.faults.stop()
        close_services(services)
