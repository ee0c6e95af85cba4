"""How the process of a job ended, in the words of people and the exceptions of the worker."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from exact_core.jobs.hosts.protocol import JobFailed, JobTask
from exact_core.jobs.hosts.wire import error_from_json
from exact_core.jobs.interruption import JobCancelled, JobInterrupted, JobLost, JobOverdue


def outcome(task: JobTask, end: Mapping[str, Any], memory_mib: int) -> Mapping[str, Any]:
    """What the job's function returned, as its last message tells; raises what it ended with instead."""
    kind = end.get("outcome")
    if kind == "done":
        result = end.get("result")
        return result if isinstance(result, dict) else {}
    if kind == "cancelled":
        raise JobCancelled(str(end.get("message", "")))
    if kind == "interrupted":
        raise JobInterrupted
    if kind == "overdue":
        raise JobOverdue
    if kind == "lost":
        raise JobLost
    if kind == "refused":
        raise error_from_json(end["error"])
    if kind == "memory":
        raise JobFailed(too_much(memory_mib))
    failure = JobFailed(f"{task.type} failed by an error in its code ({end.get('kind', 'unknown')}).")
    failure.add_note(str(end.get("traceback", "")))
    raise failure


def why_it_died(code: int | None) -> str:
    """What people read of a process that ended without a last message; a negative status is a signal."""
    if code is None:
        return "The process of the job hung up before the job had finished; see its log."
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        more = ", most likely by the system for the memory it needs" if name == "SIGKILL" else ""
        return f"The process of the job was ended by the signal {name}{more}."
    return f"The process of the job ended with status {code} before the job had finished; see its log."


def too_much(memory_mib: int) -> str:
    """What people read of a job that is too large."""
    return f"The job needed more memory than it may have ({memory_mib:,} MiB) and was ended."
