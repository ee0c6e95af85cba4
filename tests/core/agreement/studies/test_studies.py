"""A whole study over HTTP: design, tasks, prepared shapes, active time, survey, report, and what goes wrong."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from scipy import stats
from sqlalchemy import func, select, update

from exact_core.agreement.readings import load
from exact_core.agreement.studies.activity import record
from exact_core.services import Services
from exact_core.storage.models import Activity, Annotation, AnnotationRevision, StudyTask
from tests.core.agreement.conftest import Readers

PLACES = [(x, y) for x in range(100, 2000, 200) for y in (300, 700)]
MODEL = "claimed:Model 3"


@pytest.fixture
def services(app: FastAPI) -> Services:
    """Those of the whole application."""
    return app.state.services


class Lab:
    """Readers and their browsers."""

    def __init__(self, readers: Readers, browser_of: Callable) -> None:
        self.readers = readers
        self._browser_of = browser_of
        self._browsers: dict[str, Any] = {}

    def ask(self, who: str, path: str, method: str = "GET", body: Any = None, **query: Any) -> Any:
        """The answer of the server."""
        if who not in self._browsers:
            self._browsers[who] = self._browser_of(self.readers.people[who])
        address = path if path.startswith("/") else f"/api/v2/image-sets/{self.readers.image_set_id}/{path}"
        return self._browsers[who].request(method, address, params=query, json=body)

    def body(self, **more: Any) -> dict[str, Any]:
        """A study of two arms, of which one has what the model found."""
        design = {
            "arms": [{"name": "Without"}, {"name": "With", "source": {"reader": MODEL}}],
            "image_ids": self.readers.images,
            **more.pop("design", {}),
        }
        people = [self.readers.people[name].user_id for name in ("ann", "ben")]
        return {"title": "Does the model help?", "design": design, "participants": people, "seed": 5, **more}

    def make(self, **more: Any) -> dict[str, Any]:
        answer = self.ask("lead", "studies", "POST", self.body(**more))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def start(self, **more: Any) -> int:
        """The number of a study that runs."""
        study = self.make(**more)
        answer = self.ask("lead", f"studies/{study['id']}/start", "POST")
        assert answer.status_code == 200, answer.text
        return study["id"]

    def next(self, who: str, study: int) -> int:
        return self.ask(who, f"studies/{study}/own").json()["next_image"]["id"]

    def open(self, who: str, study: int, image: int) -> Any:
        return self.ask(who, f"studies/{study}/images/{image}/open", "POST")

    def finish(self, who: str, study: int, image: int) -> Any:
        return self.ask(who, f"studies/{study}/images/{image}/finish", "POST")

    def tasks(self, study: int, who: str) -> list[StudyTask]:
        query = select(StudyTask).where(
            StudyTask.study_id == study, StudyTask.user_id == self.readers.people[who].user_id
        )
        with self.readers.database.read() as session:
            return list(session.scalars(query.order_by(StudyTask.position)))


@pytest.fixture
def lab(make_readers: Callable, browser_of: Callable) -> Lab:
    """A blind set of four images on which a model has marked everything, of which only managers know."""
    readers = make_readers(images=4)
    for image in range(4):
        readers.mark("lead", image, PLACES, claimed="Model 3")
    return Lab(readers, browser_of)


def shapes(lab: Lab, who: str, image: int) -> list[dict[str, Any]]:
    return lab.ask(who, f"/api/v2/images/{image}/annotations").json()["items"]


def test_a_study_goes_from_design_to_report(lab):
    made = lab.make()
    assert (made["state"], made["warnings"], made["seed"]) == ("draft", [], 5)
    assert made["questions"][0] == "Overall impression of the software"
    assert lab.ask("ann", "studies").json() == {"managed": [], "own": []}
    study = made["id"]
    running = lab.ask("lead", f"studies/{study}/start", "POST").json()
    assert (running["state"], [each["tasks"] for each in running["participants"]]) == ("running", [4, 4])
    for who in ("ann", "ben"):
        own = lab.ask(who, "studies").json()["own"][0]
        assert (own["total"], own["finished"], own["has_answered"]) == (4, 0, False)
        for _ in range(4):
            image = lab.next(who, study)
            assert lab.open(who, study, image).status_code == 200
            assert lab.finish(who, study, image).status_code == 200
        assert lab.ask(who, f"studies/{study}/own").json()["next_image"] is None
        done = lab.ask(who, f"studies/{study}/survey", "PUT", {"grades": [2, 1, 3]})
        assert done.json()["has_answered"]
    report = lab.ask("lead", f"studies/{study}/report").json()
    assert [(arm["name"], arm["finished"], arm["prepared"]) for arm in report["arms"]] == [
        ("Without", 4, 0), ("With", 4, 4 * len(PLACES)),
    ]  # fmt: skip
    assert [each["median"] for each in report["survey"]] == [2, 1, 3]
    assert report["survey"][0]["counts"] == [0, 2, 0, 0, 0, 0]
    closed = lab.ask("lead", f"studies/{study}/close", "POST").json()
    assert closed["state"] == "closed"
    assert lab.ask("lead", f"studies/{study}", "DELETE").status_code == 204
    assert lab.ask("lead", f"studies/{study}").status_code == 404


def test_prepared_shapes_are_copied_once_and_only_in_the_arm_that_has_them(lab):
    study = lab.start()
    seen = Counter()
    for task in lab.tasks(study, "ann"):
        assert shapes(lab, "ann", task.image_id) == []
        prepared = lab.open("ann", study, task.image_id).json()["prepared"]
        assert lab.open("ann", study, task.image_id).json()["prepared"] == prepared
        seen[task.arm, prepared] += 1
        own = shapes(lab, "ann", task.image_id)
        assert len(own) == prepared
        assert {each["author"]["name"] for each in own} <= {"Ann"}
        assert {each["claimed_author"] for each in own} <= {f"Prepared for study {study}: Model 3"}
        assert shapes(lab, "ben", task.image_id) == []
        lab.finish("ann", study, task.image_id)
    assert seen == {(0, 0): 2, (1, len(PLACES)): 2}


def test_prepared_shapes_are_the_participants_own_to_change(lab):
    study = lab.start()
    task = next(task for task in lab.tasks(study, "ben") if task.arm == 1)
    assert task.position == 0
    lab.open("ben", study, task.image_id)
    first, *_ = shapes(lab, "ben", task.image_id)
    assert lab.ask("ben", f"/api/v2/annotations/{first['id']}", "DELETE").status_code == 200
    assert lab.ask("ben", f"/api/v2/images/{task.image_id}/undo-state").json()["can_undo"]
    with lab.readers.database.read() as session:
        found = load(session, lab.readers.everything(session))
    counts = {reader.key: reader.annotations for reader in found.readers}
    assert counts == {MODEL: 4 * len(PLACES), lab.readers.key("ben"): len(PLACES) - 1}


def test_all_participants_get_what_was_there_when_the_study_started(lab):
    study = lab.start()
    lab.readers.mark("lead", 0, [(3000, 3000)], claimed="Model 3")
    with lab.readers.database.read() as session:
        gone = session.scalar(select(Annotation.id).where(Annotation.image_id == lab.readers.images[1]))
    assert lab.ask("lead", f"/api/v2/annotations/{gone}", "DELETE").status_code == 200
    for who in ("ann", "ben"):
        for task in lab.tasks(study, who):
            expected = len(PLACES) if task.arm else 0
            assert lab.open(who, study, task.image_id).json()["prepared"] == expected
            lab.finish(who, study, task.image_id)


@pytest.mark.parametrize("source", ["change_set", "revision", "user"])
def test_sources_are_readers_import_runs_and_past_states(lab, source):
    readers = lab.readers
    with readers.database.read() as session:
        then = readers.everything(session).revision
    readers.mark("cas", 0, [(2500, 2500), (2600, 2600)])
    readers.mark("lead", 0, [(2700, 2700)], claimed="Model 3")
    runs = lab.ask("lead", "import-runs").json()
    assert [run["annotations"] for run in runs[:2]] == [1, 2]
    chosen, expected = {
        "change_set": ({"change_set": runs[1]["change_set"]}, 2),
        "revision": ({"revision": then}, len(PLACES)),
        "user": ({"reader": readers.key("cas")}, 2),
    }[source]
    images = {"image_ids": [readers.images[0]]}
    arms = [{"name": "With", "source": chosen}]
    study = lab.start(design={"arms": arms, **images})
    assert lab.open("ann", study, readers.images[0]).json()["prepared"] == expected


def test_images_are_read_in_the_given_order(lab):
    study = lab.start()
    first, second, *_ = lab.tasks(study, "ann")
    later = lab.open("ann", study, second.image_id)
    assert (later.status_code, "later in your study" in later.json()["detail"]) == (409, True)
    assert lab.finish("ann", study, first.image_id).status_code == 409
    assert lab.open("ann", study, first.image_id).status_code == 200
    assert lab.open("ann", study, second.image_id).status_code == 409
    assert lab.finish("ann", study, first.image_id).status_code == 200
    assert lab.open("ann", study, second.image_id).status_code == 200
    early = lab.ask("ann", f"studies/{study}/survey", "PUT", {"grades": [1, 1, 1]})
    assert (early.status_code, "at the end" in early.json()["detail"]) == (409, True)


def test_participants_learn_nothing_of_arms_and_of_each_other(lab):
    study = lab.start()
    own = lab.ask("ann", f"studies/{study}/own")
    assert set(own.json()) == {
        "id", "title", "description", "state", "total", "finished", "next_image", "questions", "has_answered",
    }  # fmt: skip
    for path in ("", "/report", "/report.csv"):
        assert lab.ask("ann", f"studies/{study}{path}").status_code == 403
    for who in ("cas", "lead"):
        assert lab.ask(who, f"studies/{study}/own").status_code == 404
        assert lab.open(who, study, lab.readers.images[0]).status_code == 404
    assert lab.ask("cas", "studies").json() == {"managed": [], "own": []}
    assert lab.ask("stranger", "studies").status_code == 404
    draft = lab.make(title="Another")
    assert lab.ask("ann", f"studies/{draft['id']}/own").status_code == 404


def test_a_reader_of_no_study_has_no_image_of_it(lab):
    study = lab.start(design={"image_ids": lab.readers.images[:2]})
    assert lab.open("ann", study, lab.readers.images[3]).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"participants": [10**9]},
        {"participants": ["vic"]},
        {"design": {"arms": []}},
        {"design": {"arms": [{"name": "a"}, {"name": "A"}]}},
        {"design": {"image_ids": [10**9]}},
        {"design": {"arms": [{"name": "a", "source": {"reader": "nonsense"}}]}},
        {"design": {"arms": [{"name": "a", "source": {"revision": 10_000}}]}},
        {"design": {"arms": [{"name": "a", "source": {"change_set": 10_000}}]}},
        {"design": {"questions": ["x"] * 7}},
        {"design": {"assignment": "sideways"}},
        {"seed": -1},
    ],
    ids=str,
)
def test_designs_that_cannot_be_are_refused(lab, wrong):
    if wrong.get("participants") == ["vic"]:
        wrong = {"participants": [lab.readers.people["vic"].user_id]}
    answer = lab.ask("lead", "studies", "POST", lab.body(**wrong))
    assert answer.status_code == 422, answer.text


def test_only_managers_design(lab):
    for who, status in {"ann": 403, "rev": 403, "vic": 403, "stranger": 404}.items():
        assert lab.ask(who, "studies", "POST", lab.body()).status_code == status
        assert lab.ask(who, "import-runs").status_code == status


def test_a_draft_can_be_changed_and_a_running_study_only_in_words(lab):
    study = lab.make()["id"]
    path = f"studies/{study}"
    changed = lab.ask("lead", path, "PATCH", {"design": lab.body(design={"order": "block"})["design"], "seed": 9})
    assert (changed.json()["order"], changed.json()["seed"]) == ("block", 9)
    assert lab.ask("lead", path, "PATCH", {"participants": []}).status_code == 200
    empty = lab.ask("lead", f"{path}/start", "POST")
    assert (empty.status_code, "somebody who reads" in empty.json()["detail"]) == (422, True)
    lab.ask("lead", path, "PATCH", {"participants": lab.body()["participants"]})
    assert lab.ask("lead", f"{path}/close", "POST").status_code == 409
    assert lab.ask("lead", f"{path}/start", "POST").status_code == 200
    assert lab.ask("lead", f"{path}/start", "POST").status_code == 409
    assert lab.ask("lead", path, "PATCH", {"seed": 1}).status_code == 409
    assert lab.ask("lead", path, "PATCH", {"title": "New words"}).json()["title"] == "New words"
    assert lab.ask("lead", path, "DELETE").status_code == 409


def test_an_arm_without_anything_prepared_cannot_start(lab):
    study = lab.make(design={"arms": [{"name": "With", "source": {"reader": "claimed:Nobody knows"}}]})["id"]
    answer = lab.ask("lead", f"studies/{study}/start", "POST")
    assert (answer.status_code, "no annotation" in answer.json()["detail"]) == (422, True)


def test_two_running_studies_do_not_share_an_image_of_a_person(lab):
    first = lab.start()
    second = lab.make()["id"]
    assert lab.ask("lead", f"studies/{second}/start", "POST").status_code == 409
    lab.ask("lead", f"studies/{first}/close", "POST")
    assert lab.ask("lead", f"studies/{second}/start", "POST").status_code == 200
    assert lab.open("ann", first, lab.readers.images[0]).status_code == 409


def test_deleting_a_study_keeps_whose_the_shapes_are(lab):
    study = lab.start(design={"arms": [{"name": "With", "source": {"reader": MODEL}}]})
    image = lab.next("ann", study)
    lab.open("ann", study, image)
    lab.ask("lead", f"studies/{study}/close", "POST")
    lab.ask("lead", f"studies/{study}", "DELETE")
    with lab.readers.database.read() as session:
        found = load(session, lab.readers.everything(session))
        assert session.scalar(select(func.count()).select_from(StudyTask)) == 0
    assert {reader.key for reader in found.readers} == {MODEL, lab.readers.key("ann")}


def test_a_set_that_is_not_blind_is_warned_of(make_readers, browser_of):
    readers = make_readers(images=2, mode="cooperative")
    readers.mark("lead", 0, PLACES, claimed="Model 3")
    assert "not blind" in Lab(readers, browser_of).make()["warnings"][0]


# Active time


def report_seconds(lab: Lab, who: str, image: int, seconds: float) -> dict[str, Any]:
    answer = lab.ask(who, f"/api/v2/images/{image}/activity", "POST", {"seconds": seconds})
    assert answer.status_code == 200, answer.text
    return answer.json()


def opened_ago(lab: Lab, study: int, who: str, seconds: float) -> StudyTask:
    """The first task, opened so long ago."""
    task = lab.tasks(study, who)[0]
    lab.open(who, study, task.image_id)
    with lab.readers.database.write() as session:
        at = datetime.now(UTC) - timedelta(seconds=seconds)
        session.execute(update(StudyTask).where(StudyTask.id == task.id).values(opened_at=at))
    return task


def test_nothing_is_kept_outside_of_studies(lab):
    nothing = {"recorded": False, "seconds": 0}
    assert report_seconds(lab, "ann", lab.readers.images[0], 15) == nothing
    study = lab.start()
    first, second, *_ = lab.tasks(study, "ann")
    assert report_seconds(lab, "ann", first.image_id, 15) == nothing  # not begun
    lab.open("ann", study, first.image_id)
    assert report_seconds(lab, "ann", first.image_id, 0)["recorded"]
    assert report_seconds(lab, "ann", second.image_id, 15) == nothing
    assert report_seconds(lab, "cas", first.image_id, 15) == nothing
    lab.finish("ann", study, first.image_id)
    assert report_seconds(lab, "ann", first.image_id, 15) == nothing  # done
    with lab.readers.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Activity)) == 1
    assert lab.ask("stranger", f"/api/v2/images/{first.image_id}/activity", "POST", {"seconds": 1}).status_code == 404


def test_the_servers_clock_has_the_last_word(lab):
    study = lab.start()
    task = opened_ago(lab, study, "ann", 100)
    assert report_seconds(lab, "ann", task.image_id, 3000)["seconds"] == 20  # what one report can count
    assert report_seconds(lab, "ann", task.image_id, 15)["seconds"] < 2  # no more than went by


def test_time_is_added_up_and_stretches_end_with_a_pause(lab):
    study = lab.start()
    task = opened_ago(lab, study, "ann", 4000)
    user = lab.readers.people["ann"].user_id
    start = datetime.now(UTC) - timedelta(hours=1)
    plan = [(0, 0), (15, 15), (30, 15), (45, 15), (300, 0), (315, 15), (322, 7)]
    believed = []
    for after, seconds in plan:
        with lab.readers.database.write() as session:
            believed.append(record(session, user, task.image_id, seconds, start + timedelta(seconds=after)))
    assert believed == [0, 15, 15, 15, 0, 15, 7]
    with lab.readers.database.read() as session:
        rows = list(session.scalars(select(Activity).order_by(Activity.id)))
    assert [each.seconds for each in rows] == [45, 22]
    assert all(each.seconds <= (each.ended_at - each.started_at).total_seconds() + 1e-6 for each in rows)


def test_two_windows_do_not_count_the_same_time_twice(lab):
    first = lab.start(design={"image_ids": lab.readers.images[:2]})
    second = lab.start(design={"image_ids": lab.readers.images[2:]})
    tasks = [opened_ago(lab, first, "ann", 4000), opened_ago(lab, second, "ann", 4000)]
    user = lab.readers.people["ann"].user_id
    start = datetime.now(UTC) - timedelta(hours=1)
    total = 0.0
    for after in range(0, 200, 5):  # both report a quarter minute, five seconds after each other
        task = tasks[after // 5 % 2]
        with lab.readers.database.write() as session:
            total += record(session, user, task.image_id, 15, start + timedelta(seconds=after)) or 0
    assert total <= 200 + 20


@pytest.mark.parametrize("seconds", [-1, 10**6, "nan", "x"])
def test_reports_that_mean_nothing_are_refused(lab, seconds):
    path = f"/api/v2/images/{lab.readers.images[0]}/activity"
    assert lab.ask("ann", path, "POST", {"seconds": seconds}).status_code == 422


# The report


def run_through(lab: Lab, study: int, seconds: Callable[[int, int], float], marks: Callable[[int], int]) -> None:
    """Ann and Ben read everything: so many seconds, and so many of the places, by arm."""
    for person, who in enumerate(("ann", "ben")):
        for task in lab.tasks(study, who):
            lab.open(who, study, task.image_id)
            if not task.arm:
                number = lab.readers.images.index(task.image_id)
                lab.readers.mark(who, number, PLACES[: marks(person)])
            with lab.readers.database.write() as session:
                at = datetime.now(UTC)
                session.add(
                    Activity(task_id=task.id, user_id=task.user_id, started_at=at, ended_at=at,
                             seconds=seconds(person, task.arm))
                )  # fmt: skip
            lab.finish(who, study, task.image_id)


def test_the_report_compares_time_as_the_paper_does(lab):
    """105 seconds without, 50 with: means, medians, and the tests against scipy itself."""
    study = lab.start()
    run_through(lab, study, lambda person, arm: (100 + 10 * person, 48 + 4 * person)[arm], lambda _person: 20)
    report = lab.ask("lead", f"studies/{study}/report").json()
    without, with_model = report["arms"]
    assert (without["seconds"]["mean"], with_model["seconds"]["mean"]) == (105, 50)
    assert (without["seconds"]["median"], with_model["seconds"]["median"]) == (105, 50)
    assert without["seconds"]["mean_low"] <= 105 <= without["seconds"]["mean_high"]
    by_person = {each["name"]: each["seconds"] for each in without["participants"]}
    assert by_person == {"Ann": 100, "Ben": 110}
    paired = next(
        each for each in report["comparisons"]
        if (each["measure"], each["unit"], each["test"]) == ("seconds", "participant", "paired_t")
    )  # fmt: skip
    theirs = stats.ttest_rel([100, 110], [48, 52])
    assert (paired["statistic"], paired["p"]) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert (paired["means"], paired["arms"], paired["n"]) == ([105, 50], [0, 1], 2)
    tests = {(each["measure"], each["unit"], each["test"]) for each in report["comparisons"]}
    assert tests == {
        (measure, unit, test)
        for measure in ("seconds", "f1")
        for unit in ("participant", "image")
        for test in ("wilcoxon", "paired_t")
    }


def test_between_participants_the_tests_are_unpaired(lab):
    study = lab.start(design={"assignment": "between"})
    run_through(lab, study, lambda person, arm: (105, 50)[arm] + person, lambda _person: 20)
    report = lab.ask("lead", f"studies/{study}/report").json()
    tests = {each["test"] for each in report["comparisons"]}
    assert tests == {"mann_whitney", "anova", "kruskal"}
    assert sorted(len(arm["participants"]) for arm in report["arms"]) == [1, 1]


def test_agreement_is_with_the_reference_or_with_what_others_say(lab):
    gold = lab.ask("lead", "gold", "POST", {
        "title": "Model as truth", "reader": MODEL, "image_ids": lab.readers.images,
    }).json()  # fmt: skip
    study = lab.start(design={"gold_id": gold["id"]})
    run_through(lab, study, lambda _person, _arm: 60, lambda _person: 15)
    report = lab.ask("lead", f"studies/{study}/report").json()
    assert report["reference"] == {"kind": "gold", "title": "Model as truth"}
    without, with_model = (arm["agreement"] for arm in report["arms"])
    assert (without["hits"], without["extra"], without["missed"]) == (4 * 15, 0, 4 * 5)
    assert (with_model["f1"], without["f1"]) == (1, pytest.approx(2 * 15 / (2 * 15 + 5)))
    lab.ask("lead", f"studies/{study}/close", "POST")
    assert lab.ask("lead", f"gold/{gold['id']}", "DELETE").status_code == 204
    majority = lab.ask("lead", f"studies/{study}/report").json()
    assert majority["reference"]["kind"] == "majority"
    # Each image was read once with and once without: each is the other's whole majority.
    assert [arm["agreement"]["hits"] for arm in majority["arms"]] == [60, 60]
    assert [arm["agreement"]["missed"] for arm in majority["arms"]] == [20, 0]
    assert [arm["agreement"]["extra"] for arm in majority["arms"]] == [0, 20]


def test_what_is_not_finished_is_in_no_report_and_no_majority(lab):
    study = lab.start()
    task = lab.tasks(study, "ben")[0]
    lab.open("ben", study, task.image_id)
    other = next(each for each in lab.tasks(study, "ann"))
    lab.open("ann", study, other.image_id)
    lab.finish("ann", study, other.image_id)
    report = lab.ask("lead", f"studies/{study}/report").json()
    assert sum(arm["finished"] for arm in report["arms"]) == 1
    assert sum(arm["agreement"]["tasks"] for arm in report["arms"]) == 0
    assert sum(arm["without_time"] for arm in report["arms"]) == 1


def test_a_study_without_anything_read_can_be_reported(lab):
    study = lab.make()["id"]
    report = lab.ask("lead", f"studies/{study}/report")
    assert report.status_code == 200
    assert [arm["seconds"]["mean"] for arm in report.json()["arms"]] == [None, None]


def test_tables_hold_every_task_stretch_and_grade(lab):
    study = lab.start()
    run_through(lab, study, lambda person, arm: (100 + 10 * person, 48 + 4 * person)[arm], lambda _person: 20)
    lab.ask("ann", f"studies/{study}/survey", "PUT", {"grades": [1, 2, 6]})

    def table(name: str) -> list[list[str]]:
        answer = lab.ask("lead", f"studies/{study}/report.csv", table=name)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        return list(csv.reader(io.StringIO(answer.text)))

    heading, *tasks = table("tasks")
    assert len(tasks) == 8
    seconds = {
        arm: np.mean([float(row[heading.index("active_seconds")]) for row in tasks if row[heading.index("arm")] == arm])
        for arm in ("Without", "With")
    }
    assert seconds == {"Without": 105, "With": 50}
    assert [int(row[heading.index("position")]) for row in tasks if row[0] == "ann"] == [1, 2, 3, 4]
    assert len(table("activity")) == 9
    assert [row[:3] for row in table("survey")][1:] == [
        ["ann", "Overall impression of the software", "1"],
        ["ann", "Adding, changing and deleting annotations was efficient", "2"],
        ["ann", "Overall effectiveness of the work", "6"],
    ]


@pytest.mark.parametrize("grades", [[1, 2], [1, 2, 3, 4], [0, 1, 2], [7, 1, 2], []])
def test_grades_are_one_to_six_and_one_per_question(lab, grades):
    study = lab.start(design={"image_ids": lab.readers.images[:1]})
    lab.open("ann", study, lab.readers.images[0])
    lab.finish("ann", study, lab.readers.images[0])
    assert lab.ask("ann", f"studies/{study}/survey", "PUT", {"grades": grades}).status_code == 422


def test_grades_can_be_changed_while_the_study_runs(lab):
    study = lab.start(design={"image_ids": lab.readers.images[:1]})
    lab.open("ann", study, lab.readers.images[0])
    lab.finish("ann", study, lab.readers.images[0])
    for grades in ([1, 1, 1], [2, 3, 4]):
        assert lab.ask("ann", f"studies/{study}/survey", "PUT", {"grades": grades}).status_code == 200
    survey = lab.ask("lead", f"studies/{study}/report").json()["survey"]
    assert [each["mean"] for each in survey] == [2, 3, 4]


def test_copies_are_revisions_of_the_set_like_any_other(lab):
    study = lab.start(design={"arms": [{"name": "With", "source": {"reader": MODEL}}]})
    with lab.readers.database.read() as session:
        before = lab.readers.everything(session).revision
    image = lab.next("ann", study)
    lab.open("ann", study, image)
    with lab.readers.database.read() as session:
        copied = select(func.count()).where(
            AnnotationRevision.image_id == image,
            AnnotationRevision.valid_from == before + 1,
            AnnotationRevision.author_id == lab.readers.people["ann"].user_id,
        )
        assert session.scalar(copied) == len(PLACES)


def start_data(lab: Lab, who: str, image: int) -> dict[str, Any]:
    """What the viewer's page begins with."""
    page = lab.ask(who, f"/image-sets/{lab.readers.image_set_id}/images/{image}").text
    found = json.loads(page.partition('id="exact-bootstrap">')[2].partition("</script>")[0])
    assert found["image"]["id"] == image
    return found


def test_the_viewer_is_told_where_the_image_stands_but_not_which_arm(lab):
    study = lab.start()
    task, later, *_ = lab.tasks(study, "ann")
    told = {"id": study, "title": "Does the model help?", "total": 4, "is_open": False, "is_finished": False}
    assert start_data(lab, "ann", task.image_id)["study"] == {**told, "position": 1, "is_next": True}
    assert start_data(lab, "ann", later.image_id)["study"] == {**told, "position": 2, "is_next": False}
    for who in ("cas", "lead"):
        assert start_data(lab, who, task.image_id)["study"] is None
    lab.open("ann", study, task.image_id)
    lab.finish("ann", study, task.image_id)
    assert start_data(lab, "ann", task.image_id)["study"]["is_finished"]
    assert start_data(lab, "ann", later.image_id)["study"]["is_next"]
