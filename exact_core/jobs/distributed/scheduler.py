"""The scheduler process of the distributed engine: dask's scheduler, and the dispatcher that feeds it."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from distributed import Client, Scheduler

from exact_core.jobs.distributed.connection import configure_dask, require_distributed, scheduler_address, security
from exact_core.jobs.distributed.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from exact_core.services import Services

logger = logging.getLogger(__name__)


def run_scheduler(services: Services, *, when_ready: Callable[[str], None]) -> None:
    """Schedule until SIGTERM or SIGINT.

    Args:
        services: The parts of the instance.
        when_ready: Called once with the address that workers can reach.
    """
    require_distributed(services.settings)
    configure_dask()
    asyncio.run(_run(services, when_ready))


async def _run(services: Services, when_ready: Callable[[str], None]) -> None:
    settings = services.settings
    address = scheduler_address(settings)
    parts = urlsplit(address)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Scheduler(
        host=parts.hostname, port=parts.port, protocol=parts.scheme, security=security(settings), dashboard=False
    ) as scheduler:
        with await asyncio.to_thread(_client, services, scheduler.address) as client:
            dispatcher = Dispatcher(services, client)
            thread = threading.Thread(target=dispatcher.run, name="dispatcher", daemon=True)
            thread.start()
            when_ready(scheduler.address)
            await stop.wait()
            dispatcher.stop()
            await asyncio.to_thread(thread.join)
            await asyncio.to_thread(client.close)


def _client(services: Services, address: str) -> Client:
    return Client(address, security=security(services.settings), set_as_default=False, name="exact-dispatcher")
