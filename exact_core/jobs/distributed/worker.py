"""The worker process of the distributed engine: a dask worker whose only task is to claim and run rows."""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
import threading
from typing import TYPE_CHECKING

from distributed import Worker as DaskWorker
from distributed.diagnostics.plugin import WorkerPlugin

from exact_core.api.errors import Unavailable
from exact_core.jobs.distributed.connection import (
    GPU,
    configure_dask,
    require_distributed,
    scheduler_address,
    security,
)
from exact_core.jobs.distributed.task import PLUGIN
from exact_core.jobs.keeper import Keeper
from exact_core.jobs.runner import JobRunner

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from exact_core.services import Services

logger = logging.getLogger(__name__)

_SECONDS_UNTIL_NEXT_TRY = 1.0
_SECONDS_TO_STOP = 20.0


class DistributedWorker:
    """Runs what the scheduler sends; while there is no scheduler, it takes jobs from the table by itself."""

    def __init__(self, services: Services, *, slots: int, gpu: bool = False, parent: int | None = None) -> None:
        require_distributed(services.settings)
        self._settings = services.settings
        self._address = scheduler_address(self._settings)
        self.runner = JobRunner(services, slots=slots, gpu=gpu)
        self._keeper = Keeper(self.runner, engine="distributed", look=self._look, end=self.stop, parent=parent)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._is_connected = False
        self._alone: threading.Thread | None = None

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; running jobs go back to the queue."""
        configure_dask()
        thread = self._keeper.start()
        try:
            asyncio.run(self._run())
        finally:
            self.runner.stop()
            thread.join(timeout=_SECONDS_TO_STOP)
            self._keeper.leave()

    def stop(self) -> None:
        """End ``run`` from another thread."""
        if self._loop is not None and self._ending is not None:
            self._loop.call_soon_threadsafe(self._ending.set)

    async def _run(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._ending.set)
        with tempfile.TemporaryDirectory(prefix="exact-worker-") as folder:
            while not self._ending.is_set():
                try:
                    await self._serve(folder)
                except (OSError, RuntimeError) as error:  # dask says RuntimeError for whatever keeps it from starting
                    logger.warning("The scheduler %s cannot be reached: %s", self._address, error.__cause__ or error)
                await _first_of(self._ending.wait(), asyncio.sleep(_SECONDS_UNTIL_NEXT_TRY))

    async def _serve(self, folder: str) -> None:
        """One connection to a scheduler, to its end or ours."""
        assert self._ending is not None
        worker = DaskWorker(
            self._address,
            name=self.runner.name,
            nthreads=self.runner.slots,
            resources={GPU: self.runner.slots} if self.runner.gpu else None,
            security=security(self._settings),
            plugins=[_Carrier(self.runner)],
            memory_limit=0,
            local_directory=folder,
            dashboard=False,
        )
        try:
            await _first_of(self._ending.wait(), worker.start())  # which waits for a scheduler, for ever
            if not self._ending.is_set():
                logger.info("Worker %s is ready.", self.runner.name)
                self._is_connected = True
                await _first_of(self._ending.wait(), worker.finished())
        finally:
            self._is_connected = False
            if self._ending.is_set():
                self.runner.stop()
            await worker.close(timeout=_SECONDS_TO_STOP, reason="worker-close")

    def _look(self, waiting: int) -> None:
        """Take waiting jobs in a thread of this process while no scheduler sends them."""
        if waiting and not self._is_connected and (self._alone is None or not self._alone.is_alive()):
            self._alone = threading.Thread(target=self._run_waiting, name="without-scheduler", daemon=True)
            self._alone.start()

    def _run_waiting(self) -> None:
        try:
            self.runner.run_waiting()
        except Unavailable as error:
            logger.warning("A job could not be taken: %s", error.message)


class _Carrier(WorkerPlugin):  # type: ignore[misc]
    """Brings the runner of this process to the tasks."""

    name = PLUGIN

    def __init__(self, runner: JobRunner) -> None:
        self.runner = runner


async def _first_of(*waited: Coroutine[object, object, object]) -> None:
    """Wait until one of them is over, and drop the others; raises what that one raised."""
    tasks = [asyncio.ensure_future(each) for each in waited]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
