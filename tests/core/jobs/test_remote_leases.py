"""Leases of remote workers: who gets which job, and what a lease opens and what not."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from exact_sdk.fakedist import FakeDistributions
from fastapi.testclient import TestClient
from sqlalchemy import update

from exact_core.api.context import Actor
from exact_core.api.errors import Invalid
from exact_core.api.models import StoredModel
from exact_core.api.predictions import PredictedShapes
from exact_core.auth.credentials import make_token
from exact_core.jobs.hosts.recording import Recorder
from exact_core.jobs.running import JobContext
from exact_core.kernel.discovery import discover
from exact_core.models.archives import pack
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSetPlugin, Job, JobWorker
from tests.core.images.instance import running_instance, token_of
from tests.core.jobs.hosting import RememberingWriter
from tests.core.jobs.remote_world import PLUGIN, Jobs
from tests.core.models import folders
from tests.serving import Client, application

TYPES = {"works.add": "1.0.0", "works.wait": "1.0.0", "works.here": "1.0.0"}
WINDOW = {"x": -2, "y": 3, "width": 20, "height": 10}


@dataclass
class Remote:
    """A worker of an administrator, with a set and jobs in it."""

    services: Services
    client: TestClient
    jobs: Jobs
    image_set: int
    root: Actor

    def take(self, slot: int = 0, **more: Any) -> dict[str, Any] | None:
        body = {"session": "0123456789abcdef", "slot": slot, "machine": "gpu-1", "types": TYPES, **more}
        answer = self.client.post("/api/v2/work/leases", json=body)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.status_code == 200 else None

    def lease(self, **params: Any) -> str:
        """Take a job that was asked for just now; where its lease is."""
        self.jobs.ask("add", **params)
        taken = self.take()
        assert taken is not None
        return f"/api/v2/work/leases/{taken['lease']}"


@pytest.fixture
def services(settings: Settings, tmp_path: Path) -> Iterator[Services]:
    with FakeDistributions(tmp_path / "site") as distributions:
        distributions.add("works", PLUGIN)
        with running_instance(settings, tuple(each for each in discover() if each.name == "works")) as services:
            yield services


@pytest.fixture
def worker_of(services: Services) -> Callable[[Actor], TestClient]:
    """``worker_of(root)`` speaks with a worker's token."""

    def make(actor: Actor) -> TestClient:
        with services.database.write() as session:
            _, token = make_token(session, actor.user_id, "worker", ("work",), None)
        return Client(application(services), headers={"Authorization": f"Bearer {token}"})

    return make


@pytest.fixture
def remote(
    services: Services,
    worker_of: Callable[[Actor], TestClient],
    make_user: Callable[..., Actor],
    make_image_set: Callable[..., int],
) -> Remote:
    root = make_user("root", is_admin=True)
    image_set = make_image_set()
    return Remote(services, worker_of(root), Jobs(services, image_set, root.user_id), image_set, root)


def test_only_tokens_for_workers_get_jobs_and_they_get_nothing_else(
    remote: Remote, worker_of: Callable[[Actor], TestClient], make_user: Callable[..., Actor]
) -> None:
    body = {"session": "0123456789abcdef", "slot": 0, "machine": "gpu-1", "types": TYPES}
    ordinary = token_of(remote.services, remote.root, ("read", "write", "admin"))
    anybody = Client(application(remote.services))
    assert anybody.post("/api/v2/work/leases", json=body).status_code == 401
    assert anybody.post("/api/v2/work/leases", json=body, headers=ordinary).status_code == 403
    ann = make_user("ann")
    assert worker_of(ann).post("/api/v2/work/leases", json=body).status_code == 403  # was an administrator once
    for path in ("/me", "/users", "/jobs", "/image-sets", f"/image-sets/{remote.image_set}", "/plugins"):
        assert remote.client.get(f"/api/v2{path}").status_code == 403, path
    with remote.services.database.write() as session, pytest.raises(Invalid, match="can do nothing else"):
        make_token(session, remote.root.user_id, "both", ("work", "read"), None)


def test_a_job_goes_to_who_can_run_it(remote: Remote) -> None:
    assert remote.take() is None
    remote.jobs.ask("here")
    assert remote.take() is None  # it is not portable
    number = remote.jobs.ask("add", amount=2)
    assert remote.take(types={"works.add": "2.0.0"}) is None
    assert remote.take(types={"works.wait": "1.0.0"}) is None
    taken = remote.take()
    assert taken is not None
    assert (taken["task"]["job_id"], taken["task"]["params"]) == (number, {"amount": 2})
    assert remote.take(slot=1) is None
    assert remote.take() == taken  # the answer was lost on the way: the same job, the same attempt
    with remote.services.database.read() as session:
        listed = session.query(JobWorker).one()
        assert (listed.machine, listed.engine, listed.slots) == ("gpu-1", "https", 2)


def test_a_lease_is_kept_told_about_and_ended_once(remote: Remote) -> None:
    at = remote.lease()
    told = {"progress": 0.5, "message": "half", "lines": ["a line"]}
    assert remote.client.post(f"{at}/beat", json=told).json() == {"verdict": "go-on"}
    end = {"outcome": "done", "result": {"sum": 3}, "lines": ["the last line"]}
    assert remote.client.post(f"{at}/end", json=end).status_code == 204
    assert remote.client.post(f"{at}/end", json={"outcome": "failed"}).status_code == 204  # harmless, and too late
    row = remote.jobs.row(1)
    assert (row.state, row.result, row.progress) == ("done", {"sum": 3}, 1.0)
    assert [line.partition(" ")[2].partition(" ")[2] for line in row.log.splitlines()] == ["a line", "the last line"]
    assert remote.client.post(f"{at}/beat", json=told).json()["code"] == "lease-lost"


def test_a_lease_that_went_to_another_worker_opens_nothing(remote: Remote) -> None:
    at = remote.lease()
    with remote.services.database.write() as session:
        session.execute(update(Job).values(attempts=2, worker="other/1/x"))
    asked = [
        remote.client.post(f"{at}/beat", json={"progress": 1}),
        remote.client.post(f"{at}/end", json={"outcome": "done", "result": {"wrong": 1}}),
        remote.client.get(f"{at}/images/1"),
        remote.client.get(f"{at}/images/1/region", params=WINDOW),
        remote.client.get(f"{at}/models/m-1"),
        remote.client.get(f"{at}/models/m-1/file", params={"name": "model.json"}),
        remote.client.post(f"{at}/models", params={"name": "n", "kind": "k"}, content=b""),
        remote.client.post(f"{at}/predictions", params={"image_id": 1, "model": "m-1"}, content=b""),
        remote.client.post(f"{at}/files", params={"version_id": 1, "name": "n", "kind": "file"}, content=b""),
    ]
    assert [(each.status_code, each.json()["code"]) for each in asked] == [(409, "lease-lost")] * 9
    assert remote.jobs.row(1).state == "running"


def test_a_lease_is_of_no_use_to_others(
    remote: Remote, worker_of: Callable[[Actor], TestClient], make_user: Callable[..., Actor]
) -> None:
    at = remote.lease()
    other = worker_of(make_user("rita", is_admin=True))
    assert other.post(f"{at}/beat", json={"progress": 1}).status_code == 409
    assert remote.client.post(f"{at}x/beat", json={"progress": 1}).status_code == 409


def test_a_cancelled_job_hears_it_and_one_that_may_not_begin_is_ended(remote: Remote) -> None:
    at = remote.lease()
    remote.jobs.cancel(1, remote.root)
    assert remote.client.post(f"{at}/beat", json={"progress": 0}).json() == {"verdict": "cancel"}
    assert remote.client.post(f"{at}/end", json={"outcome": "cancelled"}).status_code == 204
    assert remote.jobs.row(1).state == "cancelled"
    with remote.services.database.write() as session:
        session.add(ImageSetPlugin(image_set_id=remote.image_set, plugin="works", enabled=False))
        raise_epoch(session, "activation")
    number = remote.jobs.ask("add")
    assert remote.take() is None
    assert remote.jobs.row(number).message.startswith("disabled: the plugin works")


def test_a_fault_of_a_plugin_far_away_is_noted_here(remote: Remote) -> None:
    at = remote.lease()
    told = {"outcome": "failed", "message": "works.add failed", "traceback": "Traceback: a bug"}
    assert remote.client.post(f"{at}/end", json=told).status_code == 204
    [fault] = remote.services.kernel.faults.recent("works")
    assert (fault.place, "a bug" in fault.traceback) == ("job works.add", True)


def test_pixels_of_the_set_of_the_job_and_no_others(
    remote: Remote, make_image: Callable[..., int], make_image_set: Callable[..., int], tmp_path: Path
) -> None:
    deep = np.arange(300 * 200, dtype=np.uint16).reshape(200, 300)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="minisblack")
    values = {"file_path": str(tmp_path / "deep.tif"), "is_external": True, "source_driver": "picture", "levels": []}
    image, foreign = make_image(remote.image_set, **values), make_image(make_image_set(), **values)
    at = remote.lease(image_id=image)
    told = remote.client.get(f"{at}/images/{image}").json()
    assert (told["source"]["levels"][0]["width"], told["slide"]) == (300, None)
    assert str(tmp_path) not in remote.client.get(f"{at}/images/{image}").text
    answer = remote.client.get(f"{at}/images/{image}/region", params=WINDOW)
    samples = np.frombuffer(answer.content, answer.headers["x-exact-dtype"]).reshape(10, 20)
    assert np.array_equal(samples[:, 2:], deep[3:13, :18])
    assert not samples[:, :2].any()
    for path in (f"{at}/images/{foreign}", f"{at}/images/{foreign}/region", f"{at}/images/99"):
        assert remote.client.get(path, params=WINDOW).status_code == 404


class Kept:
    """What the instance was given, in the place of its stores."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: list[RememberingWriter] = []
        self.files: list[str] = []
        self.models: list[list[str]] = []

    def model(self, _context: JobContext, uuid: str) -> StoredModel:
        return StoredModel(uuid, "a model", "works.kind", ("cell",), folder=self.folder)

    @contextmanager
    def predictions(self, _context: JobContext, image_id: int, **_more: Any) -> Iterator[RememberingWriter]:
        writer = RememberingWriter()
        yield writer
        self.runs.append(writer)

    def save_model(self, _context: JobContext, folder: Path, **more: Any) -> StoredModel:
        self.models.append(sorted(each.name for each in folder.rglob("*") if each.is_file()))
        return StoredModel("m-2", more["name"], more["kind"])


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kept:
    kept = Kept(folders.write(tmp_path / "model", folders.with_checksums(folders.contents())))
    for name in ("model", "predictions", "save_model"):
        call = getattr(kept, name)
        monkeypatch.setattr(JobContext, name, lambda *a, _call=call, **k: _call(*a, **k), raising=False)
    return kept


def test_predictions_are_kept_whole_or_not_at_all(remote: Remote, kept: Kept) -> None:
    at = remote.lease()
    recording = io.BytesIO()
    recorder = Recorder(recording)
    recorder.add(PredictedShapes.of_rows("point", np.ones((2, 1, 2)), np.zeros(2, int), np.ones(2)))
    with recorder.map("entropy", width=2, height=1, downsample=8.0) as bands:
        bands.write(np.zeros((1, 2), np.uint8))
    recorder.finish()
    whole, query = recording.getvalue(), {"image_id": 1, "model": "m-1", "label": ["cell", "other"]}
    for broken in (whole[:-3], whole[: len(whole) // 2], b"", whole + whole[-20:], whole.replace(b"F64", b"X64")):
        answer = remote.client.post(f"{at}/predictions", params=query, content=broken)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    assert kept.runs == []
    assert remote.client.post(f"{at}/predictions", params=query, content=whole).status_code == 204
    assert len(kept.runs) == 1


def test_predictions_of_a_lease_that_is_lost_meanwhile_are_dropped(
    remote: Remote, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = remote.lease()
    recording = io.BytesIO()
    recorder = Recorder(recording)
    recorder.label_image(0, 0.5)
    recorder.finish()
    real = RememberingWriter.label_image

    def taken_over(self: RememberingWriter, *more: Any) -> None:
        with remote.services.database.write() as session:
            session.execute(update(Job).values(attempts=2, worker="other/1/x"))
        real(self, *more)

    monkeypatch.setattr(RememberingWriter, "label_image", taken_over)
    query = {"image_id": 1, "model": "m-1"}
    answer = remote.client.post(f"{at}/predictions", params=query, content=recording.getvalue())
    assert (answer.status_code, answer.json()["code"], kept.runs) == (409, "lease-lost", [])


def test_models_travel_with_their_checksums(remote: Remote, kept: Kept, tmp_path: Path) -> None:
    at = remote.lease()
    told = remote.client.get(f"{at}/models/m-1").json()
    assert told["model"]["folder"] is None
    assert "model.json" in told["files"]
    file = f"{at}/models/m-1/file"
    assert remote.client.get(file, params={"name": "onnx/model.onnx"}).content == folders.network()
    for name in ("onnx", "../exact.sqlite3", "onnx/../model.json", str(kept.folder / "model.json"), ""):
        assert remote.client.get(file, params={"name": name}).status_code == 404
    archive = io.BytesIO()
    pack(kept.folder, archive)
    query = {"name": "new", "kind": "works.kind"}
    sent = remote.client.post(f"{at}/models", params=query, content=archive.getvalue())
    assert sent.json()["model"]["name"] == "new"
    assert kept.models == [sorted(each.name for each in kept.folder.rglob("*") if each.is_file())]
    refused = remote.client.post(f"{at}/models", params=query, content=b"PK nothing")
    assert (refused.status_code, len(kept.models)) == (422, 1)
