"""From samples to colours."""

from __future__ import annotations

import numpy as np
import pytest

from exact_core.api.drivers import Channel
from exact_core.tiles.display import as_color, measure_window, window


def test_8_bit_samples_are_shown_as_they_are() -> None:
    samples = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert measure_window([samples]) == (0.0, 255.0)
    assert np.array_equal(window(samples, 0.0, 255.0), samples)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32, np.float64])
def test_deep_samples_are_stretched_between_their_extremes(dtype: type) -> None:
    samples = np.array([[100, 350, 600]], dtype=dtype)
    assert window(samples, 100, 600).tolist() == [[0, 128, 255]]
    assert window(samples, 350, 351).tolist() == [[0, 0, 255]]


def test_an_inverted_window_shows_zero_as_white() -> None:
    assert window(np.array([[0, 128, 255]], np.uint8), 255.0, 0.0).tolist() == [[255, 127, 0]]


def test_samples_that_are_no_numbers_are_black_and_do_not_count() -> None:
    samples = np.array([[np.nan, 1.0, 3.0, np.inf]], np.float32)
    low, high = measure_window([samples])
    assert 1.0 <= low < high <= 3.0
    assert window(samples, 1.0, 3.0).tolist() == [[0, 0, 255, 255]]


def test_a_flat_picture_has_a_window_all_the_same() -> None:
    low, high = measure_window([np.full((4, 4), 7, np.uint16)])
    assert low < high
    assert measure_window([np.full((4, 4), np.nan, np.float32)]) == (0.0, 1.0)


def test_channels_add_up_in_their_colours() -> None:
    red, cyan = Channel("a", "#ff0000"), Channel("b", "#00ffff", 0, 100)
    planes = [np.array([[200, 0]], np.uint8), np.array([[100, 50]], np.uint8)]
    assert as_color(planes, [red, cyan]).tolist() == [[[200, 255, 255], [0, 128, 128]]]


def test_bright_channels_of_one_colour_do_not_wrap_around() -> None:
    planes = [np.array([[200]], np.uint8)] * 2
    assert as_color(planes, [Channel("a", "#808080"), Channel("b", "#ffffff")]).tolist() == [[[255, 255, 255]]]
