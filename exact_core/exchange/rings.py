"""The vertices of stored geometries as plain level-0 pixels."""

from __future__ import annotations

import numpy as np

from exact_core.annotations.geometry import Geometry
from exact_core.exchange.document import Ring


def level0_rings(geometry: Geometry) -> list[Ring]:
    """Each ring of a geometry in level-0 pixels, also where it is stored as fixed-point numbers."""
    scale = float(1 << getattr(geometry, "fraction_bits", 0))
    return [np.asarray(ring, np.float64) / scale for ring in geometry.rings()]
