"""The tissue finder: polygons with holes, and the map of probabilities that they are traced from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from skimage import measure

from exact_core.api.predictions import PredictedShapes
from exact_core.detectors.levels import halted, mpp_of, require_color
from exact_core.detectors.nuclei import entropy
from exact_core.detectors.settings import TissueSettings
from exact_core.detectors.tissue_mask import tissue_mask

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exact_core.api.annotations import Region
    from exact_core.api.models import StoredModel
    from exact_core.api.pixels import PixelReader
    from exact_core.api.predictions import PredictionWriter

_BAND = 512
_TOLERANCE = 0.5  # of a map pixel: how far a simplified outline may be from the traced one


class TissueFinder:
    """Outlines tissue in bright-field colour images (driver ``exact_tissue``)."""

    def __init__(self, model: StoredModel, settings: BaseModel | None, device: str) -> None:
        self._settings = settings if isinstance(settings, TissueSettings) else TissueSettings()

    def predict(
        self,
        image: PixelReader,
        area: Region | None,
        out: PredictionWriter,
        told: Callable[[float, str], None],
    ) -> None:
        """Run on one image; with an area its part of the map and what lies in it."""
        require_color(image)
        settings = self._settings
        told(0.0, "Reading the slide")
        mpp = mpp_of(image, settings.assumed_mpp)
        mask = tissue_mask(image, mpp, halted(told), settings.resolution)
        told(0.8, "Tracing")
        left = top = 0
        probability = mask.probability
        if area is not None:
            left, top = (max(0, int(each / mask.downsample)) for each in (area.x0, area.y0))
            right, bottom = (math.ceil(each / mask.downsample) for each in (area.x1, area.y1))
            probability = probability[top:bottom, left:right]
        if not probability.size:
            return
        pixel = (mask.downsample * mpp / 1000) ** 2  # mm²
        found = traced(probability, settings.threshold, settings.smallest / pixel, settings.smallest_hole / pixel)
        rows = [[(ring + np.array([left, top])) * mask.downsample for ring in rings] for rings in found]
        if rows:
            scores = np.array([_mean_inside(probability, rings) for rings in found])
            out.add(PredictedShapes.of_polygons(rows, np.zeros(len(rows), np.int64), scores, entropy(scores)))
        values = np.rint(probability * 255).astype(np.uint8)
        place = {"x": round(left * mask.downsample), "y": round(top * mask.downsample)}
        size = {"width": values.shape[1], "height": values.shape[0], "downsample": mask.downsample, "label": 0}
        with out.map("probability", **size, **place) as kept:
            for start in range(0, len(values), _BAND):
                kept.write(values[start : start + _BAND])
        told(1.0, f"{len(rows):,} pieces of tissue")

    def close(self) -> None:
        """Nothing is held."""


def traced(
    probability: NDArray[np.float32], threshold: float, smallest: float, smallest_hole: float
) -> list[list[NDArray[np.float64]]]:
    """Outlines where a map crosses a threshold, with holes; x, y in its pixels, from the corner of the first.

    Args:
        probability: ``(height, width)``.
        threshold: The value to follow.
        smallest: Pieces with fewer square pixels are left out.
        smallest_hole: Holes with fewer square pixels are filled.
    """
    lines = [
        # the border of one pixel is taken away again, and the middle of a pixel lies at a half
        shapely.LinearRing(line[:, ::-1] - 0.5)
        for line in measure.find_contours(np.pad(probability, 1), threshold, positive_orientation="high")
        if len(line) > 3
    ]
    outer = [shapely.Polygon(line) for line in lines if not line.is_ccw]
    outer = sorted((each for each in outer if each.area >= smallest), key=lambda each: each.area)
    holes = [shapely.Polygon(line) for line in lines if line.is_ccw]
    holes = [each for each in holes if each.area >= smallest_hole]
    inside: list[list[shapely.Polygon]] = [[] for _ in outer]
    for hole in holes:
        place = hole.representative_point()
        # The smallest around it; a piece in the hole is smaller than the hole.
        around = (number for number, each in enumerate(outer) if each.area > hole.area and each.contains(place))
        owner = next(around, None)
        if owner is not None:
            inside[owner].append(hole)
    found: list[list[NDArray[np.float64]]] = []
    for outline, own in zip(outer, inside, strict=True):
        whole = outline.difference(shapely.union_all(own)) if own else outline
        whole = shapely.make_valid(whole.simplify(_TOLERANCE))
        for part in shapely.get_parts(whole):
            if part.geom_type == "Polygon" and part.area >= smallest and part.area > 0:
                rings = [part.exterior, *part.interiors]
                found.append([np.asarray(ring.coords)[:-1] for ring in rings])
    return found


def _mean_inside(probability: NDArray[np.float32], rings: list[NDArray[np.float64]]) -> float:
    """Mean value of the pixels whose middle lies in a polygon."""
    polygon = shapely.Polygon(rings[0], rings[1:])
    x0, y0, x1, y1 = (int(each) for each in polygon.bounds)
    part = probability[y0 : y1 + 1, x0 : x1 + 1]
    y, x = np.mgrid[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] + 0.5
    inside = shapely.contains_xy(polygon, x.ravel(), y.ravel()).reshape(part.shape)
    return float(np.clip(part[inside].mean(), 0, 1)) if inside.any() else float(part.max())
