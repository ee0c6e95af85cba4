"""Encoding a view beside the JSON of the same shapes with the fields that EXACT sends: processor time and bytes."""

from __future__ import annotations

import json
import statistics
import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from benchmarks.engine_cpu import Meter
from exact_core.annotations import views, wire
from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Columns
from exact_core.annotations.scope import ReadScope

_SAMPLE = 5_000
_ROUNDS = 3


def wire_measures(
    session: Session, scope: ReadScope, meter: Meter, columns: Columns, classes: NDArray[np.int64]
) -> dict[str, float]:
    """Per shape: seconds and bytes of both forms."""
    side = scope.image.longest
    request = views.ViewRequest(Box(0, 0, side - 1, side - 1), limit=views.MAX_LIMIT)
    rows = views.rows_of(session, scope, request, views.MAX_LIMIT)
    body = views.encode_shapes(scope, request, rows)
    items = _items(columns, classes)
    ours = [meter.of(lambda: views.encode_shapes(scope, request, rows), 0.1) / len(rows) for _ in range(_ROUNDS)]
    theirs = [meter.of(lambda: json.dumps(items), 0.1) / len(items) for _ in range(_ROUNDS)]
    packed, _ = wire.compressed(body, "zstd")
    return {
        "wire encode CPU": statistics.median(ours),
        "peer wire encode CPU": statistics.median(theirs),
        "wire bytes": len(body) / len(rows),
        "peer wire bytes": len(json.dumps(items)) / len(items),
        "wire bytes with zstd": len(packed) / len(rows),
        "peer wire bytes with zstd": len(json.dumps(items)) / len(items),
    }


def _items(columns: Columns, classes: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The first shapes as EXACT's serializer has them before it writes JSON."""
    ends = np.cumsum(columns.ring_length.astype(np.int64)).tolist()
    items = []
    at = "2021-06-01T12:00:00.000000+02:00"
    for number in range(_SAMPLE):
        ring = columns.vertices[ends[number] - int(columns.ring_length[number]) : ends[number]].tolist()
        vector = {f"{axis}{n}": v for n, (x, y) in enumerate(ring, 1) for axis, v in (("x", x), ("y", y))}
        person = {"id": 1, "username": "reader", "first_name": "", "last_name": "", "email": "", "points": 0}
        items.append(
            {
                "id": number,
                "annotation_type": int(classes[number]),
                "vector": vector,
                "unique_identifier": str(uuid.uuid4()),
                "user": person,
                "last_editor": person,
                "time": at,
                "last_edit_time": at,
                "image": 1,
                "deleted": False,
                "description": "",
                "is_verified": False,
                "uploaded_media_files": [],
                "meta_data": None,
            }
        )
    return items
