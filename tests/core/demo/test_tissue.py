"""Composed tissue: looks like what it was made of, and repeats nowhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from exact_core.demo.slide import _BLOCK, _MASK_STEP, _patch_mask
from exact_core.demo.tissue import make_tissue, restain, source_picture

SIDE = 768


@pytest.fixture(scope="module")
def tissue():
    return make_tissue(SIDE, brownness=1.0, seed=3)


def test_the_same_seed_gives_the_same_tissue(tissue):
    np.testing.assert_array_equal(make_tissue(SIDE, brownness=1.0, seed=3), tissue)


def test_its_colours_are_those_of_the_picture_it_is_made_of(tissue):
    picture = source_picture()
    for band in range(3):
        theirs, ours = np.percentile(picture[..., band], [10, 90]), np.percentile(tissue[..., band], [10, 90])
        assert ours[0] >= theirs[0] - 30
        assert ours[1] <= theirs[1] + 12


def test_no_part_of_it_is_found_a_second_time(tissue):
    """The correlation of the tissue with itself has one peak: a repeated part would make another."""
    grey = tissue.mean(axis=2)
    grey = grey - gaussian_filter(grey, 12)  # texture, without the large shapes of glands
    spectrum = np.fft.fft2(grey)
    correlation = np.fft.ifft2(np.abs(spectrum) ** 2).real
    correlation /= correlation[0, 0]
    correlation[:60, :60] = correlation[-60:, :60] = correlation[:60, -60:] = correlation[-60:, -60:] = 0
    assert correlation.max() < 0.2


def test_more_brownness_makes_glands_darker_and_leaves_glass_alone():
    picture = source_picture()
    darker = restain(picture, 1.8)
    gland, glass = (slice(60, 200), slice(60, 200)), picture.min(axis=2) > 233
    assert glass.sum() > 1000
    assert darker[gland].mean() < picture[gland].mean() - 10
    assert abs(darker[glass].mean() - picture[glass].astype(float).mean()) < 6


def test_every_seam_is_under_a_patch_and_no_patch_shows_a_seam_of_its_own():
    side = 4 * _BLOCK
    random = np.random.default_rng(5)
    masks = {(r, d): _patch_mask(side, r, d, random) for r, d in ((True, False), (False, True), (True, True))}
    block, half = _BLOCK // _MASK_STEP, _BLOCK // _MASK_STEP // 2
    covered = np.maximum.reduce(list(masks.values()))
    assert (covered[block : -block + 1 : block] == 255).all()
    assert (covered[:, block : -block + 1 : block] == 255).all()
    for (right, down), mask in masks.items():
        assert (mask[:, half * right :: block] == 0).all()
        assert (mask[half * down :: block] == 0).all()
