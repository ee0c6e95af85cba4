"""What models hand over: many shapes as arrays, maps of probabilities in bands, and labels of whole images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from exact_core.api.contributions import Shape

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]
    Whole = NDArray[np.integer]
    Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PredictedShapes:
    """Many shapes of one form, in continuous level-0 pixels from the outer corner of the first pixel.

    Attributes:
        shape: The form of all of them; its vertices are those of an annotation of that form.
        points: ``(p, 2)`` x and y of every vertex of every ring.
        rings: ``(r + 1,)`` where each ring begins in ``points``; the last entry is ``p``.
        starts: ``(n + 1,)`` where each shape begins in ``rings``; the last entry is ``r``. The first ring of a polygon
            is its outline and the others are holes; every other form has one ring.
        labels: ``(n,)`` index of each shape's class in the run's labels.
        scores: ``(n,)`` from 0 to 1.
        uncertainties: ``(n,)`` from 0 to 1, the entropy of the class probabilities over its largest possible value;
            None when the model does not say.
    """

    shape: Shape
    points: Numbers
    rings: Whole
    starts: Whole
    labels: Whole
    scores: Numbers
    uncertainties: Numbers | None = None

    @classmethod
    def of_rows(
        cls, shape: Shape, vertices: Numbers, labels: Whole, scores: Numbers, uncertainties: Numbers | None = None
    ) -> PredictedShapes:
        """Shapes that all have the same number of vertices: points, boxes, ellipses, lines.

        Args:
            shape: The form.
            vertices: ``(n, v, 2)`` x and y; for a box its upper left and lower right corner.
            labels: ``(n,)``.
            scores: ``(n,)``.
            uncertainties: ``(n,)`` or None.
        """
        import numpy

        count, each = vertices.shape[0], vertices.shape[1]
        return cls(
            shape,
            numpy.ascontiguousarray(vertices, dtype=numpy.float64).reshape(-1, 2),
            numpy.arange(count + 1, dtype=numpy.int64) * each,
            numpy.arange(count + 1, dtype=numpy.int64),
            labels,
            scores,
            uncertainties,
        )

    @classmethod
    def of_polygons(
        cls,
        polygons: Sequence[Sequence[Numbers]],
        labels: Whole,
        scores: Numbers,
        uncertainties: Numbers | None = None,
    ) -> PredictedShapes:
        """Polygons, each a list of rings ``(v, 2)``, the outline first and then its holes."""
        import numpy

        rings = [numpy.asarray(ring, dtype=numpy.float64) for polygon in polygons for ring in polygon]
        points = numpy.concatenate(rings) if rings else numpy.zeros((0, 2))
        lengths = numpy.array([len(ring) for ring in rings], dtype=numpy.int64)
        counts = numpy.array([len(polygon) for polygon in polygons], dtype=numpy.int64)
        zero = numpy.zeros(1, dtype=numpy.int64)
        return cls(
            Shape.POLYGON,
            points,
            numpy.concatenate([zero, lengths.cumsum()]),
            numpy.concatenate([zero, counts.cumsum()]),
            labels,
            scores,
            uncertainties,
        )

    def __len__(self) -> int:
        return len(self.starts) - 1


class MapWriter(Protocol):
    """Takes one map of values, band after band from the top."""

    def write(self, band: Bytes) -> None:
        """Take the next rows.

        Args:
            band: ``(rows, width)`` uint8; 0 is no probability and 255 is 1, as ``round(255 * p)``.

        Raises:
            Invalid: The width is not the map's, or there are more rows than the map is high.
        """


class PredictionWriter(Protocol):
    """Takes what a model found in one image; nothing is visible before the run is whole, and nothing stays if not."""

    def add(self, shapes: PredictedShapes) -> None:
        """Take shapes; call it as often as you like, with up to 100,000 at a time.

        Raises:
            Invalid: Arrays that do not fit together, NaN, scores outside of 0 to 1, an index without a label.
        """

    def map(
        self, name: str, *, width: int, height: int, downsample: float, label: int | None = None, x: int = 0, y: int = 0
    ) -> AbstractContextManager[MapWriter]:
        """Take a map of values as a pyramid that the viewer shows over the slide.

        Args:
            name: ``probability``, ``entropy``, or a plain name of the plugin's own.
            width: In map pixels.
            height: In map pixels.
            downsample: How many level-0 pixels one map pixel spans.
            label: Index of the class that it is about; None for all together.
            x: Left edge in level-0 pixels.
            y: Upper edge in level-0 pixels.
        """

    def label_image(self, label: int, score: float, uncertainty: float | None = None) -> None:
        """Say the class of the whole image, with its score."""
