"""Running a network over an image of any size in constant memory, tile by tile and band by band (ml-spec 0.5)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_sdk.ml.stitching import Array, BandStitcher, Floats, Window, window_weights
from exact_sdk.ml.tiles import Frame, Place, TilePlan, tiles_of

if TYPE_CHECKING:
    from exact_core.api.pixels import PixelReader

Network = Callable[[Array], Array]
"""From samples ``(n, h, w, channels)`` to probabilities ``(n, classes, h, w)``; the same for a tile in any batch."""

Told = Callable[[float, str], None]
"""Hears how far it is, 0 to 1, with a message; raises when the job should end."""


class Sink(Protocol):
    """Takes the finished rows of a map, from the top."""

    def __call__(self, y: int, probabilities: Floats, covered: NDArray[np.bool_], /) -> None:
        """Take the next rows.

        Args:
            y: First of them.
            probabilities: ``(classes, rows, width)``; 0 where nothing is covered. Only good during the call.
            covered: ``(rows, width)``, where a tile was looked at; elsewhere the answer is *ignore*.
        """


@dataclass(frozen=True, slots=True)
class Streaming:
    """How tiles are read and answered.

    Attributes:
        batch: Tiles per call of the network.
        window: How much the pixels of a tile count.
        frame: Which pixels are read.
        processes: How many processes read ahead; 0 for none.
        ahead: How many tiles may wait.
    """

    batch: int = 8
    window: Window = "uniform"
    frame: Frame = field(default_factory=Frame)
    processes: int = 0
    ahead: int = 16


def stream(
    reader: PixelReader,
    network: Network,
    sink: Sink,
    plan: TilePlan,
    classes: int,
    *,
    how: Streaming | None = None,
    skip: Callable[[Place], bool] | None = None,
    told: Told | None = None,
    resume_at: int = 0,
) -> None:
    """Run a network over a whole level of an image and hand its averaged probabilities over in bands of rows.

    Memory is that of the tiles of two batches and of :func:`exact_sdk.ml.stitching.accumulator_bytes`, for any height.
    The result does not depend on the size of batches, to float32's rounding.

    Args:
        reader: The image.
        network: Answers a batch of tiles.
        sink: Takes the bands.
        plan: The tiles; its size is that of the level.
        classes: How many maps the network answers.
        how: Batches, weights, reading ahead.
        skip: Whether a tile is not worth looking at.
        told: Called after each batch.
        resume_at: Rows above it were handed over by an earlier run that broke off; they are not handed over again.

    Raises:
        Invalid: The plan does not fit the image, or the network's answer the plan.
    """
    how = how or Streaming()
    level = reader.source.levels[how.frame.level]
    if (plan.width, plan.height) != (level.width, level.height):
        raise Invalid(f"The plan is of {plan.width} x {plan.height} px, the level {level.width} x {level.height}.")
    if resume_at >= plan.height:
        return
    height, width = plan.inside
    first_row = next(row for row, y in enumerate(plan.rows) if y + height > resume_at)
    rows = plan.rows[first_row:]
    stitcher = BandStitcher(
        plan.width, plan.height, classes, height, rows, window_weights(height, width, how.window), resume_at
    )
    bands = _Bands(stitcher, sink, first_row)
    total = plan.count - first_row * len(plan.columns)
    places = (place for place in plan.places(first_row) if skip is None or not skip(place))
    with tiles_of(reader, places, how.frame, how.processes, how.ahead) as tiles:
        for batch, answers in _answers(tiles, network, how.batch, classes):
            for place, answer in zip(batch, answers, strict=True):
                bands.reach(place.row)
                stitcher.add(place.x, place.y, answer[:, :height, :width])
            if told is not None:
                last = batch[-1]
                done = (last.row - first_row) * len(plan.columns) + last.column + 1
                told(done / total, f"{done} of {total} tiles")
    bands.reach(first_row + len(rows))


class _Bands:
    """Hands rows over as soon as the tiles have left them behind."""

    def __init__(self, stitcher: BandStitcher, sink: Sink, first_row: int) -> None:
        self._stitcher, self._sink = stitcher, sink
        self._row = first_row

    def reach(self, row: int) -> None:
        """Say that every tile above a row of tiles was added."""
        while self._row < row:
            band = self._stitcher.finish_row()
            if band is not None:
                self._sink(*band)
            self._stitcher.forget()
            self._row += 1


def _answers(
    tiles: Iterator[tuple[Place, Array]], network: Network, size: int, classes: int
) -> Iterator[tuple[list[Place], Array]]:
    while batch := list(itertools.islice(tiles, size)):
        samples = np.stack([tile for _, tile in batch])
        found = network(samples)
        wanted = (len(batch), classes, *samples.shape[1:3])
        if found.shape != wanted:
            raise Invalid(f"The network answers an array {found.shape} where {wanted} is needed.")
        if not np.isfinite(found).all():
            raise Invalid(f"The network answers values that are not finite, near {batch[0][0].x}, {batch[0][0].y}.")
        yield [place for place, _ in batch], found
