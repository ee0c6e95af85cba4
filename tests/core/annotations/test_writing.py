"""Writing: one revision per request, all or nothing, refused where a rule or somebody else's work stands against it."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from exact_core.annotations.access import rights_in
from exact_core.annotations.writing import Create, Update, Writer
from exact_core.storage.models import (
    LIVE,
    AnnotationRevision,
    AnnotationSummary,
    AnnotationType,
    ChangeSet,
    ImageSet,
    ImageSetProduct,
)
from tests.core.annotations.conftest import Lab, box


def revision_of(lab: Lab) -> int:
    with lab.database.read() as session:
        return session.scalars(select(ImageSet.revision).where(ImageSet.id == lab.image_set_id)).one()


def test_a_request_with_several_operations_is_one_revision(lab: Lab) -> None:
    cell = lab.types["Cell"]
    answer = lab.change("ann", box(cell), box(cell, 50, 50, 80, 90)).json()
    assert answer["revision"] == 1
    assert [each["geometry"]["rings"] for each in answer["annotations"]] == [
        [[[10, 10], [30, 30]]],
        [[[50, 50], [80, 90]]],
    ]
    assert answer["annotations"][0]["author"] == {"id": lab.people["ann"].user_id, "name": "Ann"}
    with lab.database.read() as session:
        log = session.scalars(select(ChangeSet)).one()
        assert (log.revision, log.n_changes, log.kind, log.image_id) == (1, 2, "edit", lab.image_id)
        assert log.actor_id == lab.people["ann"].user_id


def test_a_bad_operation_refuses_all_of_them_and_leaves_nothing(lab: Lab) -> None:
    cell = lab.types["Cell"]
    response = lab.change("ann", box(cell), box(cell, 5, 5, 5, 9))
    assert response.status_code == 422
    assert "Operation 1" in response.json()["detail"]
    assert revision_of(lab) == 0
    assert lab.get("ann", "annotation-counts").json()["total"] == 0


def test_the_server_names_author_and_time_whatever_the_client_sends(lab: Lab) -> None:
    forged = box(lab.types["Cell"], author={"id": 99}, created_at="2001-01-01T00:00:00Z")
    assert lab.change("ann", forged).status_code == 422
    drawn = lab.draw("ann", claimed_author="Dr. Who")
    assert drawn["author"]["id"] == lab.people["ann"].user_id
    assert drawn["claimed_author"] == "Dr. Who"
    assert drawn["created_at"] > "2025"


def test_an_edit_closes_the_old_state_and_keeps_the_counts(lab: Lab) -> None:
    drawn = lab.draw("ann")
    nucleus = lab.types["Nucleus"]
    moved = {"op": "update", "id": drawn["id"], "base_revision": 1, "type_id": nucleus}
    moved["geometry"] = {"shape": "box", "points": [[5000, 5000], [5010, 5010]]}
    assert lab.change("ben", moved).json()["annotations"][0]["revision"] == 2
    with lab.database.read() as session:
        rows = session.execute(
            select(AnnotationRevision.valid_from, AnnotationRevision.valid_to, AnnotationRevision.editor_id).order_by(
                AnnotationRevision.valid_from
            )
        ).all()
        counts = session.execute(
            select(AnnotationSummary.type_id, AnnotationSummary.cell, AnnotationSummary.n).where(
                AnnotationSummary.n != 0
            )
        ).all()
    ann, ben = lab.people["ann"].user_id, lab.people["ben"].user_id
    assert [tuple(row) for row in rows] == [(1, 2, ann), (2, LIVE, ben)]
    assert [tuple(row) for row in counts] == [(nucleus, 2 << 24 | 2, 1)]


def test_work_on_an_outdated_state_is_a_conflict_that_shows_the_current_one(lab: Lab) -> None:
    drawn = lab.draw("ann")
    assert lab["ben"].patch(f"/api/v2/annotations/{drawn['id']}", json={"text": "Ben's"}).status_code == 200
    late = {"op": "update", "uuid": drawn["uuid"], "base_revision": drawn["revision"], "text": "Ann's"}
    response = lab.change("ann", late)
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "stale-annotation"
    assert response.json()["current"]["text"] == "Ben's"
    again = lab.change("ann", late | {"base_revision": response.json()["current"]["revision"]})
    assert again.json()["annotations"][0]["text"] == "Ann's"


def test_changing_what_somebody_deleted_is_a_conflict_and_deleting_it_again_is_not(lab: Lab) -> None:
    drawn = lab.draw("ann")
    deleted = lab["ben"].delete(f"/api/v2/annotations/{drawn['id']}", params={"base_revision": 1})
    assert deleted.json()["deleted"] is True
    late = lab["ann"].patch(f"/api/v2/annotations/{drawn['id']}", json={"text": "x", "base_revision": 1})
    assert late.status_code == 409
    assert late.json()["current"]["deleted"] is True
    again = lab["ann"].delete(f"/api/v2/annotations/{drawn['id']}", params={"base_revision": 1})
    assert again.status_code == 200
    assert revision_of(lab) == 2


def test_drawing_the_same_uuid_again_changes_nothing(lab: Lab) -> None:
    operation = box(lab.types["Cell"])
    first = lab.change("ann", operation).json()["annotations"][0]
    second = lab.change("ann", operation).json()
    assert second["annotations"][0]["id"] == first["id"]
    assert second["revision"] == 1
    assert lab.change("ben", operation).status_code == 409


def test_a_request_with_the_same_key_is_answered_again_and_done_once(lab: Lab) -> None:
    operation = {"op": "update", "id": lab.draw("ann")["id"], "text": "one"}
    first = lab.change("ann", operation, **{"Idempotency-Key": "k1"})
    second = lab.change("ann", operation, **{"Idempotency-Key": "k1"})
    assert first.content == second.content
    assert revision_of(lab) == 2
    other = lab.change("ann", operation | {"text": "two"}, **{"Idempotency-Key": "k1"})
    assert other.status_code == 422
    assert lab.change("ben", operation, **{"Idempotency-Key": "k1"}).json()["revision"] == 2


def test_one_shape_can_be_drawn_changed_and_deleted_in_one_request(lab: Lab) -> None:
    operation = box(lab.types["Cell"])
    change = {"op": "update", "uuid": operation["uuid"], "text": "hello"}
    answer = lab.change("ann", operation, change).json()
    assert [each["text"] for each in answer["annotations"]] == ["hello", "hello"]
    gone = box(lab.types["Cell"])
    answer = lab.change("ann", gone, {"op": "delete", "uuid": gone["uuid"]}).json()
    assert [each["deleted"] for each in answer["annotations"]] == [True, True]
    assert lab.get("ann", "annotation-counts").json()["total"] == 1


RULES: list[tuple[str, Callable[[Lab], dict[str, Any]], str]] = [
    ("a type of no product of the set", lambda lab: box(999), "no annotation type 999"),
    ("a shape that the type does not allow", lambda lab: box(lab.types["Slide"]), "drawn as image, not as box"),
    ("a frame that the image lacks", lambda lab: box(lab.types["Cell"], frame={"z": 3}), "z from 0 to 2"),
    ("an unknown attribute", lambda lab: box(lab.types["Cell"], attributes={"size": 1}), "no attribute 'size'"),
    ("text that databases cannot hold", lambda lab: box(lab.types["Cell"], text="a\x00b"), "NUL"),
    ("an annotation that is not there", lambda lab: {"op": "delete", "id": 12345}, "no annotation 12345"),
    ("no name at all", lambda lab: {"op": "delete"}, "by its id or its uuid"),
]


@pytest.mark.parametrize(("make", "reason"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_rules_hold_for_every_client(lab: Lab, make: Callable[[Lab], dict[str, Any]], reason: str) -> None:
    response = lab.change("ann", make(lab))
    assert response.status_code in (404, 422)
    assert reason in response.json()["detail"]
    assert revision_of(lab) == 0


def test_nan_in_json_is_refused_with_its_place(lab: Lab) -> None:
    operation = box(lab.types["Cell"])
    operation["geometry"]["points"][1][0] = float("nan")
    response = lab["ann"].post(
        f"/api/v2/images/{lab.image_id}/annotation-changes",
        content=json.dumps({"operations": [operation]}),
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 422
    assert "not finite" in response.json()["detail"]


def test_a_retired_type_takes_no_new_shapes_but_old_ones_can_be_moved(lab: Lab) -> None:
    drawn = lab.draw("ann")
    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).is_active = False
    assert "retired" in lab.change("ann", box(lab.types["Cell"])).json()["detail"]
    moved = lab["ann"].patch(
        f"/api/v2/annotations/{drawn['id']}", json={"geometry": {"shape": "box", "points": [[1, 1], [9, 9]]}}
    )
    assert moved.json()["geometry"]["rings"] == [[[1, 1], [9, 9]]]


def test_attributes_are_checked_filled_with_defaults_and_follow_the_type(lab: Lab) -> None:
    definitions = [
        {"name": "grade", "kind": "number", "min": 0, "max": 4, "unit": "", "default": 1},
        {"name": "note", "kind": "text"},
        {"name": "sure", "kind": "boolean"},
        {"name": "stain", "kind": "choice", "choices": ["blue", "brown"]},
    ]
    with lab.database.write() as session:
        session.get_one(AnnotationType, lab.types["Cell"]).attributes = definitions
        session.get_one(AnnotationType, lab.types["Nucleus"]).attributes = definitions[:1]
    drawn = lab.draw("ann", attributes={"note": "odd", "sure": True})
    assert drawn["attributes"] == {"grade": 1, "note": "odd", "sure": True}
    for bad in ({"grade": 9}, {"grade": True}, {"grade": "2"}, {"sure": 1}, {"stain": "red"}, {"note": 5}):
        response = lab["ann"].patch(f"/api/v2/annotations/{drawn['id']}", json={"attributes": bad})
        assert response.status_code == 422, bad
    url = f"/api/v2/annotations/{drawn['id']}"
    lab["ann"].patch(url, json={"attributes": {"grade": 3, "stain": "blue"}})
    assert lab["ann"].get(url).json()["attributes"] == {"grade": 3, "stain": "blue"}
    relabelled = lab["ann"].patch(url, json={"type_id": lab.types["Nucleus"]}).json()
    assert relabelled["attributes"] == {"grade": 3}


def test_a_locked_set_is_refused_also_to_its_managers(lab: Lab) -> None:
    with lab.database.write() as session:
        session.get_one(ImageSet, lab.image_set_id).is_locked = True
    for who in ("ann", "lead", "admin"):
        response = lab.change(who, box(lab.types["Cell"]))
        assert response.status_code == 409
        assert "locked" in response.json()["detail"]


def test_an_image_without_a_size_takes_no_shapes(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(width=0, height=0, status="probing")
    assert lab.change("ann", box(lab.types["Cell"])).status_code == 409


def test_a_product_that_left_the_set_takes_its_types_along(lab: Lab) -> None:
    with lab.database.write() as session:
        session.delete(session.get_one(ImageSetProduct, (lab.image_set_id, lab.product_id)))
    assert lab.change("ann", box(lab.types["Cell"])).status_code == 422


def test_two_writers_at_once_get_revisions_of_their_own_and_lose_nothing(lab: Lab) -> None:
    rounds = 8
    failures: list[str] = []

    def work(who: str, offset: int) -> None:
        for number in range(rounds):
            x = offset + number * 40
            response = lab.change(who, box(lab.types["Cell"], x, 10, x + 20, 30))
            if response.status_code != 200:
                failures.append(response.text)

    threads = [threading.Thread(target=work, args=("ann", 0)), threading.Thread(target=work, args=("ben", 8000))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert revision_of(lab) == 2 * rounds
    with lab.database.read() as session:
        assert session.scalar(select(func.count()).select_from(AnnotationRevision)) == 2 * rounds
        assert session.scalar(select(func.sum(AnnotationSummary.n))) == 2 * rounds
        revisions = session.scalars(select(ChangeSet.revision).order_by(ChangeSet.revision)).all()
    assert revisions == list(range(1, 2 * rounds + 1))


def test_of_two_writers_of_one_shape_the_second_sees_a_conflict(lab: Lab) -> None:
    drawn = lab.draw("ann")
    barrier = threading.Barrier(2)
    answers: list[int] = []

    def work(who: str) -> None:
        barrier.wait(10)
        change = {"op": "update", "id": drawn["id"], "base_revision": 1, "text": who}
        answers.append(lab.change(who, change).status_code)

    threads = [threading.Thread(target=work, args=(who,)) for who in ("ann", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, 409]


def test_who_waits_for_another_writer_works_on_what_that_one_wrote(lab: Lab) -> None:
    drawn = lab.draw("ann")
    name = str(uuid.uuid4())
    answers: dict[str, Any] = {}

    def work(key: str, operation: dict[str, Any]) -> None:
        answers[key] = lab.change("ann", operation)

    waiting = {
        "stale": {"op": "update", "id": drawn["id"], "base_revision": 1, "text": "of Ann"},
        "same": box(lab.types["Cell"], 10, 10, 30, 30, uuid=name),
    }
    threads = [threading.Thread(target=work, args=item) for item in waiting.items()]
    with lab.database.write() as session:
        writer = Writer(session, lab.people["ann"], lab.image_id, rights_in(session), None)
        geometry = {"shape": "box", "points": [[1, 1], [5, 5]]}
        writer.apply([Update(drawn["id"], None, text="first"), Create(name, lab.types["Cell"], geometry)])
        for thread in threads:
            thread.start()
        time.sleep(0.3)  # they have asked for the lock by now
    for thread in threads:
        thread.join(60)
    assert answers["stale"].status_code == 409
    assert answers["stale"].json()["current"]["text"] == "first"
    same = answers["same"].json()
    assert same["revision"] == 2
    assert same["annotations"][0]["geometry"]["rings"] == [[[1, 1], [5, 5]]]


@pytest.mark.parametrize(
    ("who", "mode", "own", "status"),
    [
        ("stranger", "cooperative", False, 404),
        ("viewer", "cooperative", False, 403),
        ("ben", "cooperative", False, 200),
        ("ann", "cooperative", True, 200),
        ("ann", "competitive", True, 200),
        ("ben", "competitive", False, 404),
        ("ben", "second_opinion", False, 404),
        ("lead", "competitive", False, 200),
        ("admin", "competitive", False, 200),
        ("stranger", "competitive", False, 404),
    ],
)
def test_who_may_change_a_shape_of_ann(
    make_lab: Callable[..., Lab], who: str, mode: str, own: bool, status: int
) -> None:
    lab = make_lab(mode=mode)
    drawn = lab.draw("ann")
    url = f"/api/v2/annotations/{drawn['id']}"
    assert lab[who].patch(url, json={"text": "changed"}).status_code == status
    assert lab.change(who, {"op": "update", "id": drawn["id"], "text": "again"}).status_code == status
    assert lab[who].delete(url).status_code == status


@pytest.mark.parametrize(("who", "status"), [("stranger", 404), ("viewer", 403), ("ann", 200), ("lead", 200)])
def test_who_may_draw(lab: Lab, who: str, status: int) -> None:
    assert lab.change(who, box(lab.types["Cell"])).status_code == status


def test_a_token_that_may_only_read_cannot_draw(lab: Lab, client_of: Callable[..., Any]) -> None:
    lab.clients["reader"] = client_of(lab.people["ann"], scopes=["read"])
    assert lab.change("reader", box(lab.types["Cell"])).status_code == 403
    assert lab.get("reader", "annotation-counts").status_code == 200


def test_a_body_over_the_limit_is_refused_before_it_is_read(lab: Lab) -> None:
    response = lab["ann"].post(
        f"/api/v2/images/{lab.image_id}/annotation-changes",
        content=iter([b" " * 1024 * 1024] * 66),
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 413


def test_uuids_are_kept_in_one_spelling(lab: Lab) -> None:
    name = uuid.uuid4()
    first = lab.change("ann", box(lab.types["Cell"]) | {"uuid": str(name).upper()}).json()
    second = lab.change("ann", box(lab.types["Cell"]) | {"uuid": name.hex}).json()
    assert first["annotations"][0]["id"] == second["annotations"][0]["id"]
