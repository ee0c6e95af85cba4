"""The worker process of the embedded engine: huey's consumer waits for wake-ups, and a keeper looks after the rest."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

from huey.consumer import Consumer

from exact_core.api.errors import Unavailable
from exact_core.jobs.keeper import Keeper
from exact_core.jobs.queue import open_queue
from exact_core.jobs.runner import JobRunner

if TYPE_CHECKING:
    from exact_core.services import Services

logger = logging.getLogger(__name__)

SECONDS_TO_STOP = 20.0
_SECONDS_TO_JOIN = 3.0


class Worker:
    """Runs jobs until it is told to stop, or until the process that started it is gone."""

    def __init__(self, services: Services, *, slots: int = 2, gpu: bool = False, parent: int | None = None) -> None:
        self.runner = JobRunner(services, slots=slots, gpu=gpu)
        self._keeper = Keeper(self.runner, engine="embedded", look=self._look, end=self.stop, parent=parent)
        self._without_queue: threading.Thread | None = None
        self._huey, self._wake = open_queue(services.settings.data_dir, self._run_waiting)
        self._consumer = _JobConsumer(
            self._huey,
            runner=self.runner,
            workers=slots,
            periodic=False,
            initial_delay=0.05,
            backoff=1.3,
            max_delay=0.6,
            scheduler_interval=60,
            worker_type="thread",
            shutdown_timeout=SECONDS_TO_STOP,
            graceful_signal="TERM",
        )

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; running jobs go back to the queue."""
        thread = self._keeper.start()
        logger.info("Worker %s is ready.", self.runner.name)
        try:
            self._consumer.run()
        finally:
            self.runner.stop()
            thread.join(timeout=_SECONDS_TO_JOIN)
            self._keeper.leave()
            self._huey.storage.close()

    def stop(self) -> None:
        """End ``run`` from another thread."""
        self._consumer.stop(graceful=False)

    def _run_waiting(self) -> None:
        try:
            self.runner.run_waiting()
        except Unavailable as error:
            logger.warning("A job could not be taken: %s", error.message)

    def _look(self, waiting: int) -> None:
        """Make sure that somebody takes the jobs that wait, also when the queue file cannot be used."""
        if not waiting:
            return
        try:
            if not self._huey.pending_count():
                self._wake()
        except (sqlite3.Error, OSError) as error:
            if self._without_queue is None or not self._without_queue.is_alive():
                logger.warning("The job queue cannot be used (%s); waiting jobs are found by looking.", error)
                self._without_queue = threading.Thread(target=self._run_waiting, name="without-queue", daemon=True)
                self._without_queue.start()


class _JobConsumer(Consumer):  # type: ignore[misc]
    """huey's consumer, which first lets running jobs know that they should end."""

    def __init__(self, huey: object, *, runner: JobRunner, **options: object) -> None:
        self._runner = runner
        super().__init__(huey, **options)

    def stop(self, graceful: bool = False) -> None:
        """Set every flag, then wait for the threads."""
        self._runner.stop()
        super().stop(graceful=True)
