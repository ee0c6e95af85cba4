"""A served instance with portable jobs, and remote workers as processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import select

from exact_core.jobs.service import cancel_job
from exact_core.services import Services
from exact_core.storage.models import Job
from tests.core.images.instance import wait_until
from tests.serving import application

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = """
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Works", "Does work.", default_enabled=True)

    @hookimpl
    def exact_job_types():
        names = ("add", "fail", "refuse", "die", "wait", "count", "digest", "predict", "learn")
        portable = [JobType(name, name, run=f"tests.core.jobs.portable.work:{name}", is_portable=True)
                    for name in names]
        return [*portable, JobType("here", "Not portable", run="tests.core.jobs.portable.work:add")]
"""


class Server:
    """A real server of some services, that can be stopped and started at the same address."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options: dict[str, Any] = {"log_level": "error", "lifespan": "off", "access_log": False}
        self._server = uvicorn.Server(
            uvicorn.Config(application(self.services), timeout_graceful_shutdown=1, **options)
        )
        listening = self._listening.dup()
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server is not None and self._server.started)

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=15)

    def close(self) -> None:
        self.stop()
        self._listening.close()


class Jobs:
    """Asks for jobs and looks at their rows."""

    def __init__(self, services: Services, image_set_id: int, owner: int | None = None) -> None:
        self._services = services
        self._image_set_id = image_set_id
        self._owner = owner

    def ask(self, kind: str, image_id: int | None = None, **params: Any) -> int:
        more = {"image_set_id": self._image_set_id, "image_id": image_id, "params": params}
        with self._services.database.write() as session:
            name = kind if "." in kind else f"works.{kind}"
            return self._services.jobs.enqueue(session, name, owner=self._owner, **more).id

    def row(self, job_id: int) -> Job:
        with self._services.database.read() as session:
            job = session.scalars(select(Job).where(Job.id == job_id)).one()
            _ = job.log
            return job

    def ended(self, job_id: int) -> Job:
        """The row, once the job has ended."""
        wait_until(lambda: self.row(job_id).finished_at is not None)
        return self.row(job_id)

    def running(self, job_id: int) -> Job:
        """The row, once the job says something."""
        wait_until(lambda: self.row(job_id).state == "running" and self.row(job_id).message)
        return self.row(job_id)

    def cancel(self, job_id: int, actor: Any) -> None:
        cancel_job(self._services, actor, job_id)


@contextmanager
def remote_worker(
    server: Server, token: Path, paths: tuple[str, ...], **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``exact worker --server`` in a process of its own; killed at the end, with all that it started."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXACT_")}
    path = os.pathsep.join([str(ROOT), *paths, kept.get("PYTHONPATH", "")])
    environment: Mapping[str, str] = {**kept, "PYTHONPATH": path, "EXACT_PLUGINS": "works", **more}
    command = [sys.executable, "-m", "exact_core", "worker", "--server", server.address, "--token-file", str(token)]
    process = subprocess.Popen(
        [*command, "--types", "works,core", "--cache", str(token.parent / "models")], env=environment, cwd=token.parent
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
