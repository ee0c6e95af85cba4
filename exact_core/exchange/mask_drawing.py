"""Polygons drawn into masks: a pixel is inside when its centre is, so polygons along pixel edges come out exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exact_core.exchange.document import Ring


def draw(rings: Sequence[Ring], x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
    """The pixels, 1 inside and 0 outside, of a window whose upper left corner is ``(x, y)``.

    Rings are outlines and holes of one area in any order and direction: what an odd number of them contains is inside.
    """
    starts = np.concatenate(rings)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    starts, ends = starts - [x, y], ends - [x, y]
    upper, lower = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    # An edge crosses the rows whose centres lie between its ends; the lower end does not count.
    first = np.clip(np.ceil(upper - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(lower - 0.5), 0, height).astype(np.int64)
    counts = last - first
    edges = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edges]
    (xa, ya), (xb, yb) = starts[edges].T, ends[edges].T
    crossings = xa + (rows + 0.5 - ya) * (xb - xa) / (yb - ya)
    columns = np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.int64)
    turns = np.bincount(rows * (width + 1) + columns, minlength=height * (width + 1)).reshape(height, width + 1)
    mask: NDArray[np.uint8] = (np.cumsum(turns, axis=1)[:, :width] & 1).astype(np.uint8)
    return mask
