"""Tests that compare the arms of a study: paired where the same people or images are in both, else unpaired."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of one test; p is two-sided, NaN where the test could not be made."""

    test: str
    statistic: float
    p: float
    n: int
    df: tuple[float, ...] = ()


def paired_t(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Student's t test of the mean difference of pairs."""
    a, b = _pairs(first, second)
    difference = a - b
    n = len(difference)
    if n < 2 or np.ptp(difference) == 0:
        return Comparison("paired_t", math.nan, math.nan, n)
    from scipy.stats import ttest_rel

    found = ttest_rel(a, b)
    return Comparison("paired_t", float(found.statistic), float(found.pvalue), n, (float(n - 1),))


def wilcoxon(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Wilcoxon's signed-rank test of pairs; pairs without a difference are left out (Wilcoxon 1945)."""
    a, b = _pairs(first, second)
    differs = a != b
    n = int(differs.sum())
    if n < 1:
        return Comparison("wilcoxon", math.nan, math.nan, n)
    from scipy.stats import wilcoxon as test

    found = test(a[differs], b[differs])
    return Comparison("wilcoxon", float(found.statistic), float(found.pvalue), n)


def mann_whitney(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Mann and Whitney's U test of two independent groups."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not len(a) or not len(b):
        return Comparison("mann_whitney", math.nan, math.nan, len(a) + len(b))
    from scipy.stats import mannwhitneyu

    found = mannwhitneyu(a, b, alternative="two-sided")
    return Comparison("mann_whitney", float(found.statistic), float(found.pvalue), len(a) + len(b))


def kruskal(groups: Sequence[ArrayLike]) -> Comparison:
    """Kruskal and Wallis' H test of two independent groups or more."""
    arrays = _groups(groups)
    n = sum(map(len, arrays))
    if len(arrays) < 2 or np.ptp(np.concatenate(arrays)) == 0:
        return Comparison("kruskal", math.nan, math.nan, n)
    from scipy.stats import kruskal as test

    found = test(*arrays)
    return Comparison("kruskal", float(found.statistic), float(found.pvalue), n, (float(len(arrays) - 1),))


def anova(groups: Sequence[ArrayLike]) -> Comparison:
    """One-way analysis of variance of independent groups: the test that the paper on EXACT reports as F(1, 29)."""
    arrays = _groups(groups)
    n = sum(map(len, arrays))
    df = (float(len(arrays) - 1), float(n - len(arrays)))
    if len(arrays) < 2 or df[1] < 1 or all(np.ptp(each) == 0 for each in arrays):
        return Comparison("anova", math.nan, math.nan, n)
    from scipy.stats import f_oneway

    found = f_oneway(*arrays)
    return Comparison("anova", float(found.statistic), float(found.pvalue), n, df)


def _pairs(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape:
        raise ValueError("Paired tests need as many values on one side as on the other.")
    return a, b


def _groups(groups: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    return [array for array in (np.asarray(group, np.float64) for group in groups) if len(array)]
