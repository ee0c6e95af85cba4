"""Nothing of a group is on both sides, old groups stay where they are, and classes get their shares."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from exact_sdk.ml.splits import SHARES, group_names, part_of_group, position, stratified
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.api.errors import Invalid
from exact_core.versioning.splits.dealing import SplitImage, groups_of, leaks_of


def test_the_position_is_the_specified_one():
    expected = int(hashlib.sha256(b"7:patient:12").hexdigest()[:8], 16) / 2**32
    assert position("patient:12", 7) == expected


def test_shares_are_met_for_many_groups():
    parts = [part_of_group(f"patient {number}", 3) for number in range(4000)]
    for part, share in SHARES.items():
        assert parts.count(part) / 4000 == pytest.approx(share, abs=0.02)
    assert {part_of_group(f"g{number}", 1, {"train": 1, "test": 0}) for number in range(100)} == {"train"}
    for wrong in ({}, {"train": 0}, {"train": 2, "test": -1}):
        with pytest.raises(Invalid):
            part_of_group("g", 1, wrong)


_images = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.lists(st.sampled_from("pqrstuv"), max_size=2)), max_size=14
)


@settings(deadline=None)
@given(_images)
def test_names_are_one_for_each_group_of_the_platform(drawn):
    images = [SplitImage(n, sha, tuple(f"patient:{one}" for one in tags)) for n, (sha, tags) in enumerate(drawn)]
    names = group_names(images, "patient")
    found = {}
    for number, name in names.items():
        found.setdefault(name, []).append(number)
    assert sorted(found.values()) == sorted(groups_of(images, "patient"))
    parts = {"train": [], "validation": [], "test": []}
    for number, name in names.items():
        parts[part_of_group(name, 5)].append(number)
    assert leaks_of(images, parts, "patient") == []


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30))
def test_images_added_later_do_not_move_old_ones(before, after):
    images = [SplitImage(number, f"sha{number}", (f"patient:{number % 7}",)) for number in range(before + after)]
    old, new = group_names(images[:before], "patient"), group_names(images, "patient")
    assert all(new[number] == name for number, name in old.items())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 40), st.integers(1, 5))
def test_whole_groups_are_dealt_and_no_part_is_empty(seed, count, classes):
    rng = np.random.default_rng(seed)
    groups = [f"g{one}" for one in rng.integers(count, size=200)]
    if len(set(groups)) < 3:
        return
    labels = rng.integers(classes, size=200).tolist()
    found = stratified(groups, labels, classes, 4)
    assert set(found.parts) == set(groups)
    assert set(found.parts.values()) == set(SHARES)
    for part, counts in found.counts.items():
        own = [label for group, label in zip(groups, labels, strict=True) if found.parts[group] == part]
        np.testing.assert_array_equal(counts, np.bincount(own, minlength=classes))
    again = stratified(list(reversed(groups)), list(reversed(labels)), classes, 4)
    assert again.parts == found.parts, "the order of samples means nothing"


def test_every_part_gets_its_share_of_every_class():
    rng = np.random.default_rng(2)
    labels = rng.choice(4, p=[0.7, 0.2, 0.08, 0.02], size=2000)
    groups = [f"g{number // 2}" for number in range(2000)]
    found = stratified(groups, labels.tolist(), 4, 1)
    total = np.bincount(labels, minlength=4)
    for part, share in SHARES.items():
        np.testing.assert_allclose(found.counts[part] / total, share, atol=0.03)


def test_classes_with_too_few_groups_are_only_trained():
    groups = [f"g{number}" for number in range(40)]
    labels = [0] * 38 + [1, 1]
    found = stratified(groups, labels, 3, 1)
    assert found.small == (1,)
    assert {found.parts["g38"], found.parts["g39"]} == {"train"}
    with pytest.raises(Invalid, match="too few"):
        stratified(["a", "b"], [0, 0], 1, 1)
