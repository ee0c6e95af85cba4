"""Which shapes mean the same object, by distance and by overlap, and what is agreement."""

from __future__ import annotations

import pytest

from exact_core.annotations.geometry import Box, parse
from exact_core.annotations.packing import pack
from exact_core.annotations.scope import Frame
from exact_core.review.matching import ReadShape, compare, match
from exact_core.review.settings import StopRule

MPP = (0.5, 0.5)
NEAR = StopRule(kind="detection", distance_um=5.0)
PLANE = Frame(0, 0, -1)
_numbers = iter(range(1, 10_000))


def shape(x: int, y: int, size: int = 20, type_id: int = 1, form: str = "box", frame: Frame = PLANE) -> ReadShape:
    points = {
        "box": [[x, y], [x + size, y + size]],
        "ellipse": [[x, y], [x + size, y + size]],
        "point": [[x + size // 2, y + size // 2]],
        "polygon": [[x, y], [x + size, y], [x + size, y + size], [x, y + size]],
        "line": [[x, y], [x + size, y + size]],
    }
    value = {"shape": form} if form == "image" else {"shape": form, "points": points[form]}
    geometry = parse(value, 5_000, 5_000)
    box: Box = geometry.box(5_000, 5_000)
    return ReadShape(next(_numbers), type_id, geometry.shape, box, frame, pack(geometry))


def test_a_distance_is_in_micrometres() -> None:
    here, near, far = shape(100, 100), shape(109, 100), shape(111, 100)
    assert [pair[:2] for pair in match([here], [near], NEAR, MPP)] == [(0, 0)]
    assert match([here], [near], NEAR, MPP)[0][2] == pytest.approx(4.5)
    assert match([here], [far], NEAR, MPP) == []
    assert match([here], [shape(106, 100)], NEAR, (None, None)) == []  # without a scale, pixels
    assert match([here], [shape(100, 109)], NEAR, (0.5, 1.0)) == []  # pixels are not square


def test_the_nearest_pairs_come_first_and_no_shape_is_used_twice() -> None:
    left = [shape(100, 100), shape(106, 100)]
    right = [shape(104, 100), shape(107, 100)]
    pairs = {(a, b) for a, b, _ in match(left, right, NEAR, MPP)}
    assert pairs == {(1, 1), (0, 0)}
    assert len(match([shape(100, 100)], [shape(101, 100), shape(99, 100)], NEAR, MPP)) == 1


def test_a_crowd_of_another_class_does_not_tear_pairs_apart() -> None:
    left = [shape(100, 100, type_id=1)]
    right = [shape(101, 100, type_id=2), shape(104, 100, type_id=1)]
    assert [pair[:2] for pair in match(left, right, NEAR, MPP)] == [(0, 1)]


def test_frames_are_kept_apart() -> None:
    left, right = [shape(0, 0, frame=Frame(0, 0, -1))], [shape(0, 0, frame=Frame(1, 0, -1))]
    assert match(left, right, NEAR, MPP) == []
    assert len(match(left, [shape(0, 0, frame=Frame(-1, 0, -1))], NEAR, MPP)) == 1


@pytest.mark.parametrize("form", ["box", "polygon", "ellipse"])
def test_an_overlap_is_the_share_of_the_union(form: str) -> None:
    rule = StopRule(kind="detection", iou=0.5)
    same = match([shape(100, 100, form=form)], [shape(100, 100, form=form)], rule, MPP)
    assert same[0][2] == pytest.approx(1.0)
    half = match([shape(100, 100, 30)], [shape(110, 100, 30)], rule, MPP)
    assert half[0][2] == pytest.approx(20 / 40)
    assert match([shape(100, 100, 30)], [shape(111, 100, 30)], rule, MPP) == []
    assert match([shape(100, 100, form="line")], [shape(100, 100, form="line")], rule, MPP) == []  # it has no area


def test_agreement_by_detection_counts_what_has_no_counterpart() -> None:
    ann, ben = [shape(0, 0), shape(500, 0), shape(900, 0)], [shape(2, 0), shape(501, 0)]
    found = compare({1: ann, 2: ben}, NEAR, MPP)
    assert (len(found.groups), len(found.disagreements), found.agrees) == (3, 1, False)
    assert compare({1: ann, 2: ben}, NEAR.model_copy(update={"unmatched": 1}), MPP).agrees
    three = compare({1: ann, 2: ben, 3: [shape(1, 0), shape(500, 0), shape(901, 0)]}, NEAR, MPP)
    assert [len(group.shapes) for group in three.groups] == [3, 3, 2]


def test_another_class_is_no_agreement_unless_it_does_not_matter() -> None:
    work = {1: [shape(0, 0, type_id=1)], 2: [shape(0, 0, type_id=2)]}
    found = compare(work, NEAR, MPP)
    assert (len(found.groups), found.agrees) == (1, False)
    assert compare(work, NEAR.model_copy(update={"same_class": False}), MPP).agrees


def test_agreement_by_class_and_by_count() -> None:
    one = [shape(0, 0, type_id=1), shape(9, 9, type_id=2)]
    other = [shape(3_000, 0, type_id=2), shape(4_000, 0, type_id=1), shape(2_000, 0, type_id=1)]
    assert compare({1: one, 2: other}, StopRule(kind="class"), MPP).agrees
    assert not compare({1: one, 2: other[:1]}, StopRule(kind="class"), MPP).agrees
    assert not compare({1: one, 2: other}, StopRule(kind="count"), MPP).agrees
    assert compare({1: one, 2: other}, StopRule(kind="count", count_difference=1), MPP).agrees
    assert not compare({1: one, 2: one}, StopRule(kind="always"), MPP).agrees
    assert compare({1: one, 2: []}, StopRule(kind="never"), MPP).agrees


def test_two_empty_readings_agree_and_labels_of_the_image_pair_by_class() -> None:
    assert compare({1: [], 2: []}, NEAR, MPP).agrees
    label = shape(0, 0, type_id=7, form="image")
    assert compare({1: [label], 2: [shape(0, 0, type_id=7, form="image")]}, NEAR, MPP).agrees
    assert not compare({1: [label], 2: [shape(0, 0, type_id=8, form="image")]}, NEAR, MPP).agrees
    assert not compare({1: [label], 2: []}, NEAR, MPP).agrees


def test_a_rule_for_detection_says_one_measure() -> None:
    for values in ({}, {"distance_um": 3, "iou": 0.5}):
        with pytest.raises(ValueError, match="either distance_um or iou"):
            StopRule(kind="detection", **values)
