"""A real instance for tests of images and jobs: services over a real database, and an application with their routes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.auth.credentials import make_token
from exact_core.jobs.runner import JobRunner
from exact_core.kernel.discovery import Candidate
from exact_core.opening import close_services, open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.models import Image, Job
from tests.serving import application


@contextlib.contextmanager
def running_instance(settings: Settings, candidates: tuple[Candidate, ...] = ()) -> Iterator[Services]:
    """The services of an instance, closed at the end."""
    services = open_services(settings, candidates)
    try:
        yield services
    finally:
        services.kernel.faults.stop()
        close_services(services)


def token_of(services: Services, actor: Actor, scopes: tuple[str, ...] = ("read", "write")) -> dict[str, str]:
    """The header with which a script speaks for somebody."""
    with services.database.write() as session:
        _, token = make_token(session, actor.user_id, "test", scopes, None)
    return {"Authorization": f"Bearer {token}"}


@contextlib.contextmanager
def served(services: Services) -> Iterator[int]:
    """A real server on a free port; gives the port."""
    config = uvicorn.Config(application(services), port=0, log_level="error", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=15)


def run_jobs(services: Services) -> int:
    """Run every waiting job here and now."""
    return JobRunner(services).run_waiting()


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something that another thread or process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def image_row(services: Services, image_id: int) -> Image:
    """An image as the database has it."""
    with services.database.read() as session:
        return session.get_one(Image, image_id)


def all_images(services: Services, image_set_id: int) -> list[Image]:
    """The images of a set in order."""
    with services.database.read() as session:
        query = select(Image).where(Image.image_set_id == image_set_id).order_by(Image.position, Image.id)
        return list(session.scalars(query))


def all_jobs(services: Services) -> list[Job]:
    """Every job, oldest first."""
    with services.database.read() as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def everything_below(folder: Path) -> set[str]:
    """Relative paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
