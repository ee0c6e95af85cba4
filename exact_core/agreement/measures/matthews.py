"""Correlation of two classifications: Matthews' coefficient, and Gorodkin's for more than two classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def matthews(table: ArrayLike) -> NDArray[np.float64]:
    r"""The multiclass correlation coefficient; for two classes it is Matthews' phi.

    :math:`R_K = \frac{c\,s - \sum_k t_k p_k}{\sqrt{(s^2 - \sum p_k^2)(s^2 - \sum t_k^2)}}` with c correct of s, row
    sums t and column sums p. Matthews, BBA 405 (1975) 442; Gorodkin, Comput Biol Chem 28 (2004) 367. 0 where one side
    named a single class only, as scikit-learn has it.

    Args:
        table: ``(..., classes, classes)`` counts.
    """
    counts = np.asarray(table, np.float64)
    total = counts.sum(axis=(-2, -1))
    right = np.trace(counts, axis1=-2, axis2=-1)
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    spread = (total**2 - (columns**2).sum(axis=-1)) * (total**2 - (rows**2).sum(axis=-1))
    above = right * total - (rows * columns).sum(axis=-1)
    value: NDArray[np.float64] = np.divide(above, np.sqrt(spread), out=np.zeros_like(above), where=spread > 0)
    return value
