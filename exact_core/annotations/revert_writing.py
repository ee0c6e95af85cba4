"""Giving many shapes of an image earlier states again: a few statements per ten thousand shapes.

The rows are copied inside of the database; they are read only for the hash of the change log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, func, insert, literal, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.bulk_lookup import Pairs, among
from exact_core.annotations.counts import counting_cell
from exact_core.annotations.geometry import Box
from exact_core.annotations.revert_plan import Plan
from exact_core.annotations.revert_rows import affected
from exact_core.annotations.scope import ROWS, Frame, begun_at, ended_at
from exact_core.annotations.states import DETAILS, IDENTITIES, add_counts
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.api.events import AnnotationAction, AnnotationChange, AnnotationState
from exact_core.storage.models import LIVE, now

_CHUNK = 10_000
_COPIED = (
    "image_id", "tile_key", "annotation_id", "type_id", "author_id", "shape", "z", "t", "c", "x0", "y0", "x1", "y1",
    "geometry", "text",
)  # fmt: skip
_EVENT_COLUMNS = ("type_id", "shape", "x0", "y0", "x1", "y1", "z", "t", "c", "text")


def write_plan(
    writer: Writer, plan: Plan, kind: str, reason: str = "", *, reverts: int | None = None, run: str = ""
) -> int:
    """Do what a plan says as the image set's next revision, tell the hooks, and return the revision's number."""
    session, image_id = writer.session, writer.facts.image_id
    parts = _parts(plan)
    rows = b"".join([_examined(writer, ids, back_to) for ids, back_to in parts])
    revision = writer.log_change_set(len(plan.ids), kind, reason, reverts, run, rows=rows)
    at = now()
    for ids, back_to in parts:
        pairs = Pairs(session, [(id_, back) for id_, back in zip(ids, back_to, strict=True) if back])
        _write_rows(session, ids, pairs, revision, writer.editor_id, at)
        _write_details(session, ids, pairs, revision)
    if plan.ids:
        add_counts(session, _count_changes(session, image_id, revision))
        _tell_hooks(writer, revision)
    return revision


def require_open(writer: Writer, plan: Plan) -> None:
    """Refuse, as writing it would, what lies where the actor's reading is finished; for previews."""
    if writer.reading is None or not writer.reading.has_finished_regions:
        return
    for ids, back_to in _parts(plan):
        writer.reading.require_open(affected(writer.session, writer.facts.image_id, ids, back_to).places)


def _parts(plan: Plan) -> list[tuple[list[int], list[int]]]:
    """The plan as many shapes at once as are worked on; at least one part."""
    return [
        (plan.ids[start : start + _CHUNK], plan.back_to[start : start + _CHUNK])
        for start in range(0, max(len(plan.ids), 1), _CHUNK)
    ]


def _examined(writer: Writer, ids: list[int], back_to: list[int]) -> bytes:
    """The hash of the rows of a part; refuses what lies where the actor's reading is finished."""
    found = affected(writer.session, writer.facts.image_id, ids, back_to)
    if writer.reading is not None:
        writer.reading.check(found.places)
    return found.digest


def _write_rows(
    session: Session, ids: list[int], pairs: Pairs, revision: int, editor_id: int | None, at: datetime
) -> None:
    row = ROWS.c
    # By annotation alone: with the image as well, SQLite may walk all of the image's rows for each part.
    ending = (among(session, row.annotation_id, ids), row.valid_to == LIVE)
    session.execute(update(ROWS).where(*ending).values(valid_to=revision))
    copied = (
        select(
            *(row[name] for name in _COPIED),
            literal(revision),
            literal(LIVE),
            literal(editor_id, BigInteger),
            literal(at, row.edited_at.type),
        )
        .select_from(pairs.joined(ROWS))
        .where(row.annotation_id == pairs.first, row.valid_from == pairs.second)
    )
    columns = [*_COPIED, "valid_from", "valid_to", "editor_id", "edited_at"]
    session.execute(insert(ROWS).from_select(columns, copied))


def _write_details(session: Session, ids: list[int], pairs: Pairs, revision: int) -> None:
    """Attributes have rows of their own, which stay where they are the same in both states."""
    row = DETAILS.c
    held = DETAILS.alias("held")
    kept = (
        select(held.c.annotation_id)
        .select_from(pairs.joined(held))
        .where(held.c.annotation_id == pairs.first, held.c.valid_to == LIVE, held.c.valid_from <= pairs.second)
    )
    session.execute(
        update(DETAILS)
        .where(among(session, row.annotation_id, ids), row.valid_to == LIVE, row.annotation_id.not_in(kept))
        .values(valid_to=revision)
    )
    copied = (
        select(row.annotation_id, literal(revision), literal(LIVE), row.attributes)
        .select_from(pairs.joined(DETAILS))
        .where(
            row.annotation_id == pairs.first,
            row.valid_from <= pairs.second,
            row.valid_to > pairs.second,
            row.valid_to < LIVE,
        )
    )
    columns = ["annotation_id", "valid_from", "valid_to", "attributes"]
    session.execute(insert(DETAILS).from_select(columns, copied))


def _count_changes(session: Session, image_id: int, revision: int) -> dict[tuple[int, ...], int]:
    """What the kept counts change by: the rows that the revision ended and began."""
    row = ROWS.c
    author = func.coalesce(row.author_id, 0)
    place = counting_cell(ROWS)
    counts: dict[tuple[int, ...], int] = {}
    for step, edge in ((-1, ended_at(ROWS, revision)), (1, begun_at(ROWS, revision))):
        grouped = (
            select(row.z, row.t, row.c, row.type_id, author, place, func.count())
            .where(row.image_id == image_id, edge)
            .group_by(row.z, row.t, row.c, row.type_id, author, place)
        )
        for *key, n in session.execute(grouped):
            at = (image_id, *(int(part) for part in key))
            counts[at] = counts.get(at, 0) + step * n
    return counts


def _tell_hooks(writer: Writer, revision: int) -> None:
    """One event per shape, made only where somebody listens."""
    if writer.record is None:
        return
    facts = writer.facts
    ended, begun = ROWS.alias("ended"), ROWS.alias("begun")
    touched = (
        select(ROWS.c.annotation_id)
        .where(ROWS.c.image_id == facts.image_id, begun_at(ROWS, revision))
        .union(select(ROWS.c.annotation_id).where(ROWS.c.image_id == facts.image_id, ended_at(ROWS, revision)))
        .subquery("touched")
    )
    statement = (
        select(
            IDENTITIES.c.id,
            IDENTITIES.c.uuid,
            IDENTITIES.c.author_id,
            *(ended.c[name] for name in _EVENT_COLUMNS),
            *(begun.c[name] for name in _EVENT_COLUMNS),
        )
        .select_from(touched)
        .join(IDENTITIES, IDENTITIES.c.id == touched.c.annotation_id)
        .outerjoin(ended, and_(ended.c.annotation_id == IDENTITIES.c.id, ended.c.valid_to == revision))
        .outerjoin(begun, and_(begun.c.annotation_id == IDENTITIES.c.id, begun.c.valid_from == revision))
        .order_by(IDENTITIES.c.id)
    )
    width = len(_EVENT_COLUMNS)
    for id_, uuid, author_id, *columns in writer.session.execute(statement):
        before, after = _event_state(columns[:width]), _event_state(columns[width:])
        restored = AnnotationAction.RESTORED if before is None else AnnotationAction.UPDATED
        action = AnnotationAction.DELETED if after is None else restored
        writer.record(
            AnnotationChange(
                action=action,
                image_set_id=facts.image_set_id,
                image_id=facts.image_id,
                annotation_id=id_,
                uuid=uuid,
                revision=revision,
                before=before,
                after=after,
                author_id=author_id,
                actor_id=writer.editor_id,
            )
        )


def _event_state(columns: list[Any]) -> AnnotationState | None:
    type_id, shape, x0, y0, x1, y1, z, t, c, text = columns
    if type_id is None:
        return None
    box, frame = Box(x0, y0, x1, y1), Frame(z, t, c)
    return AnnotationState(type_id, Shape.from_number(shape), (*box,), frame.z, frame.t, frame.c, text)
