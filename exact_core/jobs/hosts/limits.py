"""Limits that the process of a job puts on itself, and what its worker sees of it and of its children."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections import defaultdict
from pathlib import Path

from exact_core.tiles.limits import deny_network

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PROCESSES = Path("/proc")
_MIB = 1024 * 1024


def limit_process(memory_mib: int | None, *, network: bool) -> list[str]:
    """Bound this process and those that it starts; what could not be bounded, by name.

    Args:
        memory_mib: Most memory of each process, without what it only reserves or maps from files; None where drivers
            of GPUs set aside more than they use. The worker watches what all processes really hold in any case.
        network: Whether it may open connections to other machines.
    """
    missing: list[str] = []
    bounds = [("core files", resource.RLIMIT_CORE, 0)]
    if memory_mib is not None:
        bounds.append(("memory", resource.RLIMIT_DATA, memory_mib * _MIB))
    for name, kind, value in bounds:
        try:
            _, hard = resource.getrlimit(kind)
            ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (ceiling, ceiling))
        except (OSError, ValueError):
            missing.append(name)
    if not network and not deny_network():
        missing.append("network")
    return missing


def stay_with_parent(parent: int) -> None:
    """End with the worker, and become the parent of grandchildren whose parent has gone (Linux)."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it had gone before the first line


def tree_of(pid: int) -> list[int]:
    """A process and everything that it started, directly or not; only itself where the system does not tell."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            children[int(fields[1])].append(int(entry.name))
    found = [pid]
    for each in found:  # grows while it is walked
        found += children[each]
    return found


def held_mib(pids: list[int], most: int) -> float:
    """Memory that processes hold together; shared pages are counted once where the sum would be over ``most``."""
    resident = sum(_kib(pid, "status", "VmRSS:") for pid in pids) / 1024
    return resident if resident <= most else sum(_kib(pid, "smaps_rollup", "Pss:") for pid in pids) / 1024


def end_tree(pid: int) -> None:
    """Kill everything that a process started, then the process itself and its group."""
    for _ in range(3):  # what was started between looking and killing
        started = tree_of(pid)[1:]
        for each in started:
            with contextlib.suppress(OSError):
                os.kill(each, signal.SIGKILL)
        if not started:
            break
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def _kib(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (_PROCESSES / str(pid) / file).read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0
