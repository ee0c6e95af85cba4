"""Designing and running studies."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import func, select

from exact_core.agreement.readings import load
from exact_core.storage.models import Annotation, AnnotationRevision, StudyTask
from tests.core.agreement.studies.lab import MODEL, PLACES, Lab, shapes, start_data


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
