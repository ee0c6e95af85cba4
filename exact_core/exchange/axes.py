"""Whether a file's coordinates are pixels of the image with y downwards, as they should be; and what they are instead.

Files with the y axis upwards, and with micrometres that are called pixels, are mended where that is certain: when all
shapes then lie in the image, and not before. Where it is only likely, the import is refused, with what can be said to
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage
from exact_core.exchange.placing import Places

Unit = Literal["auto", "px", "um"]
YAxis = Literal["auto", "down", "up"]

_FEWEST_TO_SUSPECT = 20
_FILLED = 0.8  # of the corner that the image would take in micrometres
_OVERSHOOT = 0.02  # of the side; shapes at the edge reach out a little
_FEWEST_FIT = 0.5
_DISTORTED = 0.001


@dataclass(frozen=True, slots=True)
class Mend:
    """What is done to coordinates: divided by micrometres per pixel, turned upside down, enlarged.

    ``height`` is what y is taken from, when that is not 0: files count up from the lower edge, or downwards below 0.
    ``growth`` is how much larger the image is than the copy that the shapes were drawn on.
    """

    scale_x: float = 1.0
    scale_y: float = 1.0
    is_flipped: bool = False
    height: float = 0.0
    growth: tuple[float, float] = (1.0, 1.0)

    @property
    def words(self) -> str:
        """What to tell about it; empty when nothing is done."""
        told = []
        if self.growth != (1.0, 1.0):
            told.append(f"its shapes were drawn on a smaller or larger copy and were scaled by {self.growth[0]:.6g}")
        if self.scale_x != 1.0 or self.scale_y != 1.0:
            told.append(f"its coordinates are micrometres and were divided by {self.scale_x:g} µm per pixel")
        if self.is_flipped:
            told.append("its y axis points up and was turned")
        return " and ".join(told)

    def boxes(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bounding boxes in pixels of the image."""
        scale = self._scale
        scaled = boxes * [*scale, *scale]
        if not self.is_flipped:
            return scaled
        x0, y0, x1, y1 = scaled.T
        return np.stack([x0, self.height - y1, x1, self.height - y0], axis=1)

    def places(self, places: Places) -> Places:
        """Shapes in pixels of the image."""
        if not self.words:
            return places
        xy = places.xy * self._scale
        if self.is_flipped:
            xy[:, 1] = self.height - xy[:, 1]
        return replace(places, xy=xy)

    @property
    def _scale(self) -> tuple[float, float]:
        return self.growth[0] / self.scale_x, self.growth[1] / self.scale_y


@dataclass(slots=True)
class _Tally:
    """How many shapes lie inside of the image under a mend."""

    mend: Mend
    inside: int = 0


def mend_of(
    boxes: Iterable[NDArray[np.float64]],
    image: ExchangeImage,
    *,
    unit: Unit = "auto",
    y_axis: YAxis = "auto",
    growth: tuple[float, float] = (1.0, 1.0),
) -> Mend:
    """What to do to the coordinates of the shapes of one image.

    Args:
        boxes: Their bounding boxes, piece by piece.
        image: The image.
        unit: What the coordinates are, when it was said.
        y_axis: Where y points to, when it was said.
        growth: How much larger the image is than the copy that the shapes were drawn on; see :func:`growth_of`.

    Raises:
        Invalid: They are not pixels, as far as can be seen, and what they are is not certain.
    """
    tallies = [_Tally(replace(mend, growth=growth)) for mend in _candidates(image, unit, y_axis)]
    if growth != (1.0, 1.0):
        tallies = tallies[:1]
    total, low, high, is_whole = 0, np.full(2, np.inf), np.full(2, -np.inf), True
    for piece in boxes:
        good = piece[np.isfinite(piece).all(axis=1)]
        if not len(good):
            continue
        total += len(good)
        low, high = np.minimum(low, good[:, :2].min(axis=0)), np.maximum(high, good[:, 2:].max(axis=0))
        is_whole = is_whole and bool((good == np.rint(good)).all())
        for tally in tallies:
            tally.inside += _inside(tally.mend.boxes(good), image)
    if not total:
        return tallies[0].mend
    if unit == "auto" and tallies[0].inside == total and not is_whole and total >= _FEWEST_TO_SUSPECT:
        _refuse_likely_micrometres(total, low, high, image)
    return _chosen(tallies, total, image)


def growth_of(image: ExchangeImage, size: tuple[int, int] | None) -> tuple[float, float] | None:
    """How much larger an image is than its size in the file; None when that is another picture's size.

    A copy has the same proportions, but for the rounding of its sides.
    """
    if size is None or size == (image.width, image.height):
        return 1.0, 1.0
    growth = image.width / size[0], image.height / size[1]
    rounding = 1 / min(size) + _DISTORTED
    return growth if abs(growth[0] / growth[1] - 1) <= rounding else None


def _candidates(image: ExchangeImage, unit: Unit, y_axis: YAxis) -> list[Mend]:
    """What the coordinates may be, the ordinary first; what was said is not doubted."""
    if unit == "um" and not image.mpp_x:
        raise Invalid(
            f"The file is in micrometres, but the resolution of image {image.name} is not known; enter it first."
        )
    mpp_x = image.mpp_x or 1.0
    mpp_y = image.mpp_y or mpp_x
    scales = {"px": [(1.0, 1.0)], "um": [(mpp_x, mpp_y)], "auto": [(1.0, 1.0), (mpp_x, mpp_y)]}[unit]
    below, above = (True, 0.0), (True, float(image.height))
    flips = {"down": [(False, 0.0)], "up": [below, above], "auto": [(False, 0.0), below]}[y_axis]
    return list(dict.fromkeys(Mend(*scale, *flip) for flip in flips for scale in scales))


def _inside(boxes: NDArray[np.float64], image: ExchangeImage) -> int:
    size = np.array([image.width, image.height], np.float64)
    slack = np.maximum(size * _OVERSHOOT, 1)
    inside = (boxes[:, :2] >= -slack) & (boxes[:, 2:] <= size + slack)
    return int(np.count_nonzero(inside.all(axis=1)))


def _chosen(tallies: list[_Tally], total: int, image: ExchangeImage) -> Mend:
    first = tallies[0]
    if first.inside >= total * _FEWEST_FIT or len(tallies) == 1:
        return first.mend  # shapes that lie outside are refused one by one
    fitting = [tally for tally in tallies[1:] if tally.inside == total]
    if len(fitting) == 1:
        return fitting[0].mend
    if len(fitting) > 1:
        words = "; or ".join(tally.mend.words for tally in fitting)
        raise Invalid(
            f"The shapes for image {image.name} do not lie in it, and that can be understood in several ways: {words}. "
            "Say the unit (px or um) and the y axis (down or up)."
        )
    raise Invalid(
        f"{total - first.inside:,} of {total:,} shapes lie outside of image {image.name}, which is {image.width} × "
        f"{image.height} pixels, and neither micrometres nor a y axis that points up explain it. Is it the right image?"
    )


def _refuse_likely_micrometres(
    total: int, low: NDArray[np.float64], high: NDArray[np.float64], image: ExchangeImage
) -> None:
    """Shapes that fill exactly the corner in which all lie when micrometres are taken for pixels."""
    if not image.mpp_x or image.mpp_x > _FILLED:
        return
    corner = np.array([image.width * image.mpp_x, image.height * (image.mpp_y or image.mpp_x)])
    if (high <= corner).all() and (high >= corner * _FILLED).all() and (low < corner * (1 - _FILLED)).all():
        raise Invalid(
            f"The {total:,} shapes for image {image.name} fill just that corner of it which they would if they were "
            f"written in micrometres ({image.mpp_x:g} µm per pixel). Say the unit: um, or px when they are right."
        )
