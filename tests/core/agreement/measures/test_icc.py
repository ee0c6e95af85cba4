"""Intraclass correlations against pingouin and the table of Shrout and Fleiss."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pingouin
import pytest

from exact_core.agreement.measures.icc import FORMS, icc

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # pingouin's own use of pandas

SHROUT_FLEISS_1979 = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
"""Four judges, six targets (table 2)."""


def test_the_table_of_the_paper():
    values = [round(each.value, 2) for each in icc(SHROUT_FLEISS_1979)]
    assert dict(zip(FORMS, values, strict=True)) == {
        "ICC(1,1)": 0.17, "ICC(2,1)": 0.29, "ICC(3,1)": 0.71, "ICC(1,k)": 0.44, "ICC(2,k)": 0.62, "ICC(3,k)": 0.91,
    }  # fmt: skip


def theirs(scores: np.ndarray) -> pd.DataFrame:
    n, k = scores.shape
    long = pd.DataFrame(
        {"subject": np.repeat(np.arange(n), k), "reader": np.tile(np.arange(k), n), "score": scores.ravel()}
    )
    return pingouin.intraclass_corr(long, targets="subject", raters="reader", ratings="score")


@pytest.mark.parametrize("seed", range(6))
def test_values_intervals_and_tests_are_those_of_pingouin(seed):
    generator = np.random.default_rng(seed)
    n, k = int(generator.integers(3, 25)), int(generator.integers(2, 7))
    scores = generator.normal(size=(n, 1)) * seed + generator.normal(size=(1, k)) + generator.normal(size=(n, k))
    for ours, (_, row) in zip(icc(scores), theirs(scores).iterrows(), strict=True):
        low, high = row[next(name for name in row.index if "95" in str(name))]
        assert ours.value == pytest.approx(row["ICC"], abs=1e-9)
        assert ours.f == pytest.approx(row["F"])
        assert ours.p == pytest.approx(row.get("pval", row.get("p_val")))
        assert (round(ours.low, 2), round(ours.high, 2)) == pytest.approx((low, high), abs=0.011)


def test_readers_who_fully_agree_have_a_correlation_of_one():
    for each in icc(np.tile([[1.0], [4.0], [9.0]], 3)):
        assert (each.value, each.low, each.high) == pytest.approx((1, 1, 1))


def test_a_constant_offset_hurts_absolute_agreement_only():
    first = np.array([1.0, 4, 9, 2])
    found = {each.form: each for each in icc(np.stack([first, first + 3], axis=1))}
    assert found["ICC(3,1)"].value == pytest.approx(1)
    assert found["ICC(2,1)"].value < 0.9


def test_subjects_that_are_all_alike_have_no_correlation_to_speak_of():
    assert all(math.isnan(each.value) or each.value <= 0 for each in icc(np.ones((3, 2))))


@pytest.mark.parametrize("scores", [[[1, 2]], [[1], [2]], [[1, np.nan], [2, 3]]])
def test_a_table_that_is_too_small_or_has_holes_is_refused(scores):
    with pytest.raises(ValueError, match="two subjects and two readers"):
        icc(np.array(scores, float))
