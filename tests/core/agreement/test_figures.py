"""Figures of sets: what they are about, when there are none, and that they can be made again."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from exact_core.agreement.figures import Resampling
from exact_core.agreement.report import Question, compared_of
from exact_core.agreement.tables import csv_lines, item_rows, table_of
from exact_core.api.contributions import Shape
from tests.core.agreement.conftest import Readers, figure

GRID = [(x, y) for x in range(100, 2000, 200) for y in range(100, 1000, 200)]


def furnish(readers: Readers) -> None:
    """Ann marks all of a grid on two images, Ben misses some and calls some otherwise, Cas reads the first only."""
    for image in (0, 1):
        readers.mark("ann", image, GRID)
        kinds = ["Look-alike" if number % 5 == 0 else "Mitosis" for number in range(len(GRID) - 10)]
        readers.mark("ben", image, [(x + 6, y - 4) for x, y in GRID[10:]], kinds)
    readers.mark("cas", 0, [(x - 3, y) for x, y in GRID])
    for image, site in enumerate(("Berlin", "Graz")):
        readers.tag(image, f"site:{site.lower()}")


def test_the_answer_is_the_same_again_and_is_plain_json(readers):
    furnish(readers)
    first, again = readers.answer(), readers.answer()
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    other = readers.answer(resampling=Resampling(seed=5))
    assert [each["value"] for each in other["figures"]] == [each["value"] for each in first["figures"]]
    assert other != first


def test_values_lie_within_their_intervals(readers):
    furnish(readers)
    for each in readers.answer(resampling=Resampling(method="percentile"))["figures"]:
        if each["low"] is not None and each["figure"] != "icc":
            assert each["low"] - 1e-9 <= each["value"] <= each["high"] + 1e-9, each


def test_detection_of_two_readers_counts_only_images_that_both_have_read(readers):
    furnish(readers)
    found = readers.answer()
    keys = {name: readers.key(name) for name in ("ann", "ben", "cas")}
    n = len(GRID)
    right = n - 10 - len(range(0, n - 10, 5))
    mitoses = {"class_id": readers.types["Mitosis"]}
    both = figure(found, "f1", "pair", readers=[keys["ann"], keys["ben"]], **mitoses)
    assert (both["hits"], both["extra"], both["missed_marks"]) == (2 * right, 2 * (n - right), 0)
    assert both["images"] == 2
    single = figure(found, "f1", "pair", readers=[keys["ann"], keys["cas"]], class_id=None)
    assert (single["hits"], single["extra"], single["missed_marks"], single["low"]) == (n, 0, 0, None)
    recall = figure(found, "recall", "pair", readers=[keys["ann"], keys["ben"]], **mitoses)["value"]
    precision = figure(found, "precision", "pair", readers=[keys["ann"], keys["ben"]], **mitoses)["value"]
    assert (recall, precision) == (1, pytest.approx(right / n))


def test_the_reader_of_a_pair_who_comes_first_is_measured_against_the_second(readers):
    furnish(readers)
    turned = readers.answer(readers=(readers.key("ben"), readers.key("ann")))
    assert [reader["name"] for reader in turned["readers"]] == ["Ben", "Ann"]
    found = figure(turned, "recall", "pair", class_id=readers.types["Mitosis"])
    assert found["readers"] == [readers.key("ben"), readers.key("ann")]
    assert found["value"] < 1


def test_a_readers_own_figures_add_up_all_others(readers):
    furnish(readers)
    found = readers.answer()
    n = len(GRID)
    right = n - 10 - len(range(0, n - 10, 5))
    cas = figure(found, "f1", "reader", readers=[readers.key("cas")], class_id=readers.types["Mitosis"])
    assert (cas["hits"], cas["extra"], cas["missed_marks"]) == (n + right, n - right, 0)


def test_sites_and_rounds_are_groups_by_tag(readers):
    furnish(readers)
    readers.tag(0, "round:1")
    found = readers.answer()
    groups = {(each["grouping"], each["group"]) for each in found["figures"] if each["scope"] == "group"}
    assert groups == {("site", "berlin"), ("site", "graz"), ("round", "1")}
    berlin = figure(found, "mean_agreement", "group", group="berlin", missed="counted")
    assert berlin["images"] == 1


def test_classes_can_be_chosen_and_reading_is_not_forgotten_by_that(readers):
    """Ben calls everything look-alikes: of the mitoses he missed all, as he has read the image."""
    readers.mark("ann", 0, GRID)
    readers.mark("ben", 0, GRID, "Look-alike")
    found = readers.answer(type_ids=(readers.types["Mitosis"],))
    assert [each["name"] for each in found["classes"]] == ["Mitosis"]
    assert figure(found, "f1", "pair", class_id=None)["missed_marks"] == 0
    assert figure(found, "f1", "pair", class_id=None)["extra"] == len(GRID)
    assert found["confusion"][0]["table"] == [[0, len(GRID)], [0, 0]]


def test_outlines_have_overlap_and_distance_of_borders(make_readers):
    readers = make_readers(mpp_x=0.5, mpp_y=0.5)
    for image in (0, 1):
        for who, shift in {"ann": 0, "ben": 20 * (image + 1)}.items():
            ring = [(shift, 0), (shift + 200, 0), (shift + 200, 200), (shift, 200)]
            readers.mark(who, image, [], shape=Shape.POLYGON, rings=[ring])
    found = readers.answer()
    expected = {
        "iou": np.mean([180 / 220, 160 / 240]), "dice": np.mean([0.9, 0.8]),
        "hausdorff": 15.0, "hausdorff_95": 15.0,
    }  # fmt: skip
    for name, value in expected.items():
        one = figure(found, name, "pair")
        assert one["value"] == pytest.approx(value, abs=0.02), name
        assert (one["items"], one["unit"], one["of"]) == (2, "um", 2)
    assert readers.answer(type_ids=(-1,))["figures"] == []


@pytest.mark.parametrize("marking", [[], ["ann"], ["ann", "ann"]])
def test_one_reader_is_too_few(readers, marking):
    for image, who in enumerate(marking):
        readers.mark(who, image, GRID)
    found = readers.answer()
    assert (found["state"], found["figures"], found["disagreeing"]) == ("too_few_readers", [], 0)


def test_readers_of_different_images_have_nothing_in_common(readers):
    readers.mark("ann", 0, GRID)
    readers.mark("ben", 1, GRID)
    found = readers.answer()
    assert (found["state"], found["images"]) == ("no_common_images", {"any": 2, "two": 0, "all": 0})


def test_disagreements_lead_to_the_place_the_most_divided_first(readers):
    readers.mark("ann", 0, [(100, 100), (500, 500), (900, 900)])
    readers.mark("ben", 0, [(100, 100), (500, 500)], ["Mitosis", "Look-alike"])
    cas = readers.mark("cas", 0, [(100, 100), (500, 500)])
    found = readers.answer()
    assert found["disagreeing"] == 2
    first, second = found["disagreements"]
    assert {(first["x"], first["y"]), (second["x"], second["y"])} == {(500, 500), (900, 900)}
    split = next(each for each in found["disagreements"] if each["x"] == 500)
    names = [each["name"] for each in found["classes"]]
    assert [names[place] for place in split["said"]] == ["Mitosis", "Look-alike", "Mitosis"]
    assert split["annotations"][2] == cas[1]
    assert [each["said"][1] for each in found["disagreements"] if each["x"] == 900] == [-1]


def rows(lines) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(lines))))


def test_every_thing_as_a_table_gives_the_same_kappa_elsewhere(readers):
    from sklearn.metrics import cohen_kappa_score

    furnish(readers)
    with readers.database.read() as session:
        compared = compared_of(session, readers.everything(session), Question())
    heading, *body = rows(csv_lines(item_rows(compared)))
    assert heading == ["image_id", "image", "x", "y", "z", "t", "Ann", "Ben", "Cas"]
    pair = [(row[6], row[7]) for row in body]
    ours = figure(readers.answer(), "cohen_kappa", "pair", readers=[readers.key("ann"), readers.key("ben")],
                  missed="counted")  # fmt: skip
    assert ours["value"] == pytest.approx(cohen_kappa_score(*zip(*pair, strict=True)))
    assert {row[8] for row in body} == {"Mitosis", ""}


def test_tables_name_people_and_classes(readers):
    furnish(readers)
    found = readers.answer()
    figures = rows(csv_lines(table_of(found, "figures")))
    assert len(figures) == len(found["figures"]) + 1
    assert {len(row) for row in figures} == {20}
    assert ["Ann", "Ben"] in [row[2:4] for row in figures]
    counts = rows(csv_lines(table_of(found, "counts")))
    assert ["Cas", "Mitosis", str(len(GRID)), "1"] in counts
    confusion = rows(csv_lines(table_of(found, "confusion")))
    assert ["Ann", "Ben", "Mitosis", "missed", "20"] in confusion


def test_names_are_never_formulas(readers):
    readers.mark("lead", 0, GRID, claimed="=cmd|' /C calc'!A0")
    readers.mark("ann", 0, GRID)
    names = {row[2] for row in rows(csv_lines(table_of(readers.answer(), "figures")))}
    assert "'=cmd|' /C calc'!A0" in names
    assert not any(name.startswith("=") for name in names)
