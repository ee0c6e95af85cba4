"""Shapes of a run by rectangle, score and label: read in chunks, counted without reading them where that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exact_core.annotations.geometry import Box
from exact_core.api.contributions import Shape
from exact_core.predictions.chunks import STEPS, Shapes, joined
from exact_core.storage.models import PredictionChunk, PredictionRun

ROW = PredictionChunk
_CHUNK = 500  # SQLite takes a limited number of parameters
_LABEL = Shape.IMAGE.number


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which shapes of a run are meant.

    Attributes:
        box: Those whose bounding box meets this rectangle; None: everywhere.
        least: Least score.
        labels: Only these indices of the run's labels; None: all.
    """

    box: Box | None = None
    least: float = 0.0
    labels: frozenset[int] | None = None

    def chunks(self, run_id: int) -> list[ColumnElement[bool]]:
        """Conditions for chunks that may hold some of them."""
        found: list[ColumnElement[bool]] = [ROW.run_id == run_id]
        if self.box is not None:
            found += [ROW.x0 <= self.box.x1, ROW.x1 >= self.box.x0, ROW.y0 <= self.box.y1, ROW.y1 >= self.box.y0]
        if self.labels is not None:
            found.append(ROW.label.in_(sorted(self.labels)))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Numbers of shapes per chunk: its box ``(n, 4)``, label ``(n,)``, and numbers in steps of score ``(n, 64)``."""

    boxes: NDArray[np.int32]
    labels: NDArray[np.uint16]
    histograms: NDArray[np.uint32]

    def above(self, least: float) -> int:
        """How many shapes score at least so much; those of the step in which that lies are all counted."""
        return int(self.histograms[:, min(int(least * STEPS), STEPS - 1) :].sum(dtype=np.int64))


def counted(session: Session, run: PredictionRun, wanted: Wanted) -> Counted:
    """Numbers of shapes per chunk, without reading a shape."""
    query = select(ROW.x0, ROW.y0, ROW.x1, ROW.y1, ROW.label, ROW.histogram).where(*wanted.chunks(run.id))
    rows = session.execute(query.order_by(ROW.first)).all()
    return Counted(
        np.array([row[:4] for row in rows], np.int32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.uint16),
        np.frombuffer(b"".join(row[5] for row in rows), "<u4").reshape(-1, STEPS),
    )


def shapes_of(session: Session, run: PredictionRun, wanted: Wanted) -> Shapes:
    """The shapes themselves; a label of the whole image is in every rectangle."""
    query = select(ROW.first, ROW.n, ROW.label, ROW.data).where(*wanted.chunks(run.id)).order_by(ROW.first)
    found = joined(session.execute(query).all())
    if wanted.least > 0:
        found = found.where(found.score >= np.float32(wanted.least))
    if wanted.box is None or not len(found):
        return found
    boxes, box = found.boxes(), wanted.box
    inside = (boxes[:, 0] <= box.x1) & (boxes[:, 2] >= box.x0) & (boxes[:, 1] <= box.y1) & (boxes[:, 3] >= box.y0)
    return found.where(inside | (found.steps().shape == _LABEL))


def numbered_shapes(session: Session, run: PredictionRun, numbers: Sequence[int]) -> Shapes:
    """The shapes of these numbers; numbers that the run does not have are left out."""
    heads = session.execute(select(ROW.first, ROW.n).where(ROW.run_id == run.id).order_by(ROW.first)).all()
    if not heads or not numbers:
        return joined([])
    firsts = np.array([row[0] for row in heads])
    ends = firsts + np.array([row[1] for row in heads])
    asked = np.unique(np.asarray(numbers, np.int64))
    place = np.searchsorted(firsts, asked, side="right") - 1
    there = (place >= 0) & (asked < ends[place])
    wanted = [int(firsts[each]) for each in np.unique(place[there]).tolist()]
    rows: list[tuple[int, int, int, bytes]] = []
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        query = select(ROW.first, ROW.n, ROW.label, ROW.data).where(ROW.run_id == run.id, ROW.first.in_(some))
        rows += session.execute(query.order_by(ROW.first)).all()
    found = joined(rows)
    return found.where(np.isin(found.number, asked))
