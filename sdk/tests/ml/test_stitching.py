"""Tiles cover every pixel, and their averaged answers are what the network says of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml.stitching import (
    BandStitcher,
    accumulator_bytes,
    pad_to_multiple,
    reflected,
    starts,
    window_weights,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.api.errors import Invalid

_sizes = st.tuples(st.integers(1, 400), st.integers(1, 90), st.integers(1, 90)).filter(lambda all_: all_[2] <= all_[1])


@settings(deadline=None)
@given(_sizes)
def test_tiles_cover_an_axis_begin_every_step_and_end_flush(sizes):
    length, tile, step = sizes
    found = starts(length, tile, step)
    assert len(found) == (1 if length <= tile else -(-(length - tile) // step) + 1)
    assert found == sorted(set(found))
    covered = np.zeros(length, int)
    for start in found:
        covered[start : start + tile] += 1
    assert covered.min() >= 1
    assert found[-1] == max(0, length - tile)
    assert all(start % step == 0 for start in found[:-1])


def test_the_specified_counts_of_tiles_are_met():
    assert len(starts(6000, 512, 384)) == -(-(6000 - 512) // 384) + 1
    assert starts(512, 512, 384) == [0]
    assert starts(513, 512, 384) == [0, 1]
    for wrong in ((0, 5, 5), (5, 0, 1), (5, 4, 5), (5, 4, 0)):
        with pytest.raises(Invalid):
            starts(*wrong)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 100), st.integers(0, 100))
def test_reflection_is_that_of_numpy(length, before, after):
    if length == 1:
        assert (reflected(length, before, after) == 0).all()
    else:
        expected = np.pad(np.arange(length), (before, after), mode="reflect")
        np.testing.assert_array_equal(reflected(length, before, after), expected)


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([np.uint8, np.float32, np.float64]))
def test_padding_keeps_what_is_there_and_the_dtype(height, width, dtype):
    image = np.arange(height * width).reshape(height, width, 1).astype(dtype)
    padded = pad_to_multiple(image, 32)
    assert (padded.shape[0] % 32, padded.shape[1] % 32, padded.dtype) == (0, 0, dtype)
    np.testing.assert_array_equal(padded[:height, :width], image)


def test_the_hann_window_is_high_in_the_middle_and_nowhere_zero():
    window = window_weights(64, 32, "hann")
    assert window.min() >= 1e-3
    assert window.max() == pytest.approx(1.001, abs=6e-3)
    np.testing.assert_allclose(window, window[::-1, ::-1], atol=1e-6)
    assert (window_weights(3, 4) == 1).all()


@settings(deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 90), st.sampled_from([(16, 16), (16, 10), (32, 7)]),
    st.sampled_from(["uniform", "hann"]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_answers_are_averaged_as_by_brute_force_in_any_order_within_a_row(width, height, sizes, window, seed):
    rng = np.random.default_rng(seed)
    tile, step = sizes
    rows, columns = starts(height, tile, step), starts(width, tile, step)
    tall, wide = min(tile, height), min(tile, width)
    weights = window_weights(tall, wide, window)
    answers = {(y, x): rng.random((3, tall, wide), np.float32) for y in rows for x in columns}
    sums, total = np.zeros((3, height, width)), np.zeros((height, width))
    for (y, x), answer in answers.items():
        sums[:, y : y + tall, x : x + wide] += answer * weights.astype(np.float64)
        total[y : y + tall, x : x + wide] += weights
    stitcher = BandStitcher(width, height, 3, tall, rows, weights)
    assert stitcher.nbytes <= accumulator_bytes(width, 3, tile, step)
    found, next_row = np.full((3, height, width), np.nan), 0
    for y in rows:
        for x in rng.permutation(columns):
            stitcher.add(int(x), y, answers[y, int(x)])
        band = stitcher.finish_row()
        if band is not None:
            first, probabilities, covered = band
            assert first == next_row
            assert covered.all()
            next_row = first + len(covered)
            found[:, first:next_row] = probabilities
        stitcher.forget()
    assert next_row == height
    np.testing.assert_allclose(found, sums / total, atol=1e-6)


def test_a_tile_that_comes_too_early_or_too_late_is_refused():
    stitcher = BandStitcher(8, 100, 1, 8, starts(100, 8, 8), window_weights(8, 8))
    with pytest.raises(Invalid, match="row 40"):
        stitcher.add(0, 40, np.ones((1, 8, 8), np.float32))
    stitcher.finish_row()
    stitcher.forget()
    with pytest.raises(Invalid, match="row 0"):
        stitcher.add(0, 0, np.ones((1, 8, 8), np.float32))
