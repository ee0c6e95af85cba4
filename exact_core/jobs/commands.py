"""``exact worker``: one more process that works in the background."""

from __future__ import annotations

import logging

import click


@click.command()
@click.option("--slots", type=click.IntRange(1, 64), default=None, help="Jobs at the same time; EXACT_WORKER_SLOTS.")
@click.option("--gpu", is_flag=True, help="Also take jobs that need a GPU.")
@click.option("--parent", type=int, default=None, hidden=True, help="End when this process is gone.")
def worker(slots: int | None, gpu: bool, parent: int | None) -> None:
    """Run background jobs until Ctrl-C; jobs that run then go back to the queue.

    'exact serve' starts one worker by itself. Start more on this machine, or on others that reach the same database
    and the same data folder.
    """
    from exact_core.jobs.worker import Worker
    from exact_core.opening import close_services, open_services
    from exact_core.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("huey").setLevel(logging.WARNING)
    settings = Settings()
    services = open_services(settings)
    services.kernel.startup()
    try:
        Worker(services, slots=slots or settings.worker_slots, gpu=gpu, parent=parent).run()
    finally:
        services.kernel.shutdown()
        close_services(services)
