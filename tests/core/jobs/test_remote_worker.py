"""Remote workers as real processes: what they do, and what becomes of their jobs when something dies."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.api.errors import ConfigurationError
from exact_core.api.images import ImageInfo
from exact_core.auth.credentials import make_token
from exact_core.jobs.keeper import Keeper
from exact_core.jobs.remote.connection import checked_server
from exact_core.jobs.remote.starting import read_token
from exact_core.jobs.runner import JobRunner
from exact_core.kernel.discovery import discover
from exact_core.models.built_in import keep_built_in
from exact_core.models.store import keep_for_job, open_for_job
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.models import Image, ImageSet, Job, Model, PredictionRun, Team, User
from exact_core.tiles.pixels import FilePixelReader
from exact_core.tiles.probe import probe_file
from exact_core.tiles.served_images import slide_of
from tests.core.images.instance import running_instance, wait_until
from tests.core.jobs.remote_world import PLUGIN, Jobs, Server, remote_worker
from tests.core.models import folders

pytestmark = pytest.mark.xdist_group("remote-worker")
SLIDE = "01-wsi/CMU-1-Small-Region.svs"


@dataclass
class World:
    """A served instance, and what remote workers need."""

    services: Services
    server: Server
    jobs: Jobs
    owner: Actor
    image_set: int
    token: Path
    paths: tuple[str, ...]
    stack: ExitStack
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def alive(self, count: int = 1) -> list[subprocess.Popen[bytes]]:
        """At least so many workers; those that live already are taken first, as they take long to start."""
        living = [worker for worker in self.workers if worker.poll() is None]
        while len(living) < count:
            living.append(self.stack.enter_context(remote_worker(self.server, self.token, self.paths)))
            self.workers.append(living[-1])
        return living


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("remote")
    shutil.copyfile(sqlite_template, folder / "exact.sqlite3")
    settings = Settings(
        data_dir=folder / "data",
        database_url=f"sqlite:///{folder / 'exact.sqlite3'}",
        secret_key="test-secret-" + "0" * 32,
        job_lease_seconds=2.0,
        plugins=("works",),
    )
    with FakeDistributions(folder / "site") as distributions:
        distributions.add("works", PLUGIN)
        candidates = tuple(each for each in discover() if each.name == "works")
        with running_instance(settings, candidates) as services:
            yield from _served(services, folder, distributions.paths)


def _served(services: Services, folder: Path, paths: tuple[str, ...]) -> Iterator[World]:
    with services.database.write() as session:
        person = User(name="root", folded_name="root", display_name="Root", is_admin=True, is_active=True)
        team = Team(name="lab", folded_name="lab")
        session.add_all([person, team])
        session.flush()
        image_set = ImageSet(team_id=team.id, name="set")
        session.add(image_set)
        session.flush()
        _, token = make_token(session, person.id, "worker", ("work",), None)
        owner, number = Actor(person.id, "root", is_admin=True), image_set.id
    (folder / "token").write_text(token)
    (folder / "token").chmod(0o600)
    server = Server(services)
    server.start()
    # It runs nothing, as every type of the tests is for others: it only looks after jobs of workers that died.
    jobs = Jobs(services, number, owner.user_id)
    try:
        with _kept(JobRunner(services, slots=1)), ExitStack() as stack:
            yield World(services, server, jobs, owner, number, folder / "token", paths, stack)
    finally:
        server.close()


@contextmanager
def _kept(runner: JobRunner) -> Iterator[JobRunner]:
    """A runner whose leases are renewed, and which looks after the jobs of others."""
    keeper = Keeper(runner, engine="embedded", look=lambda _count: None, end=lambda: None, parent=None)
    thread = keeper.start()
    try:
        yield runner
    finally:
        runner.stop()
        thread.join(timeout=15)


def test_what_a_job_does_remotely(world: World) -> None:
    world.alive()
    added = world.jobs.ask("add", amount=4)
    failed, refused, died = (world.jobs.ask(kind) for kind in ("fail", "refuse", "die"))
    stays = world.jobs.ask("here")
    counting = world.jobs.ask("count", go=str(world.token.parent / "never"))
    done = world.jobs.ended(added)
    assert (done.state, done.result["sum"], done.message) == ("done", 5, "half way")
    assert "adding" in done.log
    assert "printed" in done.log
    assert f"/https-{world.owner.user_id}/" in done.worker
    assert "RuntimeError" in world.jobs.ended(failed).message
    assert world.jobs.ended(refused).message == "amount: too much."
    assert "SIGSEGV" in world.jobs.ended(died).message
    faults = world.services.kernel.faults.recent("works")
    assert {"job works.fail", "job works.die"} == {fault.place for fault in faults}
    assert any("a bug" in fault.traceback for fault in faults)
    world.jobs.running(counting)
    world.jobs.cancel(counting, world.owner)
    assert world.jobs.ended(counting).state == "cancelled"
    assert world.jobs.row(stays).state == "queued"  # it is not portable


def test_pixels_of_a_slide_are_the_same_far_away(world: World, shared_data: Path) -> None:
    image = _add_slide(world, shared_data / SLIDE)
    whole = [-10, -10, 2240, 1900, 0]  # more than one answer may hold
    windows = [[-5, -7, 300, 200, 0], [700, 900, 512, 512, 0], [2100, 2900, 400, 300, 0], whole]
    world.alive()
    read = world.jobs.ended(world.jobs.ask("digest", image.id, windows=windows))
    assert read.state == "done", read.message
    assert read.result["kind"] == "HostedPixelReader"
    assert read.result["digests"] == _digests(world, image, windows)


def test_a_model_travels_there_and_a_new_one_back(world: World, tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "model", folders.with_checksums(folders.contents()))
    first = keep_for_job(world.services, world.owner.user_id, world.image_set, folder, "a line", "core.objects")
    world.alive()
    learned = world.jobs.ended(world.jobs.ask("learn", model=first.uuid))
    assert learned.state == "done", learned.message
    assert learned.result["files"] == {each.name: each.stat().st_size for each in folder.rglob("*") if each.is_file()}
    kept = open_for_job(world.services, world.owner.user_id, world.image_set, learned.result["kept"])
    assert kept.folder is not None
    assert (kept.name, (kept.folder / "card.md").read_text()) == ("learned", "# Learned far away")
    # What lies in the worker's folder is looked at again: a file that was changed is fetched anew.
    (Path(learned.result["folder"]) / "model.safetensors").write_bytes(b"changed")
    again = world.jobs.ended(world.jobs.ask("learn", model=first.uuid))
    assert (again.state, again.result) == ("done", learned.result)


def test_a_model_of_the_core_finds_the_same_far_away(world: World, shared_data: Path) -> None:
    image = _add_slide(world, shared_data / SLIDE)
    area = {"x0": 700, "y0": 900, "x1": 1000, "y1": 1200}
    keep_built_in(world.services)
    with world.services.database.read() as session:
        model = session.scalars(select(Model.uuid).where(Model.kind == "core.nuclei")).one()
    world.alive()
    there = world.jobs.ask("core.predict_nuclei", image.id, model=model, area=area)
    assert world.jobs.ended(there).state == "done", world.jobs.row(there).message
    assert "/https-" in world.jobs.row(there).worker
    with world.services.database.write() as session:  # for who has a GPU, which the remote workers have not
        own = {"image_set_id": world.image_set, "image_id": image.id, "params": {"model": model, "area": area}}
        here = world.services.jobs.enqueue(session, "core.predict_nuclei", owner=world.owner, gpu=True, **own).id
    with _kept(JobRunner(world.services, gpu=True)) as local:
        assert local.run_one(here)
    assert world.jobs.row(here).state == "done", world.jobs.row(here).message
    with world.services.database.read() as session:
        runs = session.scalars(select(PredictionRun).where(PredictionRun.job_id.in_([there, here]))).all()
    assert [run.state for run in runs] == ["ready", "ready"]
    assert runs[0].n_shapes > 20
    assert (runs[0].n_shapes, runs[0].histogram) == (runs[1].n_shapes, runs[1].histogram)


def test_a_server_that_starts_again_finds_the_job_going_on(world: World) -> None:
    go = world.token.parent / "go-after-restart"
    counting = world.jobs.ask("count", go=str(go))
    world.alive()
    worker = _worker_of(world.jobs.running(counting))
    world.server.stop()
    go.touch()  # the job ends while nobody can be told
    assert world.jobs.row(counting).state == "running"
    world.server.start()
    done = world.jobs.ended(counting)
    assert (done.state, done.attempts, done.result["worker"]) == ("done", 1, worker)


def test_a_worker_that_is_killed_loses_its_job_to_another(world: World) -> None:
    go = world.token.parent / "go-after-kill"
    counting = world.jobs.ask("count", go=str(go))
    workers = {worker.pid: worker for worker in world.alive(2)}
    first = _worker_of(world.jobs.running(counting))
    workers[first].kill()
    wait_until(lambda: _worker_of(world.jobs.row(counting)) not in (first, None))
    second = _worker_of(world.jobs.row(counting))
    go.touch()
    done = world.jobs.ended(counting)
    assert (done.state, done.attempts, done.result["worker"]) == ("done", 2, second)
    counters = [int(line.rpartition(" ")[2]) for line in done.log.splitlines() if "counts in" in line]
    assert len(set(counters)) == 2
    assert not any(_lives(pid) for pid in counters)


def test_a_worker_that_is_told_to_stop_gives_its_job_back(world: World) -> None:
    counting = world.jobs.ask("count", go=str(world.token.parent / "never"))
    [worker] = world.alive()[:1]
    others = [each for each in world.alive() if each is not worker]
    for each in others:
        each.kill()
    world.jobs.running(counting)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=15) == 0
    given_back = world.jobs.row(counting)
    assert (given_back.state, given_back.attempts) == ("queued", 0)
    world.jobs.cancel(counting, world.owner)


@pytest.mark.parametrize(
    "server", ["http://192.0.2.1", "http://exact.example.org:8000", "ftp://x", "exact.example.org"]
)
def test_a_worker_gives_its_token_to_no_plain_address(server: str) -> None:
    with pytest.raises(ConfigurationError, match="--server"):
        checked_server(server, insecure=False)


def test_plain_http_is_for_this_machine_or_for_those_who_say_so() -> None:
    assert checked_server("http://127.0.0.1:8000/", insecure=False) == "http://127.0.0.1:8000"
    assert checked_server("http://10.0.0.1", insecure=True) == "http://10.0.0.1"


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [("exact_a_b", 0o644, "others may read"), ("", 0o600, "holds no access token"), ("a b", 0o600, "no access token")],
)
def test_a_token_that_is_not_safe_is_refused(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    (tmp_path / "token").write_text(text)
    (tmp_path / "token").chmod(mode)
    with pytest.raises(ConfigurationError, match=reason):
        read_token(tmp_path / "token")


def _add_slide(world: World, path: Path) -> Image:
    if not path.exists():
        pytest.skip(f"{path.name} is not in the shared data folder")
    report = probe_file(path, world.services.settings)
    with world.services.database.write() as session:
        image = Image(
            image_set_id=world.image_set, name=f"slide {secrets.token_hex(4)}", status="ready",
            width=report.width, height=report.height,
            file_path=str(path), is_external=True, content_version="v1", source_driver=report.driver,
            frames=report.frames, levels=list(report.levels), position=1,
        )  # fmt: skip
        session.add(image)
        session.flush()
        return image


def _digests(world: World, image: Image, windows: list[list[int]]) -> dict[str, str]:
    """What a reader of the file itself finds."""
    reader = FilePixelReader(ImageInfo.of(image), slide_of(image, world.services.blobs))
    try:
        return {
            f"{x},{y},{level}": hashlib.sha256(
                np.ascontiguousarray(reader.read(x, y, width, height, level)).data
            ).hexdigest()
            for x, y, width, height, level in windows
        }
    finally:
        reader.close()


def _worker_of(job: Job) -> int | None:
    """The process of the worker that counts."""
    number = job.message.rpartition(" ")[2]
    return int(number) if job.message.startswith("counting in ") else None


def _lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
