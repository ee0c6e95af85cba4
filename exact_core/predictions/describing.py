"""Runs as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.predictions.maps import levels_of
from exact_core.predictions.scope import RunScope
from exact_core.storage.models import PredictionDecision, PredictionMap, PredictionRun, User


def described(session: Session, scope: RunScope, runs: Sequence[PredictionRun]) -> list[dict[str, Any]]:
    """What an actor may know of runs; who asked for a run is told to those who see everybody's work."""
    ids = [run.id for run in runs]
    maps: dict[int, list[dict[str, Any]]] = {run_id: [] for run_id in ids}
    for row in session.scalars(
        select(PredictionMap).where(PredictionMap.run_id.in_(ids)).order_by(PredictionMap.name, PredictionMap.label)
    ):
        maps[row.run_id].append(_map(row))
    row_ = PredictionDecision
    counted = (
        select(row_.run_id, row_.verdict, func.count(row_.number.distinct()))
        .where(row_.run_id.in_(ids), *scope.decisions())
        .group_by(row_.run_id, row_.verdict)
    )
    decided: dict[int, dict[str, int]] = {run_id: {} for run_id in ids}
    for run_id, verdict, number in session.execute(counted):
        decided[run_id][verdict] = number
    people = _people(session, runs)
    return [_run(run, scope, maps[run.id], decided[run.id], people) for run in runs]


def _run(
    run: PredictionRun,
    scope: RunScope,
    maps: list[dict[str, Any]],
    decided: dict[str, int],
    people: dict[int, str],
) -> dict[str, Any]:
    asked_by = run.asked_by_id if scope.sees_all or run.asked_by_id == scope.actor_id else None
    return {
        "uuid": run.uuid,
        "image_set_id": run.image_set_id,
        "image_id": run.image_id,
        "job_id": run.job_id if asked_by is not None or scope.sees_all else None,
        "model": {
            "uuid": run.model_uuid,
            "name": run.model_name,
            "kind": run.model_kind,
            "sha256": run.model_sha256,
            "version_id": run.model_version_id,
        },
        "settings": run.params,
        "area": run.area,
        "labels": run.labels,
        "counts": [sum(row) for row in run.histogram],
        "histogram": run.histogram,
        "shapes": run.n_shapes,
        "skipped": run.n_skipped,
        "maps": maps,
        "decided": decided,
        "asked_by": {"id": asked_by, "name": people.get(asked_by, "")} if asked_by else None,
        "shown_to_readers": run.shown_to_readers,
        "created_at": run.created_at,
        "ready_at": run.ready_at,
    }


def _map(row: PredictionMap) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "label": None if row.label < 0 else row.label,
        "width": row.width,
        "height": row.height,
        "downsample": row.downsample,
        "x": row.x,
        "y": row.y,
        "levels": [[each.width, each.height] for each in levels_of(row.width, row.height)],
    }


def _people(session: Session, runs: Sequence[PredictionRun]) -> dict[int, str]:
    wanted = {run.asked_by_id for run in runs if run.asked_by_id}
    rows = session.execute(select(User.id, User.display_name, User.name).where(User.id.in_(wanted)))
    return {id_: display_name or name for id_, display_name, name in rows}
