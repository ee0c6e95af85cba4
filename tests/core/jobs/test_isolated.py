"""Portable jobs in a process of their own: what they can do, and what they cannot do to the worker."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exact_core.api.errors import Invalid
from exact_core.jobs.hosts.isolated import Place, run_isolated
from exact_core.jobs.hosts.protocol import JobFailed, JobTask, NewRun
from exact_core.jobs.interruption import JobCancelled
from tests.core.images.instance import wait_until
from tests.core.jobs.hosting import IMAGE, RememberingHost

ROOT = Path(__file__).resolve().parents[3]
PLACE = Place(sys.executable, memory_mib=1024, seconds=60.0)


@pytest.fixture(autouse=True)
def finds_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("EXACT_SECRET_KEY", "not for jobs")


@pytest.fixture
def host() -> RememberingHost:
    return RememberingHost()


def run(host: RememberingHost, name: str, place: Place = PLACE, **params: object) -> dict[str, object]:
    task = JobTask(1, f"works.{name}", f"tests.core.jobs.portable.work:{name}", params, 1, IMAGE)
    return dict(run_isolated(task, host, place, lambda: host.verdict, host.printed.extend))


def test_the_result_the_log_and_what_was_printed_come_back(host: RememberingHost) -> None:
    result = run(host, "add", amount=2)
    assert result["sum"] == 3
    assert result["pid"] != os.getpid()
    assert {"adding", "printed"} <= set(host.lines)
    assert ("half way", 0.5) in {(said.message, said.progress) for said in host.said}
    heavy = {"sqlalchemy", "fastapi", "pydantic", "torch", "huey", "alembic"}
    assert heavy.isdisjoint(str(name) for name in result["modules"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fail", r"works.fail failed by an error in its code \(RuntimeError\)"),
        ("die", "ended by the signal SIGSEGV"),
        ("leave", "ended with status 7 before"),
    ],
)
def test_a_job_that_breaks_fails_with_the_reason(host: RememberingHost, name: str, reason: str) -> None:
    with pytest.raises(JobFailed, match=reason) as failure:
        run(host, name)
    if name == "fail":
        assert "a bug" in failure.value.__notes__[0]
    if name == "die":
        assert "about to crash" in host.lines


def test_what_the_job_refuses_is_told_in_its_own_words(host: RememberingHost) -> None:
    with pytest.raises(Invalid, match="amount: too much"):
        run(host, "refuse")


def test_memory_is_bounded(host: RememberingHost) -> None:
    with pytest.raises(JobFailed, match=r"more memory than it may have \(300 MiB\)"):
        run(host, "eat", replace(PLACE, memory_mib=300))


def test_memory_of_children_counts(host: RememberingHost) -> None:
    with pytest.raises(JobFailed, match=r"more memory than it may have \(300 MiB\)"):
        run(host, "eat_in_many", replace(PLACE, memory_mib=300))


def test_a_job_that_hangs_is_ended_with_all_that_it_started(host: RememberingHost) -> None:
    with pytest.raises(JobFailed, match=r"longer than 2\.5 seconds"):
        run(host, "hang", replace(PLACE, seconds=2.5))
    child = next(int(line.removeprefix("child ")) for line in host.lines if line.startswith("child "))
    wait_until(lambda: _is_gone(child), 5)


def test_a_job_that_listens_is_cancelled_by_itself(host: RememberingHost) -> None:
    host.cancelled_at = "waiting"
    with pytest.raises(JobCancelled):
        run(host, "wait")


def test_a_job_that_does_not_listen_is_ended(host: RememberingHost) -> None:
    host.cancelled_at = "hangs"
    with pytest.raises(JobCancelled):
        run(host, "hang")


def test_much_output_is_cut(host: RememberingHost) -> None:
    run(host, "print_much")
    assert any("lines of output are left out" in line for line in host.lines)
    assert sum(map(len, host.lines)) < 2_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="the network can be taken away on Linux only")
@pytest.mark.parametrize("network", [False, True])
def test_the_network_is_there_only_when_it_is_granted(host: RememberingHost, network: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = run(host, "connect", replace(PLACE, network=network), port=server.getsockname()[1])
    assert result["reached"] is network


def test_pixels_are_read_here_and_in_processes_that_prefetch(host: RememberingHost) -> None:
    result = run(host, "read")
    mean = float(host.pixels[:64, :64].mean())
    assert (result["here"], result["elsewhere"], result["width"]) == (mean, mean, 300)
    assert result["kind"] == "HostedPixelReader"


def test_predictions_arrive_whole(host: RememberingHost) -> None:
    assert run(host, "predict") == {"model": "a model", "labels": ["cell"]}
    [(new, written)] = host.runs
    assert new == NewRun(IMAGE, "m-1", ())
    [boxes] = written.shapes
    assert np.array_equal(boxes.points, np.arange(12.0).reshape(6, 2))
    assert (str(boxes.shape), len(boxes), boxes.uncertainties) == ("box", 3, None)
    [(name, pixels)] = written.maps
    assert (name, pixels.shape, pixels[0, 0], pixels[3, 7]) == ("probability", (4, 8), 7, 9)
    assert written.labels == [(0, 0.75, None)]


def test_a_job_that_is_cancelled_while_its_results_are_kept_ends_so(
    host: RememberingHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(*_: object) -> None:
        raise JobCancelled

    monkeypatch.setattr(host, "keep_run", cancelled)
    with pytest.raises(JobCancelled):
        run(host, "predict")


def test_predictions_of_a_job_that_fails_do_not_arrive(host: RememberingHost) -> None:
    with pytest.raises(JobFailed):
        run(host, "predict", fail=True)
    assert host.runs == []


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIG_DFL)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"
