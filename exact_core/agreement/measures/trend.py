"""Whether a share rises or falls over ordered windows: the drift of a reader."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Trend:
    """The test of Cochran and Armitage: ``z`` is negative when the share falls."""

    z: float
    p: float
    slope: float  # of the share, per window


def trend(hits: ArrayLike, totals: ArrayLike) -> Trend | None:
    r"""Test for a linear trend in shares of ordered windows; None where there is nothing to test.

    :math:`z = \frac{\sum_i w_i (x_i - n_i \bar p)}{\sqrt{\bar p (1 - \bar p) \sum_i n_i (w_i - \bar w)^2}}` with
    :math:`x_i` hits of :math:`n_i` in window :math:`w_i`, two-sided p from the normal distribution. Cochran, Biometrics
    10 (1954) 417; Armitage, Biometrics 11 (1955) 375. Windows without any item are left out but keep their place.
    """
    found, total = np.asarray(hits, np.float64), np.asarray(totals, np.float64)
    place = np.arange(len(total), dtype=np.float64)
    used = total > 0
    found, total, place = found[used], total[used], place[used]
    if len(total) < 2:
        return None
    share = found.sum() / total.sum()
    middle = (total * place).sum() / total.sum()
    spread = (total * (place - middle) ** 2).sum()
    variance = share * (1 - share) * spread
    above = float((place * (found - total * share)).sum())
    if variance <= 0:
        return None
    z = above / math.sqrt(variance)
    return Trend(z, math.erfc(abs(z) / math.sqrt(2)), above / float(spread))
