"""Kappas against scikit-learn, statsmodels and the examples of the papers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef
from statsmodels.stats import inter_rater

from exact_core.agreement.measures.confusion import confusion, confusion_by, ratings_of
from exact_core.agreement.measures.kappa import (
    agreement_sums,
    cohen_kappa,
    fleiss_kappa,
    fleiss_kappa_of,
    gwet_ac1,
    gwet_ac1_of,
    mean_agreement_of,
    percent_agreement,
)
from exact_core.agreement.measures.matthews import matthews

FLEISS_1971 = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
"""Ten subjects, fourteen raters, five categories: the worked example in common use, kappa 0.210."""

CLASSES = 4
classes = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=2, max_size=60)


def both(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(pairs, np.int64)
    return array[:, 0], array[:, 1]


@given(classes, st.sampled_from(["none", "linear", "quadratic"]))
def test_cohens_kappa_is_that_of_scikit_learn(pairs, weights):
    first, second = both(pairs)
    ours = cohen_kappa(confusion(first, second, CLASSES), weights)
    if len({*first, *second}) == 1:
        assert np.isnan(ours)  # always the same class: nothing is beyond chance
        return
    theirs = cohen_kappa_score(first, second, labels=range(CLASSES), weights=None if weights == "none" else weights)
    assert ours == pytest.approx(theirs, abs=1e-12)


@given(classes)
def test_kappa_and_its_table_are_those_of_statsmodels(pairs):
    first, second = both(pairs)
    if len({*first, *second}) == 1:
        return
    table = confusion(first, second, CLASSES)
    assert cohen_kappa(table) == pytest.approx(inter_rater.cohens_kappa(table, return_results=False), abs=1e-12)


@given(classes)
def test_matthews_is_that_of_scikit_learn(pairs):
    first, second = both(pairs)
    ours = matthews(confusion(first, second, CLASSES))
    if len({*first, *second}) == 1:
        assert ours == 0
        return
    assert ours == pytest.approx(matthews_corrcoef(first, second), abs=1e-12)


def test_weights_go_by_what_the_classes_stand_for():
    table = np.array([[10, 2, 1], [3, 8, 2], [1, 2, 9]])
    evenly = cohen_kappa(table, "linear", [0, 1, 2])
    assert cohen_kappa(table, "linear", [0, 5, 10]) == pytest.approx(evenly)
    assert cohen_kappa(table, "linear", [0, 1, 10]) != pytest.approx(evenly)


def test_fleiss_kappa_of_the_worked_example():
    assert fleiss_kappa(FLEISS_1971) == pytest.approx(0.2099, abs=5e-5)
    assert fleiss_kappa(FLEISS_1971) == pytest.approx(inter_rater.fleiss_kappa(FLEISS_1971), abs=1e-12)


@given(st.lists(st.lists(st.integers(0, CLASSES - 1), min_size=5, max_size=5), min_size=2, max_size=40))
def test_fleiss_kappa_is_that_of_statsmodels(readings):
    ratings = ratings_of(np.array(readings), CLASSES)
    if (ratings.sum(axis=0) > 0).sum() < 2:
        assert np.isnan(fleiss_kappa(ratings))
        return
    assert fleiss_kappa(ratings) == pytest.approx(inter_rater.fleiss_kappa(ratings), abs=1e-12)


def test_fleiss_kappa_refuses_unequal_numbers_of_ratings():
    with pytest.raises(ValueError, match="equally many"):
        fleiss_kappa([[3, 0], [1, 1]])


def test_sums_of_images_give_the_kappa_of_all():
    parts = [agreement_sums(FLEISS_1971[:3]), agreement_sums(FLEISS_1971[3:])]
    assert fleiss_kappa_of(np.sum(parts, axis=0)) == pytest.approx(fleiss_kappa(FLEISS_1971))


def test_gwets_ac1_where_kappa_fails():
    """The paradox that AC1 was made for (Gwet 2008): 94 % agreement, and a kappa below 0."""
    table = np.array([[118, 5], [2, 0]])
    assert percent_agreement(table) == pytest.approx(0.944)
    assert cohen_kappa(table) == pytest.approx(-0.0234, abs=5e-5)
    assert gwet_ac1(table) == pytest.approx(0.9408, abs=5e-5)


@given(classes)
def test_ac1_of_two_readers_is_that_of_many(pairs):
    first, second = both(pairs)
    table = confusion(first, second, CLASSES)
    many = agreement_sums(ratings_of(np.array(pairs), CLASSES))
    assert gwet_ac1_of(many) == pytest.approx(float(gwet_ac1(table)), abs=1e-12)
    assert mean_agreement_of(many) == pytest.approx(float(percent_agreement(table)), abs=1e-12)


def test_items_with_a_single_rating_say_nothing_about_agreement():
    alone = np.array([[1, 0], [0, 1], [0, 0]])
    pairs = np.array([[2, 0], [1, 1], [0, 2]])
    assert agreement_sums(np.concatenate([pairs, alone])) == pytest.approx(agreement_sums(pairs))


def test_tables_can_be_stacked():
    tables = np.array([[[5, 1], [2, 7]], [[4, 4], [4, 4]], [[0, 0], [0, 0]]])
    assert cohen_kappa(tables)[:2] == pytest.approx([float(cohen_kappa(tables[0])), 0])
    assert np.isnan(cohen_kappa(tables)[2])
    assert matthews(tables)[:2] == pytest.approx([float(matthews(tables[0])), 0])
    assert gwet_ac1(tables)[0] == pytest.approx(float(gwet_ac1(tables[0])))


def test_what_a_reader_did_not_rate_is_in_no_table():
    first, second = np.array([0, 1, -1, 1]), np.array([0, -2, 1, 0])
    assert confusion(first, second, 2).tolist() == [[1, 0], [1, 0]]
    by_image = confusion_by(np.array([0, 0, 1, 2]), 3, first, second, 2)
    assert by_image.sum(axis=0).tolist() == [[1, 0], [1, 0]]
    assert by_image[2].tolist() == [[0, 0], [1, 0]]
