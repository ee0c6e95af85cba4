"""The queue "what next" over runs: undecided shapes of which a decision teaches most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.predictions.chunks import Shapes
from exact_core.predictions.next_items import describe, next_items, uncertainty_of
from exact_core.predictions.reading import Wanted, shapes_of
from exact_core.predictions.scope import RunScope
from exact_core.storage.models import PredictionDecision, PredictionRun


def undecided(session: Session, run: PredictionRun, scope: RunScope, wanted: Wanted) -> tuple[Shapes, int]:
    """Shapes that the actor knows no decision of, and how many there are with those that are decided."""
    found = shapes_of(session, run, wanted)
    row = PredictionDecision
    decided = np.fromiter(session.scalars(select(row.number).where(row.run_id == run.id, *scope.decisions())), np.int64)
    return found.where(~np.isin(found.number, decided)), len(found)


def next_of(
    session: Session, runs: Sequence[PredictionRun], scope: RunScope, wanted: Wanted, k: int
) -> list[dict[str, Any]]:
    """Shapes to look at next, over several runs of one image set.

    Args:
        session: Where to read.
        runs: The runs; the actor may see them.
        scope: Whose decisions count.
        wanted: Only these shapes.
        k: How many.
    """
    found = [undecided(session, run, scope, wanted)[0] for run in runs]
    boxes = np.concatenate([each.boxes() for each in found]) if found else np.zeros((0, 4))
    scores = np.concatenate([each.score for each in found]) if found else np.zeros(0)
    labels = np.concatenate([each.label for each in found]) if found else np.zeros(0, np.int64)
    told = np.concatenate([each.uncertainty for each in found]) if found else np.zeros(0)
    uncertainty = uncertainty_of(scores, told)
    image = np.repeat(np.arange(len(found), dtype=np.float64), [len(each) for each in found])
    descriptors = np.column_stack([describe(boxes, labels, scores), image])
    number = np.concatenate([each.number for each in found]) if found else labels
    answer = []
    for place in next_items(descriptors, uncertainty, k).tolist():
        run = runs[int(image[place])]
        answer.append(
            {
                "run": run.uuid,
                "image_id": run.image_id,
                "number": int(number[place]),
                "label": run.labels[int(labels[place])],
                "score": float(scores[place]),
                "uncertainty": float(uncertainty[place]),
                "box": boxes[place].tolist(),
            }
        )
    return answer
