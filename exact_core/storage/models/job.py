"""Background work as rows, who does it, and remembered answers of idempotent requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now

LIVING_KEY = text("key IS NOT NULL AND state IN ('queued', 'running', 'done')")
"""Jobs whose content key stands in the way of an equal one; those that failed or were cancelled do not."""

_WAITING = text("state = 'queued'")


class Job(Base):
    """One piece of background work; the row is the truth, engines only wake workers.

    A running row is leased: ``worker`` and ``attempts`` name who may write, ``lease_until`` is by the database's clock.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_state_id", "state", "id"),
        Index("ix_job_waiting", "rank", "id", postgresql_where=_WAITING, sqlite_where=_WAITING),
        Index("uq_job_key", "key", unique=True, postgresql_where=LIVING_KEY, sqlite_where=LIVING_KEY),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    type: Mapped[str] = mapped_column(String(100))  # "core.probe", "core.convert", "<plugin>.<name>"
    plugin: Mapped[str] = mapped_column(String(64), default="core")
    key: Mapped[str | None] = mapped_column(String(64))  # what makes two jobs the same work; see jobs/content_key.py
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"), index=True)
    image_set_id: Mapped[int | None] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)
    params: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    rank: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # minus the priority: lower ones first
    gpu: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # also when its type says so
    memory_mib: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # 0: what the type says
    seconds: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # 0: what the type says
    state: Mapped[str] = mapped_column(String(10), default="queued")
    progress: Mapped[float] = mapped_column(default=0.0)  # 0 to 1
    message: Mapped[str] = mapped_column(default="")
    result: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    log: Mapped[str] = mapped_column(default="", deferred=True)  # the newest 64 KiB of what the job wrote
    attempts: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    wait_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # not to be started before, after a failure
    worker: Mapped[str] = mapped_column(String(100), default="")
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def priority(self) -> int:
        """Jobs of a higher one are started first."""
        return -self.rank


class JobWorker(Base):
    """A process that takes jobs, as long as it gives signs of life."""

    __tablename__ = "job_worker"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)  # as in Job.worker
    machine: Mapped[str] = mapped_column(String(100))
    engine: Mapped[str] = mapped_column(String(20))
    slots: Mapped[int]
    gpu: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class IdempotencyKey(Base):
    """The answer to a create that carried an ``Idempotency-Key``, given again when the request is repeated."""

    __tablename__ = "idempotency_key"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))  # method, path and body
    status: Mapped[int | None]  # empty while the first request is still running
    body: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)
