"""Verdicts on shapes and images: who may, what stays, what an edit makes of them, and what can be asked about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from exact_core.storage.models import LIVE, AnnotationVerification, ChangeSet, ImageReview, ImageSet

Make = Callable[..., Any]


def state_of(study: Any, who: str, annotation_id: int) -> Any:
    return study.get(who, f"/annotations/{annotation_id}/verifications")


def test_one_verification_is_enough_in_a_cooperative_set(make_study: Make) -> None:
    study = make_study()
    cell = study.draw("ann")
    assert state_of(study, "ben", cell["id"])["state"] == "unverified"
    done = study.judge("ben", 0, {"id": cell["id"], "verdict": "accepted", "base_revision": cell["revision"]})
    said = state_of(study, "vic", cell["id"])
    assert said["state"] == "accepted"
    assert [(each["reader"]["id"], each["is_mine"]) for each in said["verdicts"]] == [(study.id("ben"), False)]
    with study.database.read() as session:
        change = session.get_one(ChangeSet, (study.set_id, done["revision"]))
        assert (change.kind, change.actor_id, change.image_id, change.n_changes) == (
            "verify", study.id("ben"), study.images[0], 1,
        )  # fmt: skip
        assert session.get_one(ImageSet, study.set_id).revision == done["revision"]


def test_an_edit_makes_a_verdict_outdated_and_keeps_it(make_study: Make) -> None:
    study = make_study()
    cell = study.draw("ann")
    study.judge("ben", 0, {"id": cell["id"], "verdict": "rejected", "reason": "too large"})
    study.change("ann", cell["id"], text="smaller now")
    said = state_of(study, "ann", cell["id"])
    assert said["state"] == "outdated"
    assert (said["verdicts"][0]["verdict"], said["verdicts"][0]["reason"]) == ("rejected", "too large")
    assert said["verdicts"][0]["is_outdated"]
    study.judge("ben", 0, {"id": cell["id"], "verdict": "accepted"})
    assert state_of(study, "ann", cell["id"])["state"] == "accepted"
    with study.database.read() as session:  # a version at an earlier revision still finds the first verdict
        rows = session.execute(
            select(AnnotationVerification.verdict, AnnotationVerification.valid_to == LIVE).order_by(
                AnnotationVerification.valid_from
            )
        ).all()
        assert rows == [("rejected", False), ("accepted", True)]


def test_the_newest_verdict_counts_and_can_be_withdrawn(make_study: Make) -> None:
    study = make_study()
    cell = study.draw("ann")
    study.judge("ben", 0, {"id": cell["id"], "verdict": "accepted"})
    study.judge("cat", 0, {"id": cell["id"], "verdict": "dubious", "reason": "out of focus"})
    assert state_of(study, "ann", cell["id"])["state"] == "dubious"
    counts = study.get("ann", f"/images/{study.images[0]}/verification-counts")
    assert counts == {"total": 1, "unverified": 0, "outdated": 0, "accepted": 0, "rejected": 0, "dubious": 1}
    study.judge("cat", 0, {"id": cell["id"], "verdict": None})
    said = state_of(study, "ann", cell["id"])
    assert (said["state"], len(said["verdicts"])) == ("accepted", 1)


def test_relabelling_changes_the_type_and_accepts_the_new_state(make_study: Make) -> None:
    study = make_study()
    cell, other = study.draw("ann"), study.draw("ann")
    answer = study.judge(
        "ben", 0, {"id": cell["id"], "verdict": "accepted", "type_id": study.types["Nucleus"]},
        {"id": other["id"], "verdict": "rejected"},
    )  # fmt: skip
    shape = study.get("ann", f"/annotations/{cell['id']}")
    assert (shape["type_id"], shape["revision"]) == (study.types["Nucleus"], answer["revision"])
    assert state_of(study, "ann", cell["id"])["state"] == "accepted"
    assert state_of(study, "ann", other["id"])["state"] == "rejected"
    undone = study.post("ben", f"/images/{study.images[0]}/undo")  # a relabelling is an edit like others
    assert undone["annotations"][0]["type_id"] == study.types["Cell"]
    assert state_of(study, "ann", cell["id"])["state"] == "outdated"


def test_what_cannot_be_judged_is_refused_as_a_whole(make_study: Make) -> None:
    study = make_study()
    cell, gone = study.draw("ann"), study.draw("ann")
    study.send("ann", "DELETE", f"/annotations/{gone['id']}")
    study.change("ann", cell["id"], text="changed")
    accept = {"id": cell["id"], "verdict": "accepted"}
    stale = study.judge("ben", 0, {**accept, "base_revision": cell["revision"]}, status=409)
    assert stale["code"] == "stale-annotation"
    assert stale["current"]["text"] == "changed"
    study.judge("ben", 0, accept, {"id": gone["id"], "verdict": "accepted"}, status=409)
    study.judge("ben", 0, accept, {"id": 999_999, "verdict": "accepted"}, status=404)
    study.judge("ben", 1, accept, status=404)  # it is on another image
    study.judge("ben", 0, accept, accept, status=422)
    study.judge("ben", 0, {**accept, "type_id": 999}, status=422)
    study.judge("ben", 0, {**accept, "verdict": "perhaps"}, status=422)
    study.judge("vic", 0, accept, status=403)
    study.judge("stranger", 0, accept, status=404)
    assert state_of(study, "ann", cell["id"])["state"] == "unverified"
    study.send("max", "PATCH", f"/image-sets/{study.set_id}", {"is_locked": True})
    assert "locked" in study.judge("ben", 0, accept, status=403)["detail"]


def test_lists_and_the_walk_filter_by_state_of_verification(make_study: Make) -> None:
    study = make_study()
    image = study.images[0]
    cells = [study.draw("ann", 0, 600 * n, 10, 600 * n + 20, 30)["id"] for n in range(6)]
    study.judge(
        "ben", 0, {"id": cells[0], "verdict": "accepted"}, {"id": cells[1], "verdict": "rejected"},
        {"id": cells[2], "verdict": "dubious"}, {"id": cells[3], "verdict": "accepted"},
    )  # fmt: skip
    study.change("ann", cells[3], text="changed")
    expected = {
        "accepted": {cells[0]},
        "rejected": {cells[1]},
        "dubious": {cells[2]},
        "outdated": {cells[3]},
        "unverified": set(cells[3:]),
    }
    for state, ids in expected.items():
        listed = study.get("ann", f"/images/{image}/annotations", verification=state)["items"]
        walked = study.get("ann", f"/images/{image}/verification-walk", verification=state)["items"]
        assert {item["id"] for item in listed} == {item["id"] for item in walked} == ids, state
        wanted = {"accepted", "rejected", "dubious"} & {state} or {"outdated", "unverified"}
        assert {item["verification"]["state"] for item in walked} <= wanted
    counts = study.get("cat", f"/images/{image}/verification-counts")
    assert counts == {"total": 6, "unverified": 3, "outdated": 1, "accepted": 1, "rejected": 1, "dubious": 1}
    mine = study.get("cat", f"/images/{image}/verification-counts", by_me=True)
    assert (mine["unverified"], mine["accepted"]) == (6, 0)
    own = study.get("cat", f"/images/{image}/verification-walk", verification="unverified", by_me=True)
    assert len(own["items"]) == 6
    filtered = study.get("ann", f"/images/{image}/verification-counts", type_id=study.types["Nucleus"])
    assert filtered["total"] == 0
    by_author = study.get("ann", f"/images/{image}/verification-counts", author_id=[study.id("ann")])
    assert by_author == counts


def test_marks_say_what_is_verified_in_a_rectangle(make_study: Make) -> None:
    study = make_study("competitive")
    path = f"/images/{study.images[0]}/verification-marks"
    near, far = study.draw("ann", 0, 10, 10, 40, 30)["id"], study.draw("ann", 0, 5_000, 10, 5_040, 30)["id"]
    study.draw("ann", 0, 20, 10, 40, 30)
    study.judge("ann", 0, {"id": near, "verdict": "accepted"}, {"id": far, "verdict": "dubious"})
    study.judge("max", 0, {"id": near, "verdict": "rejected"})
    box = {"x0": 0, "y0": 0, "x1": 100, "y1": 100}
    assert study.get("ann", path, **box)["marks"] == [{"id": near, "x": 40, "y": 10, "state": "accepted"}]
    assert study.get("max", path, **box)["marks"] == [{"id": near, "x": 40, "y": 10, "state": "rejected"}]
    assert study.get("ben", path, **box)["marks"] == []
    assert len(study.get("ann", path, x0=0, y0=0, x1=20_000, y1=100)["marks"]) == 2
    study.get("ann", path, x0=5, y0=0, x1=0, y1=100, status=422)


@pytest.mark.parametrize("order", ["place", "drawing"])
def test_the_walk_pages_through_all_shapes_once_in_both_directions_and_starts_anywhere(
    make_study: Make, order: str
) -> None:
    study = make_study()
    walk = f"/images/{study.images[0]}/verification-walk"
    for n in range(23):
        study.draw("ann", 0, 700 * (n % 7), 800 * (n // 7), 700 * (n % 7) + 20, 800 * (n // 7) + 20)
    seen: list[int] = []
    cursor = ""
    while True:
        page = study.get("ann", walk, order=order, limit=5, cursor=cursor)
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 23
    if order == "drawing":
        assert seen == sorted(seen)
    middle = study.get("ann", walk, order=order, limit=4, start=seen[10])["items"]
    assert [item["id"] for item in middle] == seen[10:14]
    before = study.get("ann", walk, order=order, limit=4, start=seen[10], backwards=True)["items"]
    assert [item["id"] for item in before] == seen[6:10]
    other = "drawing" if order == "place" else "place"
    page = study.get("ann", walk, order=order, limit=5)
    study.get("ann", walk, order=other, cursor=page["next_cursor"], status=422)
    study.get("ann", walk, cursor="nonsense", status=422)


def test_an_image_without_any_annotation_can_be_verified(make_study: Make) -> None:
    study = make_study()
    assert study.review("ben")["state"] == "to_do"
    done = study.verify("ben")
    assert (done["state"], done["accepted"]) == ("done", 0)
    assert study.review("ann")["state"] == "done"
    assert study.review("ann")["own_state"] == "to_do"
    assert [item["review"] for item in study.listed("vic")["items"]] == ["done", "to_do", "to_do"]
    study.verify("vic", status=403)
    study.verify("stranger", status=404)


def test_verifying_an_image_accepts_what_was_not_judged_and_leaves_what_was(make_study: Make) -> None:
    study = make_study()
    cells = [study.draw("ann", 0, 50 * n, 10, 50 * n + 20, 30)["id"] for n in range(5)]
    study.judge("ben", 0, {"id": cells[0], "verdict": "rejected"}, {"id": cells[1], "verdict": "accepted"})
    study.change("ann", cells[1], text="moved")
    assert study.verify("ben")["accepted"] == 4
    counts = study.get("ann", f"/images/{study.images[0]}/verification-counts")
    assert counts == {"total": 5, "unverified": 0, "outdated": 0, "accepted": 4, "rejected": 1, "dubious": 0}
    assert study.verify("ben")["accepted"] == 0
    with study.database.read() as session:
        live = select(func.count()).select_from(AnnotationVerification).where(AnnotationVerification.valid_to == LIVE)
        assert session.scalar(live) == 5
        states = select(ImageReview.state, ImageReview.valid_to == LIVE).order_by(ImageReview.valid_from)
        assert session.execute(states).all() == [("done", False), ("done", True)]


def test_only_a_setting_accepts_what_people_draw_themselves(make_study: Make) -> None:
    study = make_study()
    before = study.draw("ann")
    study.settings(cooperative={"owner_verifies": True})
    assert state_of(study, "ben", before["id"])["state"] == "unverified"
    cell = study.draw("ann")
    assert state_of(study, "ben", cell["id"])["state"] == "accepted"
    study.change("ann", cell["id"], text="mine still")
    assert state_of(study, "ben", cell["id"])["state"] == "accepted"
    study.change("ben", cell["id"], text="somebody else's hand")
    assert state_of(study, "ann", cell["id"])["state"] == "outdated"


def test_points_are_accepted_verdicts(make_study: Make) -> None:
    study = make_study()
    cells = [study.draw("ann", 0, 50 * n, 10, 50 * n + 20, 30)["id"] for n in range(4)]
    study.judge("ben", 0, *({"id": id_, "verdict": "accepted"} for id_ in cells[:3]))
    study.judge("ben", 0, {"id": cells[3], "verdict": "rejected"}, {"id": cells[0], "verdict": None})
    load = {each["reader"]["id"]: each for each in study.get("vic", f"/image-sets/{study.set_id}/workload")}
    assert load.keys() == {study.id("ben")}
    assert (load[study.id("ben")]["points"], load[study.id("ben")]["judged"]) == (2, 3)


def test_states_of_images_by_hand(make_study: Make) -> None:
    study = make_study()
    path = f"/images/{study.images[0]}/review-state"
    study.send("ann", "PUT", path, {"state": "in_work"})
    study.send("ann", "PUT", path, {"state": "dubious"}, status=422)  # why?
    study.send("ann", "PUT", path, {"state": "dubious", "reason": "out of focus"})
    review = study.review("ben")
    assert review["state"] == "dubious"
    assert [(each["reader"]["id"], each["reason"]) for each in review["readers"]] == [(study.id("ann"), "out of focus")]
    study.send("vic", "PUT", path, {"state": "done"}, status=403)
    study.send("rex", "PUT", path, {"state": "reviewed"})
    assert study.review("ben")["state"] == "reviewed"
    assert study.listed("ben", review="reviewed")["total"] == 1
    assert study.listed("ben", review=["to_do", "in_work"])["total"] == 2
    assert study.listed("ben")["review_counts"] == {"to_do": 2, "in_work": 0, "done": 0, "reviewed": 1, "dubious": 0}


def test_an_image_says_when_it_was_changed_after_it_was_done(make_study: Make) -> None:
    study = make_study()
    study.draw("ann")
    study.verify("ben")
    assert not study.review("ann")["is_changed_since"]
    study.draw("ann", 1)
    assert not study.review("ann")["is_changed_since"]
    study.draw("ann")
    assert study.review("ann")["is_changed_since"]
