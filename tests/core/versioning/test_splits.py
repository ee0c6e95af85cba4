"""Splits: whole groups, fair shares, the same each time, frozen; and what leaks is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_core.api.errors import Invalid
from exact_core.storage.models import Image, ImageTag, Tag
from exact_core.versioning.splits.dealing import SplitImage, checked_parts, deal, groups_of, leaks_of, shared_kinds
from tests.core.versioning.conftest import Lab, make_version

SHARES = {"train": 70.0, "validation": 15.0, "test": 15.0}


def patients(*counts: int) -> list[SplitImage]:
    """So many images of each patient."""
    owners = [number for number, count in enumerate(counts) for _ in range(count)]
    return [SplitImage(place + 1, f"file{place}", (f"patient:{owner}",)) for place, owner in enumerate(owners)]


@given(
    st.lists(st.integers(1, 6), min_size=3, max_size=40),
    st.text(max_size=8),
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 9), min_size=2),
)
def test_every_image_is_in_one_part_and_no_patient_in_two(counts: list[int], seed: str, shares: dict[str, int]) -> None:
    images = patients(*counts)
    parts = deal(images, shares, "patient", seed)
    assert sorted(each for found in parts.values() for each in found) == [image.image_id for image in images]
    assert leaks_of(images, parts, "patient") == []
    assert all(parts.values())
    assert deal(images[::-1], shares, "patient", seed) == parts


def test_shares_are_kept_as_well_as_groups_allow() -> None:
    parts = deal(patients(*[1] * 200), SHARES, "patient", "a")
    assert {part: len(found) for part, found in parts.items()} == {"train": 140, "validation": 30, "test": 30}
    other = deal(patients(*[1] * 200), SHARES, "patient", "b")
    assert other != parts
    uneven = deal(patients(50, 20, 10, 10, 5, 5), SHARES, "patient", "a")
    assert {part: len(found) for part, found in uneven.items()} == {"train": 70, "validation": 15, "test": 15}


def test_one_file_twice_and_a_slide_of_two_patients_hold_groups_together() -> None:
    images = [
        SplitImage(1, "same", ("patient:1",)),
        SplitImage(2, "same", ("Patient: 2 ",)),
        SplitImage(3, "x", ("patient:2", "patient:3")),
        SplitImage(4, "y", ("patient:3",)),
        SplitImage(5, "z", ()),
    ]
    assert sorted(groups_of(images, "patient")) == [[1, 2, 3, 4], [5]]
    assert sorted(groups_of(images, "")) == [[1, 2], [3], [4], [5]]
    with pytest.raises(Invalid, match="2 groups by 'patient'"):
        deal(images, SHARES, "patient", "")


def test_leaks_name_the_patient_the_file_and_the_parts() -> None:
    images = [
        SplitImage(1, "same", ("patient:1", "centre:a")),
        SplitImage(2, "b", ("patient:1", "centre:a")),
        SplitImage(3, "same", ("patient:3", "centre:a")),
    ]
    parts = {"train": [1], "test": [2, 3]}
    assert [(leak.kind, leak.value, leak.parts, leak.image_ids) for leak in leaks_of(images, parts, "patient")] == [
        ("file", "same", ("train", "test"), (1, 3)),
        ("patient", "1", ("train", "test"), (1, 2)),
    ]
    assert shared_kinds(images, parts) == {"centre": (1, 1), "patient": (1, 2)}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"train": [1, 9], "test": [2]}, "Not among"),
        ({"train": [1, 2], "test": [2]}, "more than one part"),
        ({"train": [1, 1], "test": [2]}, "twice in one"),
        ({"train": [1], "test": []}, "needs an image"),
    ],
)
def test_parts_that_cannot_be_are_refused(parts: dict[str, list[int]], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        checked_parts(patients(1, 1, 1), parts)


@pytest.fixture
def tagged(lab: Lab, make_image: Callable[..., int]) -> tuple[Lab, list[int]]:
    """Eight images of four patients of two centres, besides the lab's own."""
    ids = [make_image(lab.image_set_id, f"s{number}") for number in range(8)]
    with lab.database.write() as session:
        tags: dict[str, Tag] = {}
        for place, image_id in enumerate(ids):
            session.get_one(Image, image_id).checksum = f"{place:064x}"
            for name in (f"patient:{place // 2}", f"centre:{'ab'[place // 4]}"):
                if name not in tags:
                    tags[name] = Tag(name=name, folded_name=name)
                    session.add(tags[name])
                    session.flush()
                session.add(ImageTag(image_id=image_id, tag_id=tags[name].id))
    return lab, ids


def test_a_version_is_split_once_and_for_all(tagged: tuple[Lab, list[int]]) -> None:
    lab, ids = tagged
    url = f"/api/v2/versions/{make_version(lab)['id']}/splits"
    assert lab["viewer"].get(url).json() == {
        "items": [],
        "groupings": [{"kind": "centre", "groups": 2}, {"kind": "patient", "groups": 4}],
    }
    asked: dict[str, Any] = {"name": "cv 1", "group_by": "Patient", "shares": {"train": 3, "test": 2}}
    assert lab["ann"].post(url, json=asked).status_code == 403
    made = lab["lead"].post(url, json=asked)
    assert made.status_code == 201, made.text
    split = made.json()
    assert {part["name"] for part in split["parts"]} == {"train", "test"}
    assert sorted(each for part in split["parts"] for each in part["image_ids"]) == sorted([lab.image_id, *ids])
    assert (split["leaks"], split["ungrouped"], split["left_out"], split["group_by"]) == ([], 1, 0, "patient")
    assert lab["lead"].post(url, json=asked).status_code == 409

    lab["lead"].delete(f"/api/v2/images/{ids[0]}")
    with lab.database.write() as session:
        for tag in session.query(Tag).all():
            tag.name = tag.folded_name = f"renamed:{tag.id}"
    assert lab["viewer"].get(f"{url}/{split['id']}").json() == split

    given_parts = {"name": "by hand", "group_by": "patient", "parts": {"train": [ids[0], ids[2]], "test": [ids[1]]}}
    leaky = lab["lead"].post(url, json=given_parts).json()
    assert leaky["leaks"] == [
        {"kind": "patient", "value": "0", "parts": ["train", "test"], "image_ids": [ids[0], ids[1]]}
    ]
    assert leaky["left_out"] == 6
    assert {each["kind"]: (each["shared"], each["groups"]) for each in leaky["kinds"]} == {
        "centre": (1, 1), "patient": (1, 2),
    }  # fmt: skip
    for wrong in ({"group_by": "nothing", "shares": {"a": 1, "b": 1}}, {}, {"shares": {"a": 1, "b": -1}}):
        assert lab["lead"].post(url, json={"name": "x", **wrong}).status_code == 422, wrong

    other = f"/api/v2/versions/{make_version(lab, 'v2')['id']}/splits"
    assert lab["lead"].get(f"{other}/{split['id']}").status_code == 404
    assert lab["ann"].delete(f"{url}/{split['id']}").status_code == 403
    assert lab["lead"].delete(f"{url}/{split['id']}").status_code == 204
    assert [each["name"] for each in lab["lead"].get(url).json()["items"]] == ["by hand"]
    assert lab["stranger"].get(url).status_code == 404


def test_a_deleted_version_takes_its_splits_along(tagged: tuple[Lab, list[int]]) -> None:
    lab, ids = tagged
    version = make_version(lab)["id"]
    url = f"/api/v2/versions/{version}/splits"
    assert lab["lead"].post(url, json={"name": "s", "parts": {"test": ids}}).status_code == 201
    assert lab["lead"].delete(f"/api/v2/versions/{version}", params={"reason": "a mistake"}).status_code == 200
    assert lab["lead"].get(url).status_code == 404
