"""Shapes that a model hands over as arrays, checked: they fit together, and are what annotations can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations.bulk_checks import check
from exact_core.annotations.outlines import Outlines
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.api.predictions import PredictedShapes

MOST_AT_ONCE = 100_000
_ONE_RING = frozenset(Shape) - {Shape.POLYGON}
_REFUSED = (Shape.MULTI_POLYGON, Shape.IMAGE, Shape.ABSENT)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Shapes as they are kept: packed as annotations are, so that accepting one changes no vertex.

    Attributes:
        packed: Each geometry in the stored form of ``annotations/packing.py``.
        boxes: ``(n, 4)`` x0, y0, x1, y1 in whole level-0 pixels, rounded outward.
        labels: ``(n,)`` index in the run's labels.
        scores: ``(n,)`` float32 from 0 to 1.
        uncertainties: ``(n,)`` float32 from 0 to 1; NaN where the model does not say.
    """

    packed: list[bytes]
    boxes: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    uncertainties: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.packed)


def checked(shapes: PredictedShapes, labels: int, width: int, height: int) -> tuple[Found, dict[int, str]]:
    """The shapes as they are kept, and why some cannot be.

    Shapes are mended and cut at the edge of the image as those that people draw; what crosses itself beyond that, or
    lies outside of the image, is left out with its reason: no annotation could be made of it.

    Args:
        shapes: What the model hands over.
        labels: How many labels the run has.
        width: Of the image in level-0 pixels.
        height: Of the image in level-0 pixels.

    Raises:
        Invalid: The arrays do not fit together, or hold what is no number, no score or no label.
    """
    _require_sound(shapes, labels)
    lengths = np.diff(shapes.rings)
    counts = np.diff(shapes.starts)
    first = np.zeros(len(lengths), bool)
    first[np.asarray(shapes.starts[:-1], np.int64)] = True
    outlines = Outlines(
        np.full(len(shapes), shapes.shape.number, np.uint8),
        np.concatenate([[0], counts.cumsum()]).astype(np.uint32),
        lengths.astype(np.uint32),
        (~first).astype(np.uint8),
        np.asarray(shapes.points, np.float64),
    )
    refused: dict[int, str] = {}
    kept = check(outlines, width, height, refused)
    order = np.argsort(kept.index, kind="stable")
    index = kept.index[order]
    scores = np.asarray(shapes.scores, np.float32)
    unknown = np.full(len(shapes), np.nan, np.float32)
    uncertain = unknown if shapes.uncertainties is None else np.asarray(shapes.uncertainties, np.float32)
    found = Found(
        [kept.packed[place] for place in order.tolist()],
        kept.boxes[order],
        np.asarray(shapes.labels, np.int64)[index],
        scores[index],
        uncertain[index],
    )
    return found, refused


def _require_sound(shapes: PredictedShapes, labels: int) -> None:
    if shapes.shape in _REFUSED:
        raise Invalid(f"A model does not hand over shapes of the form {shapes.shape.value!r} as arrays.")
    count = len(shapes)
    if count < 0 or count > MOST_AT_ONCE:
        raise Invalid(f"Hand over at most {MOST_AT_ONCE:,} shapes at a time, not {count:,}.")
    if shapes.points.ndim != 2 or shapes.points.shape[1] != 2:
        raise Invalid("points: an array of rows x, y is needed.")
    _require_ends("rings", shapes.rings, len(shapes.points))
    _require_ends("starts", shapes.starts, len(shapes.rings) - 1)
    if shapes.shape in _ONE_RING and (np.diff(shapes.starts) != 1).any():
        raise Invalid(f"starts: a shape of the form {shapes.shape.value!r} has one ring.")
    if not np.isfinite(shapes.points).all():
        raise Invalid("points: a coordinate is no number.")
    for name, values in (("labels", shapes.labels), ("scores", shapes.scores), ("uncertainties", shapes.uncertainties)):
        if values is not None and np.shape(values) != (count,):
            raise Invalid(f"{name}: {count} values are needed, one for each shape, not {np.shape(values)}.")
    _require_shares("scores", shapes.scores)
    if shapes.uncertainties is not None:
        _require_shares("uncertainties", shapes.uncertainties)
    if not np.issubdtype(shapes.labels.dtype, np.integer):
        raise Invalid("labels: whole numbers are needed, the places of the labels.")
    if count and (shapes.labels.min() < 0 or shapes.labels.max() >= labels):
        raise Invalid(f"labels: an index is outside of the {labels} labels of the run.")


def _require_ends(name: str, ends: NDArray[np.integer], last: int) -> None:
    sound = ends.ndim == 1 and len(ends) and np.issubdtype(ends.dtype, np.integer)
    if not sound or ends[0] != 0 or ends[-1] != last or (np.diff(ends.astype(np.int64)) < 1).any():
        raise Invalid(f"{name}: it must begin with 0, rise, and end with {last}.")


def _require_shares(name: str, values: NDArray[np.floating]) -> None:
    # written so that NaN is refused too
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise Invalid(f"{name}: every value must be a number from 0 to 1.")
