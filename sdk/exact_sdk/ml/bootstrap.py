"""Intervals of metrics by resampling whole groups: patients, specimens, scenes.

Samples of one patient hang together, so patients are drawn again and not samples. The intervals are those of the
agreement pages (``exact_core.agreement.measures.bootstrap``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.measures.bootstrap import RESAMPLES, SEED, Floats, Interval, IntervalMethod, intervals

TableStatistic = Callable[[Floats], Floats]
"""From tables ``(..., classes, classes)`` to values ``(...)``, as ``macro_f1`` of ``exact_sdk.ml.metrics``."""


def table_intervals(
    statistics: Mapping[str, TableStatistic],
    tables: NDArray[Any],
    *,
    method: IntervalMethod = "percentile",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Interval]:
    """Values of the added tables of all groups, with their intervals.

    Args:
        statistics: By name.
        tables: ``(groups, classes, classes)``, see ``metrics.tables_by_group``.
        method: Percentile, or bias-corrected and accelerated.
        level: How much of it.
        resamples: How many times the groups are drawn.
        seed: The same seed gives the same intervals.
    """
    groups, shape = len(tables), tables.shape[1:]
    flat = {name: _on_flat(statistic, shape) for name, statistic in statistics.items()}
    return intervals(flat, tables.reshape(groups, -1), method=method, level=level, resamples=resamples, seed=seed)


def paired_difference(
    statistic: TableStatistic,
    first: NDArray[Any],
    second: NDArray[Any],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """How much more the first model has of a metric than the second, on the same groups drawn together.

    Args:
        statistic: The metric.
        first: ``(groups, classes, classes)`` of one model.
        second: The same of the other.
        level: Of the interval.
        resamples: How many times the groups are drawn.
        seed: The same seed gives the same interval.
    """
    both = np.stack([first, second], axis=1)

    def apart(tables: Floats) -> Floats:
        values = statistic(tables)
        return values[..., 0] - values[..., 1]

    flat = _on_flat(apart, both.shape[1:])
    return intervals(
        {"": flat}, both.reshape(len(both), -1), method="percentile", level=level, resamples=resamples, seed=seed
    )[""]


def _on_flat(statistic: TableStatistic, shape: tuple[int, ...]) -> TableStatistic:
    """A statistic of tables as one of rows of numbers."""
    return lambda sums: statistic(sums.reshape(*sums.shape[:-1], *shape))
