"""Takes queued rows one at a time, runs them, and writes how they ended."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import case, select, update

from exact_core.api.errors import ExactError, Invalid, Unavailable
from exact_core.api.events import JobResult, JobState
from exact_core.jobs.registry import CONVERT, CORE, PROBE, job_type, job_types
from exact_core.jobs.running import JobCancelled, JobContext, JobInterrupted, JobLost
from exact_core.storage.models import Job, now

if TYPE_CHECKING:
    from exact_core.services import Services

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
SECONDS_UNTIL_LOST = 30
SECONDS_UNTIL_DEAD_PROCESS_IS_LOST = 8

_DONE, _AGAIN, _LOST = "done", "again", "lost"


class JobRunner:
    """Runs jobs of one worker process; each of its threads calls ``run_waiting``."""

    def __init__(self, services: Services, *, slots: int = 1, gpu: bool = False) -> None:
        self.services = services
        self.name = f"{socket.gethostname()[:40]}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self.stopping = threading.Event()
        self._slots = slots
        self._gpu = gpu
        self._running: dict[int, JobContext] = {}
        self._lock = threading.Lock()

    def run_waiting(self) -> int:
        """Run jobs until none is waiting for this worker; returns how many it ran."""
        count = 0
        while not self.stopping.is_set() and (job := self._claim()) is not None:
            self._run(job)
            count += 1
        return count

    def beat(self) -> None:
        """Give a sign of life for every running job."""
        with self._lock:
            running = list(self._running.values())
        for context in running:
            context.beat()

    def stop(self) -> None:
        """Let running jobs go back to the queue at their next look."""
        self.stopping.set()

    def recover(self) -> int:
        """Give jobs of dead workers back to the queue; returns how many jobs are waiting now."""
        moment = now()
        with self.services.database.write() as session:
            lost = session.scalars(
                select(Job).where(
                    Job.state == "running",
                    Job.heartbeat_at < moment - timedelta(seconds=SECONDS_UNTIL_DEAD_PROCESS_IS_LOST),
                )
            ).all()
            for job in lost:
                assert job.heartbeat_at is not None
                if moment - job.heartbeat_at < timedelta(seconds=SECONDS_UNTIL_LOST) and not _is_dead(job.worker):
                    continue
                if job.cancel_requested:
                    job.state, job.message, job.finished_at = "cancelled", "Cancelled.", moment
                elif job.attempts >= MOST_ATTEMPTS:
                    job.state, job.finished_at = "failed", moment
                    job.message = f"The worker process died {job.attempts} times while it ran this job."
                else:
                    job.state, job.worker = "queued", ""
                    job.message = "Its worker stopped unexpectedly; it starts again."
                logger.warning("Job %s (%s): worker %s is gone; %s.", job.id, job.type, job.worker or "-", job.state)
            session.flush()
            waiting = session.scalar(select(Job.id).where(Job.state == "queued").limit(1))
            given_up = [job for job in lost if job.state in {"failed", "cancelled"}]
        for job in given_up:
            ended(self.services, job)
        return int(waiting is not None)

    def _claim(self) -> Job | None:
        """Take the oldest job that waits, in one statement, so that two workers never get the same one."""
        conditions = [Job.state == "queued"]
        gpu_types = [each.name for each in job_types(self.services.kernel).values() if each.gpu]
        if gpu_types and not self._gpu:
            conditions.append(Job.type.not_in(gpu_types))
        with self._lock:
            slow = sum(context.type != PROBE for context in self._running.values())
        if self._slots > 1 and slow >= self._slots - 1:
            conditions.append(Job.type == PROBE)  # one slot stays free, so that a new upload shows soon
        candidate = (
            select(Job.id)
            .where(*conditions)
            .order_by(case((Job.type == CONVERT, 1), else_=0), Job.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        moment = now()
        claim = (
            update(Job)
            .where(Job.id == candidate, Job.state == "queued")
            .values(
                state="running",
                worker=self.name,
                attempts=Job.attempts + 1,
                started_at=moment,
                heartbeat_at=moment,
                finished_at=None,
            )
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        with self.services.database.write() as session:
            identity = session.execute(claim).scalar()
            if identity is None:
                return None
            job = session.get_one(Job, identity)
            _ = job.log
            return job

    def _run(self, job: Job) -> None:
        context = JobContext(
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
            stopping=self.stopping,
        )
        with self._lock:
            self._running[job.id] = context
        try:
            state, message, result = self._outcome(job, context)
        finally:
            with self._lock:
                del self._running[job.id]
        self._write_end(context, state, message, result)

    def _outcome(self, job: Job, context: JobContext) -> tuple[str, str, Mapping[str, Any]]:
        """Run the job; the state it ends in, the message to show, and its result."""
        try:
            return _DONE, "", self._work(job, context)
        except JobCancelled as end:
            return "cancelled", str(end) or "Cancelled.", {}
        except JobInterrupted:
            return _AGAIN, "The worker stopped; the job starts again with the next one.", {}
        except JobLost:
            return _LOST, "", {}
        except Unavailable as error:
            if job.attempts < MOST_ATTEMPTS:
                time.sleep(1.0)
                return "queued", error.message, {}
            return "failed", error.message, {}
        except ExactError as error:
            return "failed", error.message, {}
        except (Exception, SystemExit) as error:
            logger.exception("Job %s (%s) failed.", job.id, job.type)
            if job.plugin != CORE:
                self.services.kernel.faults.record(job.plugin, f"job {job.type}", error, image_set_id=job.image_set_id)
            return "failed", f"{job.type} failed by an error in its code ({type(error).__name__}).", {}

    def _work(self, job: Job, context: JobContext) -> Mapping[str, Any]:
        found = job_type(self.services.kernel, job.type)
        if job.plugin != CORE and job.image_set_id is not None:
            enabled = self.services.kernel.activation.enabled(job.image_set_id)
            if job.plugin not in enabled:
                raise JobCancelled(f"disabled: the plugin {job.plugin} is switched off in this image set.")
        if found.params is not None:
            try:
                context.params = found.params.model_validate(job.params).model_dump(mode="json")
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(str(part) for part in first["loc"])
                raise Invalid(f"The job's parameter {place!r} is not acceptable: {first['msg']}") from error
        context.check()
        result = found.resolve()(context)
        return dict(result) if isinstance(result, Mapping) else {}

    def _write_end(self, context: JobContext, state: str, message: str, result: Mapping[str, Any]) -> None:
        if state == _LOST:
            logger.warning("Job %s went to another worker; this one stopped working on it.", context.job_id)
            return
        values: dict[str, Any] = {"state": state, "log": context.log_text, "heartbeat_at": now()}
        values["message"] = message or context.last_message
        if state == _DONE:
            values |= {"progress": 1.0, "result": dict(result)}
        if state == _AGAIN:
            values |= {"state": "queued", "attempts": Job.attempts - 1, "worker": ""}
        elif state == "queued":
            values |= {"worker": ""}
        else:
            values |= {"finished_at": now()}
        with self.services.database.write() as session:
            written = session.execute(context.mine().values(**values).returning(Job.id)).scalar()
            job = session.get(Job, context.job_id) if written and "finished_at" in values else None
        if job is not None:
            ended(self.services, job)


def ended(services: Services, job: Job) -> None:
    """Let the domain tidy up when a job did not succeed, and tell plugins how it ended."""
    found = job_types(services.kernel).get(job.type)
    if found is not None and job.state != "done":
        found.given_up(services, job)
    services.kernel.hooks.job_finished(
        JobResult(
            job_id=job.id,
            type=job.type,
            state=JobState(job.state),
            image_set_id=job.image_set_id,
            image_id=job.image_id,
            owner_id=job.owner_id,
            message=job.message,
            result=dict(job.result),
        )
    )


def _is_dead(worker: str) -> bool:
    """Whether a worker ran on this machine and its process is gone."""
    host, _, rest = worker.partition("/")
    pid = rest.partition("/")[0]
    if host != socket.gethostname()[:40] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
