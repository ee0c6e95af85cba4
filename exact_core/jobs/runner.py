"""Takes queued rows one at a time, runs them, and writes how they ended."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exact_core.api.errors import ExactError, Unavailable
from exact_core.jobs.claiming import Claimant
from exact_core.jobs.ending import End, Outcome, write_end
from exact_core.jobs.hosts.apart import run_apart
from exact_core.jobs.interruption import JobCancelled, JobInterrupted, JobLost, JobOverdue
from exact_core.jobs.leases import Lease, Watch, worker_name
from exact_core.jobs.preparing import prepared
from exact_core.jobs.recovery import recover
from exact_core.jobs.registry import CORE, PROBE, job_types
from exact_core.jobs.running import JobContext
from exact_core.storage.models import Job

if TYPE_CHECKING:
    from exact_core.services import Services

logger = logging.getLogger(__name__)

MOST_RETRIES = 8
"""Attempts at a job whose reason to fail may pass by itself: together about five minutes."""

LONGEST_WAIT = 64.0
"""Seconds between two attempts at most."""

_SECONDS_TO_HEAR = 20.0
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class JobRunner:
    """Runs jobs of one worker process; each of its threads calls ``run_waiting``, or ``run_one``.

    Attributes:
        services: The parts of the instance.
        name: The worker's name in the rows of its jobs.
        slots: How many jobs it runs at the same time.
        gpu: Whether it takes jobs that need a GPU.
        lease: For how long it takes a job at a time.
        stopping: Set when jobs should go back to the queue.
    """

    def __init__(self, services: Services, *, slots: int = 1, gpu: bool = False) -> None:
        self.services = services
        self.name = worker_name()
        self.slots = slots
        self.gpu = gpu
        self.lease = Lease(services.settings.job_lease_seconds)
        self.stopping = threading.Event()
        self._watch = Watch(self.lease)
        self._running: dict[int, JobContext] = {}
        self._lock = threading.Lock()
        self._free = threading.Semaphore(slots)
        self._stuck: set[int] = set()

    def run_waiting(self) -> int:
        """Run jobs until none is waiting for this worker; returns how many it ran."""
        count = 0
        while self._has_slot() and self._run_next(None):
            count += 1
        return count

    def run_one(self, job_id: int) -> bool:
        """Run one job, if it still waits, as soon as a slot is free; whether it was this worker that ran it."""
        while not self.stopping.is_set():
            if self._free.acquire(timeout=1.0):
                return self._run_next(job_id)
        return False

    def _has_slot(self) -> bool:
        return not self.stopping.is_set() and self._free.acquire(blocking=False)

    def _run_next(self, job_id: int | None) -> bool:
        """Claim and run, in the slot that the caller has taken."""
        try:
            job = self._claim(job_id)
            if job is not None:
                self._run(job)
            return job is not None
        finally:
            self._free.release()

    def beat(self) -> None:
        """Renew the leases of all running jobs, and give up those that do not hear that their time is over."""
        with self._lock:
            running = list(self._running.values())
        for context in running:
            if context.is_overdue(_SECONDS_TO_HEAR) and context.job_id not in self._stuck:
                self._stuck.add(context.job_id)
                write_end(self.services, context, _too_long(context))
                context.give_up()
            elif context.job_id not in self._stuck:
                context.beat()

    @property
    def is_stuck(self) -> bool:
        """Whether every slot is held by a job that should have ended: only an end of the process helps."""
        return len(self._stuck) >= self.slots

    def recover(self) -> int:
        """Put the jobs of dead workers back into the queue; how many jobs could start now."""
        try:
            return recover(self.services, self._watch)
        except Unavailable:
            self._watch.forget()  # nobody could renew a lease either
            raise

    def stop(self) -> None:
        """Let running jobs go back to the queue at their next look."""
        self.stopping.set()

    def _claim(self, job_id: int | None = None) -> Job | None:
        gpu_types = [each.name for each in job_types(self.services.kernel).values() if each.gpu]
        with self._lock:
            slow = sum(context.type != PROBE for context in self._running.values())
        # One slot stays free, so that a new upload shows soon.
        only_quick = job_id is None and self.slots > 1 and slow >= self.slots - 1
        claimant = Claimant(self.name, self.lease, self.gpu, gpu_types)
        with self.services.database.write() as session:
            return claimant.claim(session, job_id=job_id, only_quick=only_quick)

    def _run(self, job: Job) -> None:
        context = self._context(job)
        with self._held(context):
            end = self._outcome(job, context)
            if context.job_id not in self._stuck:
                write_end(self.services, context, end)

    @contextmanager
    def _held(self, context: JobContext) -> Iterator[None]:
        """Renew the lease of a job until its end is written."""
        with self._lock:
            self._running[context.job_id] = context
        try:
            yield
        finally:
            with self._lock:
                del self._running[context.job_id]
                self._stuck.discard(context.job_id)

    def _context(self, job: Job) -> JobContext:
        kind = job_types(self.services.kernel).get(job.type)
        return JobContext(
            services=self.services,
            job_id=job.id,
            type=job.type,
            params=dict(job.params),
            worker=self.name,
            attempt=job.attempts,
            image_set_id=job.image_set_id,
            image_id=job.image_id,
            owner_id=job.owner_id,
            earlier_log=job.log,
            lease_seconds=self.lease.seconds,
            seconds=job.seconds or (kind.seconds if kind else 0) or self.services.settings.job_seconds,
            stopping=self.stopping,
        )

    def _outcome(self, job: Job, context: JobContext) -> End:
        """Run the job; how that ended."""
        try:
            return End(Outcome.DONE, result=self._work(job, context))
        except JobCancelled as end:
            return End(Outcome.CANCELLED, str(end) or "Cancelled.")
        except JobInterrupted:
            return End(Outcome.GIVEN_BACK, "The worker stopped; the job starts again with the next one.")
        except JobLost:
            return End(Outcome.LOST)
        except JobOverdue:
            return _too_long(context)
        except Unavailable as error:
            if job.attempts < MOST_RETRIES:
                return End(Outcome.LATER, error.message, wait_seconds=min(LONGEST_WAIT, 2.0 ** (job.attempts - 1)))
            return End(Outcome.FAILED, error.message)
        except ExactError as error:
            return End(Outcome.FAILED, error.message)
        except (Exception, SystemExit) as error:
            return self._broken(job, error)

    def _broken(self, job: Job, error: BaseException) -> End:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            logger.error("Job %s (%s): %s", job.id, job.type, error)
            return End(Outcome.FAILED, "There is no room left on the disk. Make room, then start the job again.")
        logger.error("Job %s (%s) failed.", job.id, job.type, exc_info=error)
        if job.plugin != CORE:
            self.services.kernel.faults.record(job.plugin, f"job {job.type}", error, image_set_id=job.image_set_id)
        return End(Outcome.FAILED, f"{job.type} failed by an error in its code ({type(error).__name__}).")

    def _work(self, job: Job, context: JobContext) -> Mapping[str, Any]:
        found = prepared(self.services, job, context)
        apart = run_apart(job, found, context)
        if apart is not None:
            return apart
        result = found.resolve()(context)
        return dict(result) if isinstance(result, Mapping) else {}


def _too_long(context: JobContext) -> End:
    return End(Outcome.FAILED, f"It took longer than the {context.seconds} seconds that it may take, and was ended.")
