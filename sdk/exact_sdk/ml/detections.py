"""Finding objects in an image of any size: tiles with a halo, each object kept by the tile that holds its centre."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.api.predictions import PredictedShapes
from exact_sdk.ml.stitching import Array
from exact_sdk.ml.tiles import Place, tiles_of
from exact_sdk.ml.tilestream import Streaming, Told

if TYPE_CHECKING:
    from exact_core.api.pixels import PixelReader

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Objects, in continuous pixels from the outer corner of the first pixel of a tile, or of the level.

    Attributes:
        centres: ``(n, 2)`` x and y.
        boxes: ``(n, 4)`` x0, y0, x1, y1.
        labels: ``(n,)`` classes.
        scores: ``(n,)`` from 0 to 1.
    """

    centres: Numbers
    boxes: Numbers
    labels: NDArray[np.int64]
    scores: Numbers

    def __len__(self) -> int:
        return len(self.centres)

    def moved(self, x: float, y: float) -> Self:
        """The same objects, seen from elsewhere."""
        shift = np.array([x, y, x, y], dtype=np.float64)
        return replace(self, centres=self.centres + shift[:2], boxes=self.boxes + shift)

    def shapes(self, shape: Shape, uncertainties: Numbers | None = None) -> PredictedShapes:
        """The objects as a run of predictions takes them.

        Args:
            shape: ``Shape.POINT`` for their centres, ``Shape.BOX`` for their boxes, in level-0 pixels.
            uncertainties: ``(n,)`` from 0 to 1, where the model says them.

        Raises:
            Invalid: Another shape was asked for.
        """
        if shape not in (Shape.POINT, Shape.BOX):
            raise Invalid(f"Detections are points or boxes, not {shape.value}.")
        vertices = self.centres[:, None] if shape is Shape.POINT else self.boxes.reshape(-1, 2, 2)
        return PredictedShapes.of_rows(shape, vertices, self.labels, self.scores, uncertainties)

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of them."""
        return type(self)(self.centres[chosen], self.boxes[chosen], self.labels[chosen], self.scores[chosen])


Detector = Callable[[Array], list[Detections]]
"""From samples ``(n, h, w, channels)`` to what is in each of them, in pixels of the tile."""


def detect(
    reader: PixelReader,
    detector: Detector,
    *,
    core: int = 512,
    halo: int = 64,
    how: Streaming | None = None,
    skip: Callable[[Place], bool] | None = None,
    told: Told | None = None,
) -> Iterator[Detections]:
    """Find the objects of a whole level, each once.

    The level is divided into cells of ``core`` px without overlap. A detector sees a cell with ``halo`` px around it,
    and of what it finds those are kept whose centre lies in the cell, its left and upper edge included. When the
    detector gives an object the same centre wherever it lies in the tile, and no object needs more surroundings than
    the halo, nothing is found twice and nothing is lost.

    Args:
        reader: The image.
        detector: Finds objects in a batch of tiles.
        core: Side of a cell, in pixels of the level.
        halo: Surroundings on each side, in pixels of the level; blank outside of the image, where a reflection
            would add objects.
        how: Batches, level and reading ahead; its window is of no meaning.
        skip: Whether a tile, with its halo, is not worth looking at.
        told: Called after each batch.

    Yields:
        What each tile holds, in pixels of the level; tiles without objects too.

    Raises:
        Invalid: A number is not positive, or the detector does not answer for every tile.
    """
    how = how or Streaming()
    if core < 1 or halo < 0:
        raise Invalid(f"Cells of {core} px with {halo} px around them: the first must be positive, the second not < 0.")
    frame = replace(how.frame, outside="blank")
    level = reader.source.levels[frame.level]
    places = list(cells(level.width, level.height, core, halo))
    total, done = len(places), 0
    chosen = [place for place in places if skip is None or not skip(place)]
    with tiles_of(reader, chosen, frame, how.processes, how.ahead) as tiles:
        while batch := list(itertools.islice(tiles, how.batch)):
            found = detector(np.stack([tile for _, tile in batch]))
            if len(found) != len(batch):
                raise Invalid(f"The detector answers for {len(found)} of {len(batch)} tiles.")
            for (place, _), objects in zip(batch, found, strict=True):
                yield _of_cell(objects, place, core, halo, level.width, level.height)
            done += len(batch)
            if told is not None:
                told(done / len(chosen), f"{done} of {len(chosen)} tiles, {total - len(chosen)} left out")


def cells(width: int, height: int, core: int, halo: int) -> Iterator[Place]:
    """The tiles of :func:`detect`: cells with their halo, all of one size, row by row."""
    side = core + 2 * halo
    for row, y in enumerate(range(0, height, core)):
        for column, x in enumerate(range(0, width, core)):
            yield Place(row, column, x - halo, y - halo, side, side)


def _of_cell(found: Detections, place: Place, core: int, halo: int, width: int, height: int) -> Detections:
    """What belongs to a cell, moved into the level."""
    seen = found.moved(place.x, place.y)
    x, y = seen.centres[:, 0], seen.centres[:, 1]
    x0, y0 = place.x + halo, place.y + halo
    x1, y1 = min(x0 + core, width), min(y0 + core, height)
    # Nothing lies behind the last cell: a centre on the very edge of the image belongs to it.
    right = (x < x1) | ((x == x1) & (x1 == width))
    below = (y < y1) | ((y == y1) & (y1 == height))
    return seen.where((x >= x0) & right & (y >= y0) & below)
