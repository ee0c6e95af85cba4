"""The curves of a training: figures by step, told while it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exact_core.api.errors import Invalid
from exact_core.storage.models import TrainingPoint
from exact_core.training.runs import run_of_job

if TYPE_CHECKING:
    from exact_core.services import Services

MOST_POINTS = 200_000
_MOST_NAMES = 40
_LONGEST_NAME = 60


def add_point(services: Services, job_id: int, step: int, values: Mapping[str, float]) -> None:
    """Keep the figures of one step; what was told of the same step before is replaced."""
    if not 0 <= step < 2**31:
        raise Invalid(f"step: {step} is no step; they count from 0.")
    if len(values) > _MOST_NAMES or any(not 0 < len(name) <= _LONGEST_NAME for name in values):
        raise Invalid(f"values: at most {_MOST_NAMES} figures with names of 1 to {_LONGEST_NAME} characters.")
    with services.database.write() as session:
        run_id = run_of_job(session, job_id).id
        here = (TrainingPoint.run_id == run_id, TrainingPoint.step == step)
        session.execute(delete(TrainingPoint).where(*here))
        count = session.scalar(select(func.count()).where(TrainingPoint.run_id == run_id)) or 0
        if count + len(values) > MOST_POINTS:
            raise Invalid(f"A training keeps at most {MOST_POINTS:,} points; tell fewer steps.")
        session.add_all(
            TrainingPoint(run_id=run_id, step=step, name=name, value=value if math.isfinite(value) else None)
            for name, value in values.items()
        )


def forget_points(session: Session, run_id: int) -> None:
    """Begin anew, when a job starts again."""
    session.execute(delete(TrainingPoint).where(TrainingPoint.run_id == run_id))


def curves_of(session: Session, run_id: int, after: int = -1) -> dict[str, list[tuple[int, float | None]]]:
    """Steps with their values by the name of the figure, in the order of the steps."""
    query = (
        select(TrainingPoint.name, TrainingPoint.step, TrainingPoint.value)
        .where(TrainingPoint.run_id == run_id, TrainingPoint.step > after)
        .order_by(TrainingPoint.step)
    )
    found: dict[str, list[tuple[int, float | None]]] = {}
    for name, step, value in session.execute(query):
        found.setdefault(name, []).append((step, value))
    return found
