"""``exact worker``: one more process that works in the background; ``exact scheduler`` of the distributed engine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from exact_core.services import Services
    from exact_core.settings import Settings


@click.command()
@click.option("--slots", type=click.IntRange(1, 64), default=None, help="Jobs at the same time; EXACT_WORKER_SLOTS.")
@click.option("--gpu", is_flag=True, help="Also take jobs that need a GPU.")
@click.option(
    "--engine",
    type=click.Choice(["embedded", "distributed"]),
    default=None,
    help="What wakes it; EXACT_JOB_ENGINE, which all processes of an instance must share.",
)
@click.option("--server", default="", help="Work for the instance at this https address; --token-file is needed then.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with an access token of the scope 'work', for --server.",
)
@click.option("--types", default="", help="Take only these job types, or all of these plugins; with --server.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Keep models here; with --server.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Trust these certificates only; with --server.")
@click.option("--insecure", is_flag=True, help="Allow a plain http address of another machine.")
@click.option("--parent", type=int, default=None, hidden=True, help="End when this process is gone.")
def worker(
    slots: int | None,
    gpu: bool,
    engine: str | None,
    server: str,
    token_file: Path | None,
    types: str,
    cache: Path | None,
    ca_file: Path | None,
    insecure: bool,
    parent: int | None,
) -> None:
    """Run background jobs until Ctrl-C; jobs that run then go back to the queue.

    'exact serve' starts one worker by itself. Start more on this machine, or on others that reach the same database
    and the same data folder. With --server it needs neither: see docs/remote_workers.md.
    """
    if server:
        _work_for(_settings(), server, token_file, slots or 1, gpu, types, cache, ca_file, insecure)
        return
    with _opened(engine) as services:
        slots = slots or services.settings.worker_slots
        if services.settings.job_engine == "distributed":
            from exact_core.jobs.distributed.connection import require_distributed

            require_distributed(services.settings)
            from exact_core.jobs.distributed.worker import DistributedWorker

            DistributedWorker(services, slots=slots, gpu=gpu, parent=parent).run()
        else:
            from exact_core.jobs.worker import Worker

            Worker(services, slots=slots, gpu=gpu, parent=parent).run()


@click.command()
def scheduler() -> None:
    """Run the scheduler of the distributed engine until Ctrl-C, at the address EXACT_JOB_SCHEDULER.

    One for each instance; what it knows may be lost, as the jobs are in the database. See docs/jobs.md.
    """
    with _opened(None) as services:
        from exact_core.jobs.distributed.connection import require_distributed

        require_distributed(services.settings)
        from exact_core.jobs.distributed.scheduler import run_scheduler

        def when_ready(address: str) -> None:
            click.echo(f"ready {address}")
            sys.stdout.flush()

        run_scheduler(services, when_ready=when_ready)


def _settings() -> Settings:
    from exact_core.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("alembic", "huey", "distributed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Settings()


@contextmanager
def _opened(engine: str | None) -> Iterator[Services]:
    from exact_core.opening import close_services, open_services

    settings = _settings()
    services = open_services(settings if engine is None else settings.model_copy(update={"job_engine": engine}))
    services.kernel.startup()
    try:
        yield services
    finally:
        services.kernel.shutdown()
        close_services(services)


def _work_for(
    settings: Settings,
    server: str,
    token_file: Path | None,
    slots: int,
    gpu: bool,
    types: str,
    cache: Path | None,
    ca_file: Path | None,
    insecure: bool,
) -> None:
    from exact_core.jobs.remote.starting import work_for

    if token_file is None:
        raise click.UsageError("--server needs --token-file.")
    only = [name.strip() for name in types.split(",") if name.strip()]
    work_for(
        settings,
        server,
        token_file,
        slots=slots,
        gpu=gpu,
        types=only,
        insecure=insecure,
        ca_file=ca_file,
        cache=cache,
    )
