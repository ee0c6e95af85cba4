"""Background work in the calling process, for commands that wait and cannot know whether a worker runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exact_core.api.errors import ExactError
from exact_core.jobs.runner import JobRunner

if TYPE_CHECKING:
    from exact_core.services import Services

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 0.5


@contextmanager
def helping_worker(services: Services) -> Iterator[JobRunner]:
    """Run waiting jobs in a thread of this process while the block lasts, beside workers that may run elsewhere.

    Jobs that run when the block ends go back to the queue.
    """
    runner = JobRunner(services, slots=1)

    def repeat(action: object, seconds: float) -> None:
        assert callable(action)
        while not runner.stopping.is_set():
            try:
                action()
            except ExactError as error:
                logger.warning("Background work: %s", error.message)
            runner.stopping.wait(seconds)

    def help_out() -> None:
        runner.recover()
        runner.run_waiting()

    threads = [
        threading.Thread(target=repeat, args=(help_out, _SECONDS_BETWEEN_LOOKS), name="helping-worker", daemon=True),
        threading.Thread(
            target=repeat, args=(runner.beat, runner.lease.between_beats), name="helping-beat", daemon=True
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield runner
    finally:
        runner.stop()
        for thread in threads:
            thread.join(timeout=60)
