"""Tests of studies against statsmodels, pingouin and sums by hand."""

from __future__ import annotations

import math

import numpy as np
import pingouin
import pytest
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import Table
from statsmodels.stats.weightstats import DescrStatsW

from exact_core.agreement.measures.comparisons import anova, kruskal, mann_whitney, paired_t, wilcoxon
from exact_core.agreement.measures.trend import trend

WITHOUT = np.array([105.0, 98, 120, 87, 133, 110, 95, 101])
WITH = np.array([50.0, 61, 47, 55, 70, 44, 52, 49])


def test_the_paired_t_test_is_that_of_statsmodels():
    t, p, df = DescrStatsW(WITHOUT - WITH).ttest_mean(0)
    ours = paired_t(WITHOUT, WITH)
    assert (ours.statistic, ours.p, *ours.df, ours.n) == pytest.approx((t, p, df, 8))


def test_wilcoxons_test_is_that_of_pingouin_and_of_the_table():
    theirs = pingouin.wilcoxon(WITHOUT, WITH)
    ours = wilcoxon(WITHOUT, WITH)
    assert ours.statistic == theirs["W_val" if "W_val" in theirs else "W-val"].iloc[0] == 0
    assert ours.p == pytest.approx(2 / 2**8)  # all eight differences of one sign


def test_pairs_without_a_difference_are_left_out():
    ours = wilcoxon([1, 5, 7, 9, 4], [1, 4, 5, 6, 8])
    assert ours.n == 4
    assert math.isnan(wilcoxon([1, 2], [1, 2]).p)


def test_mann_whitney_counts_who_is_above_whom():
    ours = mann_whitney(WITHOUT, WITH)
    above = sum(a > b for a in WITHOUT for b in WITH)
    assert ours.statistic == above == 64
    assert ours.p == pytest.approx(2 / math.comb(16, 8))


def test_kruskal_is_the_formula_of_ranks():
    ours = kruskal([WITHOUT, WITH])
    ranks = np.argsort(np.argsort(np.concatenate([WITHOUT, WITH]))) + 1.0
    h = 12 / (16 * 17) * (ranks[:8].sum() ** 2 / 8 + ranks[8:].sum() ** 2 / 8) - 3 * 17
    assert ours.statistic == pytest.approx(h)
    assert ours.df == (1,)


def test_the_analysis_of_variance_is_that_of_statsmodels():
    """The paper reports its times this way: F(1, 29) = 11.23."""
    import pandas as pd
    from statsmodels.formula.api import ols

    generator = np.random.default_rng(0)
    groups = [generator.normal(105, 40, 16), generator.normal(50, 40, 15)]
    data = pd.DataFrame({"y": np.concatenate(groups), "g": ["a"] * 16 + ["b"] * 15})
    table = anova_lm(ols("y ~ g", data).fit())
    ours = anova(groups)
    assert ours.df == (1, 29)
    assert (ours.statistic, ours.p) == pytest.approx((table["F"].iloc[0], table["PR(>F)"].iloc[0]))


@pytest.mark.parametrize(
    "made",
    [paired_t([3], [2]), paired_t([1, 2], [2, 3]), wilcoxon([], []), mann_whitney([], [1]), kruskal([[1, 2], []]),
     kruskal([[1], [1]]), anova([[1], [2]]), anova([[1, 1], [2, 2]])],
)  # fmt: skip
def test_a_test_that_cannot_be_made_says_nothing(made):
    assert math.isnan(made.p)
    assert math.isnan(made.statistic)


def test_paired_tests_refuse_unequal_sides():
    with pytest.raises(ValueError, match="as many values"):
        paired_t([1, 2], [1])


def test_the_trend_is_that_of_statsmodels():
    hits, totals = np.array([28, 25, 20, 12]), np.array([30, 30, 28, 25])
    theirs = Table(np.stack([hits, totals - hits], axis=1)).test_ordinal_association(col_scores=np.array([1, 0]))
    ours = trend(hits, totals)
    n = totals.sum()
    # statsmodels divides by n - 1 where Cochran and Armitage divide by n
    assert ours.z == pytest.approx(theirs.zscore * math.sqrt(n / (n - 1)))
    assert ours.z < 0
    assert ours.slope < 0


def test_a_window_without_items_keeps_its_place():
    gap, close = trend([9, 0, 0, 5], [10, 0, 0, 10]), trend([9, 5], [10, 10])
    assert gap.p == pytest.approx(close.p)
    assert gap.slope == pytest.approx(close.slope / 3)


@pytest.mark.parametrize(
    ("hits", "totals"), [([], []), ([1], [2]), ([0, 0], [5, 5]), ([5, 5], [5, 5]), ([1, 0], [2, 0])]
)
def test_no_trend_where_there_is_nothing_to_see(hits, totals):
    assert trend(hits, totals) is None
