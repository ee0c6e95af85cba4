"""Decisions about predictions as JSON lines: what a model can be trained further with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.packing import unpack
from exact_core.storage.models import Annotation, AnnotationType, PredictionDecision, PredictionRun

_AT_ONCE = 2_000


def signals(session: Session, image_set_id: int, model_uuid: str = "") -> Iterator[str]:
    """Every decision of a set, in the order of deciding, one JSON object per line; those taken back say so.

    The caller has checked that who asks may see everybody's work in the set and export it.

    Args:
        session: Where to read.
        image_set_id: The set.
        model_uuid: Only decisions about this model.
    """
    decision, run = PredictionDecision, PredictionRun
    query = (
        select(decision, run, Annotation.uuid, AnnotationType.name)
        .join(run, run.id == decision.run_id)
        .outerjoin(Annotation, Annotation.id == decision.annotation_id)
        .outerjoin(AnnotationType, AnnotationType.id == decision.type_id)
        .where(run.image_set_id == image_set_id)
        .order_by(decision.id)
    )
    if model_uuid:
        query = query.where(run.model_uuid == model_uuid.lower())
    for row, own, annotation_uuid, type_name in session.execute(query, execution_options={"yield_per": _AT_ONCE}):
        yield json.dumps(_line(row, own, annotation_uuid, type_name), separators=(",", ":"), ensure_ascii=False) + "\n"


def _line(
    row: PredictionDecision, run: PredictionRun, annotation_uuid: str | None, type_name: str | None
) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at.isoformat(),
        "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at else None,
        "verdict": row.verdict,
        "reader_id": row.reader_id,
        "image_id": run.image_id,
        "run": run.uuid,
        "number": row.number,
        "model": {
            "uuid": run.model_uuid,
            "name": run.model_name,
            "kind": run.model_kind,
            "sha256": run.model_sha256,
            "version_id": run.model_version_id,
        },
        "label": run.labels[row.label],
        "score": row.score,
        "uncertainty": row.uncertainty,
        "geometry": unpack(row.geometry).to_json(),
        "annotation_id": row.annotation_id,
        "annotation_uuid": annotation_uuid,
        "type_id": row.type_id,
        "type": type_name,
    }
