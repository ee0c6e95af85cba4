"""What changed between two revisions of an image set: by two ranges of an index, never by comparing copies.

A state that held at the earlier revision and does not at the later one was closed in between (``valid_to`` in the
range); a state that holds at the later one only was opened in between (``valid_from`` in the range). Annotations with
both were changed, with one were removed or added. What was changed and changed back is no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select, union_all
from sqlalchemy.orm import Session

from exact_core.annotations.loading import select_known
from exact_core.annotations.scope import ROWS
from exact_core.annotations.states import Known, State
from exact_core.storage.models import Annotation
from exact_core.versioning.between import Between, Kind, Range, begun_states, ended_states, named_kinds
from exact_core.versioning.diff_numbers import Line, numbers, summed

__all__ = [
    "Difference",
    "Kind",
    "Line",
    "Range",
    "changed_ids",
    "differences",
    "kinds_of",
    "numbers",
    "summed",
]

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One annotation that differs; a side without a state is None."""

    id: int
    uuid: str
    image_id: int
    kinds: tuple[Kind, ...]
    before: Known | None
    after: Known | None


def changed_ids(session: Session, asked: Range, kind: Kind | None = None, after: int = 0, limit: int = 0) -> list[int]:
    """The numbers of annotations that differ, in ascending order.

    Args:
        session: Where to read.
        asked: What is compared.
        kind: Only those that differ in this way.
        after: Only numbers above this.
        limit: At most so many; 0 for all.
    """
    between = Between.of(asked)
    parts = []
    row = ended_states(between).subquery().c
    if kind in (None, Kind.ADDED if asked.is_backwards else Kind.REMOVED):
        parts.append(select(row.annotation_id.label("id")).where(row.high_type.is_(None)))
    if kind in (None, Kind.REMOVED if asked.is_backwards else Kind.ADDED):
        parts.append(select(begun_states(between).subquery().c.annotation_id.label("id")))
    if kind not in (Kind.ADDED, Kind.REMOVED):
        wanted = {Kind.GEOMETRY: row.moved, Kind.TYPE: row.relabelled, Kind.ATTRIBUTES: row.rewritten}
        chosen = wanted.get(kind) if kind is not None else None
        condition = or_(row.moved == 1, row.relabelled == 1, row.rewritten == 1) if chosen is None else chosen == 1
        parts.append(select(row.annotation_id.label("id")).where(row.high_type.is_not(None), condition))
    both = union_all(*parts).subquery()
    statement = select(both.c.id).where(both.c.id > after).order_by(both.c.id)
    return list(session.scalars(statement.limit(limit) if limit else statement))


def differences(session: Session, asked: Range, ids: Sequence[int]) -> list[Difference]:
    """Both states of annotations that differ, in the order of their numbers."""
    found = []
    before = _states(session, asked, ids, asked.before)
    after = _states(session, asked, ids, asked.after)
    for id_ in sorted(before.keys() | after.keys()):
        old, new = before.get(id_), after.get(id_)
        known = new or old
        assert known is not None
        kinds = kinds_of(old.state if old else None, new.state if new else None)
        if kinds:
            found.append(Difference(id_, known.uuid, known.image_id, kinds, old, new))
    return found


def kinds_of(before: State | None, after: State | None) -> tuple[Kind, ...]:
    """How two states of one annotation differ; empty when they do not."""
    if before is None or after is None:
        if before is after:
            return ()
        return (Kind.ADDED,) if before is None else (Kind.REMOVED,)
    moved = (before.geometry, before.frame) != (after.geometry, after.frame)
    rewritten = (before.text, before.attributes) != (after.text, after.attributes)
    return named_kinds(moved, before.type_id != after.type_id, rewritten)


def _states(session: Session, asked: Range, ids: Sequence[int], at: int) -> dict[int, Known]:
    found: dict[int, Known] = {}
    for start in range(0, len(ids), _CHUNK):
        chosen = [Annotation.id.in_(ids[start : start + _CHUNK]), *asked.visible(ROWS.c)]
        found |= {known.id: known for known in select_known(session, chosen, only_live=True, at=at)}
    return found
