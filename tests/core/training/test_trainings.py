"""Trainings over HTTP: what is offered, who may start one, what it leaves, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from exact_core.services import Services
from exact_core.storage.models import Job, TrainingRun
from tests.core.training.conftest import Course
from tests.core.versioning.conftest import make_version


def test_a_training_leaves_a_model_its_curves_its_figures_and_its_samples(
    pictured: Course, work: Callable[[], int]
) -> None:
    course, client = pictured, pictured.lab["lead"]
    started = course.start()
    assert started.status_code == 201, started.text
    training = started.json()
    assert (training["state"], training["model_uuid"]) == ("queued", "")
    work()
    told = course.read(training["id"])
    assert told["state"] == "done", told["message"]
    assert course.start().json()["id"] == training["id"]
    assert told["settings"]["seed"] == 0
    steps = told["curves"]["validation loss"]
    assert [step for step, _ in steps] == [0, 1]
    job = client.get(f"/api/v2/jobs/{told['job_id']}").json()
    assert "Attempt 1: strength 1" in job["log"]

    evaluations = {each["part"]: each["figures"] for each in told["evaluations"]}
    assert set(evaluations) == {"validation", "test"}
    figures = evaluations["test"]
    assert figures["labels"] == ["cell", "nucleus"]
    assert (figures["samples"], figures["groups"]) == (16, 1)
    assert np_sum(figures["confusion"]) == 16
    assert figures["overall"]["accuracy"]["value"] > 0.9
    assert sum(bucket["count"] for bucket in figures["calibration"]["buckets"]) == 16
    assert figures["calibration_before"] is not None

    model = client.get(f"/api/v2/models/{told['model_uuid']}")
    assert model.status_code == 200, model.text
    assert model.json()["labels"] == ["cell", "nucleus"]

    [test_part] = [each for each in told["evaluations"] if each["part"] == "test"]
    files = {each["id"]: each for each in client.get(f"/api/v2/versions/{course.version['id']}/artefacts").json()}
    assert files[test_part["samples_id"]]["kind"] == "metrics"
    table = client.get(f"/api/v2/version-artefacts/{test_part['samples_id']}/file").text
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 16
    assert {int(row["image_id"]) for row in rows} == {course.image_ids[3]}
    for row in rows:
        assert float(row["p cell"]) + float(row["p nucleus"]) == pytest.approx(1, abs=1e-4)

    correct = client.get(f"/api/v2/trainings/{training['id']}/samples", params={"truth": 0, "predicted": 0}).json()
    assert correct["count"] == figures["confusion"][0][0]
    assert [item["confidence"] for item in correct["items"]] == sorted(
        (item["confidence"] for item in correct["items"]), reverse=True
    )
    assert all(item["image_name"] for item in correct["items"])


def np_sum(table: list[list[int]]) -> int:
    return sum(sum(row) for row in table)


def test_the_same_training_again_is_the_one_that_is_there(course: Course) -> None:
    first = course.start().json()["id"]
    assert course.start().json()["id"] == first
    assert course.start(name="Other cells").json()["id"] != first
    assert course.start(settings={"measure_in": "pixels", "seed": 5}).json()["id"] != first
    listed = course.lab["lead"].get(f"/api/v2/versions/{course.version['id']}/trainings").json()
    assert len(listed) == 3


def test_the_material_is_what_the_parts_hold(course: Course) -> None:
    url = f"/api/v2/versions/{course.version['id']}/training-material"
    found = course.lab["lead"].get(url, params={"split_id": course.split["id"]}).json()
    amounts = {kind["name"]: kind["parts"] for kind in found["types"]}
    assert amounts["Cell"] == {"train": 16, "validation": 8, "test": 8}
    assert amounts["Slide"] == {}
    [kind] = [each for each in found["kinds"] if each["kind"] == "core.objects"]
    assert kind["is_on"]
    assert "measure_in" in kind["settings_schema"]["properties"]
    whole = course.lab["lead"].get(url).json()
    assert {kind["name"]: kind["parts"] for kind in whole["types"]}["Cell"] == {"": 32}


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"kind": "core.nuclei"}, 404, "do not learn"),
    ({"kind": "nobody.knows"}, 404, "nobody"),
    ({"split_id": 999}, 404, "no split 999"),
    ({"settings": {"point_radius": -1}}, 422, "point_radius"),
    ({"settings": {"colour": "red"}}, 422, "colour"),
    ({"classes": []}, 422, "classes"),
]


def test_what_cannot_be_trained_is_refused_with_the_reason(course: Course) -> None:
    for changes, status, reason in REFUSED:
        answer = course.start(**changes)
        assert (answer.status_code, reason in answer.text) == (status, True), answer.text


def test_classes_are_checked_against_the_version(course: Course) -> None:
    types = course.lab.types

    def refused(*classes: tuple[str, list[int]]) -> str:
        answer = course.start(classes=[{"label": label, "type_ids": ids} for label, ids in classes])
        assert answer.status_code == 422, answer.text
        return answer.json()["detail"]

    assert "same name" in refused(("A", [types["Cell"]]), ("a", [types["Nucleus"]]))
    assert "'Cell' is in 'A' and in 'B'" in refused(("A", [types["Cell"]]), ("B", [types["Cell"]]))
    assert "no annotation type 9999" in refused(("A", [9999]))
    assert "no annotation of 'Slide'" in refused(("Cell", [types["Cell"]]), ("Slide", [types["Slide"]]))


def test_only_who_may_attach_files_starts_and_only_who_sees_all_reads(course: Course, work: Callable[[], int]) -> None:
    assert course.start("ann").status_code == 403
    assert course.start("viewer").status_code == 403
    assert course.start("stranger").status_code == 404
    training_id = course.start().json()["id"]
    for who, status in (("viewer", 200), ("stranger", 404)):
        assert course.lab[who].get(f"/api/v2/trainings/{training_id}").status_code == status
        assert course.lab[who].get(f"/api/v2/versions/{course.version['id']}/trainings").status_code == status


def test_a_manifest_that_is_not_written_yet_and_a_split_that_is_gone_are_told(
    course: Course, work: Callable[[], int], services: Services
) -> None:
    client = course.lab["lead"]
    fresh = make_version(course.lab, "v2")
    answer = client.post(f"/api/v2/versions/{fresh['id']}/trainings", json=course.wanted())
    assert (answer.status_code, "pending" in answer.text) == (409, True)
    training_id = course.start().json()["id"]
    assert client.delete(f"/api/v2/versions/{course.version['id']}/splits/{course.split['id']}").status_code == 204
    work()
    told = course.read(training_id)
    assert told["state"] == "failed"
    assert "'by hand' was removed" in told["message"]
    assert (told["split_name"], told["split_id"]) == ("by hand", None)


def test_a_training_without_a_job_and_points_that_are_no_numbers_are_shown(course: Course, services: Services) -> None:
    from exact_core.training.curves import add_point

    training_id = course.start().json()["id"]
    with services.database.read() as session:
        job_id = session.get_one(TrainingRun, training_id).job_id
    assert job_id is not None
    add_point(services, job_id, 0, {"train loss": 1.0, "train accuracy": float("nan")})
    add_point(services, job_id, 0, {"train loss": 0.5, "train accuracy": float("inf")})
    add_point(services, job_id, 1, {"train loss": 0.25})
    curves = course.read(training_id)["curves"]
    assert curves == {"train loss": [[0, 0.5], [1, 0.25]], "train accuracy": [[0, None]]}
    later = course.lab["lead"].get(f"/api/v2/trainings/{training_id}", params={"after": 0}).json()["curves"]
    assert later == {"train loss": [[1, 0.25]]}
    with services.database.write() as session:
        session.delete(session.get_one(Job, job_id))
    assert course.read(training_id)["state"] is None
