"""A worker that is killed in the middle of an import leaves nothing behind, and the next one does all of it, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from sqlalchemy import func, select, update

from exact_core.exchange import imports
from exact_core.exchange.planning import Options
from exact_core.jobs.runner import JobRunner
from exact_core.jobs.serve import as_environment
from exact_core.storage.models import Annotation, AnnotationImport, ChangeSet, Job
from tests.core.exchange.conftest import Desk

SHAPES = 45_000
"""More than two pieces of an import, so that it can be met between them."""


def table() -> bytes:
    """Many points as a table."""
    rows = [f"slide-0,{number % 150 * 100},{number // 150 * 30},Cell" for number in range(SHAPES)]
    return "\n".join(["image,x,y,label", *rows]).encode()


def begun(desk: Desk) -> int:
    """An import that waits for a worker, of a file that was looked at."""
    services, lead = desk.services, desk.people["lead"]
    folder = imports.new_folder()
    services.blobs.write(f"{folder}/{imports.SOURCE}", table())
    found = imports.create(
        services, lead, desk.image_set_id, image_id=None, file_name="t.csv", asked_format="csv", folder=folder, size=1
    )
    assert JobRunner(services).run_waiting() == 1
    assert imports.start(services, lead, found.id, Options()).state == "storing"
    return found.id


def state_of(desk: Desk, import_id: int) -> tuple[str, int, int, int]:
    """State of the import; annotations, changes and the revision of the set."""
    with desk.database.read() as session:
        found = session.get_one(AnnotationImport, import_id)
        annotations = session.scalar(select(func.count()).select_from(Annotation)) or 0
        changes = session.scalar(select(func.count()).select_from(ChangeSet)) or 0
        return found.state, annotations, changes, desk.revision()


def test_kill_nine_in_the_middle_leaves_nothing_and_the_next_worker_all(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    import_id = begun(desk)
    with desk.database.read() as session:
        folder = session.get_one(AnnotationImport, import_id).folder
    progress = desk.services.blobs.path(f"{folder}/{imports.PROGRESS}")
    progress.unlink(missing_ok=True)  # what is written there next is told between two pieces
    environment = {**os.environ, **as_environment(desk.services.settings), "EXACT_SAFE_MODE": "true"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "exact_core", "worker"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        limit = time.monotonic() + 120
        while not progress.exists():
            assert worker.poll() is None, "the worker ended by itself"
            assert time.monotonic() < limit, "the import did not begin"
            time.sleep(0.002)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(timeout=30)
    assert state_of(desk, import_id) == ("storing", 0, 0, 0)
    runner = JobRunner(desk.services)
    assert runner.recover() == 1
    assert runner.run_waiting() == 1
    assert state_of(desk, import_id) == ("done", SHAPES, 1, 1)
    with desk.database.write() as session:  # killed after its commit, before it could say so
        session.execute(update(Job).values(state="queued"))
    runner.run_waiting()
    assert state_of(desk, import_id) == ("done", SHAPES, 1, 1)


def test_a_cancelled_import_leaves_nothing(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    import_id = begun(desk)
    with desk.database.write() as session:
        session.execute(update(Job).where(Job.state == "queued").values(cancel_requested=True))
    JobRunner(desk.services).run_waiting()
    assert state_of(desk, import_id) == ("ready", 0, 0, 0)
    with desk.database.read() as session:
        assert session.get_one(AnnotationImport, import_id).message == "Cancelled."
