"""Reverting: a shape, a session, a run, a change set, an image, a set; what others changed since stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, func, select

from exact_core.annotations import bulk, revert_writing
from exact_core.annotations.reversals import Reversals
from exact_core.annotations.reverting import OneRun, ToRevision
from exact_core.annotations.scope import COUNTS
from exact_core.annotations.service import Annotations
from exact_core.api.contributions import Shape
from exact_core.api.errors import Refused
from exact_core.api.events import AnnotationAction
from exact_core.services import Services
from exact_core.storage.models import AnnotationSummary, AnnotationType, ImageSet, User
from tests.core.annotations.conftest import Lab, box
from tests.core.annotations.test_events import Listener
from tests.statements import statements_of


def revert(lab: Lab, who: str, what: str, *, preview: bool = False, **body: Any) -> dict[str, Any]:
    response = lab.post(who, "revert", {"what": what, **body}, preview=preview)
    assert response.status_code == 200, response.text
    return response.json()


def numbers(report: dict[str, Any]) -> tuple[int, int, int, int]:
    return report["restored"], report["deleted"], report["changed"], report["skipped"]


def kept_counts(lab: Lab) -> dict[tuple[int, ...], int]:
    with lab.database.read() as session:
        rows = session.execute(select(*COUNTS.c).where(COUNTS.c.n != 0))
        return {tuple(row[:-1]): row[-1] for row in rows}


def counted_anew(lab: Lab) -> int:
    return sum(kept_counts(lab).values())


# One shape


def test_a_shape_that_comes_back_keeps_the_author_whose_account_is_gone(lab: Lab) -> None:
    ben = lab.people["ben"].user_id
    shapes = [lab.draw("ben", 100 * n, 10, 100 * n + 50, 60, claimed_author="Model 1") for n in range(3)]
    for shape in shapes:
        lab.delete("lead", shape["id"])
    counts = kept_counts(lab)
    with lab.database.write() as session:
        session.execute(delete(User).where(User.id == ben))
    one, two, three = (shape["id"] for shape in shapes)
    assert lab["lead"].post(f"/api/v2/annotations/{one}/revert", json={"revision": 1}).status_code == 200
    assert lab.post("lead", "trash/restore", {"ids": [two]}).json()["restored"] == 1
    undone = lab.post("lead", "undo").json()  # of the restore: it is deleted again
    assert undone["skipped"] == []
    assert lab.post("lead", "redo").status_code == 200
    lab.post("lead", "revert", {"what": "to_revision", "revision": shapes[2]["revision"]})
    live = lab.get("lead", "annotations").json()["items"]
    assert [(item["id"], item["author"]["id"], item["claimed_author"]) for item in live] == [
        (id_, ben, "Model 1") for id_ in (one, two, three)
    ]
    assert set(lab.get("lead", "annotation-counts").json()["authors"][0]["author"].values()) == {ben, ""}
    assert {key[5] for key in kept_counts(lab)} == {ben}
    assert counts == {}


def test_a_shape_is_set_back_to_one_of_its_states(lab: Lab) -> None:
    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).attributes = [{"name": "grade", "kind": "number"}]
    drawn = lab.draw("ann", attributes={"grade": 1})
    first = lab.live()
    lab.patch("ben", drawn["id"], text="x", attributes={"grade": 2})
    lab.patch("ben", drawn["id"], geometry={"shape": "box", "points": [[100, 100], [140, 150]]})
    third = lab.live()
    address = f"/api/v2/annotations/{drawn['id']}/revert"
    preview = lab["ann"].post(address, json={"revision": 1}, params={"preview": "true"}).json()
    assert (preview["preview"], preview["what"]) == (True, ["Reshaped", "Removed the remark “x”", "grade: 2 → 1"])
    assert lab.live() == third
    answer = lab["ann"].post(address, json={"revision": 1, "reason": "it was right"}).json()
    assert answer["annotation"]["revision"] == 4
    assert lab.live() == first
    newest = lab["ann"].get(f"/api/v2/annotations/{drawn['id']}/history").json()["items"][0]
    assert (newest["kind"], newest["reason"]) == ("revert", "it was right")
    assert lab.get("ann", "undo-state").json()["undo_label"] == "Revert Cell"
    lab.post("ann", "undo")
    assert lab.live() == third
    again = lab["ann"].post(address, json={"revision": 3}).json()
    assert again["what"] == ["Nothing"]
    assert lab.get("ann", "history").json()["items"][0]["kind"] == "undo"  # nothing was written


def test_a_shape_is_not_set_back_over_what_one_has_not_seen_or_may_not_change(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive", is_unblinded=True)
    drawn = lab.draw("ann")
    lab.patch("ann", drawn["id"], text="x")
    address = f"/api/v2/annotations/{drawn['id']}/revert"
    stale = lab["ann"].post(address, json={"revision": 1, "base_revision": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale-annotation")
    assert stale.json()["current"]["changed_by"]["name"] == "Ann"
    assert lab["ben"].post(address, json={"revision": 1}).status_code == 403
    assert lab["ben"].post(address, json={"revision": 1}, params={"preview": "true"}).status_code == 403
    lab.delete("ann", drawn["id"])
    for revision in (3, 900):
        gone = lab["ann"].post(address, json={"revision": revision})
        assert gone.status_code == 422
        assert "did not exist" in gone.json()["detail"]
    assert lab["ann"].post(address, json={"revision": 2, "base_revision": 1}).status_code == 200  # nothing is lost
    lab.delete("ann", drawn["id"])
    lab["lead"].put(f"/api/v2/image-sets/{lab.image_set_id}/products", json={"product_ids": []})
    assert "no longer used" in lab["ann"].post(address, json={"revision": 1}).json()["detail"]


# A session


def test_a_session_is_taken_back_as_far_as_nobody_has_touched_it_since(lab: Lab) -> None:
    cell = lab.types["Cell"]
    old = lab.draw("ben", text="old")["id"]
    gone = lab.draw("ben", 200, 10, 230, 40)["id"]
    lab.rest(2, minutes=60)
    start = lab.live()
    new, touched = (
        one["id"]
        for one in lab.change("ann", box(cell, 300, 10, 330, 40), box(cell, 400, 10, 430, 40)).json()["annotations"]
    )
    lab.patch("ann", old, text="new")
    lab.delete("ann", gone)
    lab.patch("ben", touched, text="Ben was here")
    lab.patch("ann", new, text="twice")
    before = lab.live()
    preview = revert(lab, "ben", "session", revision=4, preview=True)
    assert numbers(preview) == (1, 1, 1, 1)
    assert preview["title"].startswith("Revert of Ann's session of ")
    assert preview["reasons"] == [{"reason": "It was changed since, so it is left as it is now.", "count": 1}]
    assert (preview["images"][0]["image"]["id"], preview["images"][0]["revision"]) == (lab.image_id, None)
    assert lab.live() == before
    report = revert(lab, "ben", "session", revision=4, reason="wrong protocol")
    assert numbers(report) == (1, 1, 1, 1)
    assert report["skipped_annotations"][0]["id"] == touched
    assert lab.live() == start | {touched: before[touched]}
    assert counted_anew(lab) == 3
    newest = lab.get("ann", "history").json()["items"][0]
    assert (newest["kind"], newest["reason"], newest["n_changes"]) == ("revert", "wrong protocol", 3)
    lab.post("ben", "undo")
    assert lab.live() == before
    lab.post("ben", "redo")
    assert lab.live() == start | {touched: before[touched]}


def test_what_somebody_changed_between_two_edits_of_a_session_is_not_lost(lab: Lab) -> None:
    drawn = lab.draw("ben")
    lab.rest(1, minutes=60)
    lab.patch("ann", drawn["id"], text="ann 1")
    lab.patch("ben", drawn["id"], text="ben")
    lab.patch("ann", drawn["id"], text="ann 2")
    assert numbers(revert(lab, "ann", "session", revision=2)) == (0, 0, 0, 1)
    assert lab.live()[drawn["id"]]["text"] == "ann 2"


def test_what_was_changed_and_changed_back_does_not_stand_in_the_way(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab.patch("ben", drawn["id"], text="x")
    lab.post("ben", "undo")
    assert numbers(revert(lab, "lead", "session", revision=1)) == (0, 1, 0, 0)
    lab.post("lead", "undo")
    lab.delete("ben", drawn["id"])
    lab.post("ben", "undo")
    assert numbers(revert(lab, "lead", "session", revision=1)) == (0, 1, 0, 0)


def test_a_session_that_was_undone_already_leaves_nothing_to_do(lab: Lab) -> None:
    lab.draw("ann")
    lab.post("ann", "undo")
    report = revert(lab, "ann", "session", revision=1)
    assert (numbers(report), report["images"]) == ((0, 0, 0, 0), [])
    assert lab.get("ann", "history").json()["revision"] == 2


def test_sessions_of_the_same_person_are_told_apart(lab: Lab) -> None:
    morning = lab.draw("ann")["id"]
    lab.rest(1, minutes=31)
    lab.draw("ann", 50, 50, 90, 90)
    assert numbers(revert(lab, "ann", "session", revision=2)) == (0, 1, 0, 0)
    assert lab.live().keys() == {morning}
    assert numbers(revert(lab, "ann", "session", revision=1)) == (0, 1, 0, 0)


def test_a_session_is_set_back_on_one_image_or_on_all(lab: Lab, make_image: Callable[..., int]) -> None:
    other = make_image(lab.image_set_id, "second")
    lab.draw("ann")
    body = {"operations": [box(lab.types["Cell"])]}
    lab["ann"].post(f"/api/v2/images/{other}/annotation-changes", json=body)
    assert numbers(revert(lab, "ann", "session", revision=1)) == (0, 1, 0, 0)
    assert len(lab.live(image_id=other)) == 1
    lab.post("ann", "undo")
    target = {"what": "session", "revision": 1}
    preview = lab.in_set("ann", "POST", "revert", json=target, params={"preview": "true"}).json()
    assert [(each["image"]["name"], each["deleted"]) for each in preview["images"]][1] == ("second", 1)
    report = lab.in_set("ann", "POST", "revert", json=target).json()
    assert numbers(report) == (0, 2, 0, 0)
    assert [each["revision"] for each in report["images"]] == [5, 6]
    assert lab.live() == lab.live(image_id=other) == {}
    lab["ann"].post(f"/api/v2/images/{other}/undo", params={"revision": 6})
    assert len(lab.live(image_id=other)) == 1
    back = lab.in_set("ann", "POST", "revert", json={"what": "run", "run": report["run"]}).json()
    assert numbers(back) == (1, 0, 0, 0)  # the other image is as it was already


# A run


def model(services: Services, lab: Lab, who: str = "ann", count: int = 30, **more: Any) -> bulk.Added:
    rings = [[[50 * (n % 300), 50 * (n // 300)], [50 * (n % 300) + 20, 50 * (n // 300) + 20]] for n in range(count)]
    types = np.where(np.arange(count) % 2, lab.types["Cell"], lab.types["Nucleus"])
    shapes = bulk.NewShapes(bulk.columns_of_rings(Shape.BOX, rings), types)
    adding = Annotations(lab.database, services.kernel.hooks, lab.people[who])
    return adding.bulk_create(more.pop("image_id", lab.image_id), shapes, kind="model", **more)


def test_a_model_run_is_taken_back_but_what_people_did_with_it(
    services: Services, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revert_writing, "_CHUNK", 7)
    own = lab.draw("ben")["id"]
    added = model(services, lab, run="Detector 3")
    corrected, deleted = added.ids.tolist()[:2]
    lab.patch("ben", corrected, text="yes")
    lab.delete("ben", deleted)
    before = lab.live()
    counts = kept_counts(lab)
    assert numbers(revert(lab, "ben", "run", run="Detector 3", preview=True)) == (0, 28, 0, 1)
    assert numbers(revert(lab, "ben", "run", run="Detector 3")) == (0, 28, 0, 1)
    assert lab.live().keys() == {own, corrected}
    assert counted_anew(lab) == 2
    assert len(lab.get("ben", "trash", limit=100).json()["items"]) == 29
    undone = lab.post("ben", "undo").json()
    assert len(undone["annotations"]) == 28
    assert lab.live() == before
    assert kept_counts(lab) == counts


def test_runs_are_named_by_who_adds_them_or_by_themselves(services: Services, lab: Lab) -> None:
    model(services, lab, count=2)
    drawn = lab["ann"].post(
        f"/api/v2/images/{lab.image_id}/annotation-changes",
        json={"operations": [box(lab.types["Cell"], 5000, 5000, 5050, 5050)], "run": "my script"},
    )
    assert drawn.status_code == 200
    told = lab.get("viewer", "history").json()
    assert told["runs"] == ["model 1", "my script"]
    assert [item["kind"] for item in told["items"]] == ["model", "model"]
    assert lab.get("ann", "undo-state").json()["can_undo"] is False
    assert numbers(revert(lab, "ann", "run", run="my script")) == (0, 1, 0, 0)
    assert lab.post("ann", "revert", {"what": "run", "run": "no such"}).status_code == 404
    refused = lab.post("ann", "revert", {"what": "session", "revision": 1})
    assert (refused.status_code, "run" in refused.json()["detail"]) == (422, True)
    for body in ({"what": "run"}, {"what": "session"}, {"what": "everything", "revision": 1}, {"revision": 1}):
        assert lab.post("ann", "revert", body).status_code == 422


def test_one_change_set_is_taken_back_by_anybody_who_may_edit(lab: Lab) -> None:
    first, second = lab.draw("ann")["id"], lab.draw("ann", 50, 50, 90, 90)["id"]
    assert numbers(revert(lab, "ben", "change_set", revision=1)) == (0, 1, 0, 0)
    assert lab.live().keys() == {second}
    newest = lab.get("ben", "history").json()["items"][0]
    assert (newest["reverts"], newest["kind"]) == (1, "revert")
    assert numbers(revert(lab, "ben", "change_set", revision=3)) == (1, 0, 0, 0)
    assert lab.live().keys() == {first, second}


# An image or a set to a revision


def test_an_image_is_set_to_a_revision_whatever_happened_since(lab: Lab) -> None:
    kept, changed, gone = (lab.draw("ann", n * 50, 10, n * 50 + 20, 30)["id"] for n in range(3))
    lab.patch("ann", changed, frame={"z": 1})
    wanted = lab.live()
    lab.patch("ben", changed, type_id=lab.types["Nucleus"], text="x")
    lab.delete("ben", gone)
    lab.draw("ben", 500, 500, 600, 600)
    lab.patch("ann", kept, text="y")
    lab.patch("ann", kept, text="")
    before = lab.live()
    assert numbers(revert(lab, "lead", "to_revision", revision=4, preview=True)) == (1, 1, 1, 0)
    assert numbers(revert(lab, "lead", "to_revision", revision=4)) == (1, 1, 1, 0)
    assert lab.live() == wanted
    assert numbers(revert(lab, "lead", "to_revision", revision=4)) == (0, 0, 0, 0)
    lab.post("lead", "undo")
    assert lab.live() == before
    assert numbers(revert(lab, "lead", "to_revision", revision=0)) == (0, 3, 0, 0)
    assert lab.live() == {}
    assert kept_counts(lab) == {}


def test_a_whole_set_is_set_to_a_revision_by_those_who_manage_it(lab: Lab, make_image: Callable[..., int]) -> None:
    other, untouched = make_image(lab.image_set_id), make_image(lab.image_set_id)
    body = {"operations": [box(lab.types["Cell"])]}
    lab["ann"].post(f"/api/v2/images/{untouched}/annotation-changes", json=body)
    lab.draw("ann")
    lab["ben"].post(f"/api/v2/images/{other}/annotation-changes", json=body)
    target = {"what": "to_revision", "revision": 1}
    for who in ("ann", "ben"):
        assert lab.in_set(who, "POST", "revert", json=target).status_code == 403
        assert lab.post(who, "revert", target).status_code == 403
        assert lab.in_set(who, "POST", "revert", json=target, params={"preview": "true"}).status_code == 403
    report = lab.in_set("lead", "POST", "revert", json=target).json()
    assert numbers(report) == (0, 2, 0, 0)
    assert {each["image"]["id"] for each in report["images"]} == {lab.image_id, other}
    assert lab.live() == lab.live(image_id=other) == {}
    assert len(lab.live(image_id=untouched)) == 1
    assert lab.in_set("lead", "POST", "revert", json={"what": "to_revision", "revision": 99}).status_code == 422
    nothing = lab.in_set("lead", "POST", "revert", json={"what": "to_revision", "revision": 5}).json()
    assert (nothing["images"], nothing["run"]) == ([], "")


def test_types_that_left_the_set_and_a_lock_are_respected(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab.patch("ann", drawn["id"], text="x")
    lab.delete("ann", drawn["id"])
    lab["lead"].put(f"/api/v2/image-sets/{lab.image_set_id}/products", json={"product_ids": []})
    report = revert(lab, "lead", "to_revision", revision=1)
    assert (numbers(report), "no longer used" in report["reasons"][0]["reason"]) == ((0, 0, 0, 1), True)
    with lab.database.write() as session:
        session.get_one(ImageSet, lab.image_set_id).is_locked = True
    for preview in (False, True):
        answer = lab.post("lead", "revert", {"what": "to_revision", "revision": 1}, preview=preview)
        assert answer.status_code == 409


# Blind sets and others' work


def test_a_blind_reader_sets_back_their_own_work_only_and_learns_nothing(
    services: Services, make_lab: Callable[..., Lab]
) -> None:
    lab = make_lab(mode="competitive")
    lab.draw("ben")
    lab.draw("ann")
    model(services, lab, "ben", 4, run="of Ben")
    for body in (
        {"what": "session", "revision": 1},
        {"what": "change_set", "revision": 1},
        {"what": "run", "run": "of Ben"},
    ):
        for preview in (False, True):
            theirs = lab.post("ann", "revert", body, preview=preview)
            nothing = {**body, **({"revision": 900} if "revision" in body else {"run": "nothing"})}
            void = lab.post("ann", "revert", nothing, preview=preview)
            assert theirs.status_code == void.status_code == 404
            told = theirs.json()["detail"].replace("revision 1 ", "revision 900 ").replace("of Ben", "nothing")
            assert told == void.json()["detail"]
    assert numbers(revert(lab, "ann", "session", revision=2)) == (0, 1, 0, 0)
    assert len(lab.live("lead")) == 5
    assert numbers(revert(lab, "lead", "run", run="of Ben")) == (0, 4, 0, 0)


def test_where_others_may_not_be_corrected_only_own_shapes_go_back(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive", is_unblinded=True)
    of_ann, of_ben = lab.draw("ann"), lab.draw("ben")
    lab.rest(2, minutes=60)
    lab.change("lead", *({"op": "update", "id": one["id"], "text": "lead"} for one in (of_ann, of_ben)))
    report = revert(lab, "ann", "session", revision=3)
    assert numbers(report) == (0, 0, 1, 1)
    assert "somebody else" in report["reasons"][0]["reason"]
    assert lab.live()[of_ann["id"]]["text"] == ""


# Plugins, size


def test_plugins_hear_of_every_shape_and_can_refuse(services: Services, lab: Lab) -> None:
    lab.draw("ann", text="a")
    drawn = lab.draw("ann", 50, 50, 90, 90, text="b")
    lab.patch("ann", drawn["id"], text="c")
    listener = Listener()
    Reversals(lab.database, listener, lab.people["lead"]).revert(ToRevision(2), "", image_id=lab.image_id)
    Reversals(lab.database, listener, lab.people["lead"]).revert(ToRevision(0), "", image_id=lab.image_id)
    Reversals(lab.database, listener, lab.people["lead"]).restore([drawn["id"]], "", 30, image_id=lab.image_id)
    told = [(each.action, each.before and each.before.text, each.after and each.after.text) for each in listener.told]
    assert told == [
        (AnnotationAction.UPDATED, "c", "b"),
        (AnnotationAction.DELETED, "a", None),
        (AnnotationAction.DELETED, "b", None),
        (AnnotationAction.RESTORED, None, "b"),
    ]
    assert listener.asked == listener.told
    assert listener.told[0].after is not None
    assert listener.told[0].after.box == (50, 50, 90, 90)
    lab.patch("ann", drawn["id"], text="forbidden")
    lab.patch("ann", drawn["id"], text="allowed")
    before = lab.live()
    with pytest.raises(Refused):
        Reversals(lab.database, listener, lab.people["lead"]).revert(ToRevision(7), "", image_id=lab.image_id)
    assert lab.live() == before


def test_a_large_revert_takes_few_statements(services: Services, lab: Lab) -> None:
    """Twenty times as many shapes, and not many more statements; the same shapes and counts come back."""
    reversals = Reversals(lab.database, services.kernel.hooks, lab.people["lead"])
    used = []
    for count in (600, 12_000):
        model(services, lab, count=count, run=f"run of {count}")
        counts = kept_counts(lab)
        with statements_of(lab.database.engine) as asked:
            report = reversals.revert(OneRun(f"run of {count}"), "", image_id=lab.image_id).to_json()
        used.append(len(asked))
        assert numbers(report) == (0, count, 0, 0)
        assert counted_anew(lab) == 0
        undone = Annotations(lab.database, services.kernel.hooks, lab.people["lead"]).undo(lab.image_id)
        assert (len(undone.annotations), undone.is_complete) == ((600, True) if count == 600 else (0, False))
        assert kept_counts(lab) == counts
        reversals.revert(OneRun(f"run of {count}"), "", image_id=lab.image_id)
    assert used[1] - used[0] <= 8
    with lab.database.read() as session:
        assert session.scalar(select(func.min(AnnotationSummary.n))) == 0
