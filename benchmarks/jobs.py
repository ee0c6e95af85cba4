"""The job engine: how long a job waits for an idle worker, against bare huey; and how many machines are kept busy.

``EXACT_BENCHMARK_JOBS`` is the number of jobs that the distributed engine drains (2,000).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from exact_sdk.fakedist import FakeDistributions

from exact_core.jobs.serve import as_environment
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from tests.core.images.instance import running_instance, wait_until
from tests.core.jobs.cluster import Cluster, running_cluster
from tests.postgres import MissingPostgres, PostgresServer

ROUNDS = 60
PAUSES = (0.13, 0.31, 0.53, 0.71)  # seconds between two jobs: so that they meet every state of a polling worker
WORKERS = 4
SECONDS = 0.1

_PLUGIN = """
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Stamp", default_enabled=True)

    @hookimpl
    def exact_job_types():
        return [JobType("stamp", "Stamp", run="exact_stamp.jobs:stamp")]
"""
_STAMP = """
    import time
    from pathlib import Path

    def stamp(context):
        Path(context.params["path"]).write_text(repr(time.monotonic()))
"""
_BARE = """
import sys, time
from pathlib import Path
from huey import SqliteHuey

huey = SqliteHuey("bare", filename=sys.argv[1], results=False, fsync=False, timeout=5, cache_mb=1)

@huey.task()
def stamp(path):
    Path(path).write_text(repr(time.monotonic()))

if __name__ == "__main__":
    huey.create_consumer(
        workers=2, periodic=False, initial_delay=0.05, backoff=1.3, max_delay=0.6, scheduler_interval=60
    ).run()
"""


def run() -> list[dict[str, object]]:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder:
        bare = _median_latency(_bare_huey(Path(folder)), Path(folder))
        ours = _median_latency(_embedded(Path(folder)), Path(folder))
    return [
        {
            "name": "wait of a job for an idle worker, embedded engine",
            "value": round(1000 * ours, 1),
            "unit": "ms",
            "peer": f"bare huey with the same consumer: {1000 * bare:.1f} ms",
            "bar": "<= 1.5 x bare huey",
            "holds": ours <= 1.5 * bare,
        },
        _drained(int(os.environ.get("EXACT_BENCHMARK_JOBS", "2000"))),
    ]


Ask = Callable[[Path], object]


def _median_latency(asking: Iterator[Ask], folder: Path) -> float:
    """Median of the seconds between the call that asks for a job and the job's first statement."""
    waits = []
    with contextmanager(lambda: asking)() as ask:
        for number in range(ROUNDS + 3):
            path = folder / f"stamp-{time.monotonic_ns()}"
            asked = time.monotonic()
            ask(path)
            wait_until(lambda path=path: path.exists() and path.stat().st_size)
            if number >= 3:  # the first ones import what the others find imported
                waits.append(float(path.read_text()) - asked)
            time.sleep(PAUSES[number % len(PAUSES)])
    return statistics.median(waits)


def _bare_huey(folder: Path) -> Iterator[Ask]:
    script, file = folder / "bare_huey.py", folder / "bare.sqlite3"
    script.write_text(_BARE)
    consumer = subprocess.Popen([sys.executable, str(script), str(file)], stderr=subprocess.DEVNULL)
    try:
        from huey import SqliteHuey

        huey = SqliteHuey("bare", filename=str(file), results=False, fsync=False, timeout=5, cache_mb=1)

        def stamp(path: str) -> None:
            raise AssertionError("this runs in the consumer only")

        stamp.__module__ = "__main__"  # huey names a task after its module, and the consumer's is a script
        put = huey.task()(stamp)
        yield lambda path: put(str(path))
    finally:
        consumer.terminate()
        consumer.wait()


def _embedded(folder: Path) -> Iterator[Ask]:
    settings = Settings(data_dir=folder / "data", secret_key="x" * 40, plugins=("stamp",))
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    database.dispose()
    with FakeDistributions(folder / "site") as distributions:
        distributions.add("stamp", _PLUGIN, files={"jobs.py": _STAMP})
        with running_instance(settings, tuple(each for each in discover() if each.name == "stamp")) as services:
            paths = f"{folder / 'site'}:{os.environ.get('PYTHONPATH', '')}:{Path.cwd()}"
            environment = {**os.environ, **as_environment(settings), "PYTHONPATH": paths}
            command = [sys.executable, "-m", "exact_core", "worker", "--slots", "2"]
            worker = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

            def ask(path: Path) -> None:
                with services.database.write() as session:
                    services.jobs.enqueue(session, "stamp.stamp", owner=None, params={"path": str(path)})

            try:
                yield ask
            finally:
                worker.terminate()
                worker.wait()


def _drained(count: int) -> dict[str, object]:
    """How busy four worker processes with one slot each are kept by many short jobs."""
    figure: dict[str, object] = {
        "name": f"{count} jobs of {1000 * SECONDS:.0f} ms over {WORKERS} workers, distributed engine",
        "unit": "% of the workers' time",
        "bar": ">= 80",
    }
    try:
        server = PostgresServer()
    except MissingPostgres as error:
        return {**figure, "value": None, "holds": None, "reason": str(error)}
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_cluster(Path(folder), server, workers=WORKERS, slots=1) as cluster,
        ):
            return {**figure, **_efficiency(cluster, count)}
    finally:
        server.stop()


def _efficiency(cluster: Cluster, count: int) -> dict[str, object]:
    cluster.ask(2 * WORKERS, "cluster.sleep", params={"seconds": SECONDS})
    left = "SELECT count(*) FROM job WHERE state IN ('queued', 'running')"
    wait_until(lambda: cluster.rows(left)[0][0] == 0, 60)
    spent = sum(_cpu_seconds(process.pid) for process in cluster.processes.values())
    started = time.monotonic()
    cluster.ask(count, "cluster.sleep", params={"seconds": SECONDS})
    while cluster.rows(left)[0][0]:
        time.sleep(0.25)  # asking more often would take time from the workers
    seconds = time.monotonic() - started
    spent = sum(_cpu_seconds(process.pid) for process in cluster.processes.values()) - spent
    efficiency = 100 * count * SECONDS / (WORKERS * seconds)
    return {
        "value": round(efficiency, 1),
        "holds": efficiency >= 80,
        "seconds": round(seconds, 1),
        "cpu_ms_per_job": round(1000 * spent / count, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
