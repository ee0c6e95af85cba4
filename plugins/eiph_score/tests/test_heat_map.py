"""The heat map's picture: right place, right colour, clear where nothing is known."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from exact_eiph_score.heat_map import COLORS, paint
from PIL import Image


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)))


def test_a_square_is_painted_where_its_cells_lie():
    means = np.full((2, 4), np.nan, dtype=np.float32)
    means[0, 3] = 4.0  # upper right corner of a 8000 x 4000 image
    pixels = pixels_of(paint(means, 2000, 8000, 4000))
    assert pixels.shape == (320, 640, 4)
    assert tuple(pixels[10, 630, :3]) == tuple(COLORS[4].astype(int))
    assert pixels[10, 630, 3] > 0
    assert pixels[310, 630, 3] == 0
    assert pixels[10, 10, 3] == 0


def test_squares_that_reach_over_the_border_are_cut_and_not_squeezed():
    means = np.array([[0.0, 4.0]], dtype=np.float32)  # squares of 1000 px on an image 1500 px wide
    row = pixels_of(paint(means, 1000, 1500, 1000))[100, :, 0]
    border = int(np.argmax(row == COLORS[4][0]))
    assert abs(border / len(row) - 2 / 3) < 0.01


def test_grades_in_between_get_colours_in_between():
    means = np.array([[0.5]], dtype=np.float32)
    pixel = pixels_of(paint(means, 100, 100, 100))[0, 0, :3]
    np.testing.assert_allclose(pixel, (COLORS[0] + COLORS[1]) / 2, atol=1)
