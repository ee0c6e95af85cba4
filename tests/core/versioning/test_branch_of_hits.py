"""Image sets of the images that a search finds: their images with everything on them, and merged back like a branch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.versioning.conftest import Lab, box


def ask(lab: Lab, q: str, name: str = "hits", who: str = "lead", **more: Any) -> Any:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    path = f"/api/v2/image-sets/{lab.image_set_id}/annotation-search/image-sets"
    return lab[who].post(path, json={"q": q, "name": name, **more}, headers=headers)


def on(lab: Lab, image_id: int, type_name: str) -> Any:
    operation = box(lab.types[type_name], 5, 5, 60, 60)
    answer = lab["ben"].post(f"/api/v2/images/{image_id}/annotation-changes", json={"operations": [operation]})
    assert answer.status_code == 200, answer.text
    return answer.json()["annotations"][0]


@pytest.fixture
def images(lab: Lab, make_image: Callable[..., int]) -> list[int]:
    """One with both classes, one with the second, one with the first, one with nothing."""
    made = [make_image(lab.image_set_id, name=f"image {n}", width=900, height=900) for n in range(4)]
    for number, types in enumerate((("Cell", "Nucleus"), ("Nucleus",), ("Cell",))):
        for name in types:
            on(lab, made[number], name)
    return made


def test_the_new_set_has_the_images_with_hits_and_all_that_is_on_them(
    lab: Lab, images: list[int], work: Callable[[], int]
) -> None:
    answer = ask(lab, "class:Cell", key="one")
    assert answer.status_code == 201, answer.text
    assert ask(lab, "class:Cell", key="one").json() == answer.json()  # sent again it makes nothing more
    work()
    new = answer.json()["image_set_id"]
    there = lab["lead"].get(f"/api/v2/image-sets/{new}/images").json()["items"]
    assert len(there) == 2
    counts = [lab["lead"].get(f"/api/v2/images/{image['id']}/annotation-counts").json()["total"] for image in there]
    assert sorted(counts) == [1, 2]
    versions = lab["lead"].get(f"/api/v2/image-sets/{lab.image_set_id}/versions").json()["items"]
    assert [(each["name"], each["description"]) for each in versions] == [
        ("Before hits", "Images where something fits: class:Cell")
    ]

    # What is done in it is merged back; images that are not in it are left as they are.
    copied = next(image for image in there if image["id"] == max(each["id"] for each in there))
    on(lab, copied["id"], "Nucleus")
    preview = lab["lead"].get(f"/api/v2/image-sets/{new}/merge-preview").json()
    assert (preview["counts"]["added"], preview["counts"]["deleted"]) == (1, 0)
    merged = lab["lead"].post(
        f"/api/v2/image-sets/{new}/merge",
        json={"direction": "into_source", "source_revision": preview["source_revision"],
              "branch_revision": preview["branch_revision"], "reason": "done"},
    )  # fmt: skip
    assert merged.status_code == 200, merged.text
    totals = [lab["lead"].get(f"/api/v2/images/{image}/annotation-counts").json()["total"] for image in images]
    assert totals == [2, 1, 2, 0]


@pytest.mark.usefixtures("images")
def test_what_cannot_be_made_is_refused_and_leaves_no_version(lab: Lab) -> None:
    for query, status, said in [
        ("class:Cell size>900000px2", 422, "No image has an annotation that fits"),
        ("nothing:1", 422, "there is no field"),
        ("deleted:yes", 422, "what is there now"),
    ]:
        answer = ask(lab, query)
        assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert ask(lab, "class:Cell", who="ann").status_code == 403
    assert ask(lab, "class:Cell", name=" ").status_code == 422
    assert (
        ask(
            lab, "class:Cell", name=lab["lead"].get(f"/api/v2/image-sets/{lab.image_set_id}").json()["name"]
        ).status_code
        == 409
    )
    assert lab["lead"].get(f"/api/v2/image-sets/{lab.image_set_id}/versions").json()["items"] == []
