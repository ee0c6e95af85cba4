"""When two readers' marks are the same thing: the chosen rule, and what it comes to for the marks at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from exact_core.agreement.measures.matching import Method
from exact_core.agreement.readings import Readings
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid

Kind = Literal["auto", "distance", "overlap"]
Unit = Literal["auto", "um", "px"]

DEFAULT_UM = 7.5
"""Where marks are points: the distance of the MIDOG challenge for mitotic figures."""

DEFAULT_PX = 30.0
MAX_DISTANCE = 1e7
_OUTLINES = (Shape.POLYGON.number, Shape.MULTI_POLYGON.number)


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What somebody asks for.

    Attributes:
        kind: By the distance of middles, by the overlap of outlines, or whichever suits most of the marks.
        distance: How far middles may be apart; half the typical size of the marks unless given.
        unit: Of the distance; µm where all images have a scale, unless given.
        overlap: Least intersection over union.
        method: How pairs of readers are matched.
    """

    kind: Kind = "auto"
    distance: float | None = None
    unit: Unit = "auto"
    overlap: float = 0.5
    method: Method = "greedy"

    def __post_init__(self) -> None:
        far = self.distance
        if far is not None and not (math.isfinite(far) and 0 < far <= MAX_DISTANCE):
            raise Invalid("The distance of a match must be more than 0.")
        if not 0 < self.overlap <= 1:
            raise Invalid("The overlap of a match is a share: more than 0, at most 1.")


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """What the rule comes to. ``without_scale`` counts images that a distance in µm had to leave out."""

    kind: Literal["distance", "overlap"]
    distance: float
    unit: Literal["um", "px"]
    overlap: float
    method: Method
    without_scale: int = 0

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers; without what does not apply."""
        shared = {"kind": self.kind, "method": self.method, "unit": self.unit, "without_scale": self.without_scale}
        return shared | ({"distance": self.distance} if self.kind == "distance" else {"overlap": self.overlap})


def applied(rule: MatchRule, readings: Readings) -> AppliedRule:
    """Fill in what was left open."""
    marks = readings.marks.where(~readings.marks.is_label)
    scaled = np.array([image.mpp_x is not None and image.mpp_y is not None for image in readings.images], bool)
    in_um = rule.unit == "um" or (rule.unit == "auto" and len(scaled) > 0 and bool(scaled.all()))
    outlines = np.isin(marks.shape, _OUTLINES).mean() if len(marks) else 0.0
    kind = rule.kind if rule.kind != "auto" else "overlap" if outlines > 0.5 else "distance"
    distance = rule.distance or _half_a_mark(readings, in_um)
    left_out = int((~scaled).sum()) if in_um else 0
    return AppliedRule(kind, distance, "um" if in_um else "px", rule.overlap, rule.method, left_out)


def scales(readings: Readings, unit: Literal["um", "px"]) -> NDArray[np.float64]:
    """Units per pixel of each image in x and y; NaN where it is not known."""
    if unit == "px":
        return np.ones((len(readings.images), 2))
    known = [(image.mpp_x or math.nan, image.mpp_y or math.nan) for image in readings.images]
    return np.array(known, np.float64).reshape(-1, 2)


def _half_a_mark(readings: Readings, in_um: bool) -> float:
    """Half the median shorter side: about where the middle of one mark leaves the other."""
    marks = readings.marks.where(~readings.marks.is_label)
    sides = (marks.box[:, 2:] - marks.box[:, :2]) * scales(readings, "um" if in_um else "px")[marks.image]
    shorter = sides.min(axis=1) if len(sides) else np.zeros(0)
    shorter = shorter[np.isfinite(shorter) & (shorter > 0)]
    if not len(shorter):
        return DEFAULT_UM if in_um else DEFAULT_PX
    return round(float(np.median(shorter)) / 2, 2) or DEFAULT_UM
