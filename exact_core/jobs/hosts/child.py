"""The process of one job: ``python -m exact_core.jobs.hosts.child DESCRIPTOR PARENT``, in its plugin's environment.

It needs what ``exact_core.api`` needs and nothing of the server. Its task comes over the socket; whatever it prints is
the job's log.
"""

from __future__ import annotations

import importlib
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from exact_core.api.errors import ExactError
from exact_core.jobs.hosts.context import PortableContext
from exact_core.jobs.hosts.limits import limit_process, stay_with_parent
from exact_core.jobs.hosts.pipe import PipeHost
from exact_core.jobs.hosts.protocol import JobTask
from exact_core.jobs.hosts.wire import card_from_json, error_as_json, task_from_json
from exact_core.jobs.interruption import JobCancelled, JobInterrupted, JobLost, JobOverdue
from exact_core.tiles.messages import ConnectionLost, receive

_TRACEBACK_CHARACTERS = 8000
_SECONDS_BETWEEN_NEWS = 1.0


def main() -> None:
    """Run the job that the worker sends, and say how it ended."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    stay_with_parent(int(sys.argv[2]))
    try:
        header, _ = receive(connection)
    except ConnectionLost:
        sys.exit(1)
    task, place = task_from_json(header["task"]), header["place"]
    missing = limit_process(None if task.gpu else int(place["memory_mib"]), network=bool(place["network"]))
    host = PipeHost(connection, str(place["address"]))
    told = _outcome(task, host, missing)
    host.end(told)
    connection.recv(1)  # the worker ends this process and what it started


def _outcome(task: JobTask, host: PipeHost, missing: list[str]) -> dict[str, Any]:
    """How the job ended, as plain values."""
    context = PortableContext(task, host)
    if missing:
        context.log(f"This system does not let these be bounded for the job's process: {', '.join(missing)}.")
    threading.Thread(target=_keep_telling, args=(context,), name="exact-telling", daemon=True).start()
    try:
        context.flush()
        result = _function(task)(context)
        context.flush()
    except JobCancelled as end:
        return {"outcome": "cancelled", "message": str(end)}
    except JobInterrupted:
        return {"outcome": "interrupted"}
    except JobOverdue:
        return {"outcome": "overdue"}
    except JobLost:
        return {"outcome": "lost"}
    except ExactError as error:
        return {"outcome": "refused", "error": error_as_json(error)}
    except MemoryError:
        return {"outcome": "memory"}
    except (Exception, SystemExit) as error:
        text = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
        return {"outcome": "failed", "kind": type(error).__name__, "message": str(error)[:500], "traceback": text}
    return {"outcome": "done", "result": dict(result) if isinstance(result, Mapping) else {}}


def _keep_telling(context: PortableContext) -> None:
    """Send what the job has said, also while it works for long without saying more."""
    while True:
        time.sleep(_SECONDS_BETWEEN_NEWS)
        try:
            context.tell(only_news=True)
        except JobLost:
            return  # the worker is gone; the job hears it from its next call


def _function(task: JobTask) -> Callable[[PortableContext], Any]:
    """The function of a job; heavy libraries load here."""
    module, _, attribute = task.run.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    if not callable(function):
        raise TypeError(f"{task.run} is not a function")
    return function if task.card is None else partial(function, card=card_from_json(task.card))


if __name__ == "__main__":
    main()
