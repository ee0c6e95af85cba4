"""Differences of versions: numbers, lists and outlines agree with a comparison of everything, in both directions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.versioning.conftest import Lab, box, listed, make_version

KINDS = ("added", "removed", "changed", "geometry", "type", "attributes")


def kinds_between(before: dict[str, Any] | None, after: dict[str, Any] | None) -> set[str]:
    """How two listed states differ, worked out independently."""
    if before is None or after is None:
        return {"added"} if before is None else {"removed"}
    found = set()
    if (before["geometry"], before["frame"]) != (after["geometry"], after["frame"]):
        found.add("geometry")
    if before["type_id"] != after["type_id"]:
        found.add("type")
    if (before["text"], before["attributes"]) != (after["text"], after["attributes"]):
        found.add("attributes")
    return found | {"changed"} if found else set()


def brute(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[int, set[str]]:
    old, new = ({one["id"]: one for one in side} for side in (before, after))
    found = {id_: kinds_between(old.get(id_), new.get(id_)) for id_ in old.keys() | new.keys()}
    return {id_: kinds for id_, kinds in found.items() if kinds}


def numbers(lab: Lab, before: object, after: object, who: str = "lead") -> dict[str, Any]:
    url = f"/api/v2/image-sets/{lab.image_set_id}/version-diff"
    answer = lab[who].get(url, params={"from": before, "to": after})
    assert answer.status_code == 200, answer.text
    return answer.json()


def all_items(lab: Lab, before: object, after: object, who: str = "lead", **more: Any) -> list[dict[str, Any]]:
    url = f"/api/v2/image-sets/{lab.image_set_id}/version-diff/annotations"
    found, cursor = [], ""
    while cursor is not None:
        query = {"from": before, "to": after, "limit": 7, "cursor": cursor, **more}
        page = lab[who].get(url, params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
    return found


@pytest.fixture
def busy(make_lab: Callable[..., Lab], make_image: Callable[..., int]) -> tuple[Lab, list[int], list[Any]]:
    """A set with two images, four versions and edits of every kind in between, and what was listed each time."""
    lab = make_lab()
    kinds = [{"name": "size", "kind": "number"}, {"name": "note", "kind": "text"}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": kinds})
    images = [lab.image_id, make_image(lab.image_set_id, width=20_000, height=10_000)]
    chance = random.Random(7)
    drawn: dict[int, list[int]] = {image: [] for image in images}
    versions: list[Any] = []

    def change(who: str, image: int, operation: dict[str, Any]) -> Any:
        url = f"/api/v2/images/{image}/annotation-changes"
        return lab[who].post(url, json={"operations": [operation]})

    def snapshot() -> list[dict[str, Any]]:
        return [one for image in images for one in listed(lab, image_id=image)]

    for round_ in range(4):
        for _ in range(45):
            image, who = chance.choice(images), chance.choice(("ann", "ben"))
            act = chance.randrange(7) if drawn[image] else 0
            if act < 2:
                x, y = chance.randrange(9_000), chance.randrange(9_000)
                made = change(who, image, box(lab.types["Cell"], x, y, x + 30, y + 40))
                drawn[image].append(made.json()["annotations"][0]["id"])
                continue
            one = chance.choice(drawn[image])
            x = chance.randrange(5_000)
            change(who, image, [
                {"op": "update", "id": one, "geometry": {"shape": "box", "points": [[x, 5], [x + 9, 50]]}},
                {"op": "update", "id": one, "type_id": chance.choice((lab.types["Cell"], lab.types["Nucleus"]))},
                {"op": "update", "id": one, "text": f"text {chance.randrange(3)}"},
                {"op": "update", "id": one, "attributes": {"size": chance.randrange(3)}},
                {"op": "delete", "id": one},
            ][act - 2])  # fmt: skip
            if chance.randrange(6) == 0:
                lab[who].post(f"/api/v2/images/{image}/undo")
        versions.append((make_version(lab, f"v{round_}")["id"], snapshot()))
    return lab, images, versions


def test_numbers_lists_and_outlines_agree_with_a_comparison_of_everything(
    busy: tuple[Lab, list[int], list[Any]],
) -> None:
    lab, images, versions = busy
    lab.draw("ann", 8000, 8000, 8100, 8100)
    present = ("now", [one for image in images for one in listed(lab, image_id=image)])
    pairs = [(versions[0], versions[3]), (versions[3], versions[0]), (versions[1], versions[2]), (versions[0], present)]
    for (before, old), (after, new) in [*pairs, (present, versions[1]), (versions[2], versions[2])]:
        wanted = brute(old, new)
        counted = Counter(kind for kinds in wanted.values() for kind in kinds)
        found = numbers(lab, before, after)
        assert found["total"] == {kind: counted[kind] for kind in KINDS}, (before, after)
        for group in ("types", "authors", "images"):
            assert {kind: sum(row[kind] for row in found[group]) for kind in KINDS} == found["total"]
        assert sum(row["count"] for row in found["relabelled"]) == counted["type"]
        items = all_items(lab, before, after)
        assert {item["id"]: set(item["kinds"]) for item in items} == {id_: k - {"changed"} for id_, k in wanted.items()}
        assert [item["id"] for item in items] == sorted(wanted)
        for kind in set(KINDS) - {"changed"}:
            some = all_items(lab, before, after, kind=kind)
            assert {item["id"] for item in some} == {id_ for id_, kinds in wanted.items() if kind in kinds}
        for image in images:
            slide = lab["lead"].get(f"/api/v2/images/{image}/annotation-diff", params={"from": before, "to": after})
            body = slide.json()
            own = [item for item in items if item["image_id"] == image]
            assert [item["id"] for item in body["items"]] == [item["id"] for item in own]
            assert body["is_complete"] is True
            old_ones, new_ones = ({one["id"]: one for one in side} for side in (old, new))
            for item in body["items"]:
                sides = ((item["before"], old_ones), (item["after"], new_ones))
                for state, listed_ones in sides:
                    geometry = listed_ones[item["id"]]["geometry"] if item["id"] in listed_ones else None
                    assert (state["geometry"] if state else None) == geometry


def test_what_a_state_remembers_holds_after_changes_of_all_and_what_is_set_back(lab: Lab) -> None:
    """Copies of states, made by changes of a whole set and by setting back, do not remember what the copied one did."""
    ids = [lab.draw("ann", 10 * number, 10, 10 * number + 8, 30)["id"] for number in range(4)]
    made: list[tuple[int, int, list[dict[str, Any]]]] = []

    def keep() -> None:
        version = make_version(lab, f"v{len(made)}")
        made.append((version["id"], version["revision"], listed(lab)))

    def move(which: int, x: int) -> None:
        geometry = {"shape": "box", "points": [[x, 5], [x + 9, 50]]}
        answer = lab.change("ann", {"op": "update", "id": ids[which], "geometry": geometry})
        assert answer.status_code == 200, answer.text

    def in_set(path: str, **body: Any) -> dict[str, Any]:
        answer = lab["lead"].post(f"/api/v2/image-sets/{lab.image_set_id}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    move(0, 100)
    keep()
    relabelled = in_set("annotation-bulk-edits", q="class:Cell", type_id=lab.types["Nucleus"])
    keep()
    assert in_set(f"annotation-bulk-edits/{relabelled['revision']}/undo")["changed"] == 4
    keep()
    move(1, 200)
    move(1, 300)
    keep()
    in_set("revert", what="to_revision", revision=made[0][1])
    keep()
    in_set("annotation-bulk-edits", q="", delete=True)
    keep()
    in_set("revert", what="to_revision", revision=made[3][1])
    keep()
    assert numbers(lab, made[0][0], made[1][0])["total"] == dict.fromkeys(KINDS, 0) | {"changed": 4, "type": 4}
    for before, _, old in made:
        for after, _, new in made:
            counted = Counter(kind for kinds in brute(old, new).values() for kind in kinds)
            wanted = {kind: counted[kind] for kind in KINDS}
            assert numbers(lab, before, after)["total"] == wanted, (before, after)
            slide = lab["lead"].get(
                f"/api/v2/images/{lab.image_id}/annotation-diff", params={"from": before, "to": after}
            )
            assert slide.json()["total"] == wanted, (before, after)


def test_the_outlines_on_a_slide_are_bounded_and_say_so(lab: Lab) -> None:
    made = make_version(lab)
    for number in range(5):
        lab.draw("ann", 10 * number, 10, 10 * number + 8, 30)
    url = f"/api/v2/images/{lab.image_id}/annotation-diff"
    body = lab["ann"].get(url, params={"from": made["id"], "limit": 3}).json()
    assert (len(body["items"]), body["is_complete"], body["total"]["added"]) == (3, False, 5)
    assert body["to"] == {"version_id": None, "name": "", "revision": made["revision"] + 5}
    assert lab["ann"].get(url, params={"from": made["id"], "limit": 10**6}).status_code == 422


def test_a_blind_reader_compares_their_own_work_only(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("competitive")
    made = make_version(lab)
    mine = lab.draw("ann")
    lab.draw("ben", 50, 50, 90, 90)
    assert numbers(lab, made["id"], "now", "ann")["total"]["added"] == 1
    assert len(numbers(lab, made["id"], "now", "ann")["authors"]) == 1
    assert numbers(lab, made["id"], "now", "lead")["total"]["added"] == 2
    assert [item["id"] for item in all_items(lab, made["id"], "now", "ann")] == [mine["id"]]
    url = f"/api/v2/images/{lab.image_id}/annotation-diff"
    body = lab["ann"].get(url, params={"from": made["id"]}).json()
    assert ([item["id"] for item in body["items"]], body["total"]["added"]) == ([mine["id"]], 1)
    assert numbers(lab, made["id"], "now", "viewer")["total"]["added"] == 0


def test_images_that_came_and_went_are_named(lab: Lab, make_image: Callable[..., int]) -> None:
    first = make_version(lab, "a")
    other = make_image(lab.image_set_id, "new one")
    lab["lead"].delete(f"/api/v2/images/{lab.image_id}")
    found = numbers(lab, first["id"], "now")
    assert [image["name"] for image in found["images_added"]] == ["new one"]
    assert [image["id"] for image in found["images_removed"]] == [lab.image_id]
    assert [image["id"] for image in numbers(lab, "now", first["id"])["images_removed"]] == [other]


def test_what_is_not_a_side_is_refused(lab: Lab, make_image_set: Callable[..., int]) -> None:
    made = make_version(lab)
    url = f"/api/v2/image-sets/{lab.image_set_id}/version-diff"
    for word, status in (("then", 422), ("-1", 422), ("999", 404), ("9" * 20, 422), ("", 422)):
        assert lab["ann"].get(url, params={"from": word}).status_code == status, word
    elsewhere = make_image_set(lab.team_id, roles={lab.people["ann"]: "viewer"})
    other = f"/api/v2/image-sets/{elsewhere}/version-diff"
    assert lab["ann"].get(other, params={"from": made["id"]}).status_code == 404
    for address in (url, f"{url}/annotations", f"/api/v2/images/{lab.image_id}/annotation-diff"):
        assert lab["stranger"].get(address, params={"from": made["id"]}).status_code == 404
    assert lab["ann"].get(f"{url}/annotations", params={"from": made["id"], "cursor": "x"}).status_code == 422


def test_names_are_those_that_were_frozen(lab: Lab, work: Callable[[], int]) -> None:
    lab.draw("ann")
    made = make_version(lab)
    work()
    lab.change("ann", {"op": "delete", "id": listed(lab)[0]["id"]})
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"name": "Renamed"})
    lab["ann"].patch("/api/v2/me", json={"display_name": "Renamed"})
    found = numbers(lab, made["id"], "now")
    assert [(row["name"], row["removed"]) for row in found["types"]] == [("Cell", 1)]
    assert found["authors"][0]["author"]["name"] == "Ann"
