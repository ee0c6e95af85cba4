"""Probabilities and their entropy become maps of bytes, whole and in the order of their rows."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from exact_sdk.ml.maps import as_bytes, entropy, map_sink
from exact_sdk.ml.readers import PatternReader
from exact_sdk.ml.tiles import TilePlan, skip_empty
from exact_sdk.ml.tilestream import stream
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.sampled_from([np.float32, np.float64]))
def test_the_entropy_is_that_of_scipy_over_its_largest(seed, classes, dtype):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(classes), (3, 4)).transpose(2, 0, 1).astype(dtype)
    found = entropy(probabilities)
    assert (found.dtype, found.shape) == (dtype, (3, 4))
    np.testing.assert_allclose(found, stats.entropy(probabilities, axis=0) / np.log(classes), atol=1e-5)


def test_the_ends_of_the_entropy_are_certain_and_undecided():
    np.testing.assert_allclose(entropy(np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])), [0, 1, 0])
    assert as_bytes(np.array([0, 0.5, 1, 0.499 / 255])).tolist() == [0, 128, 255, 0]


class Written:
    """Keeps the rows of maps, and whether each was closed."""

    def __init__(self):
        self.maps, self.open = {}, set()

    @contextmanager
    def map(self, name, *, width, height, downsample, label=None, x=0, y=0):
        rows = self.maps[name, label, downsample] = []

        class Writer:
            def write(self, band):
                assert (band.shape[1], band.dtype) == (width, np.uint8)
                rows.append(band)

        self.open.add((name, label))
        yield Writer()
        self.open.remove((name, label))
        assert sum(map(len, rows)) == height


def network(samples):
    red = samples[..., 0].astype(np.float32) / 255
    return np.stack([red / 2, red / 2, 1 - red], axis=1)


def test_a_run_fills_a_map_for_each_class_and_one_of_the_entropy():
    reader, out = PatternReader(90, 150), Written()
    mask = np.ones((15, 9), bool)
    mask[:4] = False
    with map_sink(out, 90, 150, [0, 2], downsample=2.0) as sink:
        stream(reader, network, sink, TilePlan(90, 150, 32, 32), 3, skip=skip_empty(mask, 90, 150))
    assert set(out.maps) == {("probability", 0, 2.0), ("probability", 2, 2.0), ("entropy", None, 2.0)}
    assert out.open == set()
    found = {name: np.concatenate(rows) for (name, label, _), rows in out.maps.items() if label != 2}
    expected = network(reader.read(0, 0, 90, 150)[None])[0]
    np.testing.assert_allclose(found["probability"][32:], as_bytes(expected[0])[32:], atol=1)
    np.testing.assert_allclose(found["entropy"][32:], as_bytes(entropy(expected))[32:], atol=1)
    assert not found["probability"][:32].any()
    assert not found["entropy"][:32].any()


def test_maps_of_the_entropy_may_be_left_out():
    out = Written()
    with pytest.raises(AssertionError), map_sink(out, 8, 8, [1], with_entropy=False):
        pass  # a map that stays empty is noticed by its writer
    assert set(out.maps) == {("probability", 1, 1.0)}
