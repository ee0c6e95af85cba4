"""Forms that formats lack, drawn as rings of vertices, and recognised when they come back."""

from __future__ import annotations

import math

import numpy as np

from exact_core.exchange.document import Ring

_LEAST_ARC, _MOST_ARC = 8, 128  # vertices of a quarter of an ellipse


def box_outline(corners: Ring) -> Ring:
    """The four corners of an upright box that two opposite corners span, from the upper left one along the top."""
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)


def corners_of(ring: Ring) -> Ring:
    """The upper left and the lower right corner of the bounding box."""
    return np.stack([ring.min(axis=0), ring.max(axis=0)])


def upright_box(ring: Ring, tolerance: float = 1e-6) -> Ring | None:
    """The two corners of a ring that is an upright box, whatever corner it starts with; else None."""
    ring = without_closing(ring)
    if len(ring) != 4:
        return None
    corners = corners_of(ring)
    on_side = (np.abs(ring - corners[0]) <= tolerance) | (np.abs(ring - corners[1]) <= tolerance)
    steps = np.abs(ring - np.roll(ring, -1, axis=0)) > tolerance
    turns = steps.sum(axis=1) == 1
    alternate = steps[0, 0] != steps[1, 0] and (steps[0] == steps[2]).all() and (steps[1] == steps[3]).all()
    return corners if on_side.all() and turns.all() and alternate else None


def is_rectangle(ring: Ring, tolerance: float = 1.0) -> bool:
    """Whether four vertices are the corners of a rectangle in any position."""
    ring = without_closing(ring)
    if len(ring) != 4:
        return False
    a, b, c, d = ring
    diagonals = abs(float(np.hypot(*(c - a)) - np.hypot(*(d - b))))
    return float(np.abs((a + c) - (b + d)).max()) <= tolerance and diagonals <= tolerance


def without_closing(ring: Ring) -> Ring:
    """A ring without a last vertex that repeats its first one."""
    return ring[:-1] if len(ring) > 1 and (ring[0] == ring[-1]).all() else ring


def ellipse_outline(corners: Ring, vertices: int | None = None) -> Ring:
    """An ellipse in the box of two corners, as a polygon that starts at its right-most point.

    Without a number of vertices there are so many that the polygon stays within a tenth of a pixel, up to 512. Their
    number is a multiple of four, so that the polygon touches all sides of the box.
    """
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    radii = np.array([(x1 - x0) / 2, (y1 - y0) / 2])
    if vertices is None:
        longest = max(float(radii.max()), 0.2)
        needed = math.pi / 2 / (2 * math.acos(max(1 - 0.1 / longest, -1.0)))
        vertices = 4 * min(max(math.ceil(needed), _LEAST_ARC), _MOST_ARC)
    quarter = vertices // 4
    angles = np.arange(vertices) * (2 * np.pi / vertices)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    circle[::quarter] = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    drawn: Ring = circle * radii + [(x0 + x1) / 2, (y0 + y1) / 2]
    return drawn


def ellipse_box(ring: Ring, tolerance: float) -> Ring | None:
    """The box of a ring that is still what :func:`ellipse_outline` drew; None when somebody changed it."""
    ring = without_closing(ring)
    if len(ring) < 4 * _LEAST_ARC or len(ring) % 4:
        return None
    corners = corners_of(ring)
    return corners if float(np.abs(ellipse_outline(corners, len(ring)) - ring).max()) <= tolerance else None


def turned_ellipse(center: Ring, along: Ring, across: Ring) -> Ring:
    """An ellipse in any position, as a polygon: its centre, and the two vectors from there to its ends."""
    radii = np.hypot(*along), np.hypot(*across)
    box = np.array([[-radii[0], -radii[1]], [radii[0], radii[1]]])
    angles = np.arange(len(ellipse_outline(box))) * (2 * np.pi / len(ellipse_outline(box)))
    drawn: Ring = center + np.cos(angles)[:, None] * along + np.sin(angles)[:, None] * across
    return drawn


def image_outline(width: int, height: int) -> Ring:
    """The border of an image."""
    return box_outline(np.array([[0.0, 0.0], [width, height]]))
