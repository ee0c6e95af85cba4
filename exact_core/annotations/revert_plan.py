"""What setting an image back would do, shape by shape.

Change sets are taken back together. Each shape that they touched goes back to the state before the first of them,
but only while nobody has changed it in between or since: what others did is left alone and reported.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, select, union
from sqlalchemy.orm import Session

from exact_core.annotations.bulk_lookup import among
from exact_core.annotations.change_log import CHANGES_SHAPES
from exact_core.annotations.scope import CLOSED, ROWS, begun_at, ended_at
from exact_core.annotations.states import DETAILS
from exact_core.annotations.writing import Writer
from exact_core.storage.models import LIVE, ChangeSet, Image

CHANGED = "It was changed since, so it is left as it is now."
NOT_YOURS = "It belongs to somebody else, and you may no longer change it."
TYPE_GONE = "Its annotation type is no longer used in this image set."

_CHUNK = 5_000


@dataclass(slots=True)
class Plan:
    """What to do to the annotations of one image: collected while it is worked out, then only read.

    Attributes:
        ids: The annotations that change.
        back_to: For each, the revision at which the state began that it gets again; 0 to delete it.
        restored: How many are deleted now and come back.
        deleted: How many are deleted.
        changed: How many stay and get another state.
        skipped: Annotations that are left as they are, and why.
    """

    ids: list[int] = field(default_factory=list)
    back_to: list[int] = field(default_factory=list)
    restored: int = 0
    deleted: int = 0
    changed: int = 0
    skipped: list[tuple[int, str]] = field(default_factory=list)

    @property
    def reasons(self) -> Counter[str]:
        """How many are skipped for each reason."""
        return Counter(reason for _, reason in self.skipped)

    def add(self, annotation_id: int, back: int | None, now: int | None) -> None:
        """Give an annotation the state that began at ``back`` instead of the one that began at ``now``."""
        self.ids.append(annotation_id)
        self.back_to.append(back or 0)
        if back is None:
            self.deleted += 1
        elif now is None:
            self.restored += 1
        else:
            self.changed += 1


class Held(NamedTuple):
    """A state of an annotation without its content: from which revision to which, and whose."""

    began: int
    ended: int
    type_id: int
    author_id: int | None


class Case(NamedTuple):
    """One annotation to decide about.

    Attributes:
        back: The state that it shall get; None to delete it.
        now: Its live state; None when it is deleted.
        left: When the state began that the change sets left it in; 0 when they left it deleted.
        others: The first change of it by anything else, after the first of the change sets; None when there is none.
        last: The last of the change sets that touched it.
    """

    back: Held | None
    now: Held | None
    left: int
    others: int | None
    last: int

    @property
    def author_id(self) -> int | None:
        """Who drew it."""
        held = self.back or self.now
        return held.author_id if held else None


def case_of(states: Sequence[Held], revisions: Collection[int]) -> Case:
    """What taking some change sets back means for an annotation with these states, in any order."""
    edges = {edge for held in states for edge in (held.began, held.ended) if edge != LIVE}
    own = edges.intersection(revisions)
    first, last = min(own), max(own)
    others = min((edge for edge in edges - own if edge > first), default=None)
    by_end = {held.ended: held for held in states}
    left = any(held.began == last for held in states)
    return Case(by_end.get(first), by_end.get(LIVE), last if left else 0, others, last)


def touched_by(session: Session, image_id: int, conditions: Sequence[ColumnElement[bool]]) -> list[int]:
    """The annotations of an image that change sets touched; the conditions, on ``ChangeSet``, say which."""
    row = ROWS.c
    found = select(row.annotation_id).select_from(ChangeSet)
    own = (ChangeSet.image_id == image_id, *conditions)
    edges = [
        found.join(ROWS, and_(row.image_id == ChangeSet.image_id, edge)).where(*own)
        for edge in (begun_at(ROWS, ChangeSet.revision), ended_at(ROWS, ChangeSet.revision))
    ]
    ids = set(session.scalars(union(*edges)))
    here = select(row.annotation_id).where(row.image_id == image_id)
    image_set_id = session.scalar(select(Image.image_set_id).where(Image.id == image_id)) or 0
    for revision in wide_revisions(session, image_set_id, conditions):
        for edge in (begun_at(ROWS, revision), ended_at(ROWS, revision)):
            ids.update(session.scalars(here.where(edge)))
    return sorted(ids)


def touched_since(session: Session, image_id: int, revision: int) -> list[int]:
    """The annotations of an image that anything has touched after a revision."""
    row, image = ROWS.c, ROWS.c.image_id == image_id
    touched = union(
        select(row.annotation_id).where(image, row.valid_from > revision),
        select(row.annotation_id).where(image, row.valid_to > revision, row.valid_to < CLOSED),
    )
    return sorted(session.scalars(touched))


def take_back(writer: Writer, conditions: Sequence[ColumnElement[bool]]) -> Plan:
    """How to take back change sets of the writer's image; the conditions, on ``ChangeSet``, say which."""
    image_id = writer.facts.image_id
    own = select(ChangeSet.revision).where(ChangeSet.image_id == image_id, *conditions)
    wide = wide_revisions(writer.session, writer.facts.image_set_id, conditions)
    revisions = frozenset([*writer.session.scalars(own), *wide])
    plan = Plan()
    for part in _parts(touched_by(writer.session, image_id, conditions)):
        states = _states(writer.session, part)
        _decide(writer, plan, {id_: case_of(states[id_], revisions) for id_ in part})
    return plan


def wide_revisions(session: Session, image_set_id: int, conditions: Sequence[ColumnElement[bool]]) -> list[int]:
    """Change sets that change shapes of the whole set (bulk edits, merges), which no image names as its own."""
    wide = (ChangeSet.image_set_id == image_set_id, ChangeSet.image_id.is_(None), ChangeSet.kind.in_(CHANGES_SHAPES))
    return list(session.scalars(select(ChangeSet.revision).where(*wide, *conditions).order_by(ChangeSet.revision)))


def set_to_revision(writer: Writer, revision: int) -> Plan:
    """How to give every shape of the writer's image the state that it had at a revision."""
    plan = Plan()
    for part in _parts(touched_since(writer.session, writer.facts.image_id, revision)):
        states = _states(writer.session, part)
        _decide(writer, plan, {id_: _at(states[id_], revision) for id_ in part})
    return plan


def bring_back(writer: Writer, annotation_ids: Sequence[int]) -> Plan:
    """How to give deleted annotations of the writer's image their last state again; a few thousand at most."""
    row = ROWS.c
    # By annotation alone: with the image as well, SQLite may walk all of the image's rows.
    statement = select(row.annotation_id, row.valid_from, row.type_id, row.author_id).where(
        among(writer.session, row.annotation_id, annotation_ids), row.valid_to < CLOSED, is_last()
    )
    plan = Plan()
    for id_, began, type_id, author_id in writer.session.execute(statement):
        reason = _forbidden(writer, author_id, type_id)
        if reason:
            plan.skipped.append((id_, reason))
        else:
            plan.add(id_, began, None)
    return plan


def is_last() -> ColumnElement[bool]:
    """Whether nothing came after a closed row of ``ROWS``: it is the last state of a deleted annotation."""
    later = ROWS.alias("later")
    follows = (later.c.annotation_id == ROWS.c.annotation_id, later.c.valid_from >= ROWS.c.valid_to)
    return ~exists().where(*follows).correlate(ROWS)


def _at(states: Sequence[Held], revision: int) -> Case:
    back = next((held for held in states if held.began <= revision < held.ended), None)
    now = next((held for held in states if held.ended == LIVE), None)
    return Case(back, now, 0, None, 0)


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _states(session: Session, ids: Sequence[int]) -> dict[int, list[Held]]:
    """All states of these annotations, without their content."""
    row = ROWS.c
    statement = select(row.annotation_id, row.valid_from, row.valid_to, row.type_id, row.author_id).where(
        among(session, row.annotation_id, ids)
    )
    found: dict[int, list[Held]] = defaultdict(list)
    for id_, *held in session.execute(statement):
        found[id_].append(Held(*held))
    return found


def _decide(writer: Writer, plan: Plan, cases: dict[int, Case]) -> None:
    """Sort annotations into those that change and those that are skipped; what is as it shall be is neither."""
    visible = {
        id_: case
        for id_, case in cases.items()
        if (case.back or case.now) and writer.knows_acts_on(case.author_id) and case.back != case.now
    }
    contents = _contents(writer.session, _to_compare(visible))
    for id_, case in visible.items():
        back = contents[id_, case.back.began] if case.back and case.now else None
        if back is not None and case.now and back == contents[id_, case.now.began]:
            continue
        reason = CHANGED if _was_changed(id_, case, contents) else ""
        reason = reason or _forbidden(writer, case.author_id, case.back.type_id if case.back else None)
        if reason:
            plan.skipped.append((id_, reason))
        else:
            plan.add(id_, case.back.began if case.back else None, case.now.began if case.now else None)


def _to_compare(cases: dict[int, Case]) -> dict[int, set[int]]:
    """Which states have to be compared: old and new ones, and those that others may have changed and changed back."""
    found: dict[int, set[int]] = {}
    for id_, case in cases.items():
        began = {case.back.began, case.now.began} if case.back and case.now else set()
        if case.others is not None and case.others > case.last and case.left and case.now:
            began |= {case.left, case.now.began}
        if began:
            found[id_] = began
    return found


def _was_changed(annotation_id: int, case: Case, contents: dict[tuple[int, int], Any]) -> bool:
    """Whether others have changed it, and not changed it back since."""
    if case.others is None:
        return False
    if case.others < case.last:
        return True
    if not case.left or not case.now:
        return bool(case.left) or bool(case.now)
    return bool(contents[annotation_id, case.left] != contents[annotation_id, case.now.began])


def _contents(session: Session, wanted: dict[int, set[int]]) -> dict[tuple[int, int], Any]:
    """What states say, by annotation and the revision at which they began; only to compare it."""
    if not wanted:
        return {}
    ids, row = sorted(wanted), ROWS.c
    columns = (row.type_id, row.shape, row.z, row.t, row.c, row.text, row.geometry)
    statement = select(row.annotation_id, row.valid_from, *columns).where(among(session, row.annotation_id, ids))
    attributes = _attributes(session, ids)
    return {
        (id_, began): (*content, attributes.at(id_, began))
        for id_, began, *content in session.execute(statement, execution_options={"yield_per": _CHUNK})
        if began in wanted[id_]
    }


class _Attributes:
    """The attributes of some annotations at any time."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows: dict[int, list[tuple[int, int, Any]]] = defaultdict(list)
        for id_, began, ended, attributes in rows:
            self._rows[id_].append((began, ended, attributes))

    def at(self, annotation_id: int, revision: int) -> Any:
        """The attributes at a revision."""
        held = self._rows.get(annotation_id, ())
        return next((attributes for began, ended, attributes in held if began <= revision < ended), None) or {}


def _attributes(session: Session, ids: Sequence[int]) -> _Attributes:
    row = DETAILS.c
    statement = select(row.annotation_id, row.valid_from, row.valid_to, row.attributes)
    return _Attributes(session.execute(statement.where(among(session, row.annotation_id, ids))))


def _forbidden(writer: Writer, author_id: int | None, type_id: int | None) -> str:
    if not writer.may_edit_work_of(author_id):
        return NOT_YOURS
    if type_id is not None and type_id not in writer.types:
        return TYPE_GONE
    return ""
