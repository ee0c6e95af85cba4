"""Trainings away from the database: in a process of their own, and on a worker that only has HTTPS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exact_core.api.context import Actor
from exact_core.auth.credentials import make_token
from exact_core.jobs.remote import worker
from exact_core.jobs.remote.connection import Connection
from exact_core.jobs.runner import JobRunner
from exact_core.services import Services
from exact_core.storage.models import Job
from tests.core.images.instance import served, wait_until
from tests.core.training.conftest import Course

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_training_in_a_process_of_its_own(pictured: Course, services: Services) -> None:
    services.settings = services.settings.model_copy(update={"isolate_jobs": True})
    training = pictured.start().json()
    JobRunner(services).run_waiting()
    _check(pictured, services, training["id"])


def test_a_training_far_away(
    pictured: Course,
    services: Services,
    make_user: Callable[..., Actor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "SECONDS_OF_WAITING", 0.5)
    training = pictured.start().json()
    with _remote_worker(services, make_user("root", is_admin=True), tmp_path):
        wait_until(lambda: _job(services).finished_at is not None)
    assert "/https-" in _job(services).worker
    _check(pictured, services, training["id"])
    assert len(list((tmp_path / "cache" / "manifests").iterdir())) == 1


@contextmanager
def _remote_worker(services: Services, owner: Actor, folder: Path) -> Iterator[None]:
    with services.database.write() as session:
        _, token = make_token(session, owner.user_id, "worker", ("work",), None)
    stopping = threading.Event()
    with served(services) as port:
        connection = Connection(f"http://127.0.0.1:{port}", token, stopping=stopping)
        types = worker.runnable_types(services.kernel, ["core"])
        options = {"slots": 1, "gpu": False, "cache": folder / "cache", "stopping": stopping}
        working = worker.RemoteWorker(services.settings, connection, types, **options)
        thread = threading.Thread(target=working.run, args=(lambda: None,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join(timeout=15)
            connection.close()


def _job(services: Services) -> Job:
    with services.database.read() as session:
        return session.query(Job).filter(Job.type == "core.train_objects").one()


def _check(course: Course, services: Services, training_id: int) -> None:
    """As a training in the worker's own process leaves it; see ``test_trainings``."""
    assert _job(services).state == "done", _job(services).message
    told = course.read(training_id)
    assert told["model_uuid"] == _job(services).result["model"]
    assert told["curves"]
    assert {each["part"] for each in told["evaluations"]} == {"validation", "test"}
