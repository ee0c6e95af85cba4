"""Levels that the viewer is offered."""

from __future__ import annotations

import pytest

from exact_core.api.drivers import SourceLevel
from exact_core.tiles.pyramid import is_too_deep, level_from_json, offered_levels


def _file(width: int, height: int, *downsamples: float, tile: int = 256) -> list[SourceLevel]:
    return [SourceLevel(int(width / d), int(height / d), d, tile, tile) for d in downsamples]


def test_levels_of_a_complete_pyramid_are_offered_as_they_are() -> None:
    levels = offered_levels(_file(40000, 30000, 1, 4, 16, 64))
    assert [level.downsample for level in levels] == [1, 4, 16, 64]
    assert all(level.native for level in levels)
    assert [level.index for level in levels] == [0, 1, 2, 3]


def test_a_gap_wider_than_four_is_filled() -> None:
    levels = offered_levels(_file(40000, 30000, 1, 16, 64))
    assert [(level.downsample, level.native) for level in levels] == [(1, True), (4, False), (16, True), (64, True)]
    assert (levels[1].source_level, levels[1].factor) == (0, 4)


def test_gaps_of_real_slides_that_are_a_little_off_four_are_not_filled() -> None:
    assert len(offered_levels(_file(40000, 30000, 1, 4.0003, 16.3, 66))) == 4


def test_small_levels_are_added_until_one_fits_a_screen() -> None:
    levels = offered_levels(_file(9000, 5000, 1))
    assert [level.downsample for level in levels] == [1, 4, 16]
    assert max(levels[-1].width, levels[-1].height) <= 1024


def test_a_picture_that_fits_a_screen_has_one_level() -> None:
    assert len(offered_levels(_file(1000, 700, 1))) == 1


def test_a_file_without_small_levels_should_be_converted() -> None:
    assert is_too_deep(_file(60000, 60000, 1, 2))
    assert not is_too_deep(_file(60000, 60000, 1, 16))


@pytest.mark.parametrize(("tile", "expected"), [(256, 256), (240, 240), (8, 512), (4096, 512), (0, 512)])
def test_the_grid_of_the_file_is_kept_where_it_suits_a_browser(tile: int, expected: int) -> None:
    assert offered_levels(_file(3000, 2000, 1, tile=tile))[0].tile_width == expected


def test_tiles_at_the_edge_cover_what_is_left() -> None:
    level = offered_levels(_file(1000, 700, 1))[0]
    assert (level.columns, level.rows) == (4, 3)
    assert level.box(3, 2) == (768, 512, 232, 188)
    assert level.has(3, 2)
    assert not level.has(4, 2)
    assert not level.has(-1, 0)


def test_levels_survive_the_database() -> None:
    for level in offered_levels(_file(9000, 5000, 1, 3)):
        assert level_from_json(level.as_json()) == level
