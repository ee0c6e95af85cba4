"""The quick ways for ordinary outlines give what the general ways give."""

from __future__ import annotations

from unittest import mock

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.annotations import packing
from exact_core.annotations.geometry import Geometry
from exact_core.annotations.packing import columns_of, pack, pack_many, unpack, unpack_many
from exact_core.annotations.simple_rings import certainly_simple
from exact_core.api.contributions import Shape

_ANYWHERE = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=12)


def _around(radii: list[int], turns: int = 1) -> np.ndarray:
    """A ring with these spokes, going round a middle so many times."""
    angle = np.arange(len(radii)) * 2 * np.pi * turns / len(radii)
    return np.rint(np.array([500, 300]) + np.stack([np.cos(angle), np.sin(angle)], 1) * np.array(radii)[:, None])


def _judged(rings: list[np.ndarray]) -> list[tuple[bool, bool]]:
    lengths = np.array([len(ring) for ring in rings], np.int64)
    simple, positive = certainly_simple(np.concatenate(rings), lengths)
    return list(zip(simple.tolist(), positive.tolist(), strict=True))


@settings(deadline=None, max_examples=50)
@given(st.lists(_ANYWHERE, min_size=1, max_size=5))
def test_what_is_called_simple_is_valid_and_its_direction_is_right(drawn):
    rings = [np.array(ring) for ring in drawn]
    for ring, (simple, positive) in zip(rings, _judged(rings), strict=True):
        if simple:
            outline = shapely.linearrings(ring.astype(float))
            assert shapely.is_valid(shapely.polygons(outline))
            assert shapely.is_ccw(outline) == positive


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(80, 100), min_size=8, max_size=60), st.booleans())
def test_outlines_around_a_middle_are_recognised_in_both_directions(radii, backwards):
    ring = _around(radii)[::-1] if backwards else _around(radii)
    assert _judged([ring]) == [(True, not backwards)]


def test_what_goes_round_twice_turns_back_or_has_no_area_is_not_called_simple():
    twice = _around([90] * 7, turns=2)
    back = np.array([[0, 0], [100, 0], [100, 100], [60, 20], [0, 100]])
    flat = np.array([[0, 0], [50, 50], [100, 100]])
    huge = _around([90] * 8) * 1e6
    assert [simple for simple, _ in _judged([twice, back, flat, huge, np.array([[3, 3]])])] == [False] * 5
    assert certainly_simple(np.empty((0, 2)), np.empty(0, np.int64))[0].tolist() == []


_RING = st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-300, 300)), min_size=3, max_size=6)
_NEAR = st.lists(st.tuples(st.integers(0, 900), st.integers(-900, 0)), min_size=3, max_size=6)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.one_of(_NEAR, _RING), st.integers(0, 8)), min_size=1, max_size=6))
def test_single_and_ordinary_shapes_are_packed_as_by_the_general_way(drawn):
    geometries = [
        Geometry(Shape.POLYGON, np.array(ring, np.int32), (len(ring),), (False,), bits) for ring, bits in drawn
    ]
    several = Geometry(
        Shape.POLYGON, np.array([*drawn[0][0], *drawn[0][0]], np.int32), (len(drawn[0][0]),) * 2, (False, True)
    )
    for some in (geometries, [*geometries, several]):
        quick = pack_many(columns_of(some))
        with mock.patch.object(packing, "_pack_ordinary", return_value=None):
            assert quick == pack_many(columns_of(some))
        assert quick == [pack(each) for each in some]
        assert np.array_equal(unpack_many(quick).vertices, np.concatenate([each.vertices for each in some]))
        for packed, each in zip(quick, some, strict=True):
            found = unpack(packed)
            assert np.array_equal(found.vertices, each.vertices)
            assert (found.ring_lengths, found.ring_holes) == (each.ring_lengths, each.ring_holes)
            assert (found.shape, found.fraction_bits) == (each.shape, each.fraction_bits)
