"""Processor time of work on a database engine: this process, and the server's processes where there is one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


class Meter:
    """Adds up the processor time of this process and of the children of a PostgreSQL server."""

    def __init__(self, postmaster: int | None = None) -> None:
        self._postmaster = postmaster

    def seconds(self) -> float:
        """Processor seconds spent so far."""
        if self._postmaster is None:
            return time.process_time()
        return time.process_time() + sum(_spent(pid) for pid in self._children()) + self._ended()

    def of(self, work: Callable[[], object], least: float = 0.05, most: int = 200) -> float:
        """Seconds per call; called again until at least ``least`` seconds are spent, at most ``most`` times."""
        count, started = 0, self.seconds()
        while True:
            work()
            count += 1
            spent = self.seconds() - started
            if spent >= least or count >= most:
                return spent / count

    def _ended(self) -> float:
        """Of processes that are gone, as the workers of parallel queries are soon."""
        fields = Path(f"/proc/{self._postmaster}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def _children(self) -> list[int]:
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children")
        return [int(pid) for pid in children.read_text().split()]


def _spent(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0
