"""The worker process: huey's consumer waits for wake-ups, and a keeper thread sweeps, beats and cleans."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from huey.consumer import Consumer

from exact_core.jobs.queue import open_queue
from exact_core.jobs.runner import JobRunner

if TYPE_CHECKING:
    from exact_core.services import Services

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_BEATS = 3.0
SECONDS_BETWEEN_SWEEPS = 5.0
SECONDS_BETWEEN_CLEANINGS = 3600.0
SECONDS_TO_STOP = 20.0


class Worker:
    """Runs jobs until it is told to stop, or until the process that started it is gone."""

    def __init__(self, services: Services, *, slots: int = 2, gpu: bool = False, parent: int | None = None) -> None:
        self._services = services
        self._parent = parent
        self.runner = JobRunner(services, slots=slots, gpu=gpu)
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
        keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeper.start()
        logger.info("Worker %s is ready.", self.runner.name)
        try:
            self._consumer.run()
        finally:
            self.runner.stop()
            keeper.join(timeout=SECONDS_BETWEEN_BEATS)
            self._huey.storage.close()

    def stop(self) -> None:
        """End ``run`` from another thread."""
        self._consumer.stop(graceful=False)

    def _run_waiting(self) -> None:
        self.runner.run_waiting()

    def _keep(self) -> None:
        swept = cleaned = float("-inf")
        while not self.runner.stopping.wait(0.3 if swept < 0 else SECONDS_BETWEEN_BEATS):
            if self._parent is not None and os.getppid() != self._parent:
                logger.warning("The server that started this worker is gone; the worker ends.")
                self.stop()
                return
            try:
                self.runner.beat()
                if time.monotonic() - swept >= SECONDS_BETWEEN_SWEEPS:
                    swept = time.monotonic()
                    if self.runner.recover() and not self._huey.pending_count():
                        self._wake()
                if time.monotonic() - cleaned >= SECONDS_BETWEEN_CLEANINGS:
                    cleaned = time.monotonic()
                    self._clean()
            except Exception:
                # The database may be away for a while; the keeper must outlive that.
                logger.exception("The worker's upkeep failed; it tries again.")

    def _clean(self) -> None:
        from exact_core.exchange.receiving import remove_stale
        from exact_core.images.uploads import remove_stale_uploads

        remove_stale_uploads(self._services)
        remove_stale(self._services)


class _JobConsumer(Consumer):  # type: ignore[misc]
    """huey's consumer, which first lets running jobs know that they should end."""

    def __init__(self, huey: object, *, runner: JobRunner, **options: object) -> None:
        self._runner = runner
        super().__init__(huey, **options)

    def stop(self, graceful: bool = False) -> None:
        """Set every flag, then wait for the threads."""
        self._runner.stop()
        super().stop(graceful=True)
