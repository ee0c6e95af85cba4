"""Typed attributes: what they take, what is required, and what happens to values when a definition changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from exact_core.annotations.bulk import NewShapes, add, columns_of_rings
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.products import attributes
from exact_core.storage.models import AnnotationDetail, ChangeSet
from tests.core.annotations.conftest import Lab, box

NUMBER = {"name": "d", "kind": "number", "unit": "µm", "min": 1, "max": 9, "step": 0.25}
DEFINITIONS: list[dict[str, Any]] = [
    NUMBER,
    {"name": "grade", "kind": "choice", "choices": ["low", "high"], "required": True},
    {"name": "signs", "kind": "multi_choice", "choices": ["a", "b", "c"]},
    {"name": "day", "kind": "date"},
    {"name": "sure", "kind": "boolean"},
    {"name": "note", "kind": "text"},
]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"d": 1.75}, {"d": 1.75}),
        ({"signs": ["c", "a"]}, {"signs": ["a", "c"]}),
        ({"signs": "b"}, {"signs": ["b"]}),
        ({"signs": []}, {}),
        ({"day": "2026-02-28"}, {"day": "2026-02-28"}),
        ({"sure": False}, {"sure": False}),
        ({"note": None}, {}),
    ],
)
def test_values_are_kept_as_the_definition_writes_them(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert attributes.checked(DEFINITIONS, given, "Cell") == kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"d": 1.8}, "in steps of 0.25 µm from 1"),
        ({"d": 0.5}, "at least 1 µm"),
        ({"d": True}, "finite number"),
        ({"d": float("inf")}, "finite number"),
        ({"grade": "middle"}, "one of low, high"),
        ({"signs": ["a", "x"]}, "a list of a, b, c"),
        ({"signs": {"a": 1}}, "a list of"),
        ({"day": "2026-02-30"}, "a date"),
        ({"day": "20260228"}, "a date"),
        ({"day": 20260228}, "text"),
        ({"sure": "yes"}, "true or false"),
        ({"note": "\0"}, "NUL"),
        ({"size": 1}, "no attribute 'size'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(given: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match="Cell") as caught:
        attributes.checked(DEFINITIONS, given, "Cell")
    assert why in caught.value.message


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.2, 0.05, 0.001, 1 / 3, 7.0]), st.sampled_from([0, 1, -3.5]))
def test_every_multiple_of_a_step_is_taken(count: int, step: float, low: float) -> None:
    definition = {"name": "d", "kind": "number", "step": step, "min": low}
    value = low + count * step
    assert attributes.checked([definition], {"d": value}, "Cell") == {"d": value}
    with pytest.raises(Invalid):
        attributes.checked([definition], {"d": value + step * 0.4}, "Cell")


def define(lab: Lab, definitions: list[dict[str, Any]], name: str = "Cell", **more: Any) -> Any:
    url = f"/api/v2/annotation-types/{lab.types[name]}"
    return lab["lead"].patch(url, json={"attributes": definitions, **more})


def test_a_shape_without_what_is_required_is_refused_until_it_has_it(lab: Lab) -> None:
    assert define(lab, DEFINITIONS).status_code == 200
    cell, nucleus = lab.types["Cell"], lab.types["Nucleus"]
    refused = lab.change("ann", box(cell))
    assert refused.status_code == 422
    assert "Cell needs a value for 'grade'" in refused.json()["detail"]
    drawn = lab.draw("ann", attributes={"grade": "low", "d": 2})
    url = f"/api/v2/annotations/{drawn['id']}"
    assert lab["ann"].patch(url, json={"attributes": {"d": 2}}).status_code == 422
    assert lab["ann"].patch(url, json={"text": "moved"}).status_code == 200
    assert lab["ann"].patch(url, json={"type_id": nucleus}).json()["attributes"] == {}
    assert "needs a value" in lab["ann"].patch(url, json={"type_id": cell}).json()["detail"]
    both = {"type_id": cell, "attributes": {"grade": "high"}}
    assert lab["ann"].patch(url, json=both).json()["attributes"] == {"grade": "high"}


def test_an_older_shape_may_stay_without_what_is_required_since(lab: Lab) -> None:
    drawn = lab.draw("ann")
    assert define(lab, DEFINITIONS).status_code == 200
    moved = {"shape": "box", "points": [[50, 50], [90, 90]]}
    assert lab["ann"].patch(f"/api/v2/annotations/{drawn['id']}", json={"geometry": moved}).status_code == 200


def test_an_import_checks_each_shape_and_gives_it_defaults(lab: Lab) -> None:
    kinds = [*DEFINITIONS, {"name": "site", "kind": "text", "default": "left"}]
    assert define(lab, kinds).status_code == 200
    rings = [[[n, 10], [n + 9, 19]] for n in (10, 30, 50)]
    values = [{"grade": "low"}, {"grade": "odd"}, None]
    cells = np.full(3, lab.types["Cell"])
    shapes = NewShapes(columns_of_rings(Shape.BOX, rings), cells, attributes=values)
    with lab.database.write() as session:
        writer = Writer(session, lab.people["ann"], lab.image_id, lambda *_: True, None)
        with pytest.raises(Invalid, match="Shape 1: "):
            add(writer, shapes)
        added = add(writer, shapes, skip_bad=True)
        stored = session.scalars(select(AnnotationDetail.attributes)).all()
    assert set(added.refused) == {1, 2}
    assert "needs a value" in added.refused[2]
    assert stored == [{"site": "left", "grade": "low"}]


def test_a_changed_definition_is_told_before_values_are_lost(lab: Lab) -> None:
    assert define(lab, DEFINITIONS).status_code == 200
    ids = [lab.draw("ann", attributes={"grade": "low", "d": d, "note": "x"})["id"] for d in (2, 5, 8)]
    lab.draw("ben", attributes={"grade": "high"})
    url = f"/api/v2/annotation-types/{lab.types['Cell']}"
    narrower = [{**NUMBER, "max": 6}, *DEFINITIONS[1:5], {"name": "site", "kind": "text", "required": True}]
    told = lab["lead"].post(f"{url}/attribute-effects", json={"attributes": narrower}).json()
    assert (told["annotations"], told["dropped"]) == (4, 4)
    by_name = {item["name"]: item for item in told["items"]}
    assert by_name["d"] == {"name": "d", "change": "changed", "values": 3, "kept": 2, "dropped": 1, "missing": 0}
    assert by_name["note"] == {"name": "note", "change": "removed", "values": 3, "kept": 0, "dropped": 3, "missing": 0}
    assert by_name["site"] == {"name": "site", "change": "added", "values": 0, "kept": 0, "dropped": 0, "missing": 4}
    assert by_name["grade"]["change"] == "same"
    refused = define(lab, narrower)
    assert refused.status_code == 409
    assert "1 of 'd', 3 of 'note'" in refused.json()["detail"]
    assert lab["ann"].get(f"/api/v2/annotations/{ids[2]}").json()["attributes"]["d"] == 8
    before = lab["ann"].get(f"/api/v2/images/{lab.image_id}/annotation-counts").json()["total"]
    assert define(lab, narrower, drop_values=True).status_code == 200
    left = [lab["ann"].get(f"/api/v2/annotations/{id_}").json() for id_ in ids]
    assert [each["attributes"] for each in left] == [
        {"grade": "low", "d": 2},
        {"grade": "low", "d": 5},
        {"grade": "low"},
    ]
    assert len({each["revision"] for each in left}) == 1
    assert lab["ann"].get(f"/api/v2/images/{lab.image_id}/annotation-counts").json()["total"] == before
    with lab.database.read() as session:
        change = session.scalars(select(ChangeSet).order_by(ChangeSet.revision.desc())).first()
        assert change is not None
        assert (change.kind, change.n_changes) == ("merge", 3)
        assert "d, note" in change.reason


def test_values_where_one_may_not_manage_stop_the_change(
    lab: Lab, make_team: Any, make_image_set: Any, make_image: Any
) -> None:
    """A product that another team uses: its lead cannot change what they noted."""
    assert define(lab, DEFINITIONS).status_code == 200
    other_team = make_team("other", leads=[lab.people["stranger"]])
    other_set = make_image_set(other_team, "theirs")
    image = make_image(other_set)
    put = lab["admin"].put(f"/api/v2/image-sets/{other_set}/products", json={"product_ids": [lab.product_id]})
    assert put.status_code == 200
    operation = box(lab.types["Cell"], attributes={"grade": "low", "d": 8})
    url = f"/api/v2/images/{image}/annotation-changes"
    assert lab["stranger"].post(url, json={"operations": [operation]}).status_code == 200
    narrower = [{**NUMBER, "max": 6}, *DEFINITIONS[1:]]
    effects = f"/api/v2/annotation-types/{lab.types['Cell']}/attribute-effects"
    assert lab["lead"].post(effects, json={"attributes": narrower}).json()["annotations"] == 0
    refused = define(lab, narrower, drop_values=True)
    assert refused.status_code == 409
    assert "do not manage" in refused.json()["detail"]
    assert lab["admin"].patch(
        f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": narrower, "drop_values": True}
    ).status_code == 200  # fmt: skip


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "a", "kind": "multi_choice"},
        {"name": "a", "kind": "text", "step": 1},
        {"name": "a", "kind": "number", "step": 0},
        {"name": "a", "kind": "date", "default": "tomorrow"},
        {"name": "a", "kind": "date", "choices": ["x"]},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(lab: Lab, definition: dict[str, Any]) -> None:
    assert define(lab, [definition]).status_code == 422
