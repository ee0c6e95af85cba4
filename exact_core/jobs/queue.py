"""Asking for background work: a row in the caller's transaction, and a wake-up for a worker after the commit."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from exact_core.storage.models import Job

if TYPE_CHECKING:
    from huey import SqliteHuey

    from exact_core.api.context import Actor

logger = logging.getLogger(__name__)

QUEUE_FILE = "queue.sqlite3"
_WAKE_KEY = "exact.jobs.to_wake"
_MOST_WAKE_UPS = 8


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
    from huey import SqliteHuey

    data_dir.mkdir(parents=True, exist_ok=True)
    huey = SqliteHuey(
        "exact",
        filename=str(data_dir / QUEUE_FILE),
        results=False,
        serializer=WakeSerializer(),
        fsync=False,
        timeout=5,
        cache_mb=1,
    )

    def wake() -> None:
        run()

    # huey names a task after the module of its function: it must be this one for who asks and for who works.
    return huey, huey.task(name="wake")(wake)


class JobQueue:
    """Where jobs are asked for; the table is the truth, the queue file only saves the wait for the next sweep."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
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
    ) -> Job:
        """Add a job to the caller's transaction; a worker is woken once that is over.

        Args:
            session: The writing session.
            type: ``core.<name>`` or ``<plugin>.<name>``.
            owner: Who asked: an actor or the id of a user; None for the system itself.
            image_set_id: The set that the job is about; decides who may see it.
            image_id: The image that the job is about.
            params: What the job's type takes; checked by the worker against its model.
        """
        plugin, dot, name = type.partition(".")
        if not (dot and plugin and name):
            raise ValueError(f"a job type is written <plugin>.<name>, not {type!r}")
        job = Job(
            type=type,
            plugin=plugin,
            owner_id=(owner if isinstance(owner, int | None) else owner.user_id) or None,
            image_set_id=image_set_id,
            image_id=image_id,
            params=dict(params or {}),
        )
        session.add(job)
        session.flush()
        self.wake_after(session)
        return job

    def wake_after(self, session: Session) -> None:
        """Wake a worker when the outermost transaction of the session has ended."""
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


def _never_run_here() -> None:
    raise RuntimeError("jobs run in a worker process only")
