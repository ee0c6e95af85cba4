"""What is judged: evaluations that are none are refused, and tables come back as they were written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from exact_core.api.errors import Invalid
from exact_core.api.training import Evaluation
from exact_core.training.judging import checked, judged, samples_in, table_of


def evaluation(**changes) -> Evaluation:
    random = np.random.default_rng(7)
    facts = {
        "part": "test",
        "labels": ("=cell", "other"),
        "probabilities": random.dirichlet((1, 1), 120).astype(np.float32),
        "truth": random.integers(0, 2, 120),
        "image_ids": np.arange(120) % 5 + 1,
        "annotation_ids": np.where(np.arange(120) % 7, np.arange(120) + 1, -1),
        "groups": [f"patient:{number % 4}" for number in range(120)],
    }
    return Evaluation(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"probabilities": np.zeros((0, 2))}, "at least one sample"),
        ({"probabilities": np.full((120, 2), 0.9)}, "add up to 1"),
        ({"probabilities": np.full((120, 2), np.nan)}, "add up to 1"),
        ({"probabilities": np.full((120, 3), 1 / 3)}, "expected"),
        ({"uncalibrated": np.full((120, 2), 0.1)}, "uncalibrated"),
        ({"truth": np.full(120, 2)}, "outside of 0 to 1"),
        ({"groups": ["a"]}, "groups: 1 values"),
        ({"part": "train"}, "neither"),
    ],
)
def test_what_is_no_evaluation_is_refused_with_the_array(changes, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        checked(evaluation(**changes))


def test_figures_are_plain_json_and_classes_with_enough_samples_have_their_own_diagram() -> None:
    given = evaluation(uncalibrated=np.full((120, 2), 0.5))
    found = judged(checked(given))
    assert '"part": "test"' in json.dumps(found, allow_nan=False)
    support = np.bincount(np.asarray(given.truth), minlength=2)
    assert set(found["reliability_of_classes"]) == {str(number) for number in range(2) if support[number] >= 50}
    assert found["groups"] == 4
    assert found["calibration_before"]["ece"] == pytest.approx(abs(0.5 - (np.asarray(given.truth) == 0).mean()))


def test_samples_come_back_from_the_table_and_no_cell_is_a_formula() -> None:
    given = evaluation()
    lines = "".join(table_of(given))
    assert ",=cell," not in lines
    said = given.probabilities.argmax(axis=1)
    found = samples_in(lines.splitlines(keepends=True), 1, 0)
    assert len(found) == int(((np.asarray(given.truth) == 1) & (said == 0)).sum())
    assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)
    whole = samples_in(lines.splitlines(keepends=True), None, None)
    assert len(whole) == 120
    assert sum(each.annotation_id is None for each in whole) == 18
