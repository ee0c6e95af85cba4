"""Reports of studies: times, agreement, grades, tables."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from scipy import stats

from tests.core.agreement.studies.lab import MODEL, run_through


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
