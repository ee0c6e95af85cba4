"""Second opinion: decisions, stop rules, and items that are regions or shapes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.annotations import wire_reader
from tests.core.review.second_opinion import (
    NEAR,
    WHOLE,
    Make,
    decide,
    everywhere,
    read,
    region,
    shapes_study,
    waiting,
    walk,
)


def test_who_read_an_item_does_not_decide_it(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR)
    read(study, "ann", (10, 10))
    study.assign("judge", image_ids=[study.images[0]])
    mine = read(study, "judge", (900, 900))
    assert waiting(study) == []
    assert everywhere(study, "judge") == set(mine)
    (item,) = waiting(study, "max")
    study.get("judge", f"/image-sets/{study.set_id}/adjudications/{item['id']}", status=404)
    decide(study, "judge", item["id"], "both", status=404)
    decide(study, "max", item["id"], "neither")
    assert study.get("max", f"/images/{study.images[0]}/verification-counts")["rejected"] == 2


def test_every_kind_of_decision(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR)
    items = {}
    for image, decision in enumerate(("both", "each", "edit")):
        mine = read(study, "ann", (100, 100), (500, 500), image=image)
        theirs = read(study, "ben", (101, 100), (900, 900), image=image)
        items[decision] = (waiting(study)[-1]["id"], mine, theirs)

    item, mine, theirs = items["both"]
    decide(study, "judge", item, "both", verdicts={str(theirs[1]): "rejected"})
    states = {each["id"]: each["verification"]["state"] for each in walk(study, 0)}
    assert states == {mine[0]: "accepted", mine[1]: "accepted", theirs[0]: "accepted", theirs[1]: "rejected"}

    item, mine, theirs = items["each"]
    missing = decide(study, "judge", item, "each", status=422, verdicts={str(mine[1]): "accepted"})
    assert "1 shapes" in missing["detail"]
    decide(study, "judge", item, "each", status=422, verdicts={"1": "accepted"})
    decide(study, "judge", item, "each", verdicts={str(mine[1]): "accepted", str(theirs[1]): "rejected"})
    states = {each["id"]: each["verification"]["state"] for each in walk(study, 1)}
    assert (states[mine[1]], states[theirs[1]]) == ("accepted", "rejected")
    assert sorted((states[mine[0]], states[theirs[0]])) == ["accepted", "rejected"]  # one of a pair, not both

    item, mine, theirs = items["edit"]
    decide(study, "judge", item, "edit", status=422)
    own = study.draw("judge", 2, 700, 700, 720, 720)["id"]
    decide(study, "judge", item, "edit")
    states = {each["id"]: each["verification"]["state"] for each in walk(study, 2)}
    assert states == {own: "accepted"} | dict.fromkeys((*mine, *theirs), "rejected")
    decide(study, "max", item, "neither")  # decided again, and written down again
    assert {each["verification"]["state"] for each in walk(study, 2) if each["id"] != own} == {"rejected"}
    acts = study.get("max", f"/image-sets/{study.set_id}/audit")["items"]
    assert [each["details"].get("again") for each in acts[:2]] == [True, False]
    assert waiting(study) == []


@pytest.mark.parametrize(
    ("rule", "needs_decision"),
    [
        ({"kind": "never"}, False),
        ({"kind": "always"}, True),
        ({"kind": "class"}, False),
        ({"kind": "count"}, True),
        ({"kind": "count", "count_difference": 1}, False),
        ({"kind": "detection", "distance_um": 5}, True),
        ({"kind": "detection", "distance_um": 5, "unmatched": 1}, False),
        ({"kind": "detection", "iou": 0.3}, True),
    ],
)
def test_the_stop_rule_decides_whether_somebody_must(
    make_study: Make, rule: dict[str, Any], needs_decision: bool
) -> None:
    study = make_study("second_opinion", rule=rule)
    read(study, "ann", (100, 100), (500, 500))
    read(study, "ben", (101, 100))
    assert len(waiting(study)) == needs_decision


def test_three_readers_of_an_item(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR, readers_per_item=3)
    read(study, "ann", (100, 100))
    read(study, "ben", (100, 100))
    assert study.review("max")["state"] == "in_work"
    read(study, "cat", (100, 102))
    assert study.review("max")["state"] == "done"
    assert len(everywhere(study, "ann")) == 3


def test_empty_images_can_be_read_twice_too(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR)
    study.verify("ann")
    study.verify("ben")
    assert study.review("max")["state"] == "done"
    assert waiting(study) == []


def test_shapes_that_are_given_are_seen_and_verdicts_of_others_are_not(make_study: Make) -> None:
    study, cells = shapes_study(make_study)
    later = study.draw("max", 0, 5_000, 5_000, 5_020, 5_020)["id"]
    for who in ("ann", "ben"):
        assert everywhere(study, who) == set(cells)
    assert everywhere(study, "cat") == everywhere(study, "vic") == set()
    study.get("ann", f"/annotations/{later}", status=404)
    study.get("ann", f"/annotations/{cells[0]}")
    study.change("ann", cells[0], status=404, text="changed for all")
    study.change("rex", cells[0], status=404, text="changed for all")
    study.judge("ann", 0, {"id": cells[0], "verdict": "accepted"}, {"id": cells[1], "verdict": "rejected"})
    assert study.get("ben", f"/images/{study.images[0]}/verification-counts")["unverified"] == 4
    assert study.get("ben", f"/annotations/{cells[0]}/verifications")["verdicts"] == []
    assert study.get("ben", f"/images/{study.images[0]}/annotations", verification="rejected")["items"] == []
    assigned = study.get(
        "ann", f"/images/{study.images[0]}/verification-walk", assigned=True, verification="unverified"
    )
    assert {item["id"] for item in assigned["items"]} == {cells[2], cells[3]}
    progress = study.get("ann", f"/image-sets/{study.set_id}/queue/next")["progress"]
    assert progress == {"open": 2, "in_work": 0, "done": 2}


def test_a_relabelling_stays_with_the_verdict_and_agreement_is_by_class(make_study: Make) -> None:
    study, cells = shapes_study(make_study)
    nucleus = study.types["Nucleus"]
    for who in ("ann", "ben"):
        said = [
            {"id": cells[0], "verdict": "accepted"},
            {"id": cells[1], "verdict": "accepted", "type_id": nucleus},
            {"id": cells[2], "verdict": "accepted", **({"type_id": nucleus} if who == "ann" else {})},
            {"id": cells[3], "verdict": "accepted" if who == "ann" else "dubious", "reason": "is it one?"},
        ]
        study.judge(who, 0, *said)
        assert study.get("max", f"/annotations/{cells[1]}")["type_id"] == study.types["Cell"]
    items = {item["id"] for item in waiting(study)}
    assert len(items) == 2
    details = [study.get("judge", f"/image-sets/{study.set_id}/adjudications/{item}") for item in sorted(items)]
    assert [detail["annotation"]["id"] for detail in details] == [cells[2], cells[3]]
    assert {each["type_name"] for each in details[0]["opinions"]} == {"Nucleus", None}
    assert everywhere(study, "judge") == {cells[2], cells[3]}
    study.judge("ann", 0, {"id": cells[2], "verdict": "rejected"}, status=409)  # it stands
    by_nucleus = next(each["letter"] for each in details[0]["opinions"] if each["type_id"] == nucleus)
    decide(study, "judge", details[0]["id"], "reader", reader=by_nucleus)
    assert study.get("max", f"/annotations/{cells[2]}")["type_id"] == nucleus
    unsure = next(each["letter"] for each in details[1]["opinions"] if each["verdict"] == "dubious")
    decide(study, "judge", details[1]["id"], "reader", reader=unsure, status=422)
    decide(study, "judge", details[1]["id"], "neither")
    assert study.get("max", f"/annotations/{cells[3]}/verifications")["state"] == "rejected"
    # closed items: their readers see what the other said, but not who
    said = study.get("ann", f"/annotations/{cells[0]}/verifications")["verdicts"]
    assert [(each["is_mine"], each["reader"]) for each in said if not each["is_mine"]] == [(False, None)]


def test_verifying_an_image_judges_every_given_shape(make_study: Make) -> None:
    study, cells = shapes_study(make_study)
    study.judge("ann", 0, {"id": cells[0], "verdict": "rejected"})
    assert study.verify("ann")["accepted"] == 3
    assert study.verify("ben")["accepted"] == 4
    assert [study.get("judge", f"/image-sets/{study.set_id}/adjudications/{item['id']}")["annotation"]["id"]
            for item in waiting(study)] == [cells[0]]  # fmt: skip


def test_regions_are_read_finished_and_revealed_one_by_one(make_study: Make) -> None:
    study = make_study("second_opinion", items="region", rule=NEAR)
    left, right = region(study, 0, 0, 999, 999), region(study, 1_000, 0, 1_999, 999)
    given = study.assign("ann", "ben", kind="region", regions=[left, right])
    assert (given["items"], given["created"]) == (2, 4)
    assert "No region" in study.draw("cat", status=403)["detail"]
    items = {each["region"]["x0"]: each["item_id"] for each in study.review("ann")["items"]}
    mine = read(study, "ann", (100, 100), (1_500, 100), finish=False)
    theirs = read(study, "ben", (101, 100), (1_700, 500), finish=False)
    finish = "/images/{}/items/{}/finish"
    study.post("ann", finish.format(study.images[0], items[0]))
    assert "finished this region" in study.draw("ann", 0, 50, 50, 60, 60, status=409)["detail"]
    study.draw("ann", 0, 1_800, 800, 1_820, 820)
    study.post("cat", finish.format(study.images[0], items[0]), status=403)
    study.post("vic", finish.format(study.images[0], items[0]), status=403)
    assert study.review("ann")["own_state"] == "in_work"
    study.post("ben", finish.format(study.images[0], items[0]))
    assert everywhere(study, "ann") == {*study.shown("ann")} == {mine[0], mine[1], theirs[0], max(study.shown("ann"))}
    assert theirs[1] not in study.shown("ann")  # the other region is still blind
    study.get("ann", f"/annotations/{theirs[0]}")
    study.get("ann", f"/annotations/{theirs[1]}", status=404)
    for who in ("ann", "ben"):
        study.post(who, finish.format(study.images[0], items[1_000]))
        study.post(who, finish.format(study.images[0], items[1_000]), status=409)
    (item,) = waiting(study)
    detail = study.get("judge", f"/image-sets/{study.set_id}/adjudications/{item['id']}")
    assert detail["region"]["x0"] == 1_000
    assert detail["disagreement_count"] == 3
    assert everywhere(study, "judge") == {mine[1], theirs[1], max(study.shown("ann"))}
    decide(study, "judge", item["id"], "neither")
    assert study.review("max")["state"] == "reviewed"
    assert len(everywhere(study, "ann")) == 5


def test_regions_lie_on_the_image_and_are_given_once(make_study: Make) -> None:
    study = make_study("second_opinion", items="region", rule=NEAR)
    study.assign("ann", kind="region", status=422)
    study.assign("ann", kind="region", regions=[region(study, 0, 0, 30_000, 10)], status=422)
    study.assign("ann", kind="region", regions=[{**region(study, 0, 0, 10, 10), "image_id": 999_999}], status=404)
    study.assign("ann", kind="image", status=422)
    place = region(study, 0, 0, 10, 10)
    assert study.assign("ann", kind="region", regions=[place, place])["created"] == 1
    assert study.assign("ann", kind="region", regions=[place])["created"] == 0
    study.settings(second_opinion={"items": "image"}, reason="by image", status=409)


def test_shapes_of_a_type_can_be_the_regions(make_study: Make) -> None:
    study = make_study("second_opinion", items="region", rule=NEAR)
    study.draw("max", 0, 100, 100, 599, 499, type_name="Nucleus")
    study.draw("max", 1, 0, 0, 99, 99, type_name="Nucleus")
    given = study.assign("ann", "ben", kind="region", region_type_id=study.types["Nucleus"])
    assert (given["items"], given["created"]) == (2, 4)
    assert study.review("ann")["items"][0]["region"] == {
        "x0": 100, "y0": 100, "x1": 599, "y1": 499, "z": 0, "t": 0, "c": -1,
    }  # fmt: skip


def test_who_is_shared_with_has_another_etag(make_study: Make) -> None:
    study = make_study("second_opinion", rule=NEAR)
    read(study, "ann", (10, 10))
    view = f"/api/v2/images/{study.images[0]}/annotation-view"
    tags = {who: study.clients[who].get(view, params=WHOLE).headers["etag"] for who in ("ann", "ben", "judge", "max")}
    assert len(set(tags.values())) == 4
    read(study, "ben", (10, 10))
    answer = study.clients["ann"].get(view, params=WHOLE, headers={"If-None-Match": tags["ann"]})
    assert answer.status_code == 200
    assert len(wire_reader.read(answer.content).ids()) == 2
