"""What change sets of a page of the log did, in words and in place: read for all of them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, union, union_all
from sqlalchemy.orm import Session

from exact_core.annotations import describing
from exact_core.annotations.change_log import CHANGES_SHAPES
from exact_core.annotations.describing import Touched
from exact_core.annotations.geometry import Box
from exact_core.annotations.scope import ROWS, begun_at, ended_at
from exact_core.annotations.states import DETAILS, STATE_COLUMNS, State, state_of
from exact_core.annotations.verification_details import words_of
from exact_core.annotations.writing import BRINGS_BACK
from exact_core.storage.models import AnnotationType, ChangeSet

MOST_LOOKED_AT = 1_000
"""Change sets with more changes are described by their number alone."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What one change set did, as far as the reader may know."""

    what: list[str]
    n_changes: int
    box: Box | None = None
    annotation_ids: list[int] = field(default_factory=list)
    editor_id: int | None = None  # of a state that it began


def details_of(
    session: Session, image_set_id: int, change_sets: Sequence[ChangeSet], only: int | None
) -> dict[int, Detail]:
    """What each change set did, by revision.

    Args:
        session: Where to read.
        image_set_id: Their image set.
        change_sets: Some of its change sets.
        only: Look only at shapes that this person drew.
    """
    review = [each for each in change_sets if each.kind not in CHANGES_SHAPES]
    found = {revision: Detail(what, 0) for revision, what in words_of(session, review).items()}
    change_sets = [each for each in change_sets if each.kind in CHANGES_SHAPES]
    small = [each.revision for each in change_sets if each.n_changes <= MOST_LOOKED_AT]
    edges = _edges(session, image_set_id, small, only)
    single = [revision for revision, own in edges.items() if len(own.touched) == 1]
    states = _states(session, image_set_id, single, only)
    names = type_names(session, {type_id for own in edges.values() for type_id in own.type_ids})
    large = {each.revision: each.n_changes for each in change_sets if each.n_changes > MOST_LOOKED_AT}
    if only is not None and large:
        large = _count(session, image_set_id, sorted(large), only)
    for each in change_sets:
        revision = each.revision
        own = edges.get(revision)
        if revision in large:
            found[revision] = Detail(describing.of_many(each.kind, large[revision]), large[revision])
        elif own is None:
            found[revision] = Detail(["Nothing"], 0)
        else:
            found[revision] = _detail(each.kind, own, states.get(revision), names)
    return found


def _detail(
    kind: str, own: _Edges, states: tuple[State | None, State | None] | None, names: describing.Names
) -> Detail:
    touched = list(own.touched.values())
    if states is None:
        what = describing.of_change_set(kind, touched, names)
    else:
        what = describing.of_shape(*states, names, is_new=kind not in BRINGS_BACK)
    ids = [one.annotation_id for one in touched]
    return Detail(what, len(touched), describing.union(touched), ids, own.editor_id)


def type_names(session: Session, type_ids: set[int | None]) -> dict[int, str]:
    """Names of annotation types, also of those that are retired."""
    wanted = [type_id for type_id in type_ids if type_id is not None]
    statement = select(AnnotationType.id, AnnotationType.name).where(AnnotationType.id.in_(wanted))
    return dict(session.execute(statement).all())


@dataclass(slots=True)
class _Edges:
    """The annotations of one change set, collected row by row."""

    touched: dict[int, Touched] = field(default_factory=dict)
    editor_id: int | None = None

    @property
    def type_ids(self) -> set[int | None]:
        """Types of the states before and after."""
        return {type_id for one in self.touched.values() for type_id in (one.type_before, one.type_after)}

    def see(self, annotation_id: int, began: bool, type_id: int, box: Box, editor_id: int | None) -> None:
        """Take note of a state that the change set began or ended."""
        old = self.touched.get(annotation_id, Touched(annotation_id, None, None, None, None))
        if began:
            self.touched[annotation_id] = Touched(annotation_id, old.type_before, type_id, old.box_before, box)
            self.editor_id = editor_id if self.editor_id is None else self.editor_id
        else:
            self.touched[annotation_id] = Touched(annotation_id, type_id, old.type_after, box, old.box_after)


def _edges(session: Session, image_set_id: int, revisions: Sequence[int], only: int | None) -> dict[int, _Edges]:
    """The rows that change sets began and ended, without outlines."""
    if not revisions:
        return {}
    row = ROWS.c
    columns = (row.annotation_id, row.type_id, row.x0, row.y0, row.x1, row.y1, row.editor_id)
    parts = [
        _at_edge(select(ChangeSet.revision, literal(began), *columns), edge, image_set_id, revisions, only)
        for began, edge in _EDGES
    ]
    found: dict[int, _Edges] = defaultdict(_Edges)
    for revision, began, id_, type_id, x0, y0, x1, y1, editor_id in session.execute(union_all(*parts)):
        found[revision].see(id_, bool(began), type_id, Box(x0, y0, x1, y1), editor_id)
    return found


def _states(
    session: Session, image_set_id: int, revisions: Sequence[int], only: int | None
) -> dict[int, tuple[State | None, State | None]]:
    """The states before and after change sets that touched one annotation."""
    found: dict[int, list[State | None]] = {revision: [None, None] for revision in revisions}
    then = and_(
        DETAILS.c.annotation_id == ROWS.c.annotation_id,
        DETAILS.c.valid_from <= ROWS.c.valid_from,
        DETAILS.c.valid_to > ROWS.c.valid_from,
    )
    for began, edge in _EDGES if revisions else ():
        chosen = select(ChangeSet.revision, DETAILS.c.attributes, *STATE_COLUMNS)
        statement = _at_edge(chosen, edge, image_set_id, revisions, only, details=then)
        for revision, attributes, *columns in session.execute(statement):
            found[revision][began] = state_of(columns, attributes)
    return {revision: (before, after) for revision, (before, after) in found.items()}


def _count(session: Session, image_set_id: int, revisions: Sequence[int], only: int) -> dict[int, int]:
    """How many annotations of one author each change set touched."""
    parts = [
        _at_edge(select(ChangeSet.revision, ROWS.c.annotation_id), edge, image_set_id, revisions, only)
        for _, edge in _EDGES
    ]
    each = union(*parts).subquery("each")  # without repeats: a changed annotation is at both edges
    statement = select(each.c.revision, func.count()).group_by(each.c.revision)
    return dict.fromkeys(revisions, 0) | dict(session.execute(statement).all())


_EDGES: tuple[tuple[int, ColumnElement[bool]], ...] = (
    (0, ended_at(ROWS, ChangeSet.revision)),
    (1, begun_at(ROWS, ChangeSet.revision)),
)
"""How a row of states hangs on the change set that ended (0) or began (1) it."""


def _at_edge(
    chosen: Select[*tuple[Any, ...]],
    edge: ColumnElement[bool],
    image_set_id: int,
    revisions: Sequence[int],
    only: int | None,
    details: ColumnElement[bool] | None = None,
) -> Select[*tuple[Any, ...]]:
    statement = chosen.select_from(ChangeSet).join(ROWS, and_(ROWS.c.image_id == ChangeSet.image_id, edge))
    if details is not None:
        statement = statement.outerjoin(DETAILS, details)
    statement = statement.where(ChangeSet.image_set_id == image_set_id, ChangeSet.revision.in_(revisions))
    return statement if only is None else statement.where(ROWS.c.author_id == only)
