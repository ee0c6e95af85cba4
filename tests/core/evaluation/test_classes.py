"""Figures of a classification, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from exact_core.evaluation.classes import figures


def sample(seed: int, classes: int, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, count)
    logits = random.normal(size=(count, classes)) + 1.2 * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities, truth, random.integers(0, 12, count)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_figures_are_those_of_scikit_learn(classes: int) -> None:
    probabilities, truth, groups = sample(classes, classes)
    said = probabilities.argmax(axis=1)
    found = figures(probabilities, truth, groups)
    assert np.array_equal(found.confusion, metrics.confusion_matrix(truth, said))
    expected = {
        "accuracy": metrics.accuracy_score(truth, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, said),
        "macro_f1": metrics.f1_score(truth, said, average="macro"),
        "kappa": metrics.cohen_kappa_score(truth, said),
        "rk": metrics.matthews_corrcoef(truth, said),
    }
    assert {name: each.value for name, each in found.overall.items()} == pytest.approx(expected)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, said)
    assert [each.precision for each in found.classes] == pytest.approx(list(precision))
    assert [each.recall for each in found.classes] == pytest.approx(list(recall))
    assert [each.f1.value for each in found.classes if each.f1] == pytest.approx(list(f1))
    assert [each.support for each in found.classes] == list(support)
    if classes > 2:
        labels = np.arange(classes)
        assert found.top[2] == pytest.approx(metrics.top_k_accuracy_score(truth, probabilities, k=2, labels=labels))
    assert found.groups == 12
    for each in found.overall.values():
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.value < each.high


def test_a_class_without_a_sample_is_listed_and_left_out_of_means() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.6, 0.4, 0.0]])
    found = figures(probabilities, [0, 1, 0, 0], ["a", "a", "b", "b"])
    assert found.without_support == (2,)
    assert (found.classes[2].support, found.classes[2].recall, found.classes[2].f1) == (0, None, None)
    assert found.classes[2].precision == 0.0
    assert found.overall["balanced_accuracy"].value == pytest.approx((2 / 3 + 1) / 2)


def test_of_equal_probabilities_the_first_class_counts_everywhere() -> None:
    found = figures([[0.5, 0.5], [0.5, 0.5]], [0, 1], [0, 1])
    assert found.confusion.tolist() == [[1, 0], [1, 0]]
    assert found.top == {1: 0.5, 2: 1.0}


def test_one_group_has_no_interval() -> None:
    found = figures([[0.9, 0.1], [0.3, 0.7]], [0, 1], ["same", "same"])
    assert (found.overall["accuracy"].low, found.overall["accuracy"].high) == (None, None)


@pytest.mark.parametrize(
    ("probabilities", "truth", "groups", "reason"),
    [
        (np.zeros((0, 2)), [], [], "at least one"),
        ([[1.0, 0.0]], [0, 1], [0], "2 true classes"),
        ([[1.0, 0.0]], [2], [0], "outside of 0 to 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(probabilities, truth, groups, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        figures(probabilities, truth, groups)
