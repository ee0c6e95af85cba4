"""Second opinion: readers are given items, read without seeing each other, and may disagree."""

from __future__ import annotations

from typing import Any

import pytest

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import read_scope
from exact_core.annotations.streaming import stream
from tests.core.annotations import wire_reader
from tests.core.review.second_opinion import NEAR, WHOLE, Make, decide, everywhere, read, waiting


def test_from_assignment_over_disagreement_to_a_decision(make_study: Make) -> None:
    study = make_study("second_opinion", readers_per_item=2, rule=NEAR)
    given = study.assign("ann", "ben", "cat", how="several", n=2)
    assert (given["created"], sorted(given["per_reader"].values())) == (6, [2, 2, 2])
    readers = {
        row["reader"]["name"]
        for row in study.get("max", f"/image-sets/{study.set_id}/assignments", image=study.images[0])["items"]
    }
    one, two = sorted(readers)
    outsider = ({"ann", "ben", "cat"} - readers).pop()
    assert "readers already" in study.draw(outsider, status=403)["detail"]

    both = read(study, one, (100, 100), (500, 500), finish=False)
    read(study, two, (102, 101), (900, 900), finish=False)
    assert everywhere(study, one) == set(both)
    study.verify(one)
    assert waiting(study) == []  # the other one is not done
    assert everywhere(study, one) == set(both)
    assert everywhere(study, "judge") == set()
    study.verify(two)
    assert everywhere(study, one) == set(both)  # they do not agree: nobody is shown anything but the adjudicator
    everything = everywhere(study, "max")
    assert everywhere(study, "judge") == everything
    assert len(everything) == 4

    (item,) = waiting(study)
    assert (item["image_id"], item["kind"], item["disagreements"]) == (study.images[0], "image", 2)
    detail = study.get("judge", f"/image-sets/{study.set_id}/adjudications/{item['id']}")
    assert [each["letter"] for each in detail["readers"]] == ["A", "B"]
    assert {each["name"] for each in detail["readers"]} == {None}
    assert [(each["agrees"], len(each["shapes"])) for each in detail["groups"]] == [(False, 1), (False, 1), (True, 2)]
    study.get(one, f"/image-sets/{study.set_id}/adjudications", status=403)
    study.get("vic", f"/image-sets/{study.set_id}/adjudications/{item['id']}", status=403)
    decide(study, one, item["id"], "both", status=403)
    decide(study, "judge", item["id"], "reader", status=422, reader="A", reason="x")  # why?
    decide(study, "judge", item["id"], "reader", status=422, reader="C")
    done = decide(study, "judge", item["id"], "reader", reader="A")
    assert waiting(study) == []
    assert [each["id"] for each in waiting(study, state="decided")] == [item["id"]]

    kept = {shape["id"] for group in detail["groups"] for letter, shape in group["shapes"].items() if letter == "A"}
    verdicts = {item["id"]: item for item in study.get("max", f"/images/{study.images[0]}/verification-walk")["items"]}
    for id_ in everything:
        said = verdicts[id_]["verification"]
        assert said["state"] == ("accepted" if id_ in kept else "rejected")
        assert said["verdicts"][0]["reader"]["id"] == study.id("judge")
    assert study.review("max")["state"] == "reviewed"
    assert everywhere(study, one) == everything  # it is closed: its readers see what the other did
    assert everywhere(study, outsider) == set()
    after = study.get("judge", f"/image-sets/{study.set_id}/adjudications/{item['id']}")["decision"]
    assert (after["decision"], after["reader"], after["reason"]) == ("reader", "A", "seen by a third reader")
    assert after["by"]["id"] == study.id("judge")
    acts = study.get("max", f"/image-sets/{study.set_id}/audit")["items"]
    assert (acts[0]["action"], acts[0]["details"]["decision"]) == ("decided", "reader")
    assert done["revision"] == study.get("max", f"/image-sets/{study.set_id}")["revision"]


def test_readers_who_agree_close_an_item_by_themselves(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR)
    mine = read(study, "ann", (100, 100), (500, 500))
    assert everywhere(study, "ann") == set(mine)
    theirs = read(study, "ben", (103, 100), (500, 503))
    assert waiting(study) == []
    assert study.review("max")["state"] == "done"
    assert everywhere(study, "ann") == {*mine, *theirs}
    assert everywhere(study, "judge") == set()  # there is nothing to decide
    names = study.get("ann", f"/images/{study.images[0]}/annotations")["items"]
    assert {item["author"]["id"] if item["author"] else None for item in names} == {study.id("ann"), None}


def test_a_reader_takes_a_place_by_beginning_and_no_more_than_there_are(make_study: Make) -> None:
    study = make_study("second_opinion", readers_per_item=2, rule=NEAR)
    queue = f"/image-sets/{study.set_id}/queue/next"
    first = study.get("ann", queue)
    assert (first["image_id"], first["is_assigned"]) == (study.images[0], False)
    read(study, "ann", (10, 10))
    read(study, "ben", (10, 10), finish=False)
    assert "readers already" in study.draw("cat", status=403)["detail"]
    study.verify("cat", status=403)
    assert study.get("cat", queue)["image_id"] == study.images[1]
    study.draw("max")  # who manages is bound by nothing
    assert study.get("ann", queue)["image_id"] == study.images[1]


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ({"self_assign": False}, "not assigned to you"),
        ({"readers": [999]}, "not among the readers"),
        ({"quota": 1}, "quota"),
    ],
)
def test_who_may_not_begin_is_told_why(make_study: Make, second: dict[str, Any], why: str) -> None:
    study = make_study("second_opinion", **second)
    if "quota" in second:
        study.draw("ann", 0)
    assert why in study.draw("ann", 1, status=403)["detail"]
    assert study.get("ann", f"/image-sets/{study.set_id}/queue/next", after=study.images[0])["image_id"] is None


def test_what_is_finished_stays_unless_it_is_taken_up_before_the_others_are_done(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR)
    (cell,) = read(study, "ann", (10, 10))
    assert "Take it up again" in study.draw("ann", status=409)["detail"]
    study.change("ann", cell, status=409, text="x")
    study.post("ann", f"/images/{study.images[0]}/undo", status=409)
    study.judge("ann", 0, {"id": cell, "verdict": "rejected"}, status=409)
    state = f"/images/{study.images[0]}/review-state"
    study.send("ann", "PUT", state, {"state": "in_work"})
    study.change("ann", cell, text="second thoughts")
    study.verify("ann")
    read(study, "ben", (11, 10))
    study.send("ann", "PUT", state, {"state": "in_work"}, status=409)
    study.draw("ann", status=409)
    reopen = f"/images/{study.images[0]}/review/reopen"
    body = {"reader_id": study.id("ann"), "reason": "a wrong slide was mounted"}
    study.post("ann", reopen, body, status=403)
    study.post("max", reopen, {**body, "reason": ""}, status=422)
    study.post("max", reopen, body)
    study.draw("ann", 0, 5_000, 5_000, 5_020, 5_020)
    assert everywhere(study, "ben") == {study.shown("ben").pop()}  # open again: they are blind again
    study.verify("ann")
    assert len(waiting(study)) == 1
    assert study.get("max", f"/image-sets/{study.set_id}/audit")["items"][0]["action"] == "reopened"


@pytest.mark.parametrize(
    ("reveal", "own_done", "all_agree"),
    [("never", False, False), ("item_done", False, True), ("own_done", True, True)],
)
def test_the_settings_say_when_readers_see_each_other(
    make_study: Make, reveal: str, own_done: bool, all_agree: bool
) -> None:
    study = make_study("second_opinion", rule=NEAR, reveal=reveal)
    mine = set(read(study, "ann", (10, 10), finish=False))
    theirs = set(read(study, "ben", (10, 10), finish=False))
    assert everywhere(study, "ann") == mine
    study.verify("ann")
    assert everywhere(study, "ann") == (mine | theirs if own_done else mine)
    assert everywhere(study, "ben") == theirs  # who is not done sees nothing in any case
    if own_done:
        study.send("ann", "PUT", f"/images/{study.images[0]}/review-state", {"state": "in_work"}, status=409)
    study.verify("ben")
    for who, own in (("ann", mine), ("ben", theirs)):
        assert everywhere(study, who) == (mine | theirs if all_agree else own)
        listed = {item["id"]: item["annotations"] for item in study.listed(who)["items"]}
        assert listed[study.images[0]] == (2 if all_agree else 1)
        assert study.listed(who, annotated=True)["total"] == 1
    study.post("max", f"/image-sets/{study.set_id}/unblind", {"reason": "the study is over"})
    assert everywhere(study, "vic") == mine | theirs


def test_who_is_who_is_hidden_everywhere_unless_the_settings_show_it(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR)
    read(study, "ann", (10, 10))
    (theirs,) = read(study, "ben", (900, 900))
    path = f"/images/{study.images[0]}"
    (item,) = waiting(study)
    detail = f"/image-sets/{study.set_id}/adjudications/{item['id']}"
    texts = [
        study.clients["judge"].get(f"/api/v2{address}").text
        for address in (
            f"{path}/annotations", f"{path}/annotation-counts", f"/annotations/{theirs}", f"{path}/verification-walk",
            f"/annotations/{theirs}/verifications", detail, f"{path}/review", f"/image-sets/{study.set_id}/workload",
            f"/image-sets/{study.set_id}/assignments",
        )
    ]  # fmt: skip
    for name in ("Ann", "Ben"):
        assert not [text for text in texts if f'"{name}"' in text]
    for number in (study.id("ann"), study.id("ben")):
        assert study.get("judge", f"{path}/annotations", author_id=number)["items"] == []
        assert study.get("judge", f"{path}/verification-counts", author_id=number)["total"] == 0
    view = wire_reader.read(study.clients["judge"].get(f"/api/v2{path}/annotation-view", params=WHOLE).content)
    assert view.header["authors"] == [0]
    with study.database.read() as session:
        scope = read_scope(session, study.people["judge"], study.images[0], rights_in(session))
        assert {(each.author_id, each.editor_id) for each in stream(session, scope)} == {(None, None)}
    study.settings(
        adjudicators=[study.id("judge")], second_opinion={"rule": NEAR, "show_names": True}, reason="open review"
    )
    readers = study.get("judge", detail)["readers"]
    assert {each["name"] for each in readers} == {"Ann", "Ben"}
    assert len(study.get("judge", f"{path}/annotations", author_id=study.id("ben"))["items"]) == 1


def test_letters_do_not_stand_for_people() -> None:
    from exact_core.review.adjudicating import letters_of
    from exact_core.review.closing import OpenItem

    first = {letters_of(OpenItem(n, "image", "open", None, None, {1: "done", 2: "done"}))[1] for n in range(20)}
    assert first == {"A", "B"}
