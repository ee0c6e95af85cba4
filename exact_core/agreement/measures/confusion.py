"""Tables of what two readers said of the same items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def confusion(first: Ints, second: Ints, classes: int) -> Ints:
    """How often the first reader (rows) said one class where the second (columns) said another.

    Args:
        first: Class of each item, 0 to ``classes - 1``; negative where the reader did not rate it.
        second: The same of the other reader.
        classes: How many classes there are.
    """
    rated = (first >= 0) & (second >= 0)
    cells = first[rated] * classes + second[rated]
    table: Ints = np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
    return table


def confusion_by(groups: Ints, count: int, first: Ints, second: Ints, classes: int) -> Ints:
    """The same for each of ``count`` groups of items, ``(groups, classes, classes)``; a group is mostly an image."""
    rated = (first >= 0) & (second >= 0)
    cells = (groups[rated] * classes + first[rated]) * classes + second[rated]
    tables: Ints = np.bincount(cells, minlength=count * classes * classes).reshape(count, classes, classes)
    return tables


def ratings_of(readings: Ints, classes: int) -> Ints:
    """How many readers gave each class to an item.

    Args:
        readings: ``(items, readers)`` classes; negative where there is none.
        classes: How many classes there are.
    """
    items = np.broadcast_to(np.arange(len(readings))[:, None], readings.shape)
    rated = readings >= 0
    cells = items[rated] * classes + readings[rated]
    counts: Ints = np.bincount(cells, minlength=len(readings) * classes).reshape(len(readings), classes)
    return counts
