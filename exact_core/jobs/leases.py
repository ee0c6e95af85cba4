"""Who holds a job, and when it is certain enough that nobody does: without trusting the clock of any worker.

A worker renews the leases of its jobs all the time. Whoever wants to take a job over must have *seen* its row stand
still, by the own monotonic clock, for a part of the lease; when the lease has not run out by the database's clock, for
all of it. So a clock that jumps, on whatever machine, neither loses nor steals a job.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_BEATS = 10  # in the time of a lease
_SWEEPS = 6
_GRACE = 4  # a live worker has beaten twice in this part of a lease


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a job is held without a sign of life, and what follows from it; all in seconds."""

    seconds: float

    @property
    def between_beats(self) -> float:
        """Between two signs of life."""
        return self.seconds / _BEATS

    @property
    def between_sweeps(self) -> float:
        """Between two looks at the jobs of others."""
        return self.seconds / _SWEEPS

    @property
    def grace(self) -> float:
        """How long a row must have been seen to stand still before an expired lease counts."""
        return self.seconds / _GRACE


@dataclass(frozen=True, slots=True)
class Held:
    """A running row, as a sweep sees it."""

    job_id: int
    worker: str
    attempts: int
    heartbeat_at: datetime | None
    has_expired: bool


class Watch:
    """Remembers since when each running row stands still."""

    def __init__(self, lease: Lease, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease = lease
        self._clock = clock
        self._seen: dict[int, tuple[Held, float]] = {}

    def lost(self, running: Sequence[Held]) -> list[Held]:
        """Those of the running rows whose worker is gone; to be called at every sweep with all of them."""
        moment = self._clock()
        seen: dict[int, tuple[Held, float]] = {}
        lost = []
        for held in running:
            before, since = self._seen.get(held.job_id, (held, moment))
            if _mark(before) != _mark(held):
                since = moment
            seen[held.job_id] = (held, since)
            still = moment - since
            needed = self._lease.grace if held.has_expired else self._lease.seconds
            if still >= needed or is_dead(held.worker):
                lost.append(held)
        self._seen = seen
        return lost

    def forget(self) -> None:
        """Start watching anew: after a time in which nobody could have given a sign of life."""
        self._seen = {}


def _mark(held: Held) -> tuple[str, int, datetime | None]:
    return held.worker, held.attempts, held.heartbeat_at


def worker_name(pid: int | None = None) -> str:
    """A name for a worker: machine, process, a mark of that very process, and something of its own."""
    pid = os.getpid() if pid is None else pid
    return f"{socket.gethostname()[:40]}/{pid}/{_process_mark(pid)}-{uuid.uuid4().hex[:8]}"


def machine_of(worker: str) -> str:
    """The machine in a worker's name."""
    return worker.partition("/")[0]


def is_dead(worker: str) -> bool:
    """Whether a worker ran on this machine, in this container and since this start, and is gone for sure."""
    parts = worker.split("/")
    if len(parts) != 3 or parts[0] != socket.gethostname()[:40] or not parts[1].isdigit():
        return False
    place, _, rest = parts[2].partition(".")
    started, dash, _ = rest.partition("-")
    if not dash or not place or place != _place_mark():
        return False
    return _process_mark(int(parts[1])) != f"{place}.{started}"


def _process_mark(pid: int) -> str:
    """Where a process runs and when it began, in a few letters; shorter for one that is gone."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{_place_mark()}."
    return f"{_place_mark()}." if after_name[0] in "ZX" else f"{_place_mark()}.{after_name[19]}"


def _place_mark() -> str:
    """This start of this machine and this container; empty where the system cannot say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}{space}".encode()).hexdigest()[:8]
