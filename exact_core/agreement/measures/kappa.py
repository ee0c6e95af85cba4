"""Agreement beyond chance between readers who name classes: Cohen, Fleiss, Gwet, and plain agreement.

Every function takes tables of counts, so that a table can be the sum over images; tables may be stacked in leading
axes, as resampling makes them. What is not defined (nobody rated, or everybody always chose the same class) is NaN.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Weights = Literal["none", "linear", "quadratic"]


def cohen_kappa(table: ArrayLike, weights: Weights = "none", values: ArrayLike | None = None) -> Floats:
    r"""Cohen's kappa of two readers.

    :math:`\kappa = 1 - \frac{\sum w_{ij} o_{ij}}{\sum w_{ij} e_{ij}}` with observed shares :math:`o`, the product of
    the readers' own shares :math:`e`, and weights of disagreement :math:`w_{ij}` = 1 for i ≠ j (none), ``|v_i - v_j|``
    (linear) or its square (quadratic). Cohen, Educ Psychol Meas 20 (1960) 37; weighted: Psychol Bull 70 (1968) 213.

    Args:
        table: ``(..., classes, classes)``: how often the first reader (rows) and the second (columns) said what.
        weights: How far apart two classes are.
        values: What the classes stand for, for weights; their positions unless given.
    """
    counts = np.asarray(table, np.float64)
    apart = disagreement(counts.shape[-1], weights, values)
    total = counts.sum(axis=(-2, -1))
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (apart * counts).sum(axis=(-2, -1)) / total
        expected = np.einsum("...i,ij,...j->...", rows, apart, columns) / total**2
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def disagreement(classes: int, weights: Weights = "none", values: ArrayLike | None = None) -> Floats:
    """Weights of disagreement between classes, ``(classes, classes)``."""
    places = np.arange(classes, dtype=np.float64) if values is None else np.asarray(values, np.float64)
    apart: Floats = np.abs(places[:, None] - places[None, :])
    if weights == "none":
        return (~np.eye(classes, dtype=bool)).astype(np.float64)
    return apart if weights == "linear" else apart**2


def percent_agreement(table: ArrayLike) -> Floats:
    """The share of items to which two readers gave the same class, 0 to 1; ``table`` as for :func:`cohen_kappa`."""
    counts = np.asarray(table, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        same: Floats = np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))
        return same


def gwet_ac1(table: ArrayLike) -> Floats:
    r"""Gwet's AC1 of two readers, which keeps its meaning where nearly all items are of one class.

    :math:`AC_1 = (p_a - p_e)/(1 - p_e)`, :math:`p_e = \frac{1}{q-1}\sum_k \pi_k(1-\pi_k)` with :math:`\pi_k` the mean
    of the readers' shares of class k. Gwet, Br J Math Stat Psychol 61 (2008) 29.
    """
    counts = np.asarray(table, np.float64)
    classes = counts.shape[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        total = counts.sum(axis=(-2, -1))
        shares = (counts.sum(axis=-1) + counts.sum(axis=-2)) / (2 * total[..., None])
        return _beyond_chance(percent_agreement(counts), _ac1_chance(shares, classes))


def agreement_sums(ratings: ArrayLike) -> Floats:
    """What Fleiss' kappa and Gwet's AC1 need of some items, in a form that can be added over images.

    Args:
        ratings: ``(items, classes)``: how many readers gave each class to an item. Items with fewer than two ratings
            say nothing about agreement and are left out.

    Returns:
        Number of items, sum of their pairwise agreement ``P_i``, then per class the sum of shares ``r_ik / r_i``.
    """
    counts = np.asarray(ratings, np.float64)
    raters = counts.sum(axis=-1)
    counts, raters = counts[raters >= 2], raters[raters >= 2]
    agree = ((counts * (counts - 1)).sum(axis=-1) / (raters * (raters - 1))).sum()
    shares = (counts / raters[:, None]).sum(axis=0)
    return np.concatenate([[len(counts), agree], shares])


def fleiss_kappa_of(sums: ArrayLike) -> Floats:
    r"""Fleiss' kappa of added :func:`agreement_sums`, ``(..., 2 + classes)``.

    :math:`\kappa = (\bar P - \bar P_e)/(1 - \bar P_e)`, :math:`P_i = \frac{\sum_k n_{ik}(n_{ik}-1)}{n(n-1)}`,
    :math:`\bar P_e = \sum_k p_k^2`. Fleiss, Psychol Bull 76 (1971) 378; every item must have equally many ratings.
    """
    items, agree, shares = _split(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = ((shares / items[..., None]) ** 2).sum(axis=-1)
        return _beyond_chance(agree / items, chance)


def fleiss_kappa(ratings: ArrayLike) -> float:
    """Fleiss' kappa of ``(items, classes)`` counts of ratings, equally many for each item."""
    counts = np.asarray(ratings, np.float64)
    raters = np.unique(counts.sum(axis=-1))
    if len(raters) > 1:
        raise ValueError("Fleiss' kappa needs equally many ratings for every item; use Krippendorff's alpha.")
    return float(fleiss_kappa_of(agreement_sums(counts)))


def gwet_ac1_of(sums: ArrayLike) -> Floats:
    """Gwet's AC1 of any number of readers from added :func:`agreement_sums`; ratings may be missing (Gwet 2014, ch. 2).

    The shares of classes are those of items with two ratings or more.
    """
    items, agree, shares = _split(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _beyond_chance(agree / items, _ac1_chance(shares / items[..., None], shares.shape[-1]))


def mean_agreement_of(sums: ArrayLike) -> Floats:
    """The mean over items of the share of pairs of readers who agree, from added :func:`agreement_sums`."""
    items, agree, _ = _split(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = agree / items
        return mean


def _split(sums: ArrayLike) -> tuple[Floats, Floats, Floats]:
    values = np.asarray(sums, np.float64)
    return values[..., 0], values[..., 1], values[..., 2:]


def _ac1_chance(shares: Floats, classes: int) -> Floats:
    if classes < 2:
        return np.full(shares.shape[:-1], np.nan)
    chance: Floats = (shares * (1 - shares)).sum(axis=-1) / (classes - 1)
    return chance


def _beyond_chance(agree: Floats, chance: Floats) -> Floats:
    return np.where(chance < 1, (agree - chance) / (1 - chance), np.nan)
