"""Encoding a view beside the JSON of the same shapes with the fields that EXACT sends: processor time and bytes.

Both begin with the rows that the database gave, and end with the bytes that are sent. EXACT's serializer itself, which
takes most of its time, is left out: its fields are put into a dictionary by hand.
"""

from __future__ import annotations

import json
import statistics
import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from benchmarks.engine_cpu import Meter
from benchmarks.engine_peer import vectors_of
from exact_core.annotations import views, wire
from exact_core.annotations.geometry import Box
from exact_core.annotations.packing import Columns
from exact_core.annotations.scope import ReadScope

_SAMPLE = 5_000
_ROUNDS = 5
_AT = "2021-06-01T12:00:00.000000+02:00"


def wire_measures(
    session: Session, scope: ReadScope, meter: Meter, columns: Columns, classes: NDArray[np.int64]
) -> dict[str, float]:
    """Per shape: seconds and bytes of both forms."""
    request = views.ViewRequest(Box(0, 0, scope.image.width - 1, scope.image.height - 1), limit=views.MAX_LIMIT)
    rows = views.rows_of(session, scope, request, views.MAX_LIMIT)
    rows_of_theirs = [
        (number, json.dumps(vector), str(uuid.uuid4()), kind)
        for number, (vector, kind) in zip(range(_SAMPLE), vectors_of(columns, classes), strict=False)
    ]
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        ours.append(meter.of(lambda: views.encode_shapes(scope, request, rows), 0.1) / len(rows))
        theirs.append(meter.of(lambda: _encoded(rows_of_theirs), 0.1) / _SAMPLE)
    body = views.encode_shapes(scope, request, rows)
    packed, _ = wire.compressed(body, "zstd")
    json_bytes = len(_encoded(rows_of_theirs)) / _SAMPLE
    return {
        "wire encode CPU": statistics.median(ours),
        "peer wire encode CPU": statistics.median(theirs),
        "wire bytes": len(body) / len(rows),
        "peer wire bytes": json_bytes,
        "wire bytes with zstd": len(packed) / len(rows),
        "peer wire bytes with zstd": json_bytes,
    }


def _encoded(rows: list[tuple[int, str, str, int]]) -> bytes:
    return json.dumps([_item(*row) for row in rows]).encode()


def _item(number: int, vector: str, name: str, kind: int) -> dict[str, Any]:
    """A row as EXACT's serializer has it before it writes JSON."""
    return {
        "id": number,
        "annotation_type": kind,
        "vector": json.loads(vector),
        "unique_identifier": name,
        "user": {"id": 1, "username": "reader", "first_name": "", "last_name": "", "email": "", "points": 0},
        "last_editor": {"id": 1, "username": "reader", "first_name": "", "last_name": "", "email": "", "points": 0},
        "time": _AT,
        "last_edit_time": _AT,
        "image": 1,
        "deleted": False,
        "description": "",
        "is_verified": False,
        "uploaded_media_files": [],
        "meta_data": None,
    }
