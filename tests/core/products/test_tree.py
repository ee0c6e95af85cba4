"""Label trees: places, circles, depth, what a deleted or copied type leaves, counts that include what lies below."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.products.tree import MAX_DEPTH, TypeTree
from tests.core.annotations.conftest import Lab, box

PRODUCTS = "/api/v2/products"


def add(lab: Lab, name: str, parent: int | None = None, **more: Any) -> Any:
    body = {"name": name, "shapes": ["box"], "parent_id": parent, **more}
    return lab["lead"].post(f"{PRODUCTS}/{lab.product_id}/types", json=body)


def move(lab: Lab, type_id: int, parent: int | None) -> Any:
    return lab["lead"].patch(f"/api/v2/annotation-types/{type_id}", json={"parent_id": parent})


def test_a_species_lies_below_its_genus(lab: Lab) -> None:
    family = add(lab, "Nymphalidae", rank="family", external_id="GBIF:7017").json()
    genus = add(lab, "Nymphalis", family["id"], rank="genus").json()
    species = add(lab, "Nymphalis io", rank="species", external_id="NCBI:txid171585").json()
    assert move(lab, species["id"], genus["id"]).json()["parent_id"] == genus["id"]
    types = lab["ann"].get(f"/api/v2/image-sets/{lab.image_set_id}/annotation-types").json()["items"]
    found = {each["name"]: (each["parent_id"], each["rank"], each["external_id"]) for each in types}
    assert found["Nymphalidae"] == (None, "family", "GBIF:7017")
    assert found["Nymphalis io"] == (genus["id"], "species", "NCBI:txid171585")
    assert move(lab, species["id"], None).json()["parent_id"] is None


def test_a_tree_has_no_circles_and_stays_in_its_product(lab: Lab) -> None:
    top = add(lab, "top").json()["id"]
    middle = add(lab, "middle", top).json()["id"]
    low = add(lab, "low", middle).json()["id"]
    for below in (top, middle, low):
        refused = move(lab, top, below)
        assert refused.status_code == 422
        assert "circles" in refused.json()["detail"]
    other = lab["lead"].post(PRODUCTS, json={"team_id": lab.team_id, "name": "Other", "types": []}).json()["id"]
    body = {"name": "theirs", "shapes": ["box"]}
    foreign = lab["lead"].post(f"{PRODUCTS}/{other}/types", json=body).json()["id"]
    assert "no type" in move(lab, low, foreign).json()["detail"]
    assert "no type" in move(lab, low, 999_999).json()["detail"]
    assert add(lab, "orphan", foreign).status_code == 422


def test_a_tree_is_only_so_deep(lab: Lab) -> None:
    parent = None
    ids = []
    for level in range(MAX_DEPTH):
        parent = add(lab, f"level {level}", parent).json()["id"]
        ids.append(parent)
    assert add(lab, "too deep", parent).status_code == 422
    branch = add(lab, "branch").json()["id"]
    leaf = add(lab, "leaf", branch).json()["id"]
    assert move(lab, branch, ids[-2]).status_code == 422
    assert move(lab, leaf, ids[-2]).status_code == 200


def test_what_lay_below_a_deleted_type_moves_up(lab: Lab) -> None:
    top = add(lab, "top").json()["id"]
    middle = add(lab, "middle", top).json()["id"]
    low = add(lab, "low", middle).json()["id"]
    assert lab["lead"].delete(f"/api/v2/annotation-types/{middle}").status_code == 204
    assert lab["lead"].get(f"/api/v2/annotation-types/{low}").json()["parent_id"] == top


def test_a_copy_of_a_product_has_its_tree_without_what_is_retired(lab: Lab) -> None:
    top = add(lab, "top").json()["id"]
    middle = add(lab, "middle", top, rank="genus").json()["id"]
    add(lab, "low", middle, external_id="NCBI:txid1")
    lab["lead"].patch(f"/api/v2/annotation-types/{middle}", json={"is_active": False})
    made = lab["lead"].post(f"{PRODUCTS}/{lab.product_id}/copy", json={"name": "Copy"}).json()["types"]
    copies = {each["name"]: each for each in made}
    assert "middle" not in copies
    assert copies["low"]["parent_id"] == copies["top"]["id"] != top
    assert copies["low"]["external_id"] == "NCBI:txid1"
    assert lab["lead"].delete(f"{PRODUCTS}/{lab.product_id}").status_code == 409  # an image set uses it


def test_an_inner_node_is_an_ordinary_label_and_counts_include_what_lies_below(lab: Lab) -> None:
    top = add(lab, "Butterfly").json()["id"]
    low = add(lab, "Nymphalis", top).json()["id"]
    for type_id in (top, low, low):
        assert lab.change("ann", box(type_id)).status_code == 200
    lab.draw("ann")
    counts = lab.get("ann", "annotation-counts").json()
    rows = {each["type_id"]: (each["count"], each["with_descendants"]) for each in counts["types"]}
    assert rows[top] == (1, 3)
    assert rows[low] == (2, 2)
    assert rows[lab.types["Cell"]] == (1, 1)
    assert counts["total"] == 4


def test_counts_name_inner_nodes_that_have_only_descendants(lab: Lab) -> None:
    top = add(lab, "Butterfly").json()["id"]
    low = add(lab, "Nymphalis", top).json()["id"]
    lab.types["Nymphalis"] = low
    lab.draw("ann", type_name="Nymphalis")
    rows = {each["type_id"]: each for each in lab.get("ann", "annotation-counts").json()["types"]}
    assert (rows[top]["count"], rows[top]["with_descendants"], rows[top]["name"]) == (0, 1, "Butterfly")


@st.composite
def forests(draw: st.DrawFn) -> dict[int, int | None]:
    size = draw(st.integers(1, 30))
    return {n: draw(st.one_of(st.none(), st.integers(0, n - 1))) if n else None for n in range(size)}


@settings(deadline=None)
@given(forests(), st.data())
def test_a_tree_knows_who_lies_below_whom(parents: dict[int, int | None], data: st.DataObject) -> None:
    tree = TypeTree(parents)
    some = data.draw(st.sets(st.sampled_from(sorted(parents))))
    below = tree.with_descendants(some)
    assert below == {each for each in parents if each in some or some & set(tree.ancestors(each))}
    counts = dict.fromkeys(parents, 1)
    rolled = tree.rolled_up(counts)
    assert all(rolled[each] == len(tree.with_descendants([each])) for each in parents)
    assert tree.is_flat == all(parent is None for parent in parents.values())


def test_broken_parents_end_no_walk() -> None:
    tree = TypeTree({1: 2, 2: 1, 3: 99})
    assert tree.ancestors(1) == [2, 1]
    assert tree.with_descendants([1]) == {1, 2}
    assert tree.ancestors(3) == []


@pytest.mark.parametrize("values", [{"external_id": "with space"}, {"rank": "x" * 41}, {"parent_id": 0}])
def test_fields_of_the_tree_are_checked(lab: Lab, values: dict[str, Any]) -> None:
    assert add(lab, "new", **values).status_code == 422
