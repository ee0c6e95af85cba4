"""Changing all hits at once: preview, one change, one undo, who may, and what is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from exact_core.annotations.access import rights_in
from exact_core.annotations.set_writing import SetWriter
from exact_core.api.events import AnnotationAction, AnnotationChange
from exact_core.search import bulk_edits
from exact_core.search.service import asked_of
from exact_core.services import Services
from exact_core.storage.models import ChangeSet
from tests.core.annotations.conftest import Lab
from tests.core.products.test_merging import consistent
from tests.core.search.world import build, read

GRADE = [{"name": "grade", "kind": "choice", "choices": ["low", "high"]}, {"name": "d", "kind": "number"}]


def edit(lab: Lab, who: str, q: str, preview: bool = False, **body: Any) -> Any:
    url = f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits"
    return lab[who].post(url, json={"q": q, **body}, params={"preview": preview})


def undo(lab: Lab, who: str, revision: int) -> Any:
    return lab[who].post(f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits/{revision}/undo")


def state(lab: Lab, id_: int) -> dict[str, Any]:
    return lab["lead"].get(f"/api/v2/annotations/{id_}").json()


@pytest.fixture
def graded(lab: Lab, make_image: Callable[..., int]) -> Lab:
    """Cells on two images, some with a grade; only Cell has the attribute."""
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": GRADE})
    second = make_image(lab.image_set_id, width=9000, height=9000)
    first = lab.image_id
    for number, (image, who) in enumerate([(first, "ann"), (first, "ben"), (second, "ann"), (second, "ben")]):
        lab.image_id = image
        lab.draw(who, 10 + number, 10, 40 + number, 40, attributes={"grade": "low"} if number % 2 else {})
    lab.image_id = first
    return lab


def test_a_preview_tells_and_changes_nothing(graded: Lab) -> None:
    lab = graded
    told = edit(lab, "ann", "class:Cell", preview=True, type_id=lab.types["Nucleus"]).json()
    assert (told["total"], told["changed"]) == (4, 4)
    assert [(each["name"], each["before"], each["after"]) for each in told["counts"]] == [
        ("Cell", 4, 0),
        ("Nucleus", 0, 4),
    ]
    assert told["dropped_values"] == {"grade": 2}
    assert told["refused"] == []
    assert [each["count"] for each in lab.get("ann", "annotation-counts").json()["types"]] == [2]


def test_all_hits_are_relabelled_in_one_change_and_set_back_in_one(graded: Lab) -> None:
    lab = graded
    told = edit(lab, "ann", "class:Cell", preview=True, type_id=lab.types["Nucleus"]).json()
    body = {"type_id": lab.types["Nucleus"], "reason": "all nuclei", "expected_revision": told["revision"]}
    done = edit(lab, "ann", "class:Cell", **body).json()
    assert done["revision"] == told["revision"] + 1
    consistent(lab)
    with lab.database.read() as session:
        change = session.get_one(ChangeSet, (lab.image_set_id, done["revision"]))
        assert (change.kind, change.image_id, change.n_changes, change.reason) == ("bulk", None, 4, "all nuclei")
    listed = lab["ann"].get(f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits").json()["items"]
    assert [(each["annotations"], each["by"]["name"], each["undone_by"]) for each in listed] == [(4, "Ann", None)]
    assert lab["ben"].get(f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits").json()["items"] == []
    assert undo(lab, "ben", done["revision"]).status_code == 404
    assert undo(lab, "ann", done["revision"]).json() == {"revision": done["revision"] + 1, "changed": 4, "skipped": 0}
    consistent(lab)
    found = (
        lab["ann"]
        .get(f"/api/v2/image-sets/{lab.image_set_id}/annotation-search", params={"q": "attr.grade:low"})
        .json()
    )
    assert len(found["items"]) == 2
    assert {each["type_id"] for each in found["items"]} == {lab.types["Cell"]}


def test_a_change_on_one_image_is_undone_like_what_was_drawn_there(graded: Lab) -> None:
    lab = graded
    done = edit(lab, "ann", "class:Cell", image_id=lab.image_id, type_id=lab.types["Nucleus"]).json()
    assert done["changed"] == 2
    assert lab.get("ann", "undo-state").json()["undo_label"] == "Change 2 × Nucleus"
    assert lab.post("ann", "undo").json()["skipped"] == []
    consistent(lab)
    assert lab.post("ann", "redo").status_code == 200
    consistent(lab)
    assert undo(lab, "ann", done["revision"]).status_code == 409


def test_what_changed_since_the_preview_stops_the_change(graded: Lab) -> None:
    lab = graded
    told = edit(lab, "ann", "class:Cell", preview=True, delete=True).json()
    lab.draw("ben", 700, 700, 740, 740)
    assert edit(lab, "ann", "class:Cell", delete=True, expected_revision=told["revision"]).status_code == 409
    assert edit(lab, "ann", "class:Cell", delete=True).json()["changed"] == 5


def test_hits_are_deleted_and_brought_back_with_their_attributes(graded: Lab) -> None:
    lab = graded
    done = edit(lab, "ann", "attr.grade:low", delete=True).json()
    assert (done["changed"], [each["after"] for each in done["counts"]]) == (2, [0])
    consistent(lab)
    url = f"/api/v2/image-sets/{lab.image_set_id}/annotation-search"
    assert len(lab["ann"].get(url, params={"q": "deleted:yes attr.grade:low"}).json()["items"]) == 2
    assert undo(lab, "ann", done["revision"]).json()["changed"] == 2
    consistent(lab)
    assert len(lab["ann"].get(url, params={"q": "attr.grade:low"}).json()["items"]) == 2


def test_attributes_are_set_taken_away_and_checked(graded: Lab) -> None:
    lab = graded
    done = edit(lab, "ann", "", attributes={"grade": "high", "d": 5}).json()
    assert (done["changed"], done["counts"][0]["before"], done["counts"][0]["after"]) == (4, 4, 4)
    again = edit(lab, "ann", "", preview=True, attributes={"grade": "high", "d": 5}).json()
    assert (again["changed"], again["refused"]) == (0, [{"reason": "are so already", "count": 4}])
    nothing = edit(lab, "ann", "", attributes={"grade": "high", "d": 5}).json()
    assert nothing["revision"] == done["revision"], "a change of nothing makes no revision"
    assert edit(lab, "ann", "", attributes={"d": None}).json()["changed"] == 4
    assert {tuple(each["attributes"].items()) for each in search(lab, "")} == {(("grade", "high"),)}
    lab.draw("ann", 500, 500, 540, 540, type_name="Nucleus")
    told = edit(lab, "ann", "", preview=True, attributes={"grade": "odd"}).json()
    assert told["changed"] == 0
    reasons = {each["reason"]: each["count"] for each in told["refused"]}
    assert reasons["The attribute 'grade' of Cell must be one of low, high"] == 4
    assert reasons["Nucleus has no attribute 'grade'; it has: none"] == 1
    consistent(lab)


def search(lab: Lab, q: str) -> list[dict[str, Any]]:
    url = f"/api/v2/image-sets/{lab.image_set_id}/annotation-search"
    items: list[dict[str, Any]] = lab["lead"].get(url, params={"q": q, "limit": 1000}).json()["items"]
    return items


def test_some_of_the_hits_can_be_chosen(graded: Lab) -> None:
    lab = graded
    chosen = [each["id"] for each in search(lab, "")][:2]
    assert edit(lab, "ann", "", ids=[*chosen, 999_999], delete=True).json()["total"] == 2
    assert len(search(lab, "")) == 2


def test_forms_that_the_class_does_not_allow_stay(graded: Lab) -> None:
    lab = graded
    point = {"op": "create", "uuid": "00000000-0000-4000-8000-000000000001", "type_id": lab.types["Cell"],
             "geometry": {"shape": "point", "points": [[5, 5]]}}  # fmt: skip
    assert lab.change("ann", point).status_code == 200
    told = edit(lab, "ann", "", preview=True, type_id=lab.types["Nucleus"]).json()
    assert told["changed"] == 4
    assert told["refused"] == [{"reason": "drawn as point, which Nucleus does not allow", "count": 1}]


def test_what_a_class_requires_must_be_given_with_it(graded: Lab) -> None:
    lab = graded
    needed = [{"name": "site", "kind": "text", "required": True}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Nucleus']}", json={"attributes": needed})
    told = edit(lab, "ann", "", preview=True, type_id=lab.types["Nucleus"]).json()
    assert told["refused"] == [{"reason": "Nucleus needs a value for 'site'", "count": 4}]
    done = edit(lab, "ann", "", type_id=lab.types["Nucleus"], attributes={"site": "left"}).json()
    assert done["changed"] == 4
    assert {each["attributes"]["site"] for each in search(lab, "")} == {"left"}


def test_nonsense_is_refused(graded: Lab) -> None:
    lab = graded
    for body in ({}, {"delete": True, "type_id": 1}, {"type_id": 999_999}, {"delete": True, "q": "size>"}):
        q = body.pop("q", "")
        assert edit(lab, "ann", q, **body).status_code == 422, body
    assert edit(lab, "ann", "deleted:yes", delete=True).status_code == 422
    assert edit(lab, "ann", "revision:1", delete=True).status_code == 422
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Nucleus']}", json={"is_active": False})
    assert "retired" in edit(lab, "ann", "", type_id=lab.types["Nucleus"]).json()["detail"]
    assert undo(lab, "ann", 1).status_code in (200, 404)
    assert undo(lab, "ann", 999_999).status_code == 404


@pytest.mark.parametrize("mode", ["competitive", "second_opinion"])
def test_what_others_drew_is_neither_changed_nor_told_of_where_one_may_not(
    make_lab: Callable[..., Lab], mode: str
) -> None:
    lab = make_lab(mode=mode)
    lab.draw("ann")
    theirs = lab.draw("ben", 60, 60, 90, 90)
    told = edit(lab, "ann", "", preview=True, type_id=lab.types["Nucleus"]).json()
    assert (told["total"], told["changed"], told["refused"]) == (1, 1, [])
    assert edit(lab, "ann", "", type_id=lab.types["Nucleus"]).status_code == 200
    assert state(lab, theirs["id"])["type_id"] == lab.types["Cell"]
    assert edit(lab, "ann", "", ids=[theirs["id"]], delete=True).json()["changed"] == 0
    assert not state(lab, theirs["id"])["deleted"]
    assert edit(lab, "viewer", "", delete=True).status_code == 403
    assert edit(lab, "stranger", "", delete=True).status_code == 404
    consistent(lab)


class Hears:
    """Hooks that hear everything."""

    def __init__(self) -> None:
        self.heard: list[AnnotationChange] = []

    def __call__(self, _: int) -> Callable[[AnnotationChange], None]:
        return self.heard.append


def test_plugins_hear_of_each_annotation(graded: Lab, services: Services) -> None:
    lab, hears = graded, Hears()
    lead = lab.people["lead"]
    with lab.database.write() as session:
        writer = SetWriter(session, lead, lab.image_set_id, rights_in(session), hears)
        asked = asked_of(session, services, lead, lab.image_set_id, rights_in(session))
        wanted = bulk_edits.Wanted(type_id=lab.types["Nucleus"])
        plan = bulk_edits.plan(asked, "attr.grade:low", None, None, wanted)
        revision = bulk_edits.apply(writer, plan, wanted, None, "")
        assert len(hears.heard) == 2
        for change in hears.heard:
            assert (change.action, change.revision, change.actor_id) == (
                AnnotationAction.UPDATED,
                revision,
                lead.user_id,
            )
            assert change.before is not None
            assert change.after is not None
            assert (change.before.type_id, change.after.type_id) == (lab.types["Cell"], lab.types["Nucleus"])
        bulk_edits.take_back(session, lead, lab.image_set_id, revision, rights_in(session), hears)
        assert [change.after.type_id for change in hears.heard[2:] if change.after] == [lab.types["Cell"]] * 2
        hears.heard.clear()
        wanted = bulk_edits.Wanted(deletes=True)
        writer = SetWriter(session, lead, lab.image_set_id, rights_in(session), hears)
        plan = bulk_edits.plan(asked, "attr.grade:low", None, None, wanted)
        revision = bulk_edits.apply(writer, plan, wanted, None, "")
        bulk_edits.take_back(session, lead, lab.image_set_id, revision, rights_in(session), hears)
    actions = [change.action for change in hears.heard]
    assert actions == [AnnotationAction.DELETED] * 2 + [AnnotationAction.RESTORED] * 2


def test_random_changes_and_their_undoing_leave_the_world_as_it_was(
    lab: Lab, make_image: Callable[..., int], services: Services
) -> None:
    """Relabel, set and delete by random searches, then undo all of them, last first."""
    world = build(lab, make_image, seed=3, per_image=24)
    images = list(dict.fromkeys(shape.image.id for shape in world.shapes))
    before = {shape.id: (shape.kind.id, shape.attributes, shape.text, shape.rings) for shape in world.shapes}
    chance = random.Random(5)
    kinds = [kind.id for kind in world.kinds]
    queries = [
        "class:Butterfly",
        "size>500px2",
        "text~a",
        "author:ann",
        "shape:polygon,box",
        "in:Cell",
        "has:attributes",
        "",
    ]
    made = []
    for _ in range(8):
        body: dict[str, Any] = chance.choice(
            [{"type_id": chance.choice(kinds)}, {"attributes": {"note": chance.choice(["x", None])}}, {"delete": True}]
        )
        answer = edit(lab, "lead", chance.choice(queries), **body)
        assert answer.status_code == 200, answer.text
        if answer.json()["changed"]:
            made.append(answer.json()["revision"])
        consistent(lab)
    assert len(made) > 3
    for revision in reversed(made):
        answer = undo(lab, "lead", revision)
        assert answer.json()["skipped"] == 0, answer.text
        consistent(lab)
    after = {shape.id: (shape.kind.id, shape.attributes, shape.text, shape.rings) for shape in read(lab, images).shapes}
    assert after == before
    with lab.database.read() as session:
        kinds_of = set(session.scalars(select(ChangeSet.kind).where(ChangeSet.revision.in_(made))))
    assert kinds_of <= {"bulk", "edit"}
