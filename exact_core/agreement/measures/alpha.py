"""Krippendorff's alpha: any number of readers, any scale, missing ratings allowed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Scale = Literal["nominal", "ordinal", "interval", "ratio"]


def coincidences(ratings: ArrayLike) -> Floats:
    r"""How often two readers of the same item said which two things; can be added over images.

    :math:`o_{ck} = \sum_u \frac{n_{uc}(n_{uk} - [c = k])}{m_u - 1}` over items u with :math:`m_u \ge 2` ratings.

    Args:
        ratings: ``(items, values)``: how many readers gave each value to an item.
    """
    counts = np.asarray(ratings, np.float64)
    raters = counts.sum(axis=-1)
    counts, raters = counts[raters >= 2], raters[raters >= 2]
    weighted = counts / (raters - 1)[:, None]
    table: Floats = weighted.T @ counts
    return table - np.diag(weighted.sum(axis=0))


def krippendorff_alpha(table: ArrayLike, scale: Scale = "nominal", values: ArrayLike | None = None) -> Floats:
    r"""Alpha of added :func:`coincidences`; NaN where fewer than two values were ever given.

    :math:`\alpha = 1 - (n - 1)\frac{\sum_{ck} o_{ck}\delta_{ck}}{\sum_{ck} n_c n_k \delta_{ck}}`. Krippendorff,
    Content Analysis, 2nd ed. (2004), ch. 11.

    Args:
        table: ``(..., values, values)``.
        scale: How far apart two values are: different or not, in ranks as often as they were given, by their
            difference, or by their difference over their sum.
        values: The numbers that the values stand for, in order; 0, 1, 2, … unless given.
    """
    counts = np.asarray(table, np.float64)
    given = counts.sum(axis=-1)
    total = given.sum(axis=-1)
    apart = distances(given, scale, values)
    observed = (counts * apart).sum(axis=(-2, -1))
    expected = np.einsum("...i,...ij,...j->...", given, apart, given)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (total - 1) * observed / expected, np.nan)


def distances(given: Floats, scale: Scale, values: ArrayLike | None = None) -> Floats:
    r"""Squared distances :math:`\delta^2_{ck}` between values that were given so often.

    Ordinal: :math:`(\sum_{g=c}^{k} n_g - \frac{n_c + n_k}{2})^2`; interval: :math:`(c - k)^2`; ratio:
    :math:`(\frac{c - k}{c + k})^2`.
    """
    size = given.shape[-1]
    numbers = np.arange(size, dtype=np.float64) if values is None else np.asarray(values, np.float64)
    if scale == "nominal":
        return (~np.eye(size, dtype=bool)).astype(np.float64)
    if scale == "ordinal":
        middle = np.cumsum(given, axis=-1) - given / 2  # of each value's stretch of ranks
        ranks: Floats = (middle[..., :, None] - middle[..., None, :]) ** 2
        return ranks
    difference = numbers[:, None] - numbers[None, :]
    if scale == "interval":
        squared: Floats = difference**2
        return squared
    together = numbers[:, None] + numbers[None, :]
    share = np.divide(difference, together, out=np.zeros_like(difference), where=together != 0)
    ratio: Floats = share**2
    return ratio
