"""A worker killed while it makes a branch leaves it empty and locked, and the next one makes all of it, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from sqlalchemy import func, select, update

from exact_core.annotations.access import rights_in
from exact_core.annotations.bulk import NewShapes, add, columns_of_rings
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.jobs.runner import JobRunner
from exact_core.jobs.serve import as_environment
from exact_core.services import Services
from exact_core.storage.models import Annotation, Branch, Image, ImageSet, Job
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.branches import making
from exact_core.versioning.manifest_job import check_version
from tests.core.versioning.conftest import Lab, make_version

SHAPES = 15_000
"""On each of two images: enough that the worker is met while it copies the second one."""


def draw_many(services: Services, lab: Lab, image_id: int) -> None:
    places = np.random.default_rng(image_id).integers(0, 9000, (SHAPES, 1, 2)).tolist()
    with UnitOfWork(services.database, services.kernel.hooks, lab.people["ann"]) as uow:
        writer = Writer(uow.session, lab.people["ann"], image_id, rights_in(uow.session), None)
        kinds = np.full(SHAPES, lab.types["Cell"], np.int64)
        add(writer, NewShapes(columns_of_rings(Shape.POINT, places), kinds))


def test_kill_nine_in_the_middle_leaves_nothing_and_the_next_worker_all(
    lab: Lab, services: Services, work: Callable[[], int], make_image: Callable[..., int]
) -> None:
    for image_id in (lab.image_id, make_image(lab.image_set_id, position=10**6, width=20_000, height=10_000)):
        draw_many(services, lab, image_id)
    version = make_version(lab)
    work()
    made = lab["lead"].post(f"/api/v2/versions/{version['id']}/branches", json={"name": "try"}).json()
    branch_id = made["image_set_id"]

    def seen() -> tuple[str, bool, int, int]:
        """State of the branch, whether its set is locked, and the images and annotations in it."""
        with lab.database.read() as session:
            images = select(Image.id).where(Image.image_set_id == branch_id)
            shapes = select(func.count()).select_from(Annotation).where(Annotation.image_id.in_(images))
            is_locked = session.get_one(ImageSet, branch_id).is_locked
            state = session.get_one(Branch, branch_id).state
            return state, is_locked, len(session.execute(images).all()), session.scalar(shapes) or 0

    progress = services.blobs.path(f"{making.folder_of(branch_id)}/{making.PROGRESS}")
    environment = {**os.environ, **as_environment(services.settings), "EXACT_SAFE_MODE": "true"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "exact_core", "worker"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        limit = time.monotonic() + 120
        while not progress.exists():  # it is written when the first image is copied
            assert worker.poll() is None, "the worker ended by itself"
            assert time.monotonic() < limit, "the branch was not begun"
            time.sleep(0.002)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(timeout=30)
    assert seen() == ("making", True, 0, 0)
    runner = JobRunner(services)
    assert runner.recover() == 1
    assert runner.run_waiting() == 1
    assert seen() == ("ready", False, 2, 2 * SHAPES)
    with lab.database.write() as session:  # killed after its commit, before it could say so
        session.execute(update(Job).values(state="queued"))
    runner.run_waiting()
    assert seen() == ("ready", False, 2, 2 * SHAPES)
    copy = lab["lead"].post(f"/api/v2/image-sets/{branch_id}/versions", json={"name": "copied"}).json()
    work()
    assert check_version(services, copy["id"], deep=True).holds
