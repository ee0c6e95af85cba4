"""Shapes for the engine's benchmark: 30 % boxes, 70 % polygons of 4 to 200 vertices (median 24), clustered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Columns

WIDTH, HEIGHT = 40_000, 30_000
CLASSES = 20
_BOX, _POLYGON = 2, 6


def shapes(count: int, seed: int = 3) -> tuple[Columns, NDArray[np.int64]]:
    """Flat arrays of shapes on a slide of ``WIDTH`` × ``HEIGHT`` pixels, and the class of each (0 to 19)."""
    numbers = np.random.default_rng(seed)
    is_box = numbers.random(count) < 0.3
    length = np.clip(np.rint(24 * np.exp(numbers.normal(0, 0.55, count))), 4, 200).astype(np.int64)
    length[is_box] = 2
    clusters = numbers.uniform(0.1, 0.9, (40, 2)) * [WIDTH, HEIGHT]
    center = clusters[numbers.integers(0, 40, count)] + numbers.normal(0, WIDTH * 0.06, (count, 2))
    center = np.clip(center, 500, [WIDTH - 500, HEIGHT - 500])
    # Vertices lie a few pixels apart, as those of drawn and traced outlines do.
    radius = np.exp(numbers.normal(3.2, 0.5, count)).clip(np.maximum(6, length), 400)
    owner = np.repeat(np.arange(count), length)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    angle = (place + numbers.random(len(owner)) * 0.6) / length[owner] * 2 * np.pi
    spoke = radius[owner] * numbers.uniform(0.8, 1.2, len(owner))
    vertices = center[owner] + np.stack([np.cos(angle), np.sin(angle)], axis=1) * spoke[:, None]
    corner = is_box[owner]
    half = np.where(place[corner, None] == 0, -1.0, 1.0) * radius[owner[corner], None]
    vertices[corner] = center[owner[corner]] + half
    columns = Columns(
        np.where(is_box, _BOX, _POLYGON).astype(np.uint8),
        np.arange(count + 1, dtype=np.uint32),
        length.astype(np.uint32),
        np.zeros(count, np.uint8),
        np.rint(vertices).astype(np.int32),
    )
    return columns, numbers.integers(0, CLASSES, count)


def ordinary_view(columns: Columns) -> Box:
    """A rectangle of 1 % of the slide that holds about 1 % of the shapes."""
    first = np.concatenate([[0], np.cumsum(columns.ring_length, dtype=np.int64)])[:-1]
    width, height = WIDTH // 10, HEIGHT // 10
    column, row = (columns.vertices[first] // [width, height]).T
    counts = np.bincount(row * 10 + column, minlength=100)
    y, x = divmod(int(np.abs(counts - len(columns) / 100).argmin()), 10)
    return Box(x * width, y * height, (x + 1) * width, (y + 1) * height)
