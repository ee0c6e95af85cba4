"""Runs over HTTP: seen, viewed, decided about, shown, deleted; on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from exact_core.api.contributions import Shape
from exact_core.api.predictions import PredictedShapes
from exact_core.predictions.deciding import Asked
from exact_core.predictions.reading import Wanted
from exact_core.predictions.service import decide_on
from exact_core.predictions.writing import RunWriter
from exact_core.services import Services
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import AnnotationType, AuditEvent, Job, PredictionRun
from tests.core.annotations.conftest import Lab
from tests.core.annotations.wire_reader import read
from tests.core.predictions.conftest import MODEL, squares

SIDE = 40


class Runs:
    """A lab in which runs were made."""

    def __init__(self, lab: Lab, services: Services, make_run: Callable[..., RunWriter]) -> None:
        self.lab, self.services, self._make_run = lab, services, make_run

    def make(self, owner: str = "ann", shapes: PredictedShapes | None = None, *, with_map: bool = False) -> str:
        """A run of a row of 20 squares of 40 px, 100 px apart, scores 0.0, 0.05 …, labels taking turns."""
        lab = self.lab
        writer = self._make_run(lab.image_id, lab.image_set_id, lab.people[owner].user_id)
        with writer as out:
            out.add(shapes or row_of_squares())
            if with_map:
                with out.map("probability", width=300, height=20, downsample=8, label=0) as probability:
                    probability.write(np.tile(np.arange(300, dtype=np.uint16).astype(np.uint8), (20, 1)))
        return writer._uuid

    def get(self, who: str, path: str = "", status: int = 200, **params: Any) -> Any:
        answer = self.lab.get(who, f"predictions{path}", **params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def decide(self, who: str, run: str, verdict: str, *numbers: int, status: int = 200, **more: Any) -> Any:
        body = {"verdict": verdict, **({"numbers": numbers} if numbers else {}), **more}
        answer = self.lab.post(who, f"predictions/{run}/decisions", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def decided(self, who: str, run: str) -> tuple[list[int], list[int], list[int]]:
        found = self.get(who, f"/{run}/decisions")
        return found["accepted"], found["edited"], found["rejected"]


def row_of_squares() -> PredictedShapes:
    corner = np.column_stack([np.arange(20) * 100 + 10, np.full(20, 50)])[:, None, :]
    around = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]])
    labels = np.zeros(20, np.int64)
    return PredictedShapes.of_rows(Shape.POLYGON, corner + around, labels, np.arange(20) / 20, np.full(20, 0.25))


@pytest.fixture
def runs(make_lab: Callable[..., Lab], services: Services, make_run: Callable[..., RunWriter]) -> Runs:
    return Runs(make_lab(), services, make_run)


@pytest.fixture
def blind(make_lab: Callable[..., Lab], services: Services, make_run: Callable[..., RunWriter]) -> Runs:
    return Runs(make_lab("competitive"), services, make_run)


def test_a_run_is_listed_and_viewed(runs: Runs) -> None:
    run = runs.make(with_map=True)
    [listed] = runs.get("viewer")
    assert listed["uuid"] == run
    assert (listed["shapes"], listed["skipped"], listed["counts"]) == (20, 0, [20, 0])
    assert listed["asked_by"]["name"] == "Ann"
    assert listed["settings"] == {"least": 3}
    assert listed["maps"][0]["levels"] == [[300, 20], [150, 10]]
    [map_] = listed["maps"]
    box = {"x0": 0, "y0": 0, "x1": 455, "y1": 100}
    answer = runs.lab.get("viewer", f"predictions/{run}/view", **box)
    view = read(answer.content)
    assert view.header["kind"] == "shapes"
    assert view.arrays["number"].tolist() == [0, 1, 2, 3, 4]
    assert view.arrays["score"].tolist() == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert view.arrays["uncertainty"].tolist() == [0.25] * 5
    assert view.arrays["box"].reshape(-1, 4).tolist()[1] == [110, 50, 150, 90]
    least = read(runs.lab.get("viewer", f"predictions/{run}/view", **box, least=0.1).content)
    assert least.arrays["number"].tolist() == [2, 3, 4]
    client = runs.lab["viewer"]
    path = f"/api/v2/images/{runs.lab.image_id}/predictions/{run}/view"
    again = client.get(path, params=box, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    counts = read(runs.lab.get("viewer", f"predictions/{run}/view", **box, limit=4).content)
    assert counts.header["kind"] == "summary"
    assert counts.arrays["histogram"].sum() == 20
    tile = client.get(f"/api/v2/images/{runs.lab.image_id}/predictions/{run}/maps/{map_['id']}/tiles/1/0_0")
    assert tile.headers["content-type"] == "image/png"
    assert "etag" in tile.headers


def test_accepting_makes_unverified_annotations_that_name_the_model(runs: Runs) -> None:
    run, lab = runs.make(), runs.lab
    cell = lab.types["Cell"]
    assert runs.get("ann", f"/{run}")["types"] == {"cell": cell}
    done = runs.decide("ann", run, "accept", 3, 4, 99)
    assert (done["decided"], done["already"], len(done["annotation_ids"])) == (2, 0, 2)
    items = lab.get("ann", "annotations").json()["items"]
    assert [each["claimed_author"] for each in items] == ["Cells", "Cells"]
    assert [each["author"]["name"] for each in items] == ["Ann", "Ann"]
    assert {each["type_id"] for each in items} == {cell}
    assert sorted(each["geometry"]["rings"][0][0] for each in items) == [[310, 50], [410, 50]]
    counts = lab.get("ann", "verification-counts").json()
    assert counts["unverified"] == 2
    assert runs.decided("ben", run) == ([3, 4], [], [])
    for who in ("ann", "ben"):
        again = runs.decide(who, run, "accept", 3, 4)
        assert (again["decided"], again["already"]) == (0, 2)
    assert len(lab.live()) == 2


def test_a_repeated_request_is_answered_as_before(runs: Runs) -> None:
    run = runs.make()
    path = f"/api/v2/images/{runs.lab.image_id}/predictions/{run}/decisions"
    body = {"verdict": "accept", "selection": {"least": 0.5}}
    answers = [runs.lab["ann"].post(path, json=body, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["decided"] == 10
    assert len(runs.lab.live()) == 10


def test_undo_takes_accepted_shapes_back_and_redo_brings_them_again(runs: Runs) -> None:
    run, lab = runs.make(), runs.lab
    runs.decide("ann", run, "accept", selection={"least": 0.9})
    assert len(lab.live()) == 2
    assert lab.post("ann", "undo").status_code == 200
    assert lab.live() == {}
    assert runs.decided("ann", run) == ([], [], [])
    assert lab.post("ann", "redo").status_code == 200
    assert runs.decided("ann", run) == ([18, 19], [], [])
    lab.post("ann", "undo")
    assert runs.decide("ann", run, "reject", 18)["decided"] == 1
    assert runs.decide("ann", run, "accept", 19)["decided"] == 1
    assert runs.decided("ann", run) == ([19], [], [18])


def test_decisions_are_taken_back_with_their_annotations(runs: Runs) -> None:
    run = runs.make()
    runs.decide("ann", run, "accept", 1, 2)
    runs.decide("ann", run, "reject", 5)
    assert runs.decide("ben", run, "withdraw", 1, 5)["decided"] == 0
    assert runs.decide("ann", run, "withdraw", 1, 5, 6)["decided"] == 2
    assert runs.decided("ann", run) == ([2], [], [])
    assert len(runs.lab.live()) == 1
    assert runs.decide("ann", run, "accept", 1)["decided"] == 1


def test_an_edited_shape_has_the_geometry_that_was_sent(runs: Runs) -> None:
    run = runs.make()
    geometry = {"shape": "polygon", "points": [[0, 0], [60, 0], [60, 60]]}
    done = runs.decide("ann", run, "accept", 0, geometry=geometry)
    assert runs.decided("ann", run) == ([], [0], [])
    [kept] = runs.lab.live().values()
    assert kept["geometry"]["rings"] == [[[0, 0], [60, 0], [60, 60]]]
    assert done["annotation_ids"] == list(runs.lab.live())
    runs.decide("ann", run, "accept", 1, 2, geometry=geometry, status=422)
    runs.decide("ann", run, "reject", 1, geometry=geometry, status=422)
    runs.decide("ann", run, "accept", 1, geometry={"shape": "polygon", "points": [[0, 0]]}, status=422)
    assert runs.decided("ann", run) == ([], [0], [])


def test_labels_become_the_types_that_were_chosen_last(runs: Runs) -> None:
    lab = runs.lab
    shapes = row_of_squares()
    other = PredictedShapes.of_rows(
        Shape.POLYGON, shapes.points.reshape(-1, 4, 2), np.ones(20, np.int64), shapes.scores
    )
    run = runs.make(shapes=other)
    said = runs.decide("ann", run, "accept", 1, status=422)
    assert "'mitosis'" in said["detail"]
    runs.decide("ann", run, "accept", 1, types={"tumour": lab.types["Cell"]}, status=422)
    runs.decide("ann", run, "accept", 1, types={"mitosis": lab.types["Slide"]}, status=422)
    assert lab.live() == {}
    runs.decide("ann", run, "accept", 1, types={"mitosis": lab.types["Nucleus"]})
    runs.decide("ann", run, "accept", 2)
    assert {each["type_id"] for each in lab.live().values()} == {lab.types["Nucleus"]}
    runs.decide("ben", run, "accept", 3, status=422)


def test_a_type_without_outlines_gets_boxes_or_points(runs: Runs, make_product: Callable[..., int]) -> None:
    lab = runs.lab
    make_product(lab.team_id, "more", types={"Boxed": ["box"], "Dotted": ["point"]}, image_sets=[lab.image_set_id])
    with lab.database.read() as session:
        types = dict(session.execute(select(AnnotationType.name, AnnotationType.id)).all())
    run = runs.make()
    runs.decide("ann", run, "accept", 1, types={"cell": types["Boxed"]})
    runs.decide("ann", run, "accept", 2, types={"cell": types["Dotted"]})
    geometries = [each["geometry"] for each in lab.live().values()]
    assert geometries == [
        {"shape": "box", "rings": [[[110, 50], [150, 90]]]},
        {"shape": "point", "rings": [[[230, 70]]]},
    ]


def test_many_are_decided_about_by_score_and_place(runs: Runs) -> None:
    run = runs.make(shapes=squares(6_000))
    area = {"x0": 0, "y0": 0, "x1": 4000, "y1": 4000}
    selection = {"least": 0.6, "labels": [0], "area": area}
    path = f"/api/v2/images/{runs.lab.image_id}/predictions/{run}/count"
    count = runs.lab["ann"].post(path, json=selection).json()
    assert count["shapes"] == count["undecided"] > 100
    done = runs.decide("ann", run, "accept", selection=selection)
    assert done["decided"] == count["shapes"]
    assert runs.lab["ann"].post(path, json=selection).json() == {"shapes": count["shapes"], "undecided": 0}
    total = runs.lab.get("ann", "annotation-counts").json()["total"]
    assert total == done["decided"]


def test_the_most_telling_are_offered_next(runs: Runs) -> None:
    run = runs.make(shapes=squares(500))
    first = runs.get("ann", f"/{run}/next", k=5)
    assert len({each["number"] for each in first}) == 5
    assert min(each["uncertainty"] for each in first) > 0.5
    runs.decide("ann", run, "reject", *(each["number"] for each in first))
    second = runs.get("ann", f"/{run}/next", k=5)
    assert {each["number"] for each in first}.isdisjoint(each["number"] for each in second)
    lab = runs.lab
    answer = lab["ann"].get(
        f"/api/v2/image-sets/{lab.image_set_id}/predictions/next", params={"run": [run, runs.make()], "k": 4}
    )
    assert len(answer.json()) == 4


def test_blind_readers_see_their_own_runs_and_those_that_are_shown(blind: Runs) -> None:
    lab = blind.lab
    own, theirs = blind.make("ann"), blind.make("ben")
    assert [each["uuid"] for each in blind.get("ann")] == [own]
    assert [each["uuid"] for each in blind.get("lead")] == [theirs, own]
    void = "0190a000-0000-7000-8000-00000000dead"
    for path in ("", "/decisions", "/next", "/view?x0=0&y0=0&x1=9&y1=9", "/maps/1/tiles/0/0_0"):
        base = f"/api/v2/images/{lab.image_id}/predictions"
        hidden, missing = (lab["ann"].get(f"{base}/{each}{path}") for each in (theirs, void))
        assert (hidden.status_code, missing.status_code) == (404, 404), path
        assert hidden.text.replace(theirs, "#") == missing.text.replace(void, "#")
    for body in ({"verdict": "accept", "numbers": [1]}, {"verdict": "withdraw", "numbers": [1]}):
        assert lab.post("ann", f"predictions/{theirs}/decisions", json=body).status_code == 404
    shown = {"shown_to_readers": True}
    url = f"/api/v2/images/{lab.image_id}/predictions/{theirs}"
    assert lab["ann"].patch(url, json=shown).status_code == 404
    assert lab["ben"].patch(url, json=shown).status_code == 403
    assert lab["lead"].patch(url, json=shown).status_code == 200
    seen = blind.get("ann")
    assert [each["uuid"] for each in seen] == [theirs, own]
    assert seen[0]["asked_by"] is None
    assert seen[0]["job_id"] is None
    with lab.database.read() as session:
        [event] = session.query(AuditEvent).filter(AuditEvent.action == "prediction_shown").all()
    assert event.details["run"] == theirs
    assert lab["lead"].patch(url, json={"shown_to_readers": False}).status_code == 200
    assert [each["uuid"] for each in blind.get("ann")] == [own]


def test_blind_readers_know_nothing_of_the_decisions_of_others(blind: Runs) -> None:
    lab, run = blind.lab, blind.make("lead")
    lab["lead"].patch(f"/api/v2/images/{lab.image_id}/predictions/{run}", json={"shown_to_readers": True})
    before = {path: blind.get("ann", path) for path in ("", f"/{run}", f"/{run}/decisions", f"/{run}/next")}
    blind.decide("ben", run, "accept", 7, 8, 19, types={"cell": lab.types["Nucleus"]})
    blind.decide("ben", run, "reject", 1, 2)
    assert {path: blind.get("ann", path) for path in before} == before
    done = blind.decide("ann", run, "accept", 7)
    assert (done["decided"], done["already"]) == (1, 0)
    assert blind.decided("ann", run) == ([7], [], [])
    assert blind.decided("lead", run) == ([7, 7, 8, 19], [], [1, 2])


def test_rights_are_checked(runs: Runs) -> None:
    lab, run = runs.lab, runs.make()
    runs.decide("viewer", run, "reject", 1, status=403)
    runs.get("stranger", status=404)
    asked = {"kind": "core.nuclei"}
    assert lab.post("viewer", "predictions", json=asked).status_code == 403
    assert lab.post("stranger", "predictions", json=asked).status_code == 404
    url = f"/api/v2/images/{lab.image_id}/predictions/{run}"
    assert lab["ben"].delete(url).status_code == 403
    runs.decide("ben", run, "accept", 4)
    assert lab["ann"].delete(url).status_code == 204
    assert runs.get("ann") == []
    assert lab["ann"].delete(url).status_code == 404
    assert len(lab.live()) == 1
    assert lab.in_set("ann", "GET", "prediction-decisions").status_code == 403
    [line] = lab.in_set("lead", "GET", "prediction-decisions").text.splitlines()
    signal = json.loads(line)
    assert (signal["verdict"], signal["number"], signal["label"], signal["run"]) == ("accepted", 4, "cell", run)
    assert signal["geometry"]["rings"][0][0] == [410, 50]
    assert signal["score"] == pytest.approx(0.2)
    assert signal["type"] == "Cell"
    assert signal["annotation_id"] in lab.live()


def test_a_run_is_asked_for_once_and_checked_first(runs: Runs) -> None:
    lab = runs.lab
    kinds = {each["kind"]: each for each in lab.in_set("ann", "GET", "prediction-kinds").json()}
    assert {"core.nuclei", "core.tissue"} <= set(kinds)
    assert kinds["core.nuclei"]["settings_schema"]["properties"]["smallest"]["minimum"] == 1
    area = {"x0": -50, "y0": 10, "x1": 500, "y1": 90_000}
    asked = {"kind": "core.nuclei", "settings": {"smallest": 20}, "area": area}
    url = f"/api/v2/images/{lab.image_id}/predictions"
    answers = [lab["ann"].post(url, json=asked, headers={"Idempotency-Key": "a"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    with lab.database.read() as session:
        job = session.get_one(Job, answers[0]["job_ids"][0])
    assert (job.type, job.plugin, job.image_id) == ("core.predict_nuclei", "core", lab.image_id)
    assert job.params["area"] == {"x0": 0, "y0": 10, "x1": 500, "y1": 10_000}
    assert job.params["settings"]["smallest"] == 20
    assert job.params["settings"]["largest"] == 160
    for wrong, said in (
        ({"settings": {"smallest": 0}}, "smallest"),
        ({"settings": {"colour": "red"}}, "colour"),
        ({"area": {"x0": 9, "y0": 9, "x1": 9, "y1": 20}}, "area"),
    ):
        refused = lab.post("ann", "predictions", json={**asked, **wrong})
        assert refused.status_code == 422
        assert said in refused.text
    assert lab.post("ann", "predictions", json={"kind": "core.magic"}).status_code == 404
    started = lab.in_set("ann", "POST", "predictions", json={"kind": "core.tissue"})
    assert len(started.json()["job_ids"]) == 1


def f1_of_pair(found: dict[str, Any]) -> float:
    """F1 of the only two readers, all classes together."""
    return next(
        each["value"]
        for each in found["figures"]
        if (each["figure"], each["class_id"], each["scope"]) == ("f1", None, "pair")
    )


def test_a_model_is_one_more_reader_of_the_set(runs: Runs, services: Services) -> None:
    lab = runs.lab
    for corner in (310, 410, 505):  # two as the model found them, one 5 px beside
        lab.draw("ben", corner, 50, corner + SIDE, 50 + SIDE)
    lab.draw("lead", 310, 50, 350, 90)
    run = runs.make()
    with services.database.write() as session:
        session.query(PredictionRun).update({"area": None})
    runs.decide("ann", run, "reject", 7)
    asked = {"reader": [f"user:{lab.people['ben'].user_id}"], "model": f"{MODEL.uuid}@0.15", "match": "overlap"}
    found = lab.in_set("lead", "GET", "agreement", params=asked)
    assert found.status_code == 200, found.text
    found = found.json()
    assert found["models"] == [{"uuid": MODEL.uuid, "name": "Cells", "images": 1}]
    names = [each["name"] for each in found["readers"]]
    assert names == ["Ben", "Cells ≥ 0.15"]
    assert [each["name"] for each in found["all_readers"]] == ["Ben", "Lead"]
    assert f1_of_pair(found) == pytest.approx(2 * 3 / (3 + 17))
    strict = lab.in_set("lead", "GET", "agreement", params={**asked, "model": f"{MODEL.uuid}@0.18"}).json()
    assert f1_of_pair(strict) == pytest.approx(2 * 2 / (3 + 16))
    assert strict["disagreements"][0]["annotations"] != []
    for wrong in ("nobody", f"{MODEL.uuid}@2"):
        assert lab.in_set("lead", "GET", "agreement", params={"model": wrong}).status_code == 422
    assert lab.in_set("lead", "GET", "agreement", params={"model": "0" * 36}).status_code == 404
    assert lab.in_set("ann", "GET", "agreement", params=asked).status_code == 403
    table = lab.in_set("lead", "GET", "agreement.csv", params={**asked, "table": "items"})
    assert table.status_code == 200


def test_two_readers_who_accept_the_same_make_one_annotation(runs: Runs, services: Services) -> None:
    lab, run = runs.lab, runs.make()
    asked = Asked("accept", None, Wanted(least=0.25), {"cell": lab.types["Cell"]})
    together = Barrier(2)

    def accept(name: str) -> int:
        actor = lab.people[name]
        together.wait(timeout=10)
        path = f"/{lab.image_id}/{run}"
        body = decide_on(services, actor, lab.image_id, run, asked, Repeat(actor, None, "POST", path, ""))
        return int(json.loads(body)["decided"])

    with ThreadPoolExecutor(2) as pool:
        decided = sorted(pool.map(accept, ("ann", "ben")))
    assert decided == [0, 15]
    assert lab.get("lead", "annotation-counts").json()["total"] == 15
