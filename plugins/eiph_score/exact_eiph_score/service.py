"""From annotations to scores: counting by grade, for a region and for the squares of a heat map."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from exact_core.api import AnnotationReader, ImageInfo, Region, TypeInfo
from exact_eiph_score.score import Score, doucet_score
from exact_eiph_score.settings import GRADES, EiphSettings

_KEPT_CELL = 2048  # the platform keeps sums for squares of this size
_SQUARES = 24  # wanted along the longer side of the heat map


def counts_by_grade(types: Mapping[TypeInfo, int], settings: EiphSettings) -> tuple[int, ...]:
    """Number of cells of grade 0 to 4; types that stand for no grade are left out."""
    counts = [0] * len(GRADES)
    for kind, count in types.items():
        grade = settings.grade_of(kind.name)
        if grade is not None:
            counts[grade] += count
    return tuple(counts)


def score_region(reader: AnnotationReader, region: Region, settings: EiphSettings) -> Score:
    """Score the cells whose box is centred in a region, as far as the asking user may see them."""
    return doucet_score(counts_by_grade(reader.count_by_type(region), settings), settings.minimum_cells)


def square_size(image: ImageInfo) -> int:
    """Side of a heat map square in level-0 pixels: about 24 along the image, in steps that are fast to count."""
    wanted = max(image.width, image.height) / _SQUARES
    return max(1, round(wanted / _KEPT_CELL)) * _KEPT_CELL if wanted >= _KEPT_CELL / 2 else max(32, int(wanted))


def grade_map(
    reader: AnnotationReader, image: ImageInfo, settings: EiphSettings, *, z: int = 0, t: int = 0
) -> NDArray[np.float32]:
    """Mean grade per square of the slide.

    Returns:
        (rows, columns) float32, 0 to 4, NaN where too few graded cells lie. Square (r, c) covers level-0 pixels
        from ``(c, r) * square_size(image)``; those at the right and lower border may reach over the image.
    """
    side = square_size(image)
    means = np.full((-(-image.height // side), -(-image.width // side)), np.nan, dtype=np.float32)
    for (column, row), types in reader.grid_counts(Region.whole(image, z=z, t=t), side).items():
        score = doucet_score(counts_by_grade(types, settings), settings.heat_map_minimum)
        inside = 0 <= row < means.shape[0] and 0 <= column < means.shape[1]
        if inside and score.value is not None and score.is_certain:
            means[row, column] = score.value / 100
    return means
