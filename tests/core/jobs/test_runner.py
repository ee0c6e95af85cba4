"""Jobs: the row is the truth, whatever happens to queues and workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from exact_core.api.context import Actor
from exact_core.jobs import runner as runner_module
from exact_core.jobs.helping import helping_worker
from exact_core.jobs.queue import QUEUE_FILE, open_queue
from exact_core.jobs.recovery import MOST_ATTEMPTS
from exact_core.jobs.runner import JobRunner
from exact_core.jobs.service import cancel_job, retry_job
from exact_core.jobs.worker import Worker
from exact_core.services import Services
from exact_core.storage.models import ImageSetPlugin, Job, from_now
from tests.core.images.instance import all_jobs, run_jobs, token_of, wait_until
from tests.serving import Client, application

SYSTEM = Actor.system()


def ask(services: Services, type: str, **more) -> int:
    with services.database.write() as session:
        return services.jobs.enqueue(session, type, owner=more.pop("owner", None), **more).id


def job(services: Services, number: int) -> Job:
    return next(each for each in all_jobs(services) if each.id == number)


def log_of(services: Services, number: int) -> str:
    with services.database.read() as session:
        return session.get_one(Job, number).log


def heard() -> list[tuple[str, str]]:
    return sys.modules["exact_works.plugin"].heard


def test_a_job_runs_once_and_its_row_tells_how_it_ended(services: Services, make_image_set: Callable[..., int]):
    number = ask(services, "works.add", image_set_id=make_image_set(), params={"amount": 4})
    assert run_jobs(services) == 1
    assert run_jobs(services) == 0
    done = job(services, number)
    assert (done.state, done.progress, done.result, done.attempts) == ("done", 1.0, {"sum": 5}, 1)
    assert done.message == "half way"
    assert log_of(services, number).endswith("adding")
    assert heard() == [("works.add", "done")]


def test_nothing_runs_when_the_transaction_that_asked_was_rolled_back(services: Services):
    def change_its_mind() -> None:
        with services.database.write() as session:
            services.jobs.enqueue(session, "works.add", owner=None)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        change_its_mind()
    assert run_jobs(services) == 0


def test_parameters_are_checked_against_the_model(services: Services):
    number = ask(services, "works.add", params={"amount": "many"})
    run_jobs(services)
    assert job(services, number).state == "failed"
    assert "amount" in job(services, number).message


@pytest.mark.parametrize("type", ["works.fail", "works.exit", "works.gone"])
def test_a_job_that_breaks_fails_alone_and_leaves_a_fault(services: Services, type: str):
    broken, after = ask(services, type), ask(services, "works.add")
    assert run_jobs(services) == 2
    assert job(services, broken).state == "failed"
    assert type in job(services, broken).message
    assert job(services, after).state == "done"
    faults = services.kernel.faults.recent("works")
    assert [fault.place for fault in faults] == [f"job {type}"]


def test_a_type_that_nobody_brings_fails_with_the_plugins_name(services: Services):
    number = ask(services, "absent.work")
    run_jobs(services)
    assert job(services, number).state == "failed"
    assert "absent" in job(services, number).message


def test_jobs_of_a_plugin_that_is_off_in_the_set_are_cancelled(services: Services, make_image_set: Callable[..., int]):
    image_set = make_image_set()
    with services.database.write() as session:
        session.add(ImageSetPlugin(image_set_id=image_set, plugin="works", enabled=False))
    number = ask(services, "works.add", image_set_id=image_set)
    run_jobs(services)
    assert job(services, number).state == "cancelled"
    assert job(services, number).message.startswith("disabled")


def test_two_workers_never_run_the_same_job(services: Services):
    for _ in range(30):
        ask(services, "works.add")
    counts: list[int] = []
    runners = [JobRunner(services) for _ in range(4)]
    threads = [threading.Thread(target=lambda r=r: counts.append(r.run_waiting())) for r in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sum(counts) == 30
    assert {each.attempts for each in all_jobs(services)} == {1}
    assert {each.state for each in all_jobs(services)} == {"done"}


def test_only_workers_with_a_gpu_take_jobs_that_need_one(services: Services):
    number = ask(services, "works.gpu")
    assert JobRunner(services).run_waiting() == 0
    assert JobRunner(services, gpu=True).run_waiting() == 1
    assert job(services, number).state == "done"


def test_a_running_job_hears_that_it_was_cancelled(services: Services):
    number = ask(services, "works.wait")
    with helping_worker(services):
        wait_until(lambda: job(services, number).state == "running")
        cancel_job(services, SYSTEM, number)
        wait_until(lambda: job(services, number).state == "cancelled")
    retry_job(services, SYSTEM, number)
    assert (job(services, number).state, job(services, number).cancel_requested) == ("queued", False)
    cancel_job(services, SYSTEM, number)
    assert job(services, number).state == "cancelled"
    assert run_jobs(services) == 0


def test_a_worker_that_stops_gives_its_job_back_without_counting_the_try(services: Services):
    number = ask(services, "works.wait")
    with helping_worker(services):
        wait_until(lambda: job(services, number).state == "running")
    given_back = job(services, number)
    assert (given_back.state, given_back.attempts, given_back.worker) == ("queued", 0, "")


def make_lost(services: Services, number: int, **values) -> None:
    with services.database.write() as session:
        past = {"heartbeat_at": from_now(-60), "lease_until": from_now(-30)}
        values = {"state": "running", "worker": "elsewhere/1/x", "attempts": 1, **past, **values}
        session.execute(update(Job).where(Job.id == number).values(**values))


def test_a_job_without_a_sign_of_life_is_taken_over(services: Services):
    number = ask(services, "works.add")
    make_lost(services, number)
    successor = JobRunner(services)
    assert successor.recover() == 0, "it has to be seen to stand still"
    wait_until(lambda: successor.recover() == 1)
    assert successor.run_waiting() == 1
    assert (job(services, number).state, job(services, number).attempts) == ("done", 2)


def test_a_job_that_kills_every_worker_fails_in_the_end(services: Services):
    number = ask(services, "works.add")
    make_lost(services, number, attempts=MOST_ATTEMPTS)
    successor = JobRunner(services)
    wait_until(lambda: successor.recover() == 0 and job(services, number).state == "failed")
    assert "died" in job(services, number).message


def test_a_worker_that_was_believed_dead_writes_nothing_any_more(services: Services):
    number = ask(services, "works.wait")
    late = JobRunner(services)
    thread = threading.Thread(target=late.run_waiting, daemon=True)
    thread.start()
    wait_until(lambda: job(services, number).state == "running")
    with services.database.write() as session:
        taken = {"worker": "new/2/y", "attempts": 2, "message": "mine"}
        session.execute(update(Job).where(Job.id == number).values(**taken))
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert (job(services, number).state, job(services, number).message) == ("running", "mine")


def test_the_queue_file_holds_no_pickle_and_may_be_lost(services: Services):
    number = ask(services, "works.add")
    huey, _ = open_queue(services.settings.data_dir, lambda: None)
    messages = [bytes(data) for data in huey.storage.enqueued_items()]
    huey.storage.close()
    assert messages
    assert all(data.startswith(b"[") for data in messages)
    services.jobs.close()
    for path in services.settings.data_dir.glob(f"{QUEUE_FILE}*"):
        path.unlink()
    assert run_jobs(services) == 1
    assert job(services, number).state == "done"


def test_a_queue_that_cannot_be_written_does_not_refuse_the_change(services: Services):
    services.jobs.close()
    for path in services.settings.data_dir.glob(f"{QUEUE_FILE}*"):
        path.unlink()
    (services.settings.data_dir / QUEUE_FILE).mkdir()
    number = ask(services, "works.add")
    assert job(services, number).state == "queued"


def test_a_worker_process_is_woken_killed_and_replaced(services: Services):
    from exact_core.jobs.serve import as_environment

    site = next(path for path in sys.path if path.endswith("/site"))
    (Path(site) / "torch.py").write_text("raise ImportError('there is no torch on this machine')")
    environment = {**os.environ, **as_environment(services.settings), "PYTHONPATH": f"{site}:{Path.cwd()}"}
    environment["EXACT_PLUGINS"] = "works"
    waiting = ask(services, "works.wait")
    command = [sys.executable, "-m", "exact_core", "worker", "--slots", "1"]
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: job(services, waiting).state == "running", 60)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert JobRunner(services).recover() == 1, "its process is gone: nobody has to wait"
    cancel_job(services, SYSTEM, waiting)
    quick = ask(services, "works.add")
    second = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: job(services, quick).state == "done", 60)
        woken = ask(services, "works.add")
        wait_until(lambda: job(services, woken).state == "done", 10)
        lasting = ask(services, "works.wait")
        wait_until(lambda: job(services, lasting).state == "running", 10)
    finally:
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=20) == 0
    assert job(services, lasting).state == "queued"


def test_a_worker_keeps_a_slot_free_for_reading_new_images(services: Services):
    worker = JobRunner(services, slots=2)
    ask(services, "works.wait")
    slow = worker._claim()
    assert slow is not None
    worker._running[slow.id] = object.__new__(runner_module.JobContext)
    worker._running[slow.id].type = "works.wait"
    ask(services, "works.add")
    assert worker._claim() is None
    probe = ask(services, "core.probe", params={"image_ids": []})
    claimed = worker._claim()
    assert claimed is not None
    assert claimed.id == probe


def test_a_worker_in_this_process_runs_until_it_is_stopped(services: Services):
    worker = Worker(services, slots=1)
    number = ask(services, "works.add")
    stopper = threading.Thread(
        target=lambda: (wait_until(lambda: job(services, number).state == "done"), worker.stop()), daemon=True
    )
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    stopper.start()
    try:
        worker.run()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert job(services, number).state == "done"


def test_jobs_are_seen_by_their_owner_the_managers_of_the_set_and_administrators(
    services: Services, make_user: Callable[..., Actor], make_image_set: Callable[..., int]
):
    owner, manager, viewer, admin = (make_user(name, is_admin=name == "ada") for name in ("olga", "max", "vera", "ada"))
    image_set = make_image_set(roles={owner: "annotator", manager: "manager", viewer: "viewer"})
    number = ask(services, "works.add", owner=owner, image_set_id=image_set)
    for actor, expected in ((owner, 200), (manager, 200), (admin, 200), (viewer, 404)):
        with Client(application(services), headers=token_of(services, actor)) as api:
            assert api.get(f"/api/v2/jobs/{number}").status_code == expected
            assert len(api.get("/api/v2/jobs").json()["items"]) == (1 if expected == 200 else 0)
            if expected == 404:
                assert api.post(f"/api/v2/jobs/{number}/cancel").status_code == 404
                assert api.post(f"/api/v2/jobs/{number}/retry").status_code == 404
    with Client(application(services), headers=token_of(services, owner)) as api:
        assert api.get("/api/v2/jobs").json()["items"][0]["title"] == "Add up"
        assert api.post(f"/api/v2/jobs/{number}/retry").status_code == 409
        assert api.post(f"/api/v2/jobs/{number}/cancel").json()["state"] == "cancelled"
        assert api.post(f"/api/v2/jobs/{number}/retry").json()["state"] == "queued"
    reading = token_of(services, owner, ("read",))
    with Client(application(services), headers=reading) as api:
        assert api.post(f"/api/v2/jobs/{number}/cancel").status_code == 403


def test_the_list_of_jobs_comes_in_pages_and_filters(services: Services, make_user: Callable[..., Actor]):
    admin = make_user(is_admin=True)
    numbers = [ask(services, "works.add") for _ in range(5)]
    cancel_job(services, SYSTEM, numbers[0])
    with Client(application(services), headers=token_of(services, admin)) as api:
        first = api.get("/api/v2/jobs?limit=3").json()
        rest = api.get(f"/api/v2/jobs?limit=3&cursor={first['next_cursor']}").json()
        assert [each["id"] for each in first["items"] + rest["items"]] == numbers[::-1]
        assert rest["next_cursor"] is None
        assert [each["id"] for each in api.get("/api/v2/jobs?state=cancelled").json()["items"]] == [numbers[0]]
        assert api.get("/api/v2/jobs?state=nonsense").status_code == 422
        assert api.get("/api/v2/jobs?cursor=x").status_code == 422
