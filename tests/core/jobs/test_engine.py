"""What the engine promises whoever dies, and whatever is away, wrong or too late."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, text, update

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, NotFound, Unavailable
from exact_core.jobs import ending, running
from exact_core.jobs import runner as runner_module
from exact_core.jobs.content_key import content_key
from exact_core.jobs.job_commands import group
from exact_core.jobs.keeper import Keeper
from exact_core.jobs.queue import QUEUE_FILE, open_queue
from exact_core.jobs.runner import MOST_RETRIES, JobRunner
from exact_core.jobs.serve import as_environment
from exact_core.jobs.service import cancel_job, retry_job
from exact_core.jobs.worker import Worker
from exact_core.services import Services
from exact_core.storage.models import Image, Job, base, from_now, now
from tests.core.images.instance import all_jobs, run_jobs, token_of, wait_until
from tests.serving import Client, application

SYSTEM = Actor.system()


def ask(services: Services, type: str, **more) -> int:
    with services.database.write() as session:
        return services.jobs.enqueue(session, type, owner=more.pop("owner", None), **more).id


def job(services: Services, number: int) -> Job:
    with services.database.read() as session:
        return session.get_one(Job, number)


def change(services: Services, number: int, **values) -> None:
    with services.database.write() as session:
        session.execute(update(Job).where(Job.id == number).values(**values))


def noted(services: Services) -> list[int]:
    with services.database.read() as session:
        return list(session.scalars(text("SELECT job_id FROM noted ORDER BY job_id")))


def run_in_a_process(services: Services) -> int:
    """Run what waits in a process of its own; the signal that it died of, 0 when it ended well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this process has threads; the child uses none of what they hold
        child = os.fork()
    if child == 0:
        services.database.engine.dispose(close=False)
        JobRunner(services).run_waiting()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(
    ("type", "stage", "attempts"),
    [
        ("works.first", "as soon as it was claimed", 2),
        ("works.note", "running", 2),
        ("works.keyed", "before its end", 2),
        ("works.note", "before its commit", 2),
        ("works.note", "after its commit", 1),
    ],
)
def test_kill_nine_at_each_stage_leaves_one_result(services: Services, type: str, stage: str, attempts: int):
    number = ask(services, type, params={"die": stage})
    assert run_in_a_process(services) == -9
    successor = JobRunner(services)
    assert successor.recover() == attempts - 1
    assert successor.run_waiting() == attempts - 1
    ended = job(services, number)
    assert (ended.state, ended.attempts, ended.lease_until) == ("done", attempts, None), ended.message
    assert noted(services) == [number]
    assert successor.recover() == 0


def test_many_workers_after_one_job_run_it_once(services: Services):
    number = ask(services, "works.note")
    runners = [JobRunner(services) for _ in range(8)]
    ran: list[bool] = []
    threads = [threading.Thread(target=lambda each=each: ran.append(each.run_one(number))) for each in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(ran) == [False] * 7 + [True]
    assert (job(services, number).attempts, noted(services)) == (1, [number])


def test_equal_work_is_done_once_until_it_fails(services: Services, make_user: Callable[..., Actor]):
    ann, ben = make_user(), make_user()
    first = ask(services, "works.add", owner=ann, params={"amount": 1, "x": 2}, once=True)
    assert ask(services, "works.add", owner=ann, params={"x": 2, "amount": 1}, once=True) == first
    assert ask(services, "works.add", owner=ben, params={"amount": 1, "x": 2}, once=True) != first
    assert ask(services, "works.add", owner=ann, params={"amount": 2, "x": 2}, once=True) != first
    assert ask(services, "works.add", owner=ann, params={"amount": 1, "x": 2}) != first
    run_jobs(services)
    assert ask(services, "works.add", owner=ann, params={"amount": 1, "x": 2}, once=True) == first
    change(services, first, state="failed")
    second = ask(services, "works.add", owner=ann, params={"amount": 1, "x": 2}, once=True)
    assert second != first
    with pytest.raises(Conflict, match=f"Job {second}"):
        retry_job(services, SYSTEM, first)
    cancel_job(services, SYSTEM, second)
    assert retry_job(services, SYSTEM, first).state == "queued"


def test_equal_work_that_many_ask_for_at_once_is_one_job(services: Services):
    key = content_key("works.add", params={"amount": 1}, model="m1 v1")
    assert key != content_key("works.add", params={"amount": 1}, model="m2 v1")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(ask(services, "works.add", key=key))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 6
    assert len(set(found)) == len(all_jobs(services)) == 1


def test_jobs_of_a_higher_priority_come_first(services: Services):
    numbers = [ask(services, "works.add", priority=priority) for priority in (0, -10, 5, 0)]
    run_jobs(services)
    started = sorted(numbers, key=lambda number: job(services, number).started_at)
    assert started == [numbers[2], numbers[0], numbers[3], numbers[1]]


def test_one_job_can_ask_for_a_gpu(services: Services):
    number = ask(services, "works.add", gpu=True)
    assert run_jobs(services) == 0
    assert JobRunner(services, gpu=True).run_waiting() == 1
    assert job(services, number).state == "done"


def test_a_job_that_takes_too_long_is_ended_with_the_reason(services: Services, monkeypatch: pytest.MonkeyPatch):
    number = ask(services, "works.wait", seconds=60)
    monkeypatch.setattr(running.JobContext, "is_overdue", lambda context, seconds=0.0: context.seconds == 60)
    assert run_jobs(services) == 1
    assert job(services, number).state == "failed"
    assert "60 seconds" in job(services, number).message


def test_a_job_that_does_not_hear_that_its_time_is_over_writes_nothing_any_more(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(runner_module, "_SECONDS_TO_HEAR", 0)
    number = ask(services, "works.deaf", params={"until": str(tmp_path / "end")})
    runner = JobRunner(services)
    thread = threading.Thread(target=runner.run_waiting, daemon=True)
    thread.start()
    wait_until(lambda: runner.beat() or job(services, number).state == "failed")
    assert "1 seconds" in job(services, number).message
    assert runner.is_stuck
    runner.stop()
    (tmp_path / "end").touch()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert (job(services, number).state, noted(services), runner.is_stuck) == ("failed", [], False)


def test_what_may_pass_is_tried_again_later_and_not_for_ever(services: Services):
    number = ask(services, "works.away")
    assert run_jobs(services) == 1
    waiting = job(services, number)
    assert (waiting.state, waiting.attempts, waiting.message) == ("queued", 1, "The other system is away.")
    assert waiting.wait_until is not None
    assert timedelta(0) < waiting.wait_until - now() <= timedelta(seconds=1)
    change(services, number, wait_until=from_now(60))
    assert run_jobs(services) == 0
    assert JobRunner(services).recover() == 0
    change(services, number, wait_until=from_now(-1), attempts=MOST_RETRIES - 1)
    assert JobRunner(services).recover() == 1
    assert run_jobs(services) == 1
    assert (job(services, number).state, job(services, number).attempts) == ("failed", MOST_RETRIES)


def test_a_full_disk_is_told_as_such_and_is_not_the_plugins_fault(services: Services):
    number = ask(services, "works.full")
    run_jobs(services)
    assert job(services, number).state == "failed"
    assert "no room" in job(services, number).message
    assert services.kernel.faults.recent("works") == []


def test_an_image_that_is_deleted_takes_its_running_job_along(
    services: Services, make_image_set: Callable[..., int], make_image: Callable[..., int]
):
    image_set = make_image_set()
    image = make_image(image_set)
    number = ask(services, "works.wait", image_set_id=image_set, image_id=image)
    runner = JobRunner(services)
    thread = threading.Thread(target=runner.run_waiting, daemon=True)
    thread.start()
    wait_until(lambda: job(services, number).state == "running")
    with services.database.write() as session:
        session.execute(delete(Image).where(Image.id == image))
    after = ask(services, "works.add")
    wait_until(lambda: job(services, after).state == "done")
    thread.join(timeout=30)
    assert [each.id for each in all_jobs(services)] == [after]


def test_a_job_cancelled_while_it_waited_does_not_begin(services: Services):
    number = ask(services, "works.note")
    change(services, number, cancel_requested=True)
    run_jobs(services)
    assert (job(services, number).state, noted(services)) == ("cancelled", [])


@contextmanager
def unreliable(services: Services, monkeypatch: pytest.MonkeyPatch, *, after: bool):
    """The first write of an end does not get through, or its confirmation does not come back."""
    monkeypatch.setattr(ending, "_SECONDS_BETWEEN_TRIES", 0.01)
    real, failures = services.database.write, iter(["once"])

    @contextmanager
    def write():
        if not after and next(failures, None):
            raise Unavailable("The database is away.")
        with real() as session:
            yield session
        if after and next(failures, None):
            raise Unavailable("The connection is lost.")

    monkeypatch.setattr(services.database, "write", write)
    yield
    monkeypatch.setattr(services.database, "write", real)


@pytest.mark.parametrize("after", [False, True])
def test_an_end_is_written_once_though_the_database_goes_away(
    services: Services, monkeypatch: pytest.MonkeyPatch, make_image_set: Callable[..., int], after: bool
):
    number = ask(services, "works.quiet", image_set_id=make_image_set())
    runner = JobRunner(services)
    claimed = runner._claim()
    assert claimed is not None
    heard = sys.modules["exact_works.plugin"].heard
    with unreliable(services, monkeypatch, after=after):
        runner._run(claimed)
    assert (job(services, number).state, job(services, number).attempts) == ("done", 1)
    assert heard == [("works.quiet", "done")]


def test_a_database_that_is_away_does_not_end_a_running_job(services: Services, monkeypatch: pytest.MonkeyPatch):
    number = ask(services, "works.wait")
    runner = JobRunner(services)
    thread = threading.Thread(target=runner.run_waiting, daemon=True)
    thread.start()
    wait_until(lambda: job(services, number).state == "running")
    with unreliable(services, monkeypatch, after=False):
        runner.beat()
    assert job(services, number).state == "running"
    cancel_job(services, SYSTEM, number)
    runner.beat()
    thread.join(timeout=30)
    assert job(services, number).state == "cancelled"


def test_a_worker_whose_clock_is_hours_wrong_keeps_its_job(services: Services, monkeypatch: pytest.MonkeyPatch):
    for module in (running, base):
        monkeypatch.setattr(module, "now", lambda: now() - timedelta(hours=5))
    number = ask(services, "works.wait")
    runner, other = JobRunner(services), JobRunner(services)
    thread = threading.Thread(target=runner.run_waiting, daemon=True)
    thread.start()
    wait_until(lambda: job(services, number).state == "running")
    lease = job(services, number).lease_until
    assert lease is not None
    assert abs((lease - now()).total_seconds()) < 10
    for _ in range(8):  # two leases and more
        runner.beat()
        assert other.recover() == 0
        runner.stopping.wait(runner.lease.seconds / 4)
    assert (job(services, number).state, job(services, number).worker) == ("running", runner.name)
    runner.stop()
    thread.join(timeout=30)
    assert job(services, number).state == "queued"


def test_a_queue_file_that_cannot_be_used_keeps_no_worker_from_its_jobs(
    services: Services, monkeypatch: pytest.MonkeyPatch
):
    worker = Worker(services, slots=1)

    def full() -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(worker._huey, "pending_count", full)
    number = ask(services, "works.add")
    worker._look(1)
    wait_until(lambda: job(services, number).state == "done")
    worker._huey.storage.close()


def test_a_damaged_queue_file_is_made_anew(tmp_path: Path):
    (tmp_path / QUEUE_FILE).write_bytes(b"no database at all " * 300)
    huey, put = open_queue(tmp_path, lambda: None)
    put()
    assert huey.pending_count() == 1
    huey.storage.close()


def test_administrators_see_who_works_and_on_what(services: Services, make_user: Callable[..., Actor]):
    runner = JobRunner(services, slots=3, gpu=True)
    keeper = Keeper(runner, engine="embedded", look=lambda _: None, end=runner.stop, parent=None)
    keeper.look_after()
    number = ask(services, "works.add", gpu=True)
    assert runner._claim() is not None
    with Client(application(services), headers=token_of(services, make_user(is_admin=True))) as api:
        [worker] = api.get("/api/v2/jobs/workers").json()
        assert (worker["name"], worker["slots"], worker["gpu"], worker["is_alive"]) == (runner.name, 3, True, True)
        assert worker["process"] == os.getpid()
        assert [each["id"] for each in worker["jobs"]] == [number]
        keeper.leave()
        assert api.get("/api/v2/jobs/workers").json() == []
    with Client(application(services), headers=token_of(services, make_user())) as api:
        assert api.get("/api/v2/jobs/workers").status_code == 403


def test_jobs_are_looked_at_and_changed_from_a_terminal(services: Services, monkeypatch: pytest.MonkeyPatch):
    for name, value in as_environment(services.settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EXACT_SAFE_MODE", "true")
    number = ask(services, "works.add")

    def told(*arguments: str) -> str:
        return CliRunner().invoke(group, arguments, catch_exceptions=False).output

    assert [each["id"] for each in json.loads(told("list", "--state", "queued", "--json"))] == [number]
    assert json.loads(told("cancel", str(number), "--json"))["state"] == "cancelled"
    assert f"{number}  cancelled" in told("list")
    assert json.loads(told("retry", str(number), "--json"))["state"] == "queued"
    assert "state      queued" in told("show", str(number))
    with pytest.raises(NotFound):
        told("show", "999")
