"""A job that runs the nucleus detector, from asking to decisions and their export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image as Pictures
from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.cli import main
from exact_core.images.importing import find_pictures, import_pictures
from exact_core.jobs.runner import JobRunner
from exact_core.predictions.reading import Wanted, shapes_of
from exact_core.services import Services
from exact_core.storage.models import Job, PredictionRun
from tests.core.annotations.conftest import Lab
from tests.core.predictions.test_detectors import PLACES, drawn


@pytest.fixture
def asked(make_lab: Callable[..., Lab], services: Services, tmp_path: Path) -> Lab:
    """A lab whose image is a drawn picture."""
    lab = make_lab()
    path = tmp_path / "drawn.png"
    Pictures.fromarray(drawn(PLACES)).save(path, compress_level=1)
    found = find_pictures(services, [path])
    [outcome] = list(import_pictures(services, Actor.system(), lab.image_set_id, found.groups))
    JobRunner(services).run_waiting()
    assert outcome.image is not None
    lab.image_id = outcome.image
    return lab


def test_a_job_makes_a_run_that_is_decided_about(
    asked: Lab, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = asked
    started = lab.post("ann", "predictions", json={"kind": "core.nuclei", "settings": {"assumed_mpp": 1}})
    assert started.status_code == 202, started.text
    JobRunner(services).run_waiting()
    with services.database.read() as session:
        job = session.get_one(Job, started.json()["job_ids"][0])
        _ = job.log
        run = session.scalars(select(PredictionRun)).one()
    assert (job.state, job.message) == ("done", f"{len(PLACES)} nuclei")
    assert (run.state, run.n_shapes, run.model_kind, run.labels) == ("ready", len(PLACES), "core.nuclei", ["nucleus"])
    assert run.params["assumed_mpp"] == 1
    decided = {"verdict": "accept", "numbers": [0, 1], "types": {"nucleus": lab.types["Nucleus"]}}
    assert lab.post("ann", f"predictions/{run.uuid}/decisions", json=decided).json()["decided"] == 2
    lab.post("ben", f"predictions/{run.uuid}/decisions", json={"verdict": "reject", "numbers": [2]})
    settings, file = services.settings, tmp_path / "decisions.jsonl"
    monkeypatch.setenv("EXACT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EXACT_DATABASE_URL", settings.effective_database_url)
    monkeypatch.setenv("EXACT_PLUGINS", "")
    done = CliRunner().invoke(main, ["predictions", "export", str(file), "--set", "slides"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["verdict"] for line in lines] == ["accepted", "accepted", "rejected"]
    assert {line["model"]["uuid"] for line in lines} == {run.model_uuid}


def test_a_job_that_cannot_work_says_why_and_leaves_nothing(asked: Lab, services: Services) -> None:
    lab = asked
    body = {"kind": "core.nuclei", "settings": {"smallest": 150, "largest": 100}}
    started = lab.post("ann", "predictions", json=body)
    JobRunner(services).run_waiting()
    with services.database.read() as session:
        job = session.get_one(Job, started.json()["job_ids"][0])
        assert session.scalars(select(PredictionRun)).all() == []
    assert job.state == "failed"
    assert "smallest" in job.message


def test_a_job_in_a_process_of_its_own_makes_the_same_run(asked: Lab, services: Services) -> None:
    lab = asked
    body = {"kind": "core.nuclei", "settings": {"assumed_mpp": 1}}
    started = [lab.post("ann", "predictions", json=body).json()["job_ids"][0]]
    JobRunner(services).run_waiting()
    services.settings = services.settings.model_copy(update={"isolate_jobs": True})
    started.append(lab.post("ann", "predictions", json=body).json()["job_ids"][0])
    JobRunner(services).run_waiting()
    with services.database.read() as session:
        runs = session.scalars(select(PredictionRun).order_by(PredictionRun.id)).all()
        shapes = [shapes_of(session, run, Wanted()) for run in runs]
    assert [run.job_id for run in runs] == started
    here, apart = shapes
    assert list(here.packed) == list(apart.packed)
    assert here.score.tolist() == apart.score.tolist()
