"""Several readers per image, blind to each other, until they agree or somebody decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exact_core.annotations.access import rights_in
from exact_core.annotations.reader import ScopedReader
from exact_core.annotations.scope import read_scope
from exact_core.annotations.streaming import stream
from exact_core.api.annotations import Region
from tests.core.annotations import wire_reader

Make = Callable[..., Any]
NEAR = {"kind": "detection", "distance_um": 5}
WHOLE = {"x0": 0, "y0": 0, "x1": 20_000, "y1": 10_000}


def everywhere(study: Any, who: str, image: int = 0) -> set[int]:
    """The shapes that somebody sees, asked in every way; all of them must tell the same."""
    path = f"/images/{study.images[image]}"
    listed = study.shown(who, image)
    for scale in (None, 0.01):
        answer = study.clients[who].get(
            f"/api/v2{path}/annotation-view", params=WHOLE | ({"scale": scale} if scale else {})
        )
        assert wire_reader.read(answer.content).ids() == listed, f"{who} {scale}"
    counts = study.get(who, f"{path}/annotation-counts")
    assert counts["total"] == sum(each["count"] for each in counts["authors"]) == len(listed), who
    walked = {item["id"] for item in study.get(who, f"{path}/verification-walk", limit=500)["items"]}
    assert walked == listed, who
    assert study.get(who, f"{path}/verification-counts")["total"] == len(listed)
    search = f"/image-sets/{study.set_id}/annotation-search"
    hits = study.get(who, search, image_id=study.images[image], limit=500)["items"]
    assert {hit["id"] for hit in hits} == listed, who
    facets = study.get(who, f"{search}/facets", image_id=study.images[image])
    people = [
        [each["author"] and each["author"]["name"] for each in answer["authors"] for _ in range(each["count"])]
        for answer in (counts, facets)
    ]
    assert sorted(map(str, people[0])) == sorted(map(str, people[1])), who
    assert sorted(map(str, people[0])) == sorted(str(hit["author"] and hit["author"]["name"]) for hit in hits)
    for name in ("ann", "ben", "cat", "none"):  # a name finds what is shown as theirs, and nothing else
        for query, shows in ((f"author:{name}", True), (f"-author:{name}", False)):
            found = study.get(who, search, q=query, image_id=study.images[image], limit=500)["items"]
            shown = {
                hit["id"] for hit in hits if ((hit["author"] or {"name": "none"})["name"].lower() == name) is shows
            }
            assert {hit["id"] for hit in found} == shown, (who, query)
            total = study.get(who, f"{search}/count", q=query, image_id=study.images[image])["total"]
            assert total == len(shown), (who, query)
    with study.database.read() as session:
        reader = ScopedReader(session, study.people[who])
        region = Region(study.images[image], study.set_id, 0, 0, 20_000, 10_000)
        assert sum(reader.count_by_type(region).values()) == len(listed)
        assert sum(sum(cell.values()) for cell in reader.grid_counts(region, 2048).values()) == len(listed)
        scope = read_scope(session, study.people[who], study.images[image], rights_in(session))
        assert {each.id for each in stream(session, scope)} == listed
        past = scope.as_of(scope.revision)
        assert {each.id for each in stream(session, past)} == listed
    return listed


def decide(study: Any, who: str, item: int, decision: str, status: int = 200, **more: Any) -> Any:
    body = {"decision": decision, "reason": "seen by a third reader", **more}
    return study.post(who, f"/image-sets/{study.set_id}/adjudications/{item}/decision", body, status=status)


def waiting(study: Any, who: str = "judge", state: str = "disagreed") -> list[Any]:
    found: list[Any] = study.get(who, f"/image-sets/{study.set_id}/adjudications", state=state)["items"]
    return found


def read(study: Any, who: str, *places: tuple[int, int], image: int = 0, finish: bool = True) -> list[int]:
    ids = [study.draw(who, image, x, y, x + 20, y + 20)["id"] for x, y in places]
    if finish:
        study.verify(who, image)
    return ids


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


def walk(study: Any, image: int) -> list[Any]:
    found: list[Any] = study.get("max", f"/images/{study.images[image]}/verification-walk", limit=500)["items"]
    return found


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


# --- single shapes -----------------------------------------------------------------------------------------


def shapes_study(make_study: Make, **second: Any) -> tuple[Any, list[int]]:
    """Four shapes that the manager drew, each to be judged by ann and ben."""
    study = make_study("second_opinion", items="annotation", **second)
    cells = [study.draw("max", 0, 700 * n, 10, 700 * n + 20, 30)["id"] for n in range(4)]
    given = study.assign("ann", "ben", kind="annotation", image_ids=[study.images[0]])
    assert (given["items"], given["created"]) == (4, 8)
    return study, cells


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


# --- regions -----------------------------------------------------------------------------------------------


def region(study: Any, x0: int, y0: int, x1: int, y1: int, image: int = 0) -> dict[str, int]:
    return {"image_id": study.images[image], "x0": x0, "y0": y0, "x1": x1, "y1": y1}


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
