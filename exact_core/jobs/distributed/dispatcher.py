"""Tells dask about waiting jobs: at once when the database gives notice, and by looking at the table now and then.

Dask forgets its tasks when the scheduler ends; the table does not. So the dispatcher lives with the scheduler, begins
with a look, and looks again: what waits and is not on its way is submitted, however it was lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import select
from sqlalchemy.engine import make_url

from exact_core.api.errors import Unavailable
from exact_core.jobs.claiming import is_due, needs_gpu
from exact_core.jobs.distributed.connection import GPU
from exact_core.jobs.distributed.task import run_job
from exact_core.jobs.queue import CHANNEL
from exact_core.jobs.registry import job_types
from exact_core.storage.models import Job

if TYPE_CHECKING:
    from distributed import Client, Future

    from exact_core.services import Services

logger = logging.getLogger(__name__)

MOST_ON_THEIR_WAY = 1000
"""Tasks that dask holds of each queue; more wait in the table, where they can still be overtaken."""

_SECONDS_BETWEEN_LOOKS = 3.0
_SECONDS_UNTIL_NEXT_TRY = 1.0
_MOST_NOTICES = 500


class Dispatcher:
    """Submits a task for every waiting job, as long as the scheduler lives."""

    def __init__(self, services: Services, client: Client) -> None:
        self._services = services
        self._client = client
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._futures: dict[int, tuple[bool, Future]] = {}
        self._count = 0
        types = job_types(services.kernel).values()
        self._gpu_types = frozenset(each.name for each in types if each.gpu)

    def run(self) -> None:
        """Work until :meth:`stop`; outlives a database that goes away."""
        while not self._stop.is_set():
            try:
                with _listening(self._services.database.url) as connection:
                    self._follow(connection)
            except (psycopg.OperationalError, Unavailable) as error:
                logger.warning("The dispatcher waits for the database: %s", str(error).partition("\n")[0])
                self._stop.wait(_SECONDS_UNTIL_NEXT_TRY)

    def stop(self) -> None:
        """End :meth:`run` soon."""
        self._stop.set()

    def look(self) -> int:
        """Submit what waits and is not on its way; how many those were."""
        count = 0
        for gpu in (False, True):
            with self._lock:
                known = {job_id for job_id, (is_gpu, _) in self._futures.items() if is_gpu is gpu}
            room = MOST_ON_THEIR_WAY - len(known)
            if room > 0:
                count += sum(self._submit(*row) for row in self._waiting(gpu) if row[0] not in known)
        return count

    def _follow(self, connection: psycopg.Connection[Any]) -> None:
        looked_at = float("-inf")
        while not self._stop.is_set():
            if time.monotonic() - looked_at >= _SECONDS_BETWEEN_LOOKS:
                self.look()
                looked_at = time.monotonic()
            notices = {int(each.payload) for each in _notices(connection) if each.payload.isdigit()}
            if len(notices) > _MOST_NOTICES:
                looked_at = float("-inf")
            elif notices:
                for row in self._waiting(None, notices):
                    self._submit(*row)

    def _waiting(self, gpu: bool | None, among: set[int] | None = None) -> list[tuple[int, int, bool]]:
        """Identity, rank and need of a GPU of jobs that could start, the next ones first."""
        needs = needs_gpu(self._gpu_types)
        conditions = [is_due()]
        if gpu is not None:
            conditions.append(needs if gpu else ~needs)
        if among is not None:
            conditions.append(Job.id.in_(among))
        query = select(Job.id, Job.rank, needs).where(*conditions).order_by(Job.rank, Job.id).limit(MOST_ON_THEIR_WAY)
        with self._services.database.read() as session:
            return [(job_id, rank, bool(gpu)) for job_id, rank, gpu in session.execute(query)]

    def _submit(self, job_id: int, rank: int, gpu: bool) -> bool:
        with self._lock:
            if job_id in self._futures:
                return False
            self._count += 1
            future = self._client.submit(
                run_job,
                job_id,
                key=f"exact-job-{job_id}-{self._count}",
                pure=False,
                priority=-rank,
                resources={GPU: 1} if gpu else None,
            )
            self._futures[job_id] = (gpu, future)
        future.add_done_callback(lambda _: self._ended(job_id))
        return True

    def _ended(self, job_id: int) -> None:
        with self._lock:
            self._futures.pop(job_id, None)


def _listening(url: str) -> psycopg.Connection[Any]:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(address, autocommit=True, connect_timeout=5, application_name="exact dispatcher")
    connection.execute(f"LISTEN {CHANNEL}")
    return connection


def _notices(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Notify]:
    """What came in since the last call; waits for it up to half a second."""
    yield from connection.notifies(timeout=0.5, stop_after=1)
    yield from connection.notifies(timeout=0)
