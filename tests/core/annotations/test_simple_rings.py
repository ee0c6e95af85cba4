"""Rings that are called simple are valid for shapely; ordinary outlines of cells are recognised."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from exact_core.annotations.simple_rings import certainly_simple

COORDINATE = st.integers(-1000, 1000)
RING = st.integers(3, 12).flatmap(lambda n: arrays.arrays(np.int32, (n, 2), elements=COORDINATE))


@given(st.lists(RING, min_size=1, max_size=6))
def test_what_is_called_simple_is_valid(rings: list[np.ndarray]) -> None:
    vertices, length = np.concatenate(rings), np.array([len(ring) for ring in rings], np.int64)
    for ring, is_simple in zip(rings, certainly_simple(vertices, length).tolist(), strict=True):
        assert not is_simple or shapely.Polygon(ring).is_valid


@given(st.integers(3, 60), st.integers(0, 2**32 - 1), st.booleans())
def test_outlines_around_a_middle_are_recognised(count: int, seed: int, clockwise: bool) -> None:
    numbers = np.random.default_rng(seed)
    angle = (np.arange(count) + numbers.uniform(0, 0.2, count)) / count * 2 * np.pi
    ring = np.rint(np.stack([np.cos(angle), np.sin(angle)], axis=1) * 5000 + [70_000, 80_000]).astype(np.int32)
    ring = ring[::-1] if clockwise else ring
    assert certainly_simple(ring, np.array([count])).tolist() == [True]


def test_twice_round_is_not_simple() -> None:
    angle = np.arange(10) / 10 * 4 * np.pi
    ring = np.rint(np.stack([np.cos(angle), np.sin(angle)], axis=1) * (100 + np.arange(10))[:, None]).astype(np.int32)
    assert certainly_simple(ring, np.array([10])).tolist() == [False]


def test_a_star_of_five_lines_and_a_line_are_not_simple() -> None:
    star = np.array([[0, -100], [59, 81], [-95, -31], [95, -31], [-59, 81]], np.int32)
    line = np.array([[0, 0], [10, 0], [20, 0]], np.int32)
    assert certainly_simple(np.concatenate([star, line]), np.array([5, 3])).tolist() == [False, False]
    assert certainly_simple(np.empty((0, 2), np.int32), np.empty(0, np.int64)).tolist() == []
