"""``exact worker`` and ``exact scheduler``: processes that work in the background."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from exact_core.services import Services


@click.command()
@click.option("--slots", type=click.IntRange(1, 64), default=None, help="Jobs at the same time; EXACT_WORKER_SLOTS.")
@click.option("--gpu", is_flag=True, help="Also take jobs that need a GPU.")
@click.option(
    "--engine",
    type=click.Choice(["embedded", "distributed"]),
    default=None,
    help="What wakes it; EXACT_JOB_ENGINE, which all processes of an instance must share.",
)
@click.option("--parent", type=int, default=None, hidden=True, help="End when this process is gone.")
def worker(slots: int | None, gpu: bool, engine: str | None, parent: int | None) -> None:
    """Run background jobs until Ctrl-C; jobs that run then go back to the queue.

    'exact serve' starts one worker by itself. Start more on this machine, or on others that reach the same database
    and the same data folder.
    """
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


@contextmanager
def _opened(engine: str | None) -> Iterator[Services]:
    from exact_core.opening import close_services, open_services
    from exact_core.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("alembic", "huey", "distributed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    settings = Settings()
    services = open_services(settings if engine is None else settings.model_copy(update={"job_engine": engine}))
    services.kernel.startup()
    try:
        yield services
    finally:
        services.kernel.shutdown()
        close_services(services)
