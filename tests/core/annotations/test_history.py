"""The history of a shape, of an image and of an image set: complete, in words, and blind where it must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete

from exact_core.annotations import bulk, change_details
from exact_core.annotations.history_routes import router
from exact_core.annotations.service import Annotations
from exact_core.api.contributions import Shape
from exact_core.services import Services
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import AnnotationType, Image, ImageSet, User, now
from tests.core.annotations.conftest import Lab, box
from tests.statements import statements_of


def shape_history(lab: Lab, who: str, annotation_id: int, **params: Any) -> dict[str, Any]:
    response = lab[who].get(f"/api/v2/annotations/{annotation_id}/history", params=params)
    assert response.status_code == 200, response.text
    return response.json()


def log(lab: Lab, who: str, **params: Any) -> dict[str, Any]:
    response = lab.get(who, "history", **params)
    assert response.status_code == 200, response.text
    return response.json()


def imported(services: Services, lab: Lab, who: str = "ann", count: int = 3, **more: Any) -> bulk.Added:
    rings = [[[50 * n, 500], [50 * n + 20, 520]] for n in range(count)]
    shapes = bulk.NewShapes(bulk.columns_of_rings(Shape.BOX, rings), np.full(count, lab.types["Cell"]))
    return Annotations(lab.database, services.kernel.hooks, lab.people[who]).bulk_create(lab.image_id, shapes, **more)


def test_the_history_of_a_shape_tells_each_state_who_made_it_and_what_changed(lab: Lab) -> None:
    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).attributes = [{"name": "grade", "kind": "number"}]
    drawn = lab.draw("ann", 10, 10, 30, 30, attributes={"grade": 1})
    lab.patch("ben", drawn["id"], geometry={"shape": "box", "points": [[15, 10], [35, 30]]})
    lab.patch("ann", drawn["id"], attributes={"grade": 2}, text="odd", reason="second look")
    lab.delete("ben", drawn["id"])
    lab.post("ben", "undo")
    lab.patch("ann", drawn["id"], type_id=lab.types["Nucleus"])
    told = shape_history(lab, "viewer", drawn["id"])
    assert [(item["what"], item["by"]["name"], item["kind"]) for item in told["items"]] == [
        (["Relabelled Cell → Nucleus", "grade: 2 → nothing"], "Ann", "edit"),
        (["Brought back Cell"], "Ben", "undo"),
        (["Deleted Cell"], "Ben", "edit"),
        (["Remark: “odd”", "grade: 1 → 2"], "Ann", "edit"),
        (["Moved by 5, 0 px"], "Ben", "edit"),
        (["Drew Cell"], "Ann", "edit"),
    ]
    assert [item["is_current"] for item in told["items"]] == [True, False, False, False, False, False]
    assert [item["revision"] for item in told["items"]] == [6, 5, 4, 3, 2, 1]
    assert told["items"][3]["reason"] == "second look"
    assert told["items"][2]["state"] is None
    third = told["items"][3]["state"]
    assert third["geometry"]["rings"] == [[[15, 10], [35, 30]]]
    assert (third["type"]["name"], third["text"], third["attributes"]) == ("Cell", "odd", {"grade": 2})
    assert told["annotation"]["id"] == drawn["id"]
    times = [item["at"] for item in told["items"]]
    assert times == sorted(times, reverse=True)


def test_a_long_history_comes_in_pages(lab: Lab) -> None:
    drawn = lab.draw("ann")
    for number in range(7):
        lab.patch("ann", drawn["id"], text=f"no. {number}")
    first = shape_history(lab, "ann", drawn["id"], limit=5)
    second = shape_history(lab, "ann", drawn["id"], limit=5, cursor=first["next_cursor"])
    assert [item["revision"] for item in first["items"] + second["items"]] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert first["items"][-1]["what"] == ["Remark: “no. 1” → “no. 2”"]
    assert second["next_cursor"] is None
    assert lab["ann"].get(f"/api/v2/annotations/{drawn['id']}/history", params={"cursor": "x"}).status_code == 422


def test_a_deleted_shape_keeps_its_history(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab.delete("ann", drawn["id"])
    told = shape_history(lab, "ann", drawn["id"])
    assert told["annotation"]["deleted"]
    assert [item["what"] for item in told["items"]] == [["Deleted Cell"], ["Drew Cell"]]
    assert not any(item["is_current"] for item in told["items"])


def test_who_left_is_a_deleted_user_and_not_nobody(lab: Lab) -> None:
    drawn = lab.draw("ann")
    lab.patch("ben", drawn["id"], text="x")
    with lab.database.write() as session:
        session.execute(delete(User).where(User.id == lab.people["ben"].user_id))
    told = shape_history(lab, "ann", drawn["id"])["items"]
    assert [item["by"]["name"] for item in told] == ["deleted user", "Ann"]
    assert [item["actor"]["name"] for item in log(lab, "ann")["items"]] == ["deleted user", "Ann"]


def test_the_log_of_an_image_says_what_each_change_did_and_where(services: Services, lab: Lab) -> None:
    cell, nucleus = lab.types["Cell"], lab.types["Nucleus"]
    first, second = lab.change("ann", box(cell), box(nucleus, 100, 200, 150, 260)).json()["annotations"]
    lab.change("ben", {"op": "update", "id": first["id"], "type_id": nucleus}, {"op": "delete", "id": second["id"]})
    lab.patch("ann", first["id"], geometry={"shape": "box", "points": [[12, 10], [32, 30]]})
    imported(services, lab, "ben", kind="model", run="Detector 3", reason="nightly")
    told = log(lab, "viewer")
    assert [item["what"] for item in told["items"]] == [
        ["Drew 3 × Cell"],
        ["Moved by 2, 0 px"],
        ["Relabelled Cell → Nucleus", "Deleted Nucleus"],
        ["Drew Cell", "Drew Nucleus"],
    ]
    assert [item["box"] for item in told["items"]] == [
        [0, 500, 120, 520],
        [10, 10, 32, 30],
        [10, 10, 150, 260],
        [10, 10, 150, 260],
    ]
    model = told["items"][0]
    assert (model["kind"], model["run"], model["reason"], model["session"]) == ("model", "Detector 3", "nightly", None)
    assert told["items"][1]["annotation_ids"] == [first["id"]]
    assert [(one["actor"]["name"], one["first_revision"], one["last_revision"]) for one in told["sessions"]] == [
        ("Ann", 1, 3),
        ("Ben", 2, 2),
    ]
    assert [person["name"] for person in told["people"]] == ["Ann", "Ben"]
    assert told["runs"] == ["Detector 3"]
    assert told["revision"] == 4


def test_the_log_is_filtered_by_person_kind_run_and_time(services: Services, lab: Lab) -> None:
    lab.draw("ann")
    lab.rest(1, minutes=120)
    lab.draw("ben")
    lab.post("ben", "undo")
    imported(services, lab, kind="import", run="cells.geojson")
    ben = lab.people["ben"].user_id

    def shown(**params: Any) -> list[int]:
        return [item["revision"] for item in log(lab, "viewer", **params)["items"]]

    assert shown(actor_id=ben) == [3, 2]
    assert shown(kind=["edit", "import"]) == [4, 2, 1]
    assert shown(run="cells.geojson") == [4]
    recently = lab.get("viewer", "history").json()["items"][2]["at"]
    assert shown(since=recently) == [4, 3, 2]
    assert shown(until=recently) == [1]
    assert shown(until=recently.removesuffix("Z")) == [1]  # without a zone it is UTC
    assert shown(actor_id=[ben, lab.people["ann"].user_id], kind="undo") == [3]
    assert shown(run="no such run") == []


def test_the_log_comes_in_pages_and_a_session_is_whole_on_each(lab: Lab) -> None:
    for number in range(5):
        lab.draw("ann", number * 50, 10, number * 50 + 20, 30)
    lab.rest(2, minutes=31)
    first = log(lab, "ann", limit=2)
    second = log(lab, "ann", limit=2, cursor=first["next_cursor"])
    third = log(lab, "ann", limit=2, cursor=second["next_cursor"])
    assert [item["revision"] for page in (first, second, third) for item in page["items"]] == [5, 4, 3, 2, 1]
    assert [item["session"] for page in (first, second, third) for item in page["items"]] == [3, 3, 3, 1, 1]
    spans = [[(one["first_revision"], one["last_revision"]) for one in page["sessions"]] for page in (first, second)]
    assert spans == [[(3, 5)], [(3, 5), (1, 2)]]
    assert "people" not in second or second["people"] is None
    assert lab.get("ann", "history", cursor="bad").status_code == 422


def test_the_log_of_a_set_covers_its_images_but_those_in_the_bin(lab: Lab, make_image: Callable[..., int]) -> None:
    other = make_image(lab.image_set_id, name="second")
    lab.draw("ann")
    lab["ann"].post(f"/api/v2/images/{other}/annotation-changes", json={"operations": [box(lab.types["Cell"])]})
    told = lab.in_set("viewer", "GET", "history").json()
    assert [item["image"]["id"] for item in told["items"]] == [other, lab.image_id]
    assert told["items"][0]["image"]["name"] == "second"
    assert [one["n_change_sets"] for one in told["sessions"]] == [2]
    assert len(log(lab, "viewer")["items"]) == 1
    with lab.database.write() as session:
        session.get_one(Image, other).deleted_at = now()
    assert [item["image"]["id"] for item in lab.in_set("viewer", "GET", "history").json()["items"]] == [lab.image_id]


def test_large_changes_are_told_by_their_number(
    services: Services, make_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_details, "MOST_LOOKED_AT", 5)
    lab = make_lab(mode="competitive")
    imported(services, lab, "ann", 8, kind="import", run="all.csv")
    for who in ("lead", "ann"):
        [item] = log(lab, who)["items"]
        assert (item["what"], item["n_changes"], item["box"]) == (["Imported 8 shapes"], 8, None)
    assert log(lab, "ben")["items"] == []


BLIND = [("lead", {"ann", "ben"}), ("ann", {"ann"}), ("ben", {"ben"}), ("viewer", set()), ("admin", {"ann", "ben"})]


@pytest.mark.parametrize(("who", "visible"), BLIND)
def test_a_blind_reader_reads_their_own_changes_and_no_trace_of_others(
    services: Services, make_lab: Callable[..., Lab], who: str, visible: set[str]
) -> None:
    lab = make_lab(mode="competitive")
    drawn = {name: lab.draw(name, text=f"text of {name}") for name in ("ann", "ben")}
    lab.draw("ben", 40, 40, 60, 60)
    lab.delete("ben", drawn["ben"]["id"])
    imported(services, lab, "ben", run="secret run", reason="secret reason")
    ids = {lab.people[name].user_id for name in visible}
    for told in (log(lab, who), lab.in_set(who, "GET", "history").json()):
        assert {item["actor"]["id"] for item in told["items"]} == ids
        assert len(told["items"]) == 1 * ("ann" in visible) + 4 * ("ben" in visible)
        assert {one["actor"]["id"] for one in told["sessions"]} == ids
        assert {person["id"] for person in told["people"]} == ids
        assert told["runs"] == (["secret run"] if "ben" in visible else [])
        assert ("secret" in str(told)) == ("ben" in visible)
    filtered = log(lab, who, actor_id=[lab.people["ann"].user_id, lab.people["ben"].user_id])
    assert {item["actor"]["id"] for item in filtered["items"]} == ids
    for name, annotation in drawn.items():
        response = lab[who].get(f"/api/v2/annotations/{annotation['id']}/history")
        assert response.status_code == (200 if name in visible else 404)
        missing = lab[who].get("/api/v2/annotations/900009/history").json()["detail"]
        if name not in visible:
            assert response.json()["detail"].replace(str(annotation["id"]), "900009") == missing


def test_a_blind_reader_is_not_told_who_else_worked_on_their_shape(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    drawn = lab.draw("ann")
    lab.patch("lead", drawn["id"], text="x", reason="Ben said so")
    edit, draw = shape_history(lab, "ann", drawn["id"])["items"]
    assert (edit["by"], edit["reason"]) == ({"id": None, "name": "somebody else"}, "")
    assert draw["by"]["name"] == "Ann"
    assert shape_history(lab, "lead", drawn["id"])["items"][0]["by"]["name"] == "Lead"
    assert [item["revision"] for item in log(lab, "ann")["items"]] == [1]
    stale = lab["ann"].patch(f"/api/v2/annotations/{drawn['id']}", json={"text": "mine", "base_revision": 1})
    assert stale.json()["current"]["changed_by"] == {"id": None, "name": "somebody else"}


def test_work_on_others_shapes_is_not_told_any_more_once_a_set_is_blind(services: Services, lab: Lab) -> None:
    of_ben = lab.draw("ben")
    of_ann = lab.draw("ann", 50, 50, 80, 80)
    lab.change("ann", *({"op": "update", "id": one["id"], "text": "seen"} for one in (of_ben, of_ann)))
    lab.patch("ann", of_ben["id"], text="again")
    assert [item["n_changes"] for item in log(lab, "ann")["items"]] == [1, 2, 1, 1]
    with services.database.write() as session:
        session.get_one(ImageSet, lab.image_set_id).mode = "competitive"
        raise_epoch(session, "access")
    told = log(lab, "ann")["items"]
    assert [(item["revision"], item["n_changes"]) for item in told] == [(3, 1), (2, 1)]
    assert [item["annotation_ids"] for item in told] == [[of_ann["id"]], [of_ann["id"]]]


def test_verdicts_are_told_to_those_who_see_all_and_to_no_blind_reader(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    drawn = [lab.draw(name) for name in ("ann", "ann", "ben")]
    for name, own in (("ann", drawn[:2]), ("ben", drawn[2:])):
        verdicts = [{"id": one["id"], "verdict": "accepted"} for one in own]
        lab.post(name, "verifications", {"verdicts": verdicts})
    lab.post("ben", "verify", {"accept": False})
    lab["lead"].put(f"/api/v2/image-sets/{lab.image_set_id}/mode", json={"settings": {"order": "random"}})
    told = lab.in_set("lead", "GET", "history").json()["items"]
    assert [(item["kind"], item["actor"]["name"], *item["what"]) for item in told[:4]] == [
        ("review", "Lead", "Changed how the images are read"),
        ("verify", "Ben", "Called the image done"),
        ("verify", "Ben", "Accepted a shape"),
        ("verify", "Ann", "Accepted 2 shapes"),
    ]
    for answer in (log(lab, "ann"), lab.in_set("ann", "GET", "history").json()):
        assert [item["kind"] for item in answer["items"]] == ["edit", "edit"]
        assert [person["name"] for person in answer["people"]] == ["Ann"]
    assert lab.in_set("ann", "GET", "history", params={"kind": "verify"}).json()["items"] == []


@pytest.mark.parametrize("shows_names", [False, True])
def test_what_an_item_reveals_of_others_is_their_shapes_and_not_their_history(
    make_lab: Callable[..., Lab], shows_names: bool
) -> None:
    lab = make_lab(mode="second_opinion")
    never = {"kind": "never"}
    second = {"readers_per_item": 2, "rule": never, "reveal": "item_done", "show_names": shows_names}
    wanted = {"settings": {"second_opinion": second}, "reason": "they may learn from each other"}
    mode = lab["lead"].put(f"/api/v2/image-sets/{lab.image_set_id}/mode", json=wanted)
    assert mode.status_code == 200, mode.text
    drawn = {name: lab.draw(name) for name in ("ann", "ben")}
    lab.patch("ben", drawn["ben"]["id"], text="first I was not sure")
    lab.delete("ben", lab.draw("ben", 500, 500, 530, 530)["id"])
    for name in ("ann", "ben"):
        lab.post(name, "verify", {"accept": True})
    seen = lab.get("ann", "annotations").json()["items"]
    assert {item["id"] for item in seen} == {one["id"] for one in drawn.values()}  # it is revealed
    of_ben = shape_history(lab, "ann", drawn["ben"]["id"])
    assert (of_ben["withheld"], of_ben["items"]) == (True, [])
    assert not shape_history(lab, "ann", drawn["ann"]["id"])["withheld"]
    for answer in (log(lab, "ann"), lab.in_set("ann", "GET", "history").json()):
        assert [item["annotation_ids"] for item in answer["items"]] == [[drawn["ann"]["id"]]]
    assert lab.get("ann", "trash").json()["items"] == []
    theirs = lab.post("ann", "revert", {"what": "session", "revision": log(lab, "lead")["items"][-1]["revision"]})
    assert theirs.status_code in (404, 409)  # of somebody else, or finished
    assert len(shape_history(lab, "lead", drawn["ben"]["id"])["items"]) == 2


def test_reading_a_page_of_the_log_asks_few_questions(services: Services, lab: Lab) -> None:
    for number in range(30):
        lab.draw("ann" if number % 2 else "ben", number * 50, 10, number * 50 + 20, 30)
    with statements_of(services.database.engine) as asked:
        assert len(log(lab, "viewer")["items"]) == 30
    assert len([each for each in asked if each.startswith("SELECT")]) <= 20


def _requests(lab: Lab, annotation_id: int) -> dict[str, dict[str, Any]]:
    image, image_set = f"/api/v2/images/{lab.image_id}", f"/api/v2/image-sets/{lab.image_set_id}"
    one = f"/api/v2/annotations/{annotation_id}"
    session, ids = {"what": "session", "revision": 1}, {"ids": [annotation_id]}
    return {
        "GET /api/v2/annotations/{annotation_id}/history": {"url": f"{one}/history"},
        "POST /api/v2/annotations/{annotation_id}/revert": {"url": f"{one}/revert", "json": {"revision": 1}},
        "GET /api/v2/images/{image_id}/history": {"url": f"{image}/history"},
        "GET /api/v2/image-sets/{image_set_id}/history": {"url": f"{image_set}/history"},
        "POST /api/v2/images/{image_id}/revert": {"url": f"{image}/revert", "json": session},
        "POST /api/v2/image-sets/{image_set_id}/revert": {"url": f"{image_set}/revert", "json": session},
        "GET /api/v2/images/{image_id}/trash": {"url": f"{image}/trash"},
        "GET /api/v2/image-sets/{image_set_id}/trash": {"url": f"{image_set}/trash"},
        "POST /api/v2/images/{image_id}/trash/restore": {"url": f"{image}/trash/restore", "json": ids},
        "POST /api/v2/image-sets/{image_set_id}/trash/restore": {"url": f"{image_set}/trash/restore", "json": ids},
    }


def test_a_stranger_finds_no_history_and_whoever_only_looks_changes_nothing(lab: Lab) -> None:
    annotation_id = lab.draw("ann")["id"]
    requests = _requests(lab, annotation_id)
    known = {f"{method} {route.path}" for route in router.routes for method in route.methods}
    assert known == requests.keys()  # a new address must be added here
    for name, request in requests.items():
        method = name.partition(" ")[0]
        for more in ({}, {"params": {"preview": "true"}}) if method == "POST" else ({},):
            stranger = lab["stranger"].request(method, **request, **more)
            assert stranger.status_code == 404, name
            viewer = lab["viewer"].request(method, **request, **more)
            assert viewer.status_code == (200 if method == "GET" else 403), name
        for part, of in ((f"/images/{lab.image_id}/", "image"), (f"/image-sets/{lab.image_set_id}/", "set")):
            if part not in request["url"]:
                continue
            elsewhere = request | {"url": request["url"].replace(part, part.replace(part.split("/")[2], "999"))}
            absent = lab["ann"].request(method, **elsewhere)
            assert absent.status_code == 404, name
            assert of in absent.json()["detail"]
            told = stranger.json()["detail"].replace(f" {part.split('/')[2]} ", " 999 ")
            assert told == absent.json()["detail"], name
    assert lab.live() != {}
