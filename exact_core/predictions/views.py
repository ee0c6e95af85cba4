"""What of a run lies in a rectangle, as typed arrays: whole shapes, or counts by place where there are too many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from exact_core.annotations import wire
from exact_core.predictions.chunks import Shapes
from exact_core.predictions.reading import Wanted, counted, shapes_of
from exact_core.storage.models import PredictionRun

MAX_LIMIT = 100_000
DEFAULT_LIMIT = 20_000


def view(session: Session, run: PredictionRun, wanted: Wanted, limit: int) -> bytes:
    """The encoded view.

    Args:
        session: Where to read.
        run: The run; the actor may see it.
        wanted: The rectangle and the least score.
        limit: Most shapes that come whole.
    """
    counts = counted(session, run, wanted)
    header = {"run": run.uuid, "labels": run.labels, "least": wanted.least}
    if counts.above(wanted.least) > limit:
        arrays: dict[str, NDArray[Any]] = {
            "box": counts.boxes,
            "label": counts.labels,
            "histogram": counts.histograms,
        }
        return wire.encode({**header, "kind": "summary", "n": len(counts.boxes)}, arrays)
    found = shapes_of(session, run, wanted)
    return wire.encode(*_shapes(header, found))


def _shapes(header: dict[str, Any], found: Shapes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    steps = found.steps() if len(found) else None
    boxes = found.boxes()
    arrays: dict[str, NDArray[Any]] = {
        "number": found.number.astype(np.uint32),
        "label": found.label.astype(np.uint16),
        "score": found.score,
        "uncertainty": found.uncertainty,
        "box": np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(np.int32),
    }
    coordinates = "int16-delta"
    if steps is not None:
        arrays |= {
            "shape": steps.shape,
            "ring_start": steps.ring_start,
            "ring_length": steps.ring_length,
            "ring_hole": steps.ring_hole,
        }
        if steps.wide is None and steps.delta is not None:
            arrays |= {"first": steps.first, "delta": steps.delta}
        elif steps.wide is not None:
            arrays["xy"] = steps.wide
            coordinates = "int32"
        if steps.fraction_bits is not None:
            arrays["fraction_bits"] = steps.fraction_bits
    return {**header, "kind": "shapes", "n": len(found), "coordinates": coordinates}, arrays
