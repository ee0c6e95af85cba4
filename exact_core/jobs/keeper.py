"""What every worker does beside its jobs: signs of life, looking after the jobs of dead workers, tidying up."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import delete

from exact_core.api.errors import Unavailable
from exact_core.jobs.leases import machine_of
from exact_core.storage.models import JobWorker, from_now

if TYPE_CHECKING:
    from exact_core.jobs.runner import JobRunner

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_CLEANINGS = 3600.0
_LEASES_UNTIL_FORGOTTEN = 20  # how long a worker that is gone stays in the list


class Keeper:
    """The upkeep of one worker; ``keep`` runs in a thread until the worker stops."""

    def __init__(
        self,
        runner: JobRunner,
        *,
        engine: str,
        look: Callable[[int], None],
        end: Callable[[], None],
        parent: int | None,
    ) -> None:
        """Make one.

        Args:
            runner: Whose jobs are kept alive.
            engine: The engine's name, for the list of workers.
            look: Called after each sweep with the number of jobs that could start.
            end: Called when the process should end.
            parent: The process without which this one should end.
        """
        self._runner = runner
        self._engine = engine
        self._look = look
        self._end = end
        self._parent = parent
        self._is_away = False
        self._is_listed = False
        self._swept_at = self._cleaned_at = float("-inf")

    def start(self) -> threading.Thread:
        """Begin, in a thread."""
        thread = threading.Thread(target=self.keep, name="keeper", daemon=True)
        thread.start()
        return thread

    def keep(self) -> None:
        """Work until the runner stops."""
        pause = min(0.3, self._runner.lease.between_beats)
        while not self._runner.stopping.wait(pause):
            pause = self._runner.lease.between_beats
            if self._should_end():
                self._end()
                return
            try:
                self.look_after()
                self._is_away = False
            except Unavailable as error:
                if not self._is_away:  # said once, not every few seconds
                    logger.warning("The worker waits for the database: %s", error.message)
                self._is_away = True
            except Exception:  # without signs of life the worker would lose its jobs, whatever this was
                logger.exception("The worker's upkeep failed; it tries again.")

    def look_after(self) -> None:
        """One round: beat, and sweep and clean when it is time."""
        self._runner.beat()
        moment = time.monotonic()
        if moment - self._swept_at >= self._runner.lease.between_sweeps:
            self._say_that_it_lives()
            waiting = self._runner.recover()
            self._swept_at = moment
            self._look(waiting)
        if moment - self._cleaned_at >= _SECONDS_BETWEEN_CLEANINGS:
            self._cleaned_at = moment
            self._clean()

    def leave(self) -> None:
        """Take the worker off the list."""
        try:
            with self._runner.services.database.write() as session:
                session.execute(delete(JobWorker).where(JobWorker.name == self._runner.name))
        except Unavailable:
            logger.info("The worker could not take itself off the list; it goes by itself.")

    def _should_end(self) -> bool:
        if self._parent is not None and os.getppid() != self._parent:
            logger.warning("The server that started this worker is gone; the worker ends.")
            return True
        if self._runner.is_stuck:
            logger.error("Jobs that do not hear that their time is over hold every slot; the worker ends.")
            return True
        return False

    def _say_that_it_lives(self) -> None:
        runner = self._runner
        with runner.services.database.write() as session:
            if (listed := session.get(JobWorker, runner.name)) is None:
                listed = JobWorker(name=runner.name, machine=machine_of(runner.name), engine=self._engine)
                listed.slots, listed.gpu, listed.started_at = runner.slots, runner.gpu, from_now()
                session.add(listed)
            listed.seen_at = from_now()
            forgotten = JobWorker.seen_at < from_now(-_LEASES_UNTIL_FORGOTTEN * runner.lease.seconds)
            session.flush()
            session.execute(delete(JobWorker).where(forgotten).execution_options(synchronize_session=False))

    def _clean(self) -> None:
        from exact_core.exchange.receiving import remove_stale
        from exact_core.images.uploads import remove_stale_uploads
        from exact_core.models.cleaning import remove_stale as remove_stale_models

        remove_stale_uploads(self._runner.services)
        remove_stale(self._runner.services)
        remove_stale_models(self._runner.services)
