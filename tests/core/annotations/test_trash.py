"""The trash: what is in it, for whom, for how long, and bringing it back as one change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from exact_core.annotations.reversals import Reversals
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.models import AnnotationType, ChangeSet, Image, ImageSet, now
from tests.core.annotations.conftest import Lab, box


def trash(lab: Lab, who: str = "viewer", **params: Any) -> list[dict[str, Any]]:
    response = lab.get(who, "trash", **params)
    assert response.status_code == 200, response.text
    return response.json()["items"]


def restore(lab: Lab, who: str, *ids: int, **more: Any) -> dict[str, Any]:
    response = lab.post(who, "trash/restore", {"ids": list(ids), **more})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_deleted_shape_is_in_the_trash_with_who_and_when_and_comes_back_the_same(lab: Lab) -> None:
    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).attributes = [{"name": "grade", "kind": "number"}]
    drawn = lab.draw("ann", text="odd", attributes={"grade": 3}, frame={"z": 2, "t": 1, "c": -1})
    before = lab.live()
    assert trash(lab) == []
    lab.delete("ben", drawn["id"])
    [item] = trash(lab)
    assert (item["id"], item["uuid"], item["type"]["name"], item["text"]) == (drawn["id"], drawn["uuid"], "Cell", "odd")
    assert (item["author"]["name"], item["deleted_by"]["name"], item["kind"]) == ("Ann", "Ben", "edit")
    assert (item["box"], item["frame"]) == ([10, 10, 30, 30], {"z": 2, "t": 1, "c": -1})
    assert item["geometry"]["rings"] == drawn["geometry"]["rings"]
    assert item["deleted_at"] < item["kept_until"]
    report = restore(lab, "ann", drawn["id"], reason="by mistake")
    assert (report["restored"], report["skipped"], report["images"][0]["revision"]) == (1, 0, 3)
    assert lab.live() == before
    assert trash(lab) == []
    assert lab.get("ann", "annotation-counts").json()["total"] == 1
    newest = lab.get("viewer", "history").json()["items"][0]
    assert (newest["kind"], newest["reason"], newest["what"]) == ("restore", "by mistake", ["Brought back Cell"])


def test_restoring_is_undone_like_an_edit(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab.delete("ann", drawn["id"])
    restore(lab, "ben", drawn["id"])
    assert lab.get("ben", "undo-state").json()["undo_label"] == "Restore Cell"
    lab.post("ben", "undo")
    assert lab.live() == {}
    lab.post("ben", "redo")
    assert lab.live().keys() == {drawn["id"]}
    assert lab.get("ben", "undo-state").json()["can_redo"] is False


def test_many_come_back_as_one_change_and_the_others_are_named_with_the_reason(
    lab: Lab, make_image: Callable[..., int]
) -> None:
    drawn = [lab.draw("ann", n * 50, 10, n * 50 + 20, 30)["id"] for n in range(4)]
    elsewhere = make_image(lab.image_set_id)
    body = {"operations": [box(lab.types["Cell"])]}
    [other] = lab["ann"].post(f"/api/v2/images/{elsewhere}/annotation-changes", json=body).json()["annotations"]
    lab.change("ann", *({"op": "delete", "id": id_} for id_ in drawn[:3]))
    lab["ann"].delete(f"/api/v2/annotations/{other['id']}")
    report = restore(lab, "ben", *drawn, other["id"], 900_001)
    assert (report["restored"], report["skipped"]) == (3, 3)
    assert {row["reason"]: row["count"] for row in report["reasons"]} == {
        "It is not deleted.": 1,
        "There is no such annotation that you may see.": 2,
    }
    assert lab.live().keys() == set(drawn)
    assert lab.get("viewer", "history").json()["items"][0]["n_changes"] == 3


def test_a_set_restores_over_its_images_and_in_one_piece(lab: Lab, make_image: Callable[..., int]) -> None:
    other = make_image(lab.image_set_id)
    mine = lab.draw("ann")["id"]
    body = {"operations": [box(lab.types["Cell"])]}
    [one] = lab["ann"].post(f"/api/v2/images/{other}/annotation-changes", json=body).json()["annotations"]
    for id_ in (mine, one["id"]):
        lab.delete("ann", id_)
    items = lab.in_set("ann", "GET", "trash").json()["items"]
    assert [(item["id"], item["image"]["id"]) for item in items] == [(one["id"], other), (mine, lab.image_id)]
    assert [item["id"] for item in trash(lab)] == [mine]
    answer = lab.in_set("ann", "POST", "trash/restore", json={"ids": [mine, one["id"]]}).json()
    assert [image["restored"] for image in answer["images"]] == [1, 1]
    assert answer["run"]
    assert lab.live(image_id=other).keys() == {one["id"]}
    again = lab.in_set("ann", "POST", "revert", json={"what": "run", "run": answer["run"]}).json()
    assert again["deleted"] == 2
    with lab.database.write() as session:
        session.get_one(Image, other).deleted_at = now()
    assert [item["id"] for item in lab.in_set("ann", "GET", "trash").json()["items"]] == [mine]
    unknown = lab.in_set("ann", "POST", "trash/restore", json={"ids": [one["id"]]}).json()
    assert (unknown["restored"], unknown["skipped_annotations"][0]["image_id"]) == (0, None)


def test_the_trash_comes_in_pages_and_is_filtered(lab: Lab) -> None:
    cell, nucleus = lab.types["Cell"], lab.types["Nucleus"]
    ids = [
        one["id"]
        for one in lab.change("ann", *(box(cell if n % 2 else nucleus) for n in range(6))).json()["annotations"]
    ]
    lab.change("ann", *({"op": "delete", "id": id_} for id_ in ids[:5]))
    lab.delete("ben", ids[5])
    first = lab.get("viewer", "trash", limit=4).json()
    second = lab.get("viewer", "trash", limit=4, cursor=first["next_cursor"]).json()
    assert [item["id"] for item in first["items"] + second["items"]] == [ids[5], *ids[4::-1]]
    assert second["next_cursor"] is None
    assert [item["id"] for item in trash(lab, deleted_by=lab.people["ben"].user_id)] == [ids[5]]
    assert [item["id"] for item in trash(lab, type_id=nucleus)] == [ids[4], ids[2], ids[0]]


def test_only_the_last_deletion_counts(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab.delete("ann", drawn["id"])
    lab.post("ann", "undo")
    lab.patch("ann", drawn["id"], text="x")
    assert trash(lab) == []
    lab.delete("ben", drawn["id"])
    [item] = trash(lab)
    assert (item["deleted_by"]["name"], item["text"]) == ("Ben", "x")


def test_after_thirty_days_the_trash_offers_nothing_but_the_history_stays(lab: Lab) -> None:
    old, new = lab.draw("ann"), lab.draw("ann", 50, 50, 80, 80)
    lab.delete("ann", old["id"])
    lab.delete("ann", new["id"])
    with lab.database.write() as session:
        for each in session.scalars(select(ChangeSet).where(ChangeSet.revision <= 3)):
            each.at = now() - timedelta(days=30, minutes=1)
    assert [item["id"] for item in trash(lab)] == [new["id"]]
    report = restore(lab, "ann", old["id"], new["id"])
    assert (report["restored"], report["reasons"][0]["reason"]) == (
        1,
        "It was deleted too long ago; set it back by its history instead.",
    )
    assert len(lab["ann"].get(f"/api/v2/annotations/{old['id']}/history").json()["items"]) == 2
    back = lab["ann"].post(f"/api/v2/annotations/{old['id']}/revert", json={"revision": 1})
    assert back.json()["annotation"]["deleted"] is False


def test_the_days_are_a_setting(lab: Lab, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_TRASH_DAYS", "2")
    assert Settings().trash_days == 2
    drawn = lab.draw("ann")
    lab.delete("ann", drawn["id"])
    lab.rest(2, minutes=3 * 24 * 60)
    assert len(trash(lab)) == 1
    reversals = Reversals(lab.database, services.kernel.hooks, lab.people["ann"])
    assert reversals.restore([drawn["id"]], "", 2, image_id=lab.image_id).to_json()["restored"] == 0
    assert reversals.restore([drawn["id"]], "", 30, image_id=lab.image_id).to_json()["restored"] == 1


@pytest.mark.parametrize("is_blind", [True, False])
def test_who_may_not_edit_a_shape_does_not_bring_it_back_either(make_lab: Callable[..., Lab], is_blind: bool) -> None:
    lab = make_lab(mode="competitive", is_unblinded=not is_blind)
    drawn = {name: lab.draw(name) for name in ("ann", "ben")}
    for name, annotation in drawn.items():
        lab.delete(name, annotation["id"])
    assert {item["id"] for item in trash(lab, "ann")} == {
        drawn[name]["id"] for name in (("ann",) if is_blind else ("ann", "ben"))
    }
    report = restore(lab, "ann", drawn["ann"]["id"], drawn["ben"]["id"])
    assert report["restored"] == 1
    [skipped] = report["skipped_annotations"]
    unknown = restore(lab, "ann", 900_001)["skipped_annotations"][0]["reason"]
    assert (skipped["reason"] == unknown) == is_blind
    assert restore(lab, "lead", drawn["ben"]["id"])["restored"] == 1


def test_a_blind_reader_is_not_told_who_threw_their_shape_away(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    drawn = lab.draw("ann")
    lab.delete("lead", drawn["id"])
    assert trash(lab, "ann")[0]["deleted_by"] == {"id": None, "name": "somebody else"}
    assert trash(lab, "lead")[0]["deleted_by"]["name"] == "Lead"


def test_nothing_comes_back_into_a_locked_set_or_as_a_type_that_left_it(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab.delete("ann", drawn["id"])
    lab["lead"].put(f"/api/v2/image-sets/{lab.image_set_id}/products", json={"product_ids": []})
    assert "no longer used" in restore(lab, "ann", drawn["id"])["reasons"][0]["reason"]
    with lab.database.write() as session:
        session.get_one(ImageSet, lab.image_set_id).is_locked = True
    assert lab.post("ann", "trash/restore", {"ids": [drawn["id"]]}).status_code == 409
    assert lab.live() == {}


def test_too_many_or_no_ids_are_refused(lab: Lab) -> None:
    for ids in ([], list(range(1, 5_002)), [0], [-1], [2**60]):
        assert lab.post("ann", "trash/restore", {"ids": ids}).status_code == 422
