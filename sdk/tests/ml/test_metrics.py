"""The numbers are those of scikit-learn, and mean the same as on the agreement pages."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml import metrics
from exact_sdk.ml.bootstrap import paired_difference, table_intervals
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as known

from exact_core.api.errors import Invalid


def drawn(seed, classes, count=60):
    rng = np.random.default_rng(seed)
    true = rng.integers(classes, size=count)
    predicted = np.where(rng.random(count) < 0.6, true, rng.integers(classes, size=count))
    return true, predicted


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_scores_are_those_of_scikit_learn(seed, classes):
    true, predicted = drawn(seed, classes)
    table = metrics.table_of(true, predicted, classes)
    np.testing.assert_array_equal(table, known.confusion_matrix(true, predicted, labels=range(classes)))
    found = metrics.scores(table)
    precision, recall, f1, support = known.precision_recall_fscore_support(
        true, predicted, labels=range(classes), zero_division=0
    )
    np.testing.assert_allclose([found.precision, found.recall, found.f1], [precision, recall, f1])
    np.testing.assert_array_equal(found.support, support)
    assert found.accuracy == pytest.approx(known.accuracy_score(true, predicted))
    assert found.kappa == pytest.approx(known.cohen_kappa_score(true, predicted))
    assert found.correlation == pytest.approx(known.matthews_corrcoef(true, predicted))
    there = [one for one in range(classes) if support[one]]
    jaccard = known.jaccard_score(true, predicted, labels=there, average=None, zero_division=0)
    np.testing.assert_allclose(found.iou[there], jaccard)
    assert found.macro_f1 == pytest.approx(f1[there].mean())
    assert found.balanced_accuracy == pytest.approx(recall[there].mean())
    assert found.missing == tuple(one for one in range(classes) if not support[one])
    stacked = np.stack([table, table])
    for function, value in (
        (metrics.accuracy, found.accuracy),
        (metrics.macro_f1, found.macro_f1),
        (metrics.balanced_accuracy, found.balanced_accuracy),
    ):
        np.testing.assert_allclose(function(stacked), [value, value])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_correlation_of_two_classes_is_matthews_coefficient(seed):
    true, predicted = drawn(seed, 2)
    (tn, fp), (fn, tp) = metrics.table_of(true, predicted, 2).astype(float)
    below = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    expected = (tp * tn - fp * fn) / below if below else 0.0
    assert metrics.scores([[tn, fp], [fn, tp]]).correlation == pytest.approx(expected)


def test_the_specified_kappa_of_three_grades():
    found = metrics.scores([[60, 30, 10], [15, 55, 30], [5, 25, 70]])
    assert found.kappa == pytest.approx(0.425)
    assert found.kappa == pytest.approx((found.accuracy - 1 / 3) * 1.5)


def test_what_is_to_be_ignored_does_not_count_and_classes_out_of_range_are_refused():
    table = metrics.table_of(np.array([[0, 1], [255, 1]], np.uint8), [[0, 1], [1, 255]], 2)
    np.testing.assert_array_equal(table, [[1, 0], [0, 1]])
    with pytest.raises(Invalid, match="Class 2"):
        metrics.table_of([0, 2], [0, 1], 2)
    with pytest.raises(Invalid, match="1 and 2"):
        metrics.table_of([0], [0, 1], 2)


def test_tables_and_figures_of_samples_agree():
    true, predicted = drawn(9, 4, 200)
    probabilities = np.eye(4)[predicted]
    found = metrics.figures(probabilities, true, np.arange(200))
    table = metrics.scores(metrics.table_of(true, predicted, 4))
    assert found.overall["macro_f1"].value == pytest.approx(table.macro_f1)
    assert found.overall["balanced_accuracy"].value == pytest.approx(table.balanced_accuracy)
    assert found.overall["rk"].value == pytest.approx(table.correlation)


def test_intervals_draw_whole_groups_and_hold_the_value():
    true, predicted = drawn(5, 3, 600)
    groups = np.arange(600) // 20
    tables = metrics.tables_by_group(true, predicted, groups, 3)
    np.testing.assert_array_equal(tables.sum(0), metrics.table_of(true, predicted, 3))
    wanted = {"accuracy": metrics.accuracy, "macro F1": metrics.macro_f1}
    found = table_intervals(wanted, tables)
    assert found["accuracy"].value == pytest.approx(known.accuracy_score(true, predicted))
    assert found["accuracy"].low < found["accuracy"].value < found["accuracy"].high
    assert found["accuracy"].images == 30
    assert table_intervals(wanted, tables) == found
    spread = np.sqrt(found["accuracy"].value * (1 - found["accuracy"].value) / 600)
    assert found["accuracy"].high - found["accuracy"].low == pytest.approx(2 * 1.96 * spread, rel=0.35)
    # Each sample ten times in its group tells no more; as samples of their own they would seem to.
    repeated = table_intervals(wanted, tables * 10)["accuracy"]
    assert repeated.low == pytest.approx(found["accuracy"].low)


def test_the_difference_of_two_models_is_drawn_in_pairs():
    true, first = drawn(6, 3, 900)
    second = np.where(np.arange(900) % 30 < 3, (true + 1) % 3, first)
    groups = np.arange(900) // 30
    tables = [metrics.tables_by_group(true, each, groups, 3) for each in (first, second)]
    apart = paired_difference(metrics.accuracy, *tables)
    assert apart.value == pytest.approx((first == true).mean() - (second == true).mean())
    assert 0 < apart.low < apart.high
    same = paired_difference(metrics.accuracy, tables[0], tables[0])
    assert (same.value, same.low, same.high) == (0, 0, 0)
