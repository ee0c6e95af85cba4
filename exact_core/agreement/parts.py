"""What each image brings to the sums that figures are made of; resampling draws whole rows of these tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.items import MISSED, Items
from exact_core.agreement.measures.confusion import confusion_by, ratings_of
from exact_core.agreement.measures.matching import Candidates
from exact_core.agreement.readings import Ints, Readings

Floats = NDArray[np.float64]


def with_missed(said: Ints, classes: int) -> Ints:
    """Classes in which "missed" is one more, after the others; unread stays negative."""
    return np.where(said == MISSED, classes, said)


def rating_parts(image: Ints, images: int, said: Ints, classes: int) -> Floats:
    """Per image :func:`~exact_core.agreement.measures.kappa.agreement_sums`, ``(images, 2 + classes)``.

    Args:
        image: Image of each item.
        images: How many there are.
        said: ``(items, readers)`` classes; negative where there is none.
        classes: How many classes there are.
    """
    ratings = ratings_of(said, classes).astype(np.float64)
    raters = ratings.sum(axis=1)
    used = raters >= 2
    image, ratings, raters = image[used], ratings[used], raters[used]
    agree = (ratings * (ratings - 1)).sum(axis=1) / (raters * (raters - 1))
    columns = [np.ones(len(image)), agree, *(ratings / raters[:, None]).T]
    return np.stack([np.bincount(image, column, minlength=images) for column in columns], axis=1)


def coincidence_parts(image: Ints, images: int, said: Ints, classes: int) -> Floats:
    """Per image :func:`~exact_core.agreement.measures.alpha.coincidences`, ``(images, classes²)``."""
    raters = (said >= 0).sum(axis=1)
    size = classes * classes
    table = np.zeros(images * size)
    for first in range(said.shape[1]):
        for second in range(first + 1, said.shape[1]):
            both = (said[:, first] >= 0) & (said[:, second] >= 0)
            weight = 1 / (raters[both] - 1)
            a, b = said[both, first], said[both, second]
            for row, column in ((a, b), (b, a)):
                table += np.bincount(image[both] * size + row * classes + column, weight, minlength=images * size)
    return table.reshape(images, size)


def pair_tables(items: Items, images: int, first: int, second: int, classes: int) -> Ints:
    """What two readers said of the items of each image, "missed" last; ``(images, classes + 1, classes + 1)``."""
    said = with_missed(items.said, classes)
    return confusion_by(items.image, images, said[:, first], said[:, second], classes + 1)


def mark_counts(readings: Readings, usable: NDArray[np.bool_]) -> Ints:
    """Marks per image, reader and class."""
    marks = readings.marks.where(usable)
    shape = (len(readings.images), len(readings.readers), len(readings.classes))
    cells = (marks.image * shape[1] + marks.reader) * shape[2] + marks.type
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def hit_cells(readings: Readings, matched: Candidates) -> Ints:
    """For each match of two marks of one class a number that says on which image, of whom and of which class."""
    marks, readers, classes = readings.marks, len(readings.readers), len(readings.classes)
    first = matched.first
    pair = marks.reader[first] * readers + marks.reader[matched.second]
    cells: Ints = (marks.image[first] * readers * readers + pair) * classes + marks.type[first]
    return cells


def detection_parts(readings: Readings, counts: Ints, cells: Ints, first: int, second: int) -> Floats:
    """Hits, extra and missed marks of the first reader against the second, on images that both have read.

    Args:
        readings: The marks.
        counts: :func:`mark_counts`.
        cells: :func:`hit_cells`.
        first: Index of a reader.
        second: Of another one.

    Returns:
        ``(images, 3, classes)``.
    """
    images, readers, classes = counts.shape
    low, high = min(first, second), max(first, second)
    pair = low * readers + high
    mine = cells[(cells // classes) % (readers * readers) == pair]
    place = mine // (classes * readers * readers) * classes + mine % classes
    hits = np.bincount(place, minlength=images * classes).reshape(images, classes)
    both = readings.has_read[:, first] & readings.has_read[:, second]
    a, b = counts[:, first] * both[:, None], counts[:, second] * both[:, None]
    hits = hits * both[:, None]
    return np.stack([hits, a - hits, b - hits], axis=1).astype(np.float64)
