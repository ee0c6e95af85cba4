"""Products and annotation types: who may change them, what is refused, and what an image set makes of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from exact_core.storage.models import AnnotationType
from tests.core.annotations.conftest import Lab, box

PRODUCTS = "/api/v2/products"
NEW_TYPE: dict[str, Any] = {"name": "Mitosis", "shapes": ["ellipse", "box"]}


def types_of(lab: Lab, who: str = "ann") -> list[dict[str, Any]]:
    return lab[who].get(f"/api/v2/image-sets/{lab.image_set_id}/annotation-types").json()["items"]


def add_type(lab: Lab, who: str = "lead", **values: Any) -> Any:
    return lab[who].post(f"{PRODUCTS}/{lab.product_id}/types", json=NEW_TYPE | values)


def patch_type(lab: Lab, name: str, **values: Any) -> Any:
    return lab["lead"].patch(f"/api/v2/annotation-types/{lab.types[name]}", json=values)


def test_a_lead_makes_a_product_with_types_and_everybody_in_the_team_sees_it(lab: Lab) -> None:
    body = {
        "team_id": lab.team_id,
        "name": "  Grading ",
        "description": "EIPH",
        "types": [
            {**NEW_TYPE, "key": "3", "default_width": 12.5, "default_height": 12.5, "color": "#AABBCC"},
            {
                "name": "Cell",
                "shapes": ["box"],
                "attributes": [{"name": "grade", "kind": "number", "unit": "µm", "min": 0, "max": 4, "default": 1}],
            },
        ],
    }
    made = lab["lead"].post(PRODUCTS, json=body)
    assert made.status_code == 201
    product = made.json()
    assert (product["name"], product["type_count"], product["may_edit"]) == ("Grading", 2, True)
    mitosis, cell = product["types"]
    assert (mitosis["color"], mitosis["key"], mitosis["default_unit"]) == ("#aabbcc", "3", "um")
    assert cell["attributes"][0]["unit"] == "µm"
    assert cell["sort_order"] == 1
    seen = lab["ann"].get(PRODUCTS, params={"q": "grad"}).json()["items"]
    assert [(each["name"], each["may_edit"]) for each in seen] == [("Grading", False)]
    assert lab["viewer"].get(PRODUCTS).json()["items"][0]["name"] == "cells"  # through the image set
    assert lab["stranger"].get(PRODUCTS).json()["items"] == []
    assert lab["stranger"].get(f"{PRODUCTS}/{product['id']}").status_code == 404


def test_a_create_that_comes_twice_with_one_key_is_done_once(lab: Lab) -> None:
    body = {"team_id": lab.team_id, "name": "Twice"}
    answers = [lab["lead"].post(PRODUCTS, json=body, headers={"Idempotency-Key": "p1"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].status_code == 201
    assert lab["lead"].post(PRODUCTS, json=body).status_code == 409


@pytest.mark.parametrize(("who", "status"), [("ann", 403), ("viewer", 403), ("stranger", 404), ("admin", 200)])
def test_only_leads_and_administrators_change_products(lab: Lab, who: str, status: int) -> None:
    type_id = lab.types["Cell"]
    assert lab[who].patch(f"{PRODUCTS}/{lab.product_id}", json={"description": "x"}).status_code == status
    assert lab[who].patch(f"/api/v2/annotation-types/{type_id}", json={"color": "#000000"}).status_code == status
    assert add_type(lab, who).status_code == (201 if status == 200 else status)
    url = f"/api/v2/image-sets/{lab.image_set_id}/products"
    assert lab[who].put(url, json={"product_ids": [lab.product_id]}).status_code == status
    made = lab[who].post(PRODUCTS, json={"team_id": lab.team_id, "name": "New"})
    assert made.status_code == {"ann": 403, "admin": 201}.get(who, 404)  # a team that one is not in does not exist


def test_names_and_keys_are_given_once(lab: Lab) -> None:
    assert "already has a type" in add_type(lab, name="cELL").json()["detail"]
    assert add_type(lab, key="5").status_code == 201
    taken = add_type(lab, name="Other", key="5")
    assert taken.status_code == 409
    assert "'Mitosis'" in taken.json()["detail"]
    assert patch_type(lab, "Cell", key="5").status_code == 409
    assert lab["lead"].post(PRODUCTS, json={"team_id": lab.team_id, "name": "CELLS"}).status_code == 409
    colors = [each["color"] for each in types_of(lab)]
    assert add_type(lab, name="Third").json()["color"] not in colors


BAD_TYPES: list[dict[str, Any]] = [
    {"name": "  "},
    {"shapes": []},
    {"shapes": ["box", "box"]},
    {"shapes": ["blob"]},
    {"color": "red"},
    {"key": "0"},
    {"default_width": 0},
    {"default_unit": "mm"},
    {"attributes": [{"name": "a", "kind": "choice"}]},
    {"attributes": [{"name": "a", "kind": "text", "unit": "px"}]},
    {"attributes": [{"name": "a", "kind": "number", "min": 2, "max": 1}]},
    {"attributes": [{"name": "a", "kind": "number", "max": 1, "default": 5}]},
    {"attributes": [{"name": "a", "kind": "text"}, {"name": "a", "kind": "boolean"}]},
    {"attributes": [{"name": "not a name", "kind": "text"}]},
    {"unknown": 1},
]


@pytest.mark.parametrize("values", BAD_TYPES, ids=str)
def test_a_type_that_makes_no_sense_is_refused(lab: Lab, values: dict[str, Any]) -> None:
    assert add_type(lab, **values).status_code == 422


def test_what_is_in_use_is_retired_and_not_deleted(lab: Lab) -> None:
    lab.draw("ann")
    url = f"/api/v2/annotation-types/{lab.types['Cell']}"
    refused = lab["lead"].delete(url)
    assert refused.status_code == 409
    assert "retire" in refused.json()["detail"]
    assert lab["lead"].delete(f"/api/v2/annotation-types/{lab.types['Nucleus']}").status_code == 204
    assert patch_type(lab, "Cell", is_active=False).json()["is_active"] is False
    assert [(each["name"], each["is_active"], each["key"]) for each in types_of(lab)] == [
        ("Cell", False, None),
        ("Slide", True, "1"),
    ]
    assert lab["lead"].delete(f"{PRODUCTS}/{lab.product_id}").status_code == 409
    assert "retired" in add_type(lab, name="cell").json()["detail"]


def test_a_shape_that_annotations_have_cannot_be_forbidden(lab: Lab) -> None:
    drawn = lab.draw("ann")
    assert patch_type(lab, "Cell", shapes=["point"]).status_code == 409
    assert patch_type(lab, "Cell", shapes=["box"]).status_code == 200
    lab["ann"].delete(f"/api/v2/annotations/{drawn['id']}")
    assert patch_type(lab, "Cell", shapes=["point"]).status_code == 200


def test_keys_follow_the_order_around_those_that_are_fixed(lab: Lab) -> None:
    assert [each["key"] for each in types_of(lab)] == ["1", "2", "3"]
    patch_type(lab, "Slide", key="1")
    assert [(each["name"], each["key"]) for each in types_of(lab)] == [("Cell", "2"), ("Nucleus", "3"), ("Slide", "1")]
    order = [lab.types[name] for name in ("Slide", "Nucleus", "Cell")]
    assert lab["lead"].put(f"{PRODUCTS}/{lab.product_id}/order", json={"type_ids": order}).status_code == 200
    assert [(each["name"], each["key"]) for each in types_of(lab)] == [("Slide", "1"), ("Nucleus", "2"), ("Cell", "3")]
    assert lab["lead"].put(f"{PRODUCTS}/{lab.product_id}/order", json={"type_ids": order[:2]}).status_code == 422
    patch_type(lab, "Slide", key="")
    assert lab["lead"].get(f"/api/v2/annotation-types/{lab.types['Slide']}").json()["key"] is None


def test_a_product_with_annotations_in_a_set_stays_there(lab: Lab) -> None:
    url = f"/api/v2/image-sets/{lab.image_set_id}/products"
    second = lab["lead"].post(PRODUCTS, json={"team_id": lab.team_id, "name": "Another", "types": [NEW_TYPE]}).json()
    both = lab["lead"].put(url, json={"product_ids": [lab.product_id, second["id"]]})
    assert [each["name"] for each in both.json()["items"]] == ["Another", "cells"]
    assert [each["name"] for each in types_of(lab)] == ["Mitosis", "Cell", "Nucleus", "Slide"]
    drawn = lab.draw("ann")
    refused = lab["lead"].put(url, json={"product_ids": [second["id"]]})
    assert refused.status_code == 409
    assert "'Cell'" in refused.json()["detail"]
    lab["ann"].delete(f"/api/v2/annotations/{drawn['id']}")
    assert lab["lead"].put(url, json={"product_ids": [second["id"]]}).status_code == 200
    assert lab.change("ann", box(lab.types["Cell"])).status_code == 422
    assert lab["lead"].put(url, json={"product_ids": [999]}).status_code == 422


def test_usage_counts_live_annotations_per_type(lab: Lab) -> None:
    lab.draw("ann")
    lab.draw("ben")
    deleted = lab.draw("ben")
    lab["ben"].delete(f"/api/v2/annotations/{deleted['id']}")
    items = lab["lead"].get(f"{PRODUCTS}/{lab.product_id}/usage").json()["items"]
    assert {each["type_id"]: (each["annotations"], each["image_sets"]) for each in items} == {
        lab.types["Cell"]: (2, 1),
        lab.types["Nucleus"]: (0, 0),
        lab.types["Slide"]: (0, 0),
    }
    assert lab["ann"].get(f"{PRODUCTS}/{lab.product_id}/usage").status_code == 403


def test_a_copy_is_free_of_the_original(lab: Lab) -> None:
    patch_type(lab, "Nucleus", is_active=False)
    copy = lab["lead"].post(f"{PRODUCTS}/{lab.product_id}/copy", json={"name": "Copy"}).json()
    assert [each["name"] for each in copy["types"]] == ["Cell", "Slide"]
    assert {each["id"] for each in copy["types"]}.isdisjoint(lab.types.values())
    assert lab["lead"].delete(f"{PRODUCTS}/{copy['id']}").status_code == 204
    assert len(lab["lead"].get(f"{PRODUCTS}/{lab.product_id}").json()["types"]) == 3


def test_products_page_by_name(lab: Lab) -> None:
    for name in ("beta", "Alpha", "gamma"):
        lab["lead"].post(PRODUCTS, json={"team_id": lab.team_id, "name": name})
    first = lab["lead"].get(PRODUCTS, params={"limit": 2}).json()
    second = lab["lead"].get(PRODUCTS, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [each["name"] for each in first["items"] + second["items"]] == ["Alpha", "beta", "cells", "gamma"]
    assert second["next_cursor"] is None


def _png(width: int, height: int) -> bytes:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0] = 200
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_an_example_picture_is_stored_anew_and_never_as_it_was_sent(lab: Lab) -> None:
    url = f"/api/v2/annotation-types/{lab.types['Cell']}/example"
    assert lab["ann"].get(url).status_code == 404
    content = _png(900, 600) + b"<script>alert(1)</script>"
    sent = lab["lead"].put(url, files={"file": ("a.png", content, "text/html")})
    assert sent.status_code == 200, sent.text
    assert sent.json()["example_url"].startswith(url)
    shown = lab["ann"].get(url)
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert b"script" not in shown.content
    picture = Picture.open(io.BytesIO(shown.content))
    assert max(picture.size) <= 512
    red, green, _ = picture.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert red > 150 > green
    assert lab["ann"].put(url, files={"file": ("a.png", content)}).status_code == 403
    assert lab["stranger"].get(url).status_code == 404
    copied = lab["lead"].post(f"{PRODUCTS}/{lab.product_id}/copy", json={"name": "Copy"}).json()["types"][0]
    assert lab["lead"].delete(url).json()["example_url"] is None
    assert lab["ann"].get(url).status_code == 404
    assert lab["ann"].get(copied["example_url"]).status_code == 200


@pytest.mark.parametrize("content", [b"", b"<svg onload='x'/>", b"\x89PNG\r\n\x1a\n" + b"junk" * 50, _png(64, 64)[:90]])
def test_what_is_no_picture_is_refused_with_the_reason(lab: Lab, content: bytes) -> None:
    url = f"/api/v2/annotation-types/{lab.types['Cell']}/example"
    response = lab["lead"].put(url, files={"file": ("a.png", content)})
    assert response.status_code == 422
    assert "example picture" in response.json()["detail"]
    with lab.database.read() as session:
        assert session.get_one(AnnotationType, lab.types["Cell"]).example_path == ""
