"""What change sets of a page of the log did, in words and in place: read for all of them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
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
from exact_core.storage.models import AnnotationType, ChangeSet, Image

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
    chosen = _Chosen(image_set_id, frozenset(each.revision for each in change_sets if each.image_id is None), only)
    small = [each.revision for each in change_sets if each.n_changes <= MOST_LOOKED_AT]
    edges = _edges(session, chosen, small)
    single = [revision for revision, own in edges.items() if len(own.touched) == 1]
    states = _states(session, chosen, single)
    names = type_names(session, {type_id for own in edges.values() for type_id in own.type_ids})
    large = {each.revision: each.n_changes for each in change_sets if each.n_changes > MOST_LOOKED_AT}
    if only is not None and large:
        large = _count(session, chosen, sorted(large))
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


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Whose rows are looked at: of an image set, of one person or everybody.

    Attributes:
        image_set_id: The set.
        wide: Its change sets that are of no one image.
        only: Look only at shapes that this person drew.
    """

    image_set_id: int
    wide: frozenset[int]
    only: int | None

    def at_edges(
        self,
        select_from: Callable[[int], Select[*tuple[Any, ...]]],
        revisions: Sequence[int],
        details: ColumnElement[bool] | None = None,
    ) -> Iterator[tuple[int, Select[*tuple[Any, ...]]]]:
        """Statements for the rows that change sets ended (0) and began (1), of one image each and of the whole set."""
        narrow = [each for each in revisions if each not in self.wide]
        wide = [each for each in revisions if each in self.wide]
        for asked, is_wide in ((narrow, False), (wide, True)):
            for began, edge in _EDGES if asked else ():
                statement = select_from(began).select_from(ChangeSet)
                if is_wide:
                    statement = statement.join(Image, Image.image_set_id == ChangeSet.image_set_id)
                image_id = Image.id if is_wide else ChangeSet.image_id
                statement = statement.join(ROWS, and_(ROWS.c.image_id == image_id, edge))
                if details is not None:
                    statement = statement.outerjoin(DETAILS, details)
                own = (ChangeSet.image_set_id == self.image_set_id, ChangeSet.revision.in_(asked))
                statement = statement.where(*own)
                yield began, statement if self.only is None else statement.where(ROWS.c.author_id == self.only)


def _edges(session: Session, chosen: _Chosen, revisions: Sequence[int]) -> dict[int, _Edges]:
    """The rows that change sets began and ended, without outlines."""
    if not revisions:
        return {}
    row = ROWS.c
    columns = (row.annotation_id, row.type_id, row.x0, row.y0, row.x1, row.y1, row.editor_id)
    parts = chosen.at_edges(lambda began: select(ChangeSet.revision, literal(began), *columns), revisions)
    found: dict[int, _Edges] = defaultdict(_Edges)
    for revision, began, id_, type_id, x0, y0, x1, y1, editor_id in session.execute(
        union_all(*(part for _, part in parts))
    ):
        found[revision].see(id_, bool(began), type_id, Box(x0, y0, x1, y1), editor_id)
    return found


def _states(
    session: Session, chosen: _Chosen, revisions: Sequence[int]
) -> dict[int, tuple[State | None, State | None]]:
    """The states before and after change sets that touched one annotation."""
    found: dict[int, list[State | None]] = {revision: [None, None] for revision in revisions}
    then = and_(
        DETAILS.c.annotation_id == ROWS.c.annotation_id,
        DETAILS.c.valid_from <= ROWS.c.valid_from,
        DETAILS.c.valid_to > ROWS.c.valid_from,
    )
    columns_of = select(ChangeSet.revision, DETAILS.c.attributes, *STATE_COLUMNS)
    for began, statement in chosen.at_edges(lambda _: columns_of, revisions, then):
        for revision, attributes, *columns in session.execute(statement):
            found[revision][began] = state_of(columns, attributes)
    return {revision: (before, after) for revision, (before, after) in found.items()}


def _count(session: Session, chosen: _Chosen, revisions: Sequence[int]) -> dict[int, int]:
    """How many annotations of one author each change set touched."""
    parts = chosen.at_edges(lambda _: select(ChangeSet.revision, ROWS.c.annotation_id), revisions)
    each = union(*(part for _, part in parts)).subquery(
        "each"
    )  # without repeats: a changed annotation is at both edges
    statement = select(each.c.revision, func.count()).group_by(each.c.revision)
    return dict.fromkeys(revisions, 0) | dict(session.execute(statement).all())


_EDGES: tuple[tuple[int, ColumnElement[bool]], ...] = (
    (0, ended_at(ROWS, ChangeSet.revision)),
    (1, begun_at(ROWS, ChangeSet.revision)),
)
"""How a row of states hangs on the change set that ended (0) or began (1) it."""
