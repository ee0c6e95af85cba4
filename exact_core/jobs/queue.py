"""Asking for background work: a row in the caller's transaction, and a wake-up for a worker after the commit."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, SessionTransaction

from exact_core.jobs.content_key import content_key
from exact_core.storage.models import Job
from exact_core.storage.models.job import LIVING_KEY

if TYPE_CHECKING:
    from huey import SqliteHuey

    from exact_core.api.context import Actor

logger = logging.getLogger(__name__)

QUEUE_FILE = "queue.sqlite3"
_WAKE_KEY = "exact.jobs.to_wake"
_MOST_WAKE_UPS = 8

Engine = Literal["embedded", "distributed"]
CHANNEL = "exact_jobs"
"""Where PostgreSQL tells the distributed engine about new jobs."""

_NOTIFY = text("SELECT pg_notify(:channel, :job)")


class WakeSerializer:
    """Writes wake-ups as JSON; huey's own serializer would unpickle whatever stands in the queue file."""

    def serialize(self, message: Any) -> bytes:
        return json.dumps([message.id, message.name]).encode()

    def deserialize(self, data: bytes) -> Any:
        from huey.registry import Message

        identity, name = json.loads(bytes(data))
        return Message(id=str(identity), name=str(name), retries=0, retry_delay=0, priority=None, args=(), kwargs={})


def open_queue(data_dir: Path, run: Callable[[], object]) -> tuple[SqliteHuey, Callable[[], object]]:
    """The embedded queue of the data folder, and the call that puts one wake-up into it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / QUEUE_FILE
    try:
        huey = _opened(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        logger.warning("The queue file %s is damaged (%s); as it holds only wake-ups, it is made anew.", path, error)
        for each in data_dir.glob(f"{QUEUE_FILE}*"):
            each.unlink(missing_ok=True)
        huey = _opened(path)

    def wake() -> None:
        run()

    # huey names a task after the module of its function: it must be this one for who asks and for who works.
    return huey, huey.task(name="wake")(wake)


def _opened(path: Path) -> SqliteHuey:
    from huey import SqliteHuey

    return SqliteHuey(
        "exact",
        filename=str(path),
        results=False,
        serializer=WakeSerializer(),
        fsync=False,
        timeout=5,
        cache_mb=1,
    )


class JobQueue:
    """Where jobs are asked for; the table is the truth, a wake-up only saves the wait for the next sweep.

    The embedded engine is woken through a file of the data folder, the distributed one by a notice of the database,
    which is sent with the commit: so the web process needs nothing of the engine.
    """

    def __init__(self, data_dir: Path, engine: Engine = "embedded") -> None:
        self._data_dir = data_dir
        self._engine = engine
        self._huey: SqliteHuey | None = None
        self._put: Callable[[], object] | None = None

    def enqueue(
        self,
        session: Session,
        type: str,
        *,
        owner: Actor | int | None,
        image_set_id: int | None = None,
        image_id: int | None = None,
        params: Mapping[str, Any] | None = None,
        key: str | None = None,
        once: bool = False,
        priority: int = 0,
        gpu: bool = False,
        memory_mib: int = 0,
        seconds: int = 0,
    ) -> Job:
        """Add a job to the caller's transaction; a worker is woken once that is over.

        Args:
            session: The writing session.
            type: ``core.<name>`` or ``<plugin>.<name>``.
            owner: Who asked: an actor or the id of a user; None for the system itself.
            image_set_id: The set that the job is about; decides who may see it.
            image_id: The image that the job is about.
            params: What the job's type takes; checked by the worker against its model.
            key: A key of ``content_key``: a job that bears it and waits, runs or is done is returned instead of a
                second one. One that failed or was cancelled is left as it is, and a new one made.
            once: Use the key of all that is given here, owner included.
            priority: Jobs of a higher one are started first.
            gpu: Only for workers with a GPU, whatever its type says.
            memory_mib: Most memory where it runs in a process of its own; 0 is what its type says.
            seconds: After how long it is ended; 0 is what its type says.
        """
        plugin, dot, name = type.partition(".")
        if not (dot and plugin and name):
            raise ValueError(f"a job type is written <plugin>.<name>, not {type!r}")
        owner_id = (owner if isinstance(owner, int | None) else owner.user_id) or None
        about: dict[str, Any] = {"owner_id": owner_id, "image_set_id": image_set_id, "image_id": image_id}
        if once and key is None:
            key = content_key(type, params=params, **about)
        values = {"type": type, "plugin": plugin, "params": dict(params or {}), "key": key, **about}
        limits = {"rank": -priority, "gpu": gpu, "memory_mib": memory_mib, "seconds": seconds}
        if key is None:
            job = Job(**values, **limits)
            session.add(job)
            session.flush()
        else:
            job, is_new = _only_one(session, key, {**values, **limits})
            if not is_new:
                return job
        self.wake_after(session, job.id)
        return job

    def wake_after(self, session: Session, job_id: int) -> None:
        """Wake a worker for a job when the outermost transaction of the session has ended."""
        if self._engine == "distributed":
            session.execute(_NOTIFY, {"channel": CHANNEL, "job": str(job_id)})
            return
        info = session.info
        if _WAKE_KEY not in info:  # a listener cannot be removed while it is called: it stays as long as the session
            event.listen(session, "after_transaction_end", self._transaction_ended)
        info[_WAKE_KEY] = min(info.get(_WAKE_KEY, 0) + 1, _MOST_WAKE_UPS)

    def wake(self, times: int = 1) -> None:
        """Tell waiting workers to look at the table; losing a wake-up only costs time until the next sweep."""
        try:
            if self._put is None:
                self._huey, self._put = open_queue(self._data_dir, _never_run_here)
            for _ in range(times):
                self._put()
        except (sqlite3.Error, OSError) as error:
            logger.warning("The job queue could not be written (%s); a worker finds the job at its next sweep.", error)

    def close(self) -> None:
        """Close the queue file."""
        if self._huey is not None:
            self._huey.storage.close()
            self._huey = self._put = None

    def _transaction_ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is not None:
            return
        times = session.info[_WAKE_KEY]
        session.info[_WAKE_KEY] = 0
        self.wake(times)


def _only_one(session: Session, key: str, values: Mapping[str, Any]) -> tuple[Job, bool]:
    """The living job with a key, made if there is none; whether it was made."""
    inserting = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    insert = inserting(Job).on_conflict_do_nothing(index_elements=[Job.key], index_where=LIVING_KEY)
    while True:
        job = session.scalar(insert.returning(Job), values)
        if job is not None:
            return job, True
        found = session.scalar(select(Job).where(Job.key == key, LIVING_KEY))
        if found is not None:  # else it failed, or was cancelled, in between
            return found, False


def _never_run_here() -> None:
    raise RuntimeError("jobs run in a worker process only")
