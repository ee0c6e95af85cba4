"""Deciding about predictions: accepting makes annotations, rejecting does not, and both are kept as training signals.

A decision is one transaction with the annotations that it makes, under the lock of the image set: two readers who
accept the same shape make one annotation of it, not two. Annotations are made as ordinary edits of the actor, so that
undo takes them back; they are unverified, and name the model as their claimed author.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from exact_core.annotations import bulk
from exact_core.annotations.bulk import NewShapes
from exact_core.annotations.geometry import Box
from exact_core.annotations.rules import DEFAULT_FRAME, TypeRule
from exact_core.annotations.writing import Create, Delete, Writer
from exact_core.api.errors import Invalid
from exact_core.predictions.chunks import Shapes
from exact_core.predictions.label_types import as_allowed, remember, types_for
from exact_core.predictions.reading import Wanted, numbered_shapes, shapes_of
from exact_core.predictions.scope import RunScope, counts
from exact_core.storage.models import PredictionDecision, PredictionRun, now

Verdict: TypeAlias = Literal["accept", "reject", "withdraw"]
MOST_NUMBERS = 20_000
MOST_SHAPES = 200_000
MOST_WITHDRAWN = 5_000
_ROWS = cast("Table", PredictionDecision.__table__)
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be decided.

    Attributes:
        verdict: ``accept``, ``reject``, or ``withdraw`` to take one's own decisions back.
        numbers: About these shapes; None: about all that ``wanted`` describes.
        wanted: A rectangle, a least score, labels.
        types: Annotation types by label, where they are not to be those chosen last.
        geometry: Another shape instead of the predicted one, for a single number.
    """

    verdict: Verdict
    numbers: Sequence[int] | None = None
    wanted: Wanted = field(default_factory=Wanted)
    types: Mapping[str, int] = field(default_factory=dict)
    geometry: Any = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What was done: how many were decided now, how many had been before, and what could not be."""

    revision: int
    decided: int = 0
    already: int = 0
    annotation_ids: tuple[int, ...] = ()
    skipped: tuple[tuple[int, str], ...] = ()


def decide(writer: Writer, run: PredictionRun, scope: RunScope, asked: Asked) -> Decided:
    """Do what is asked, once for each shape: repeating it changes nothing.

    Args:
        writer: Where and for whom; it has checked the rights and holds the set's lock.
        run: The run; the actor may see it.
        scope: What the actor may see.
        asked: What to do.

    Raises:
        Invalid: There are too many, a label has no annotation type, or a type does not allow the shape.
    """
    if asked.geometry is not None and (asked.verdict != "accept" or len(asked.numbers or ()) != 1):
        raise Invalid("geometry: another shape goes with accepting exactly one number.")
    if asked.verdict == "withdraw":
        return _withdraw(writer, run, asked.numbers or ())
    session = writer.session
    if asked.numbers is None:
        found = shapes_of(session, run, asked.wanted)
    else:
        found = numbered_shapes(session, run, asked.numbers)
    open_ = _undecided(session, run, scope, found)
    already = len(found) - len(open_)
    if len(open_) > MOST_SHAPES:
        raise Invalid(f"Decide about at most {MOST_SHAPES:,} shapes at a time, not {len(open_):,}; choose an area.")
    if not len(open_):
        return Decided(writer.facts.revision, already=already)
    _forget_undone(session, run, writer.editor_id, open_)
    if asked.verdict == "reject":
        rows = _rows(run, writer.editor_id, open_, "rejected")
        _keep(session, rows)
        return Decided(writer.facts.revision, len(open_), already)
    return _accept(writer, run, open_, asked, already)


def _accept(writer: Writer, run: PredictionRun, shapes: Shapes, asked: Asked, already: int) -> Decided:
    type_ids = _type_ids(writer, run, shapes, asked.types)
    rules = [writer.types.require(type_id) for type_id in type_ids.tolist()]
    if asked.geometry is not None:
        revision, ids = _edited(writer, run, int(type_ids[0]), asked.geometry)
        refused: dict[int, str] = {}
    else:
        revision, ids, refused = _added(writer, run, shapes, rules, type_ids)
    made = ids > 0
    rows = _rows(run, writer.editor_id, shapes, "edited" if asked.geometry is not None else "accepted")
    for row, id_, type_id in zip(rows, ids.tolist(), type_ids.tolist(), strict=True):
        row |= {"annotation_id": id_, "type_id": type_id}
    _keep(writer.session, [row for row, is_made in zip(rows, made.tolist(), strict=True) if is_made])
    numbers = shapes.number.tolist()
    return Decided(
        revision,
        int(made.sum()),
        already,
        tuple(ids[made].tolist()),
        tuple((numbers[place], why) for place, why in sorted(refused.items())),
    )


def _added(
    writer: Writer, run: PredictionRun, shapes: Shapes, rules: Sequence[TypeRule], type_ids: Any
) -> tuple[int, Any, dict[int, str]]:
    if writer.reading is not None:
        boxes = np.round(shapes.boxes()).astype(int).tolist()
        writer.reading.check((Box(*box), DEFAULT_FRAME) for box in boxes)
    added = bulk.add(
        writer,
        NewShapes(as_allowed(shapes.columns(), rules), type_ids, claimed_author=run.model_name),
        kind="edit",
        reason=f"Accepted from {run.model_name}"[:200],
        run=run_name(run),
        skip_bad=True,
    )
    return added.revision, added.ids, added.refused


def _edited(writer: Writer, run: PredictionRun, type_id: int, geometry: Any) -> tuple[int, Any]:
    create = Create(bulk.new_uuids(1)[0], type_id, geometry, claimed_author=run.model_name)
    outcome = writer.apply([create], f"Edited from {run.model_name}"[:200])
    return outcome.revision, np.array([outcome.annotations[0].id])


def run_name(run: PredictionRun) -> str:
    """The name under which accepted shapes of a run can be reverted together."""
    return f"prediction {run.uuid}"


def _type_ids(writer: Writer, run: PredictionRun, shapes: Shapes, given: Mapping[str, int]) -> Any:
    """The annotation type of each shape; what the user chose is remembered."""
    unknown = next((label for label in given if label not in run.labels), None)
    if unknown is not None:
        raise Invalid(f"types: the run has no label {unknown[:80]!r}.")
    known = types_for(writer.session, run, writer.actor.user_id) | dict(given)
    used = [run.labels[label] for label in np.unique(shapes.label).tolist()]
    missing = [label for label in used if label not in known]
    if missing:
        raise Invalid(f"types: say which annotation type {', '.join(map(repr, missing[:5]))} becomes.")
    writer.types.prepare([known[label] for label in used])
    for label in used:
        writer.types.require(known[label]).require_active()
    if given:
        remember(writer.session, run, writer.actor.user_id, {label: given[label] for label in used if label in given})
    table = np.zeros(len(run.labels), np.int64)
    for label in used:
        table[run.labels.index(label)] = known[label]
    return table[shapes.label]


def _undecided(session: Session, run: PredictionRun, scope: RunScope, shapes: Shapes) -> Shapes:
    decided = select(PredictionDecision.number).where(PredictionDecision.run_id == run.id, *scope.decisions())
    return shapes.where(~np.isin(shapes.number, np.fromiter(session.scalars(decided), np.int64)))


def _forget_undone(session: Session, run: PredictionRun, reader_id: int | None, shapes: Shapes) -> None:
    """Take back the reader's decisions whose annotation is gone, to make room for new ones."""
    row = PredictionDecision
    own = (row.run_id == run.id, row.reader_id == reader_id, row.withdrawn_at.is_(None))
    gone = session.execute(select(row.id, row.number).where(*own, ~counts())).all()
    asked = set(shapes.number.tolist())
    _set_withdrawn(session, [id_ for id_, number in gone if number in asked])


def _withdraw(writer: Writer, run: PredictionRun, numbers: Sequence[int]) -> Decided:
    """Take the actor's own decisions back, with the annotations that they made."""
    if not 1 <= len(numbers) <= MOST_WITHDRAWN:
        raise Invalid(f"numbers: 1 to {MOST_WITHDRAWN:,} decisions are taken back at a time; use undo for more.")
    row, session = PredictionDecision, writer.session
    found: list[tuple[int, int | None]] = []
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        own = (row.run_id == run.id, row.reader_id == writer.editor_id, row.number.in_(part))
        found += session.execute(select(row.id, row.annotation_id).where(*own, counts())).all()
    _set_withdrawn(session, [id_ for id_, _ in found])
    made = [annotation_id for _, annotation_id in found if annotation_id is not None]
    revision = writer.facts.revision
    if made:
        deletions = [Delete(annotation_id) for annotation_id in made]
        revision = writer.apply(deletions, f"Taken back: accepted from {run.model_name}"[:200]).revision
    return Decided(revision, len(found))


def _set_withdrawn(session: Session, ids: Sequence[int]) -> None:
    for start in range(0, len(ids), _AT_ONCE):
        part = [{"b_id": id_} for id_ in ids[start : start + _AT_ONCE]]
        statement = update(_ROWS).where(_ROWS.c.id == bindparam("b_id")).values(withdrawn_at=now())
        session.connection().execute(statement, part)


def _rows(run: PredictionRun, reader_id: int | None, shapes: Shapes, verdict: str) -> list[dict[str, Any]]:
    at = now()
    common = {"run_id": run.id, "reader_id": reader_id, "verdict": verdict, "at": at, "withdrawn_at": None}
    columns = zip(
        shapes.number.tolist(),
        shapes.label.tolist(),
        shapes.score.tolist(),
        shapes.uncertainty.tolist(),
        shapes.packed,
        strict=True,
    )
    return [
        {
            **common,
            "annotation_id": None,
            "type_id": None,
            "number": number,
            "label": label,
            "score": score,
            "uncertainty": None if uncertainty != uncertainty else uncertainty,
            "geometry": packed,
        }
        for number, label, score, uncertainty, packed in columns
    ]


def _keep(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        session.execute(insert(_ROWS), rows[start : start + _AT_ONCE])
