"""An instance with the distributed engine: PostgreSQL of its own, a scheduler, workers and a web server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import text

from exact_core.jobs.serve import as_environment
from exact_core.kernel.discovery import discover
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from tests.core.images.instance import running_instance, wait_until
from tests.postgres import PostgresServer

PLUGIN = """
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Cluster", "Works on many machines.", default_enabled=True)

    @hookimpl
    def exact_job_types():
        return [
            JobType("note", "Note it once", run="exact_cluster.jobs:note"),
            JobType("sleep", "Sleep", run="exact_cluster.jobs:sleep"),
        ]
"""

JOBS = """
    import time
    from sqlalchemy import text

    def sleep(context):
        time.sleep(context.params["seconds"])

    def note(context):
        end = time.monotonic() + float(context.params.get("seconds", 0))
        while time.monotonic() < end:
            context.report(0.5)
            time.sleep(0.02)
        with context.write() as session:
            row = {"job": context.job_id, "worker": context.worker}
            session.execute(text("INSERT INTO noted (job_id, worker) VALUES (:job, :worker)"), row)
            context.finish(session, {"noted": True})
"""


class Cluster:
    """The processes of the instance, and the services with which a test asks for work."""

    def __init__(self, services: Services, postgres: PostgresServer, environment: dict[str, str]) -> None:
        self.services = services
        self.postgres = postgres
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = environment

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one process of ``exact``."""
        command = [sys.executable, "-m", "exact_core", *arguments]
        self.processes[name] = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self.processes[name]

    def kill(self, name: str) -> int:
        """``kill -9``; gives the process id that it had."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()
        return process.pid

    def ask(self, count: int = 1, type: str = "cluster.note", **more: Any) -> list[int]:
        """Ask for jobs; their identities."""
        with self.services.database.write() as session:
            enqueue = self.services.jobs.enqueue
            return [enqueue(session, type, owner=None, **more).id for _ in range(count)]

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.services.database.read() as session:
            return [tuple(row) for row in session.execute(text(query), values)]

    def close(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_cluster(folder: Path, postgres: PostgresServer, *, workers: int = 3, slots: int = 2) -> Iterator[Cluster]:
    """Start everything; worker 0 has a GPU."""
    postgres.create("cluster")
    database = Database(postgres.url_of("cluster"))
    migrate.upgrade(database)
    with database.write() as session:
        session.execute(text("CREATE TABLE noted (job_id bigint PRIMARY KEY, worker text NOT NULL)"))
    database.dispose()
    settings = Settings(
        data_dir=folder / "data",
        database_url=postgres.url_of("cluster"),
        secret_key="cluster-secret-" + "0" * 32,
        job_engine="distributed",
        job_scheduler=f"tcp://127.0.0.1:{free_port()}",
        job_lease_seconds=3,
        plugins=("cluster",),
    )
    with ExitStack() as stack:
        distributions = stack.enter_context(FakeDistributions(folder / "site"))
        distributions.add("cluster", PLUGIN, files={"jobs.py": JOBS})
        candidates = tuple(each for each in discover() if each.name == "cluster")
        services = stack.enter_context(running_instance(settings, candidates))
        paths = [str(folder / "site"), *filter(None, os.environ.get("PYTHONPATH", "").split(":")), str(Path.cwd())]
        environment = {**os.environ, **as_environment(settings), "PYTHONPATH": ":".join(paths)}
        cluster = Cluster(services, postgres, environment)
        stack.callback(cluster.close)
        cluster.start("scheduler", "scheduler")
        for number in range(workers):
            cluster.start(f"worker {number}", "worker", "--slots", str(slots), *(["--gpu"] if number == 0 else []))
        wait_until(lambda: len(cluster.rows("SELECT name FROM job_worker")) == workers, 60)
        yield cluster
