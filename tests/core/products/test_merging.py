"""Merging types: one change per image set, attributes carried over, undo, and old names that still find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from exact_core.annotations.scope import COUNTS, ROWS
from exact_core.products.naming import TypeNames
from exact_core.storage.models import LIVE, AnnotationDetail, ChangeSet, ImageSet
from tests.core.annotations.conftest import Lab, box
from tests.core.annotations.test_digest import computed_again

OLD = [
    {"name": "grade", "kind": "choice", "choices": ["low", "high"]},
    {"name": "width", "kind": "number", "unit": "µm"},
    {"name": "odd", "kind": "text"},
]
NEW = [
    {"name": "grade", "kind": "choice", "choices": ["low", "middle"]},
    {"name": "diameter", "kind": "number", "unit": "µm"},
]


@pytest.fixture
def merging(lab: Lab) -> Lab:
    for name, definitions in (("Cell", OLD), ("Nucleus", NEW)):
        url = f"/api/v2/annotation-types/{lab.types[name]}"
        assert lab["lead"].patch(url, json={"attributes": definitions}).status_code == 200
    return lab


def merge(lab: Lab, who: str = "lead", preview: bool = False, **more: Any) -> Any:
    body = {"into_id": lab.types["Nucleus"], **more}
    url = f"/api/v2/annotation-types/{lab.types['Cell']}/merge"
    return lab[who].post(url, json=body, params={"preview": preview})


def consistent(lab: Lab) -> None:
    """The kept counts are those of the rows, live details belong to live rows, and the log's hashes hold."""
    row = ROWS.c
    with lab.database.read() as session:
        live = select(row.image_id, row.type_id, func.coalesce(row.author_id, 0), func.count()).where(
            row.valid_to == LIVE
        )
        counted = session.execute(live.group_by(row.image_id, row.type_id, row.author_id)).all()
        kept = select(COUNTS.c.image_id, COUNTS.c.type_id, COUNTS.c.author_id, func.sum(COUNTS.c.n))
        sums = session.execute(kept.group_by(COUNTS.c.image_id, COUNTS.c.type_id, COUNTS.c.author_id)).all()
        assert sorted(tuple(each) for each in counted) == sorted(tuple(each) for each in sums if each[3])
        double = select(row.annotation_id).where(row.valid_to == LIVE).group_by(row.annotation_id)
        assert session.execute(double.having(func.count() > 1)).all() == []
        detail = AnnotationDetail
        details = select(detail.annotation_id).where(detail.valid_to == LIVE)
        lively = select(row.annotation_id).where(row.valid_to == LIVE)
        assert session.execute(details.where(detail.annotation_id.not_in(lively))).all() == []
        for image_set_id in session.scalars(select(ImageSet.id)):
            log = select(ChangeSet.digest).where(ChangeSet.image_set_id == image_set_id).order_by(ChangeSet.revision)
            assert computed_again(session, image_set_id) == list(session.scalars(log))


def state(lab: Lab, id_: int) -> dict[str, Any]:
    return lab["lead"].get(f"/api/v2/annotations/{id_}").json()


def test_a_merge_relabels_everything_keeps_what_fits_and_is_undone_as_one(merging: Lab) -> None:
    lab = merging
    one = lab.draw("ann", attributes={"grade": "low", "width": 3, "odd": "x"})
    two = lab.draw("ben", 5000, 5000, 5100, 5100, attributes={"grade": "high"})
    three = lab.draw("ann", 60, 60, 90, 90)
    four = lab.draw("ann", 100, 60, 130, 90, type_name="Nucleus", attributes={"diameter": 1})
    gone = lab.draw("ann", 200, 200, 230, 230)
    lab["ann"].delete(f"/api/v2/annotations/{gone['id']}")
    told = merge(lab, preview=True, attributes={"width": "diameter"}).json()
    assert (told["annotations"], told["values_kept"], told["values_dropped"]) == (3, 2, 2)
    assert told["dropped"] == {"odd": 1, "grade": 1}
    assert told["problems"] == []
    assert state(lab, one["id"])["type_id"] == lab.types["Cell"], "a preview changes nothing"
    done = merge(lab, attributes={"width": "diameter"}, reason="the same thing").json()
    assert [each["annotations"] for each in done["image_sets"]] == [3]
    revision = done["image_sets"][0]["revision"]
    assert [state(lab, each["id"])["attributes"] for each in (one, two, three, four)] == [
        {"grade": "low", "diameter": 3}, {}, {}, {"diameter": 1},
    ]  # fmt: skip
    assert {state(lab, each["id"])["type_id"] for each in (one, two, three, four)} == {lab.types["Nucleus"]}
    assert {state(lab, each["id"])["revision"] for each in (one, two, three)} == {revision}
    assert state(lab, two["id"])["author"]["name"] == "Ben"
    assert state(lab, gone["id"])["deleted"]
    consistent(lab)
    source = lab["lead"].get(f"/api/v2/annotation-types/{lab.types['Cell']}").json()
    assert (source["is_active"], source["merged_into_id"]) == (False, lab.types["Nucleus"])
    with lab.database.read() as session:
        change = session.get_one(ChangeSet, (lab.image_set_id, revision))
        assert (change.kind, change.image_id, change.n_changes, change.reason) == ("merge", None, 3, "the same thing")
    assert lab.get("lead", "undo-state").json()["can_undo"] is False, "a change of the set is not undone on an image"


def test_the_undo_of_a_merge_leaves_what_was_changed_since(merging: Lab, undo: Callable[..., Any]) -> None:
    lab = merging
    one = lab.draw("ann", attributes={"grade": "low", "odd": "x"})
    two = lab.draw("ben", 5000, 5000, 5100, 5100, attributes={"grade": "high"})
    three = lab.draw("ben", 100, 100, 150, 150)
    revision = merge(lab).json()["image_sets"][0]["revision"]
    assert lab["ben"].patch(f"/api/v2/annotations/{two['id']}", json={"text": "mine"}).status_code == 200
    lab["ben"].delete(f"/api/v2/annotations/{three['id']}")
    assert undo(lab, "ann", revision).status_code == 404, "only who did it, and managers"
    undone = undo(lab, "admin", revision).json()
    assert (undone["changed"], undone["skipped"]) == (1, 2)
    assert state(lab, one["id"])["attributes"] == {"grade": "low", "odd": "x"}
    assert state(lab, one["id"])["type_id"] == lab.types["Cell"]
    assert state(lab, two["id"])["type_id"] == lab.types["Nucleus"]
    assert state(lab, three["id"])["deleted"]
    consistent(lab)
    assert undo(lab, "admin", revision).status_code == 409
    again = undo(lab, "admin", undone["revision"]).json()
    assert again["changed"] == 1
    assert state(lab, one["id"])["type_id"] == lab.types["Nucleus"]
    consistent(lab)


@pytest.fixture
def undo(application: Any) -> Callable[..., Any]:
    def take_back(lab: Lab, who: str, revision: int) -> Any:
        return lab[who].post(f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits/{revision}/undo")

    return take_back


def test_a_merge_can_give_the_other_type_the_attributes_that_it_lacks(merging: Lab) -> None:
    lab = merging
    one = lab.draw("ann", attributes={"width": 3, "odd": "x"})
    assert merge(lab, keep_attributes=True).status_code == 200
    names = [
        each["name"]
        for each in lab["lead"].get(f"/api/v2/annotation-types/{lab.types['Nucleus']}").json()["attributes"]
    ]
    assert names == ["grade", "diameter", "width", "odd"]
    assert state(lab, one["id"])["attributes"] == {"width": 3, "odd": "x"}


def test_what_cannot_be_merged_is_told(merging: Lab) -> None:
    lab = merging
    point = {"op": "create", "uuid": "00000000-0000-4000-8000-000000000001", "type_id": lab.types["Cell"],
             "geometry": {"shape": "point", "points": [[5, 5]]}}  # fmt: skip
    assert lab.change("ann", point).status_code == 200
    assert "1 are drawn as point" in merge(lab, preview=True).json()["problems"][0]
    assert merge(lab).status_code == 409
    assert merge(lab, into_id=lab.types["Cell"]).status_code == 422
    assert merge(lab, into_id=999_999).status_code == 404
    assert merge(lab, attributes={"nothing": "grade"}).status_code == 422
    assert merge(lab, attributes={"width": "grade"}).status_code == 422
    assert merge(lab, who="ann").status_code == 403
    assert merge(lab, who="stranger").status_code == 404
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Nucleus']}", json={"is_active": False})
    assert merge(lab).status_code == 409


def test_a_merge_over_several_image_sets_needs_the_right_in_each(
    merging: Lab, make_team: Any, make_image_set: Any, make_image: Any
) -> None:
    lab = merging
    lab.draw("ann")
    own = make_image_set(lab.team_id, "second", mode="competitive")
    others = make_image_set(make_team("other", leads=[lab.people["stranger"]]), "theirs")
    for image_set_id, who in ((own, "ann"), (others, "stranger")):
        assert lab["admin"].put(
            f"/api/v2/image-sets/{image_set_id}/products", json={"product_ids": [lab.product_id]}
        ).status_code == 200  # fmt: skip
        url = f"/api/v2/images/{make_image(image_set_id)}/annotation-changes"
        assert lab[who].post(url, json={"operations": [box(lab.types["Cell"])]}).status_code == 200
    told = merge(lab, preview=True).json()
    assert [each["name"] for each in told["image_sets"]] == ["slides", "second"]
    assert "do not manage" in told["problems"][0]
    assert "theirs" not in str(told)
    assert merge(lab).status_code == 409
    done = merge(lab, who="admin").json()
    assert {each["name"]: each["annotations"] for each in done["image_sets"]} == {"slides": 1, "second": 1, "theirs": 1}
    consistent(lab)


def test_a_locked_set_stops_a_merge(merging: Lab) -> None:
    from exact_core.storage.models import ImageSet

    lab = merging
    lab.draw("ann")
    with lab.database.write() as session:
        session.get_one(ImageSet, lab.image_set_id).is_locked = True
    assert "locked" in merge(lab, preview=True).json()["problems"][0]
    assert merge(lab).status_code == 409


def test_children_move_below_the_type_that_stays_and_old_names_find_it(merging: Lab) -> None:
    lab = merging
    child = (
        lab["lead"]
        .post(
            f"/api/v2/products/{lab.product_id}/types",
            json={"name": "Mitotic cell", "shapes": ["box"], "parent_id": lab.types["Cell"]},
        )
        .json()
    )
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"name": "Big cell", "reason": "clearer"})
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"name": "Cell body"})
    assert merge(lab).json()["children"] == 1
    assert lab["lead"].get(f"/api/v2/annotation-types/{child['id']}").json()["parent_id"] == lab.types["Nucleus"]
    with lab.database.read() as session:
        names = TypeNames.of_image_set(session, lab.image_set_id)
    both = (lab.types["Cell"], lab.types["Nucleus"])
    for name in ("cell body", "BIG CELL", "Cell"):
        assert names.find(name) == both
        assert names.to_draw(name) == lab.types["Nucleus"]
    assert names.to_draw("nothing") is None
    history = lab["ann"].get(f"/api/v2/products/{lab.product_id}/type-history").json()["items"]
    renamed = [each for each in history if "name" in each["before"]]
    assert [(each["before"]["name"], each["after"]["name"], each["reason"]) for each in renamed] == [
        ("Big cell", "Cell body", ""), ("Cell", "Big cell", "clearer"),
    ]  # fmt: skip
    assert {each["by"]["name"] for each in history} == {"Lead"}
    merged = [each for each in history if each["action"] == "merged"]
    assert merged[0]["after"]["merged_into_id"] == lab.types["Nucleus"]


def test_history_comes_page_by_page_and_only_to_those_who_see_the_type(merging: Lab) -> None:
    lab = merging
    url = f"/api/v2/annotation-types/{lab.types['Cell']}"
    for number in range(5):
        lab["lead"].patch(url, json={"description": str(number)})
    lab["lead"].patch(url, json={"description": "4"})  # changes nothing
    first = lab["ann"].get(f"{url}/history", params={"limit": 4}).json()
    rest = lab["ann"].get(f"{url}/history", params={"limit": 4, "cursor": first["next_cursor"]}).json()
    told = [each["after"].get("description") for each in first["items"] + rest["items"]]
    assert told[:5] == ["4", "3", "2", "1", "0"]
    assert rest["next_cursor"] is None
    assert lab["stranger"].get(f"{url}/history").status_code == 404
    assert lab["stranger"].get(f"/api/v2/products/{lab.product_id}/type-history").status_code == 404
