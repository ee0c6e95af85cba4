"""A worker anywhere: it pulls jobs over HTTPS, and needs its plugins and a token, no database and no data folder."""

from __future__ import annotations

import logging
import re
import secrets
import socket
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exact_core import __version__
from exact_core.api.errors import ConfigurationError, ExactError, Forbidden, NotFound, Unauthenticated, Unavailable
from exact_core.jobs.hosts.environments import place_of
from exact_core.jobs.hosts.isolated import run_isolated
from exact_core.jobs.hosts.protocol import JobFailed, JobTask, Verdict
from exact_core.jobs.hosts.wire import card_as_json, task_from_json
from exact_core.jobs.interruption import JobCancelled, JobInterrupted, JobLost, JobOverdue
from exact_core.jobs.registry import CORE, RunnableType, job_types
from exact_core.jobs.remote.host import RemoteHost

if TYPE_CHECKING:
    from exact_core.jobs.remote.connection import Connection
    from exact_core.kernel import Kernel
    from exact_core.settings import Settings

logger = logging.getLogger(__name__)

SECONDS_OF_WAITING = 5.0
"""How long a request for work waits for a job; a server that stops waits for such requests."""

_SECONDS_AFTER_REFUSAL = 3.0
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def runnable_types(kernel: Kernel, only: Collection[str] = ()) -> dict[str, tuple[RunnableType, str]]:
    """The portable job types that are installed here, with the version of what brings them.

    Args:
        kernel: Holds the loaded plugins.
        only: Names of types, or of plugins for all of theirs; empty for everything.

    Raises:
        ConfigurationError: Something that was asked for is not there, or nothing is.
    """
    versions = {record.name: record.version for record in kernel.records.values()}
    found = {
        name: (each, __version__ if each.plugin == CORE else versions[each.plugin])
        for name, each in job_types(kernel).items()
        if each.is_portable and (not only or name in only or each.plugin in only)
    }
    missing = [each for each in only if each not in found and each not in {kind.plugin for kind, _ in found.values()}]
    if missing or not found:
        what = ", ".join(missing) or "any portable job type"
        raise ConfigurationError(f"This worker cannot run {what}: no installed plugin has portable jobs of that name.")
    return found


class RemoteWorker:
    """Takes jobs from one server and runs each in a process of its own, until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        types: Mapping[str, tuple[RunnableType, str]],
        *,
        slots: int,
        gpu: bool,
        cache: Path,
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._types = types
        self._slots = slots
        self._gpu = gpu
        self._cache = cache
        self._stopping = stopping
        self._session = secrets.token_hex(8)
        self._machine = _NO_NAME.sub("-", socket.gethostname())[:40] or "worker"
        self._refusal: ExactError | None = None
        self._busy = threading.Semaphore(slots)

    def run(self, when_ready: Callable[[], None]) -> None:
        """Work until ``stopping`` is set; jobs that run then go back to the queue.

        Raises:
            Unauthenticated: The token is none, or was revoked.
            Forbidden: It is not a worker's.
        """
        threads = [
            threading.Thread(target=self._work, args=(slot,), name=f"exact-slot-{slot}", daemon=True)
            for slot in range(self._slots)
        ]
        for thread in threads:
            thread.start()
        when_ready()
        self._stopping.wait()
        for _ in threads:  # each slot that runs a job ends it; one that waits for a job is left waiting
            self._busy.acquire()
        if self._refusal is not None:
            raise self._refusal

    def _work(self, slot: int) -> None:
        told = ""  # said once, not every few seconds
        while not self._stopping.is_set():
            try:
                taken = self._take(slot)
            except (Unauthenticated, Forbidden) as error:
                self._refusal = error
                self._stopping.set()
                return
            except ExactError as error:
                if not self._stopping.is_set() and error.message != told:
                    logger.warning("No job can be asked for: %s", error.message)
                told = error.message
                self._stopping.wait(_SECONDS_AFTER_REFUSAL)
                continue
            told = ""
            if taken is not None:
                with self._busy:
                    self._run(taken)

    def _take(self, slot: int) -> Mapping[str, Any] | None:
        asked = {
            "session": self._session,
            "slot": slot,
            "machine": self._machine,
            "gpu": self._gpu,
            "types": {name: version for name, (_, version) in self._types.items()},
            "wait": SECONDS_OF_WAITING,
        }
        answer = self._connection.ask("POST", "/leases", told=asked, patience=0)
        return None if answer.status == 204 else answer.json()

    def _run(self, taken: Mapping[str, Any]) -> None:
        task = task_from_json(taken["task"])
        logger.info("Job %s (%s) begins.", task.job_id, task.type)
        host = RemoteHost(self._connection, taken["lease"], float(taken["beat_seconds"]), self._cache)
        end = self._outcome(task, host)
        try:
            host.end(end)
        except ExactError as error:
            logger.warning("Job %s: its end could not be told: %s", task.job_id, error.message)
        logger.info("Job %s: %s %s", task.job_id, end["outcome"], end.get("message", ""))

    def _outcome(self, task: JobTask, host: RemoteHost) -> dict[str, Any]:
        """Run a job; how that ended, as the server is told."""

        def verdict() -> Verdict:
            return Verdict.STOP if self._stopping.is_set() else host.verdict

        try:
            known, _ = self._known(task)
            # What is run is named here: the server only says of which type it is.
            task = replace(task, run=known.run, card=card_as_json(known.card), gpu=task.gpu and self._gpu)
            place = place_of(self._settings, task, always=True)
            assert place is not None, "the jobs of a remote worker always have a process of their own"
            return {"outcome": "done", "result": dict(run_isolated(task, host, place, verdict, host.note))}
        except JobCancelled as ending:
            return {"outcome": "cancelled", "message": str(ending)}
        except (JobInterrupted, JobLost):
            return {"outcome": "given back"}
        except JobOverdue:
            return {"outcome": "failed", "message": "It took longer than it may, and was ended."}
        except Unavailable as error:
            return {"outcome": "later", "message": error.message}
        except JobFailed as failure:
            notes = "\n".join(getattr(failure, "__notes__", ()))
            return {"outcome": "failed", "message": failure.message, "traceback": (notes or failure.message)[-20_000:]}
        except ExactError as error:
            return {"outcome": "failed", "message": error.message}

    def _known(self, task: JobTask) -> tuple[RunnableType, str]:
        try:
            return self._types[task.type]
        except KeyError:
            raise NotFound(f"This worker has no job type {task.type}.") from None
