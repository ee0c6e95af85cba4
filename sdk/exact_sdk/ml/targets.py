"""Annotations as a label for each pixel; what nobody looked at is to be ignored, not background (ml-spec 0.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_sdk.ml.manifest import Annotation, ManifestImage
from exact_sdk.ml.metrics import IGNORE

Labels = NDArray[np.uint8]
Points = NDArray[np.float64]

AREAS = ("box", "ellipse", "polygon", "rotated_box", "multi_polygon")
"""Shapes that have an inside; points and lines label no pixel."""

_ARC = 64


def pixel_labels(
    image: ManifestImage,
    classes: Mapping[int, int],
    area: tuple[int, int, int, int],
    *,
    downsample: float = 1.0,
    background: int = 0,
    frame: tuple[int, int, int] = (0, 0, 0),
    with_rejected: bool = False,
) -> Labels:
    """Label the pixels of a rectangle.

    A pixel belongs to a shape when its middle lies inside. Smaller shapes lie over larger ones. A shape of no class of
    the training is :data:`IGNORE`. What no shape covers is background when the image is complete, else it is ignored.

    Args:
        image: With its annotations.
        classes: The class of each annotation type that is trained, by the type's number, as ``TrainingSet.label_of``.
        area: x, y, width and height in pixels of the map.
        downsample: How many level-0 pixels one pixel of the map spans.
        background: The number of what is nothing.
        frame: z, t and c that the pixels are of.
        with_rejected: Whether shapes count that somebody rejected.

    Returns:
        ``(height, width)``.

    Raises:
        Invalid: A class has the number of what is ignored, or none that a byte holds.
    """
    wrong = [type_id for type_id, number in classes.items() if not 0 <= number < IGNORE]
    if wrong:
        raise Invalid(f"The annotation type {wrong[0]} needs a class from 0 to {IGNORE - 1}.")
    x, y, width, height = area
    labels = np.full((height, width), background if image.is_complete else IGNORE, np.uint8)
    used = [
        one
        for one in image.annotations
        if one.shape in AREAS
        and (with_rejected or one.verdict != "rejected")
        and all(own in (-1, asked) for own, asked in zip(one.frame, frame, strict=True))
    ]
    drawn = [(outline_of(one), one) for one in used]
    for rings, one in sorted(drawn, key=lambda pair: (-_area(pair[0]), pair[1].id)):
        moved = [ring / downsample - (x, y) for ring in rings]
        labels[inside(moved, width, height)] = classes.get(one.type_id, IGNORE)
    return labels


def outline_of(annotation: Annotation) -> list[Points]:
    """The rings of a shape with an inside, each ``(v, 2)``; an ellipse has 64 corners."""
    rings = [np.asarray(ring, np.float64) for ring in annotation.rings]
    if annotation.shape not in ("box", "ellipse"):
        return rings
    (x0, y0), (x1, y1) = rings[0]
    if annotation.shape == "box":
        return [np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])]
    angle = np.arange(_ARC) * (2 * np.pi / _ARC)
    return [np.stack([(x0 + x1 + (x1 - x0) * np.cos(angle)) / 2, (y0 + y1 + (y1 - y0) * np.sin(angle)) / 2], axis=1)]


def inside(rings: Sequence[Points], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels have their middle inside of rings, by the even-odd rule: a ring in a ring is a hole.

    Args:
        rings: Each ``(v, 2)`` x and y, closed by itself.
        width: Of the rectangle, in pixels.
        height: Of the rectangle, in pixels.

    Returns:
        ``(height, width)``.
    """
    crossed = np.zeros((height, width + 1), np.int32)
    for ring in rings:
        _cross(crossed, ring, np.roll(ring, -1, axis=0), width, height)
    odd: NDArray[Any] = np.cumsum(crossed, axis=1)[:, :width] % 2 == 1
    return odd


def _cross(crossed: NDArray[np.int32], start: Points, end: Points, width: int, height: int) -> None:
    """Count, for every row, the edges that lie left of each pixel's middle."""
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64)
    lengths = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(start)), lengths)
    rows = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths) + first[edge]
    share = (rows + 0.5 - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
    x = start[edge, 0] + share * (end[edge, 0] - start[edge, 0])
    np.add.at(crossed, (rows, np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)), 1)


def _area(rings: Sequence[Points]) -> float:
    """Area of the outlines less that of the holes, as their windings differ."""
    total = 0.0
    for ring in rings:
        x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
        total += float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    return abs(total)
