"""Running a portable job in a process of its own: started, answered, bounded and ended by its worker."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import exact_core
from exact_core.api.errors import Unavailable
from exact_core.jobs.hosts import pipe
from exact_core.jobs.hosts.limits import end_tree, held_mib, tree_of
from exact_core.jobs.hosts.outcomes import outcome, too_much, why_it_died
from exact_core.jobs.hosts.output import PrintedLines
from exact_core.jobs.hosts.protocol import ENDINGS, JobFailed, JobHost, JobTask, Verdict
from exact_core.jobs.hosts.wire import task_as_json
from exact_core.tiles.messages import ConnectionLost, Header, TookTooLong, receive, send

_MODULE = "exact_core.jobs.hosts.child"
_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_WEIGHINGS = 1.0
_SECONDS_TO_END = 3.0
_SECONDS_OF_OUTPUT = 2.0
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TMPDIR", "HOME", "USER")
_KEPT_BEGINNINGS = ("CUDA_", "NVIDIA_", "OMP_", "MKL_", "HIP_", "ROCR_")


@dataclass(frozen=True, slots=True)
class Place:
    """Where and within which bounds a job runs.

    Attributes:
        python: The interpreter of the plugin's environment.
        memory_mib: Most memory of all its processes together.
        seconds: After how long it is ended.
        network: Whether it may reach the network.
        is_own: Whether that is the environment of the worker itself.
    """

    python: str
    memory_mib: int
    seconds: float
    network: bool = False
    is_own: bool = True


def run_isolated(
    task: JobTask,
    host: JobHost,
    place: Place,
    verdict: Callable[[], Verdict],
    told: Callable[[Sequence[str]], None],
) -> Mapping[str, Any]:
    """Run a job in a process of its own, and wait for its end.

    Args:
        task: The job.
        host: Answers what it asks for.
        place: Where and within which bounds.
        verdict: Says at once, without asking anybody, whether the job should go on.
        told: Hears what the process prints, line by line.

    Returns:
        What the job's function returned.

    Raises:
        JobFailed: Its code failed, or its process needed too much or died; notes of the error hold the traceback.
        ExactError: What the job's function refused with.
        JobCancelled: Somebody cancelled it.
        JobInterrupted: The worker stops.
        JobOverdue: It has taken longer than the instance lets it.
        JobLost: Another worker has it now.
    """
    with _Supervised(task, host, place, told) as supervised:
        return supervised.wait(verdict)


class _Supervised:
    """One child process, with its connections, its folder and its output."""

    def __init__(self, task: JobTask, host: JobHost, place: Place, told: Callable[[Sequence[str]], None]) -> None:
        self._task, self._host, self._place, self._told = task, host, place, told
        self._folder = tempfile.mkdtemp(prefix="exact-job-")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._end: Header | None = None
        self._has_ended = threading.Event()

    def __enter__(self) -> _Supervised:
        address = f"{self._folder}/readers"  # the folder is for nobody else
        self._listener.bind(address)
        self._listener.listen(64)
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = self._start(theirs)
        assert self._process.stdout is not None
        self._printed = PrintedLines(self._process.stdout)  # type: ignore[arg-type]
        limits = {"memory_mib": self._place.memory_mib, "network": self._place.network, "address": address}
        name = f"exact-job-{self._task.job_id}"
        self._conversation = threading.Thread(target=self._converse, args=(limits,), name=name, daemon=True)
        self._conversation.start()
        threading.Thread(target=self._listen, name=f"{name}-readers", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        end_tree(self._process.pid)
        self._process.wait()
        self._conversation.join()  # results that are being kept are kept, or not, before the job's end is written
        self._connection.close()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait(self, verdict: Callable[[], Verdict]) -> Mapping[str, Any]:
        """Watch the process until it ends or must end; what the job returned."""
        started = weighed = time.monotonic()
        asked_at = 0.0
        while not self._has_ended.wait(_SECONDS_BETWEEN_LOOKS):
            moment = time.monotonic()
            if moment - started > self._place.seconds:
                self._kill_and_tell()
                raise JobFailed(f"The job took longer than {self._place.seconds:g} seconds and was ended.")
            if moment - weighed > _SECONDS_BETWEEN_WEIGHINGS:
                weighed = moment
                self._weigh()
                self._tell(self._printed.take())
            if not asked_at and verdict() is not Verdict.GO_ON:
                asked_at = moment  # the job hears it when it next reports
            if asked_at and moment - asked_at > _SECONDS_TO_END:
                self._kill_and_tell()
                raise ENDINGS[verdict()]
        return self._result(verdict)

    def _result(self, verdict: Callable[[], Verdict]) -> Mapping[str, Any]:
        end = self._end
        code = self._exit_status() if end is None else None
        self._kill_and_tell()
        if end is not None:
            return outcome(self._task, end, self._place.memory_mib)
        if verdict() is not Verdict.GO_ON:
            raise ENDINGS[verdict()]
        raise JobFailed(why_it_died(code))

    def _exit_status(self) -> int | None:
        """How a process that hung up ended, negative for a signal; it stays to be waited for, so its number is ours."""
        deadline = time.monotonic() + _SECONDS_TO_END
        while time.monotonic() < deadline:
            found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
            time.sleep(_SECONDS_BETWEEN_LOOKS / 5)
        return None

    def _start(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - an interpreter that the administrator named
                [self._place.python, "-m", _MODULE, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=_own_environment() if self._place.is_own else environment_of_others(),
                start_new_session=True,
            )
        except OSError as error:
            self._connection.close()
            self._listener.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise Unavailable(
                f"The environment of the plugin {self._task.plugin} cannot be started ({error.strerror}):"
                " see EXACT_PLUGIN_ENVIRONMENTS."
            ) from None

    def _converse(self, limits: Mapping[str, object]) -> None:
        """Answer the child until it says how the job ended, or is gone."""
        try:
            send(self._connection, {"task": task_as_json(self._task), "place": limits})
            while True:
                request, _ = receive(self._connection)
                if request.get("operation") == pipe.END:
                    self._end = request
                    return
                send(self._connection, *pipe.answer(self._host, request))
        except (ConnectionLost, TookTooLong):
            return
        finally:
            self._has_ended.set()

    def _listen(self) -> None:
        """Answer the further processes of the job, each in a thread."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed at the end of the job
            answering = (self._host, connection)
            threading.Thread(target=pipe.serve_reading, args=answering, name="exact-job-reader", daemon=True).start()

    def _weigh(self) -> None:
        most = self._place.memory_mib
        if held_mib(tree_of(self._process.pid), most) > most:
            self._kill_and_tell()
            raise JobFailed(too_much(most))

    def _kill_and_tell(self) -> None:
        end_tree(self._process.pid)
        self._tell(self._printed.finish(_SECONDS_OF_OUTPUT))

    def _tell(self, lines: tuple[str, ...]) -> None:
        if lines:
            self._told(lines)


def _own_environment() -> dict[str, str]:
    """What a process of the worker's own environment sees: the same packages, and none of the server's secrets."""
    paths = [str(Path(exact_core.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    return environment_of_others() | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def environment_of_others() -> dict[str, str]:
    """What a process of a plugin's environment sees: neither the server's secrets nor its packages."""
    kept = {name: each for name, each in os.environ.items() if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1"}
