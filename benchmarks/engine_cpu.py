"""Processor time of work on a database engine: this process, and the server's processes where there is one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

_MOST_WAIT = 5.0  # seconds


class Meter:
    """Adds up the processor time of this process and of the children of a PostgreSQL server."""

    def __init__(self, postmaster: int | None = None) -> None:
        self._postmaster = postmaster

    def seconds(self) -> float:
        """Processor seconds spent so far."""
        return time.process_time() + sum(_spent(pid) for pid in self._children()) + self._ended()

    def of(self, work: Callable[[], object], least: float = 0.05, most: int = 200) -> float:
        """Seconds per call; called again until at least ``least`` seconds are spent, at most ``most`` times."""
        self._await_workers()
        count, started = 0, self.seconds()
        while True:
            work()
            count += 1
            if self.seconds() - started >= least or count >= most:
                self._await_workers()
                return (self.seconds() - started) / count

    def _await_workers(self) -> None:
        """Wait for the workers of parallel queries: giving their memory back takes them tens of milliseconds."""
        limit = time.monotonic() + _MOST_WAIT
        while any(_is_ending(pid) for pid in self._children()) and time.monotonic() < limit:
            time.sleep(0.005)

    def _ended(self) -> float:
        """Of processes that are gone, as the workers of parallel queries are soon."""
        if self._postmaster is None:
            return 0.0
        fields = Path(f"/proc/{self._postmaster}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def _children(self) -> list[int]:
        if self._postmaster is None:
            return []
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children")
        return [int(pid) for pid in children.read_text().split()]


def _spent(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def _is_ending(pid: int) -> bool:
    """Whether it works on a parallel query or is about to be gone, when it has no command line any more."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return not title or b"parallel worker" in title
