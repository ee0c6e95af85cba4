"""Undo and redo: one's own changes, in order, while others go on working."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exact_core.storage.models import AnnotationType, ImageSet
from tests.core.annotations.conftest import Lab, box


def live(lab: Lab, who: str = "ann") -> dict[int, dict[str, Any]]:
    """What is there now; the parts that undo restores."""
    kept = ("type_id", "geometry", "frame", "text", "attributes", "author")
    items = lab.get(who, "annotations").json()["items"]
    return {item["id"]: {name: item[name] for name in kept} for item in items}


def state(lab: Lab, who: str = "ann") -> tuple[str, str]:
    answer = lab.get(who, "undo-state").json()
    assert answer["can_undo"] == bool(answer["undo_label"])
    assert answer["can_redo"] == bool(answer["redo_label"])
    return answer["undo_label"], answer["redo_label"]


def test_undo_walks_back_and_redo_forward_through_exact_states(lab: Lab) -> None:
    with lab.database.write() as session:
        kind = session.get_one(AnnotationType, lab.types["Cell"])
        kind.attributes = [{"name": "grade", "kind": "number"}]
    states = [live(lab)]
    drawn = lab.draw("ann", attributes={"grade": 2}, frame={"z": 1})
    states.append(live(lab))
    lab["ann"].patch(f"/api/v2/annotations/{drawn['id']}", json={"text": "x", "attributes": {"grade": 3}})
    states.append(live(lab))
    moved = {"geometry": {"shape": "polygon", "points": [[5, 5], [99, 5], [50, 70]]}, "frame": {"z": 2, "t": 1}}
    lab["ann"].patch(f"/api/v2/annotations/{drawn['id']}", json=moved)
    states.append(live(lab))
    lab.change("ann", {"op": "delete", "id": drawn["id"]}, box(lab.types["Nucleus"]))
    states.append(live(lab))
    for back in (3, 2, 1, 0):
        answer = lab.post("ann", "undo")
        assert answer.status_code == 200
        assert answer.json()["skipped"] == []
        assert live(lab) == states[back]
    assert lab.post("ann", "undo").status_code == 409
    for forward in (1, 2, 3, 4):
        assert lab.post("ann", "redo").status_code == 200
        assert live(lab) == states[forward]
    assert lab.post("ann", "redo").status_code == 409
    for back in (3, 2):
        lab.post("ann", "undo")
        assert live(lab) == states[back]


def test_undo_of_a_delete_brings_the_same_annotation_back(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab["ann"].delete(f"/api/v2/annotations/{drawn['id']}")
    restored = lab.post("ann", "undo").json()["annotations"]
    assert [(each["id"], each["uuid"], each["deleted"]) for each in restored] == [(drawn["id"], drawn["uuid"], False)]
    assert lab.get("ann", "annotation-counts").json()["total"] == 1


def test_labels_say_what_will_happen(lab: Lab) -> None:
    assert state(lab) == ("", "")
    drawn = lab.draw("ann")
    assert state(lab) == ("Draw Cell", "")
    lab.change("ann", box(lab.types["Cell"]), box(lab.types["Cell"]))
    assert state(lab) == ("Draw 2 × Cell", "")
    lab["ann"].patch(f"/api/v2/annotations/{drawn['id']}", json={"text": "x"})
    assert state(lab) == ("Change Cell", "")
    lab.post("ann", "undo")
    assert state(lab) == ("Draw 2 × Cell", "Change Cell")
    lab["ann"].delete(f"/api/v2/annotations/{drawn['id']}")
    assert state(lab) == ("Delete Cell", "")


def test_a_new_edit_empties_the_redo_list(lab: Lab) -> None:
    lab.draw("ann")
    lab.post("ann", "undo")
    lab.draw("ann")
    assert state(lab) == ("Draw Cell", "")
    assert lab.post("ann", "redo").status_code == 409


def test_each_undoes_their_own_work_only(lab: Lab) -> None:
    of_ann, of_ben = lab.draw("ann"), lab.draw("ben", 100, 100, 150, 150)
    lab.post("ann", "undo")
    assert live(lab).keys() == {of_ben["id"]}
    assert lab.post("ann", "undo").status_code == 409
    lab.post("ben", "undo")
    lab.post("ann", "redo")
    assert live(lab).keys() == {of_ann["id"]}
    assert state(lab, "viewer") == ("", "")


def test_what_somebody_else_changed_since_is_left_alone_and_reported(lab: Lab) -> None:
    cell = lab.types["Cell"]
    first, second = lab.change("ann", box(cell), box(cell, 50, 50, 70, 70)).json()["annotations"]
    lab["ben"].patch(f"/api/v2/annotations/{first['id']}", json={"text": "Ben was here"})
    answer = lab.post("ann", "undo").json()
    assert [each["id"] for each in answer["skipped"]] == [first["id"]]
    assert "changed since" in answer["skipped"][0]["reason"]
    assert [each["id"] for each in answer["annotations"]] == [second["id"]]
    assert live(lab)[first["id"]]["text"] == "Ben was here"
    assert state(lab)[0] == ""  # it is taken back as far as possible, and undo goes on with what was before


def test_undo_is_per_image(lab: Lab, make_image: Callable[..., int]) -> None:
    lab.draw("ann")
    other = make_image(lab.image_set_id)
    assert lab["ann"].post(f"/api/v2/images/{other}/undo").status_code == 409
    assert len(live(lab)) == 1


def test_a_blind_reader_undoes_without_touching_or_seeing_others(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    lab.draw("ben")
    lab.draw("ann")
    assert lab.post("ann", "undo").status_code == 200
    assert len(live(lab, "ben")) == 1
    assert live(lab) == {}


def test_a_type_that_left_the_set_is_not_brought_back(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab["ann"].delete(f"/api/v2/annotations/{drawn['id']}")
    chosen = lab["lead"].put(f"/api/v2/image-sets/{lab.image_set_id}/products", json={"product_ids": []})
    assert chosen.status_code == 200
    answer = lab.post("ann", "undo").json()
    assert "no longer used" in answer["skipped"][0]["reason"]
    assert live(lab) == {}


def test_a_locked_set_cannot_be_undone_in(lab: Lab) -> None:
    lab.draw("ann")
    with lab.database.write() as session:
        session.get_one(ImageSet, lab.image_set_id).is_locked = True
    assert lab.post("ann", "undo").status_code == 409
    assert len(live(lab)) == 1
