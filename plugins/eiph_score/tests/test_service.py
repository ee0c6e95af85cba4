"""From annotation types to scores."""

from __future__ import annotations

import numpy as np
from exact_eiph_score import service
from exact_eiph_score.map_cache import MapCache
from exact_eiph_score.settings import EiphSettings

from exact_core.api import ImageInfo, Region, TypeInfo


def kind(number: int, name: str) -> TypeInfo:
    return TypeInfo(number, name, 1, "EIPH", "#112233")


class Counts:
    """An annotation reader over a fixed list of (x, y, type): what the platform promises, without the platform."""

    def __init__(self, *cells: tuple[int, int, TypeInfo]) -> None:
        self.cells = cells

    def count_by_type(self, region: Region) -> dict[TypeInfo, int]:
        found: dict[TypeInfo, int] = {}
        for x, y, type_ in self.cells:
            if region.x0 <= x < region.x1 and region.y0 <= y < region.y1:
                found[type_] = found.get(type_, 0) + 1
        return found

    def grid_counts(self, region: Region, cell: int) -> dict[tuple[int, int], dict[TypeInfo, int]]:
        return {
            (c, r): found
            for c in range(region.x1 // cell + 1)
            for r in range(region.y1 // cell + 1)
            if (found := self.count_by_type(Region(1, 1, c * cell, r * cell, (c + 1) * cell, (r + 1) * cell)))
        }

    def revision(self, image_id: int) -> int:
        return 1


def test_types_without_a_grade_never_enlarge_the_number_of_cells():
    types = {kind(1, "Grade 1"): 30, kind(2, "Grade 3"): 10, kind(3, "Neutrophil"): 500}
    assert service.counts_by_grade(types, EiphSettings()) == (0, 30, 0, 10, 0)


def test_two_types_may_mean_the_same_grade():
    types = {kind(1, "4"): 3, kind(2, "Grade 4"): 4}
    assert service.counts_by_grade(types, EiphSettings()) == (0, 0, 0, 0, 7)


def test_the_map_shows_the_mean_grade_of_each_square_that_has_enough_cells():
    reader = Counts((10, 10, kind(1, "0")), (20, 20, kind(2, "4")), (5000, 10, kind(2, "4")))
    image = ImageInfo(1, 1, "a", 49_152, 24_576)
    means = service.grade_map(reader, image, EiphSettings(heat_map_minimum=2))
    assert service.square_size(image) == 2048
    assert means.shape == (12, 24)
    assert means[0, 0] == 2.0
    assert np.isnan(means[0, 2])  # one cell is not enough
    assert np.isnan(means).sum() == means.size - 1


def test_small_images_have_small_squares():
    assert service.square_size(ImageInfo(1, 1, "a", 1000, 400)) == 41


def test_a_map_is_painted_once_until_its_image_changes():
    cache, painted = MapCache(), []

    def paint() -> bytes:
        painted.append(1)
        return b"png"

    for _ in range(3):
        assert cache.get(7, "key", paint) == b"png"
    cache.forget(8)
    cache.get(7, "key", paint)
    assert len(painted) == 1
    cache.forget(7)
    cache.get(7, "key", paint)
    assert len(painted) == 2
