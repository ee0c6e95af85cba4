"""Modes and their settings, unblinding, and the log of acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exact_core.storage.epochs import read_epochs
from exact_core.storage.models import ChangeSet

Make = Callable[..., Any]


def audit(study: Any, who: str = "max", status: int = 200) -> Any:
    return study.get(who, f"/image-sets/{study.set_id}/audit", status=status)


def unblind(study: Any, who: str = "max", reason: str = "the study is over", status: int = 200) -> Any:
    return study.post(who, f"/image-sets/{study.set_id}/unblind", {"reason": reason}, status=status)


@pytest.mark.parametrize("mode", ["competitive", "second_opinion"])
def test_unblinding_shows_all_at_once_and_is_written_down(make_study: Make, mode: str) -> None:
    study = make_study(mode)
    mine, theirs = study.draw("ann")["id"], study.draw("ben")["id"]
    assert (study.shown("ann"), study.shown("vic"), study.shown("max")) == ({mine}, set(), {mine, theirs})
    with study.database.read() as session:
        epoch = read_epochs(session).get("access", 0)
    for who, status in (("ann", 403), ("rex", 403), ("judge", 403), ("stranger", 404)):
        unblind(study, who, status=status)
    unblind(study, reason=" why ", status=422)
    assert study.shown("ann") == {mine}
    before = study.get("ann", f"/images/{study.images[0]}/annotation-counts")
    answer = unblind(study)
    assert answer["is_blind"] is False
    for who in ("ann", "ben", "vic", "rex"):
        assert study.shown(who) == {mine, theirs}, who
    after = study.get("ann", f"/images/{study.images[0]}/annotation-counts")
    assert after["revision"] > before["revision"]  # whatever is kept by revision is asked for anew
    with study.database.read() as session:
        assert read_epochs(session)["access"] > epoch  # other processes follow
    unblind(study, status=409)
    first = audit(study)["items"][0]
    assert (first["action"], first["reason"], first["actor"]["id"]) == (
        "unblinded",
        "the study is over",
        study.id("max"),
    )
    assert study.get("vic", f"/image-sets/{study.set_id}")["unblinded_at"] == answer["unblinded_at"]
    for who, status in (("ann", 403), ("judge", 403), ("stranger", 404)):
        audit(study, who, status)


def test_after_unblinding_nobody_changes_more_than_before(make_study: Make) -> None:
    study = make_study("competitive")
    theirs = study.draw("ben")["id"]
    unblind(study)
    study.change("ann", theirs, status=403, text="mine now")
    study.change("rex", theirs, text="a reviewer may")


def test_a_cooperative_set_has_nothing_to_unblind(make_study: Make) -> None:
    unblind(make_study(), status=409)


def test_another_mode_that_ends_blindness_needs_a_reason_too(make_study: Make) -> None:
    study = make_study("competitive")
    mine, theirs = study.draw("ann")["id"], study.draw("ben")["id"]
    path = f"/image-sets/{study.set_id}"
    study.send("max", "PATCH", path, {"mode": "cooperative"}, status=422)
    study.send("max", "PATCH", path, {"mode": "second_opinion"}, status=422)
    study.settings(mode="cooperative", status=422)
    assert study.shown("ann") == {mine}
    study.send("max", "PATCH", path, {"mode": "cooperative", "reason": "pilot is over"})
    assert study.shown("ann") == {mine, theirs}
    study.send("max", "PATCH", path, {"mode": "competitive"})  # stricter: no reason is needed
    assert study.shown("ann") == {mine}
    actions = [(each["action"], each["details"]["after"], each["reason"]) for each in audit(study)["items"]]
    assert actions == [("mode_changed", "competitive", ""), ("mode_changed", "cooperative", "pilot is over")]


def test_a_mode_that_begins_again_is_blind_again(make_study: Make) -> None:
    study = make_study("competitive")
    mine, theirs = study.draw("ann")["id"], study.draw("ben")["id"]
    unblind(study)
    study.send("max", "PATCH", f"/image-sets/{study.set_id}", {"mode": "cooperative"})
    study.send("max", "PATCH", f"/image-sets/{study.set_id}", {"mode": "competitive"})
    assert study.shown("ann") == {mine}
    assert study.shown("max") == {mine, theirs}


def test_adjudicators_of_a_blind_set_see_all_and_are_named_by_managers_with_a_reason(make_study: Make) -> None:
    study = make_study("competitive")
    mine, theirs = study.draw("ann")["id"], study.draw("ben")["id"]
    assert study.shown("judge") == {mine, theirs}
    people = [study.id("judge"), study.id("cat")]
    study.settings("ann", adjudicators=people, status=403)
    study.settings(adjudicators=people, status=422)
    assert study.shown("cat") == set()
    study.settings(adjudicators=people, reason="a second adjudicator")
    assert study.shown("cat") == {mine, theirs}
    study.settings(adjudicators=[])
    assert study.shown("judge") == set()
    entry = audit(study)["items"][1]
    assert entry["details"] == {"before": {"adjudicators": [study.id("judge")]}, "after": {"adjudicators": people}}


def test_a_mode_can_become_blind_together_with_its_adjudicators_without_a_reason(make_study: Make) -> None:
    study = make_study()
    people = [study.id("judge"), study.id("cat")]
    assert study.settings(mode="competitive", adjudicators=people)["is_blind"]
    study.settings(mode="competitive", adjudicators=[*people, study.id("rex")], status=422)


def test_settings_are_checked_and_people_in_them_must_be_able_to_work_here(make_study: Make) -> None:
    study = make_study()
    for wrong in (
        {"second_opinion": {"rule": {"kind": "detection"}}},
        {"second_opinion": {"rule": {"kind": "detection", "iou": 2}}},
        {"second_opinion": {"readers_per_item": 0}},
        {"second_opinion": {"items": "pixel"}},
        {"order": "backwards"},
        {"unknown": 1},
    ):
        study.settings(status=422, **wrong)
    study.settings(adjudicators=[study.id("vic")], status=403)
    study.settings(adjudicators=[study.id("stranger")], status=403)
    study.settings(adjudicators=[999_999], status=404)
    kept = study.settings(order="random", second_opinion={"readers_per_item": 3})
    assert kept["settings"]["seed"] > 0  # drawn once, then kept
    again = study.settings(order="random", second_opinion={"readers_per_item": 2})
    assert again["settings"]["seed"] == kept["settings"]["seed"]


def test_readers_are_told_the_rules_and_not_the_people(make_study: Make) -> None:
    study = make_study("second_opinion", readers=[1, 2], reveal="never")
    told = study.get("ann", f"/image-sets/{study.set_id}/mode")
    assert told["settings"]["second_opinion"]["reveal"] == "never"
    assert told["settings"]["second_opinion"]["readers"] == told["settings"]["adjudicators"] == []
    assert (told["is_blind"], told["may_adjudicate"]) == (True, False)
    assert study.get("judge", f"/image-sets/{study.set_id}/mode")["may_adjudicate"]
    assert study.get("max", f"/image-sets/{study.set_id}/mode")["settings"]["adjudicators"] == [study.id("judge")]
    study.get("stranger", f"/image-sets/{study.set_id}/mode", status=404)


def test_roles_and_settings_are_written_down_with_their_revision(make_study: Make) -> None:
    study = make_study("competitive")
    member = f"/image-sets/{study.set_id}/members/users/{study.id('ann')}"
    token = study.clients["max"].headers["Authorization"]
    assert token
    study.send("max", "PUT", member, {"role": "manager"}, status=403)  # members need a token with the scope admin
    study.settings(order="random")
    with study.database.read() as session:
        kinds = [change.kind for change in session.query(ChangeSet).order_by(ChangeSet.revision)]
    assert kinds == ["review"]
    assert [each["action"] for each in audit(study)["items"]] == ["settings_changed"]


def test_a_locked_set_can_still_be_unblinded_by_who_manages_it(make_study: Make) -> None:
    study = make_study("competitive")
    study.send("max", "PATCH", f"/image-sets/{study.set_id}", {"is_locked": True})
    unblind(study)
