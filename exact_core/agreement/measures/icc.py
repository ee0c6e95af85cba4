"""Intraclass correlation of scores that several readers gave to the same subjects."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
"""One-way random, two-way random with absolute agreement, two-way mixed with consistency; of one reader, or of the mean
of k.
"""


@dataclass(frozen=True, slots=True)
class Icc:
    """One form, its interval, and the F test of "no correlation"."""

    form: str
    value: float
    low: float
    high: float
    f: float
    df1: float
    df2: float
    p: float


@dataclass(frozen=True, slots=True)
class _Squares:
    """Mean squares of a table of n subjects and k readers."""

    n: int
    k: int
    between: float  # subjects
    readers: float
    within: float
    error: float


def icc(scores: ArrayLike, level: float = 0.95) -> tuple[Icc, ...]:
    """All six forms with intervals by F.

    Shrout & Fleiss, Psychol Bull 86 (1979) 420; intervals as McGraw & Wong, Psychol Methods 1 (1996) 30, table 7.

    Args:
        scores: ``(subjects, readers)``, complete, at least two of each.
        level: Of the interval.
    """
    table = np.asarray(scores, np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("An intraclass correlation needs a full table of two subjects and two readers at least.")
    squares = _squares(table)
    return tuple(_form(form, squares, level) for form in FORMS)


def _squares(table: NDArray[np.float64]) -> _Squares:
    n, k = table.shape
    mean = table.mean()
    subjects = k * ((table.mean(axis=1) - mean) ** 2).sum()
    readers = n * ((table.mean(axis=0) - mean) ** 2).sum()
    # From the residuals and not as a difference of sums, which would leave rounding where readers agree fully.
    error = ((table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + mean) ** 2).sum()
    return _Squares(
        n,
        k,
        float(subjects / (n - 1)),
        float(readers / (k - 1)),
        float((readers + error) / (n * (k - 1))),
        float(error / ((n - 1) * (k - 1))),
    )


def _form(form: str, s: _Squares, level: float) -> Icc:
    if "(1," in form:
        return _by_ratio(form, s, s.within, s.n * (s.k - 1), level)
    if "(3," in form:
        return _by_ratio(form, s, s.error, (s.n - 1) * (s.k - 1), level)
    return _absolute(form, s, level)


def _by_ratio(form: str, s: _Squares, noise: float, df2: int, level: float) -> Icc:
    """Forms 1 and 3, which depend on one ratio of mean squares only."""
    from scipy.stats import f as distribution

    df1 = s.n - 1
    ratio = _divided(s.between, noise)
    tail = 1 - (1 - level) / 2
    low = ratio / distribution.ppf(tail, df1, df2)
    high = ratio * distribution.ppf(tail, df2, df1)
    p = float(distribution.sf(ratio, df1, df2))
    if form.endswith("k)"):
        return Icc(form, 1 - 1 / ratio if ratio else -math.inf, 1 - _divided(1, low), 1 - _divided(1, high),
                   ratio, df1, df2, p)  # fmt: skip
    value, low, high = (_single(each, s.k) for each in (ratio, low, high))
    return Icc(form, value, low, high, ratio, df1, df2, p)


def _single(ratio: float, k: int) -> float:
    return 1.0 if math.isinf(ratio) else (ratio - 1) / (ratio + k - 1)


def _absolute(form: str, s: _Squares, level: float) -> Icc:
    """Form 2: readers differ too, so that the interval needs approximate degrees of freedom."""
    from scipy.stats import f as distribution

    n, k = s.n, s.k
    value = _divided(s.between - s.error, s.between + (k - 1) * s.error + k * (s.readers - s.error) / n)
    ratio = _divided(s.between, s.error)
    df1, df2 = n - 1, (n - 1) * (k - 1)
    p = float(distribution.sf(ratio, df1, df2))
    tail = 1 - (1 - level) / 2
    a = _divided(k * value, n * (1 - value))
    b = 1 + _divided(k * value * (n - 1), n * (1 - value))
    if math.isinf(a) or math.isinf(b):
        low = high = 1.0
    else:
        top = (a * s.readers + b * s.error) ** 2
        below = (a * s.readers) ** 2 / (k - 1) + (b * s.error) ** 2 / ((n - 1) * (k - 1))
        v = _divided(top, below)
        upper, lower = distribution.ppf(tail, n - 1, v), distribution.ppf(tail, v, n - 1)
        spread = k * s.readers + (k * n - k - n) * s.error
        low = _divided(n * (s.between - upper * s.error), upper * spread + n * s.between)
        high = _divided(n * (lower * s.between - s.error), spread + n * lower * s.between)
    if form.endswith("k)"):
        mean = _divided(s.between - s.error, s.between + (s.readers - s.error) / n)
        return Icc(form, mean, _stepped_up(low, k), _stepped_up(high, k), ratio, df1, df2, p)
    return Icc(form, value, float(low), float(high), ratio, df1, df2, p)


def _stepped_up(single: float, k: int) -> float:
    """Spearman and Brown: what the mean of k readers reaches."""
    return float(_divided(k * single, 1 + (k - 1) * single))


def _divided(above: float, below: float) -> float:
    if below == 0:
        return math.nan if above == 0 else math.copysign(math.inf, above)
    return above / below
