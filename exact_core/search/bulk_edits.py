"""Changing all hits of a search at once: relabel, set attributes, delete. One change of the image set, one undo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations import number_tables
from exact_core.annotations.rules import TypeRule, TypeRules
from exact_core.annotations.scope import Can
from exact_core.annotations.set_events import Listening
from exact_core.annotations.set_undo import undo
from exact_core.annotations.set_writing import MAX_ROWS, Numbers, RowKeys, SetChange, SetWriter, may_edit_any
from exact_core.annotations.states import DETAILS
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.products import attributes
from exact_core.review.set_reading import SetReading
from exact_core.search.field import Asked
from exact_core.search.reading import HitRow
from exact_core.search.running import Search
from exact_core.search.time_limit import Clock
from exact_core.storage.models import LIVE, AnnotationType, ChangeSet, ImageSet, User

SECONDS = 120.0
"""How long finding the hits of a change may take: it is asked for seldom, and on purpose."""

KINDS = ("bulk", "merge", "undo", "edit")
"""Changes of a whole set, and their undoing."""

_OTHERS = "drawn by somebody else, and you may change your own only"
_SAME = "are so already"
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall become of the hits.

    Attributes:
        type_id: The class that they get.
        attributes: Values that they get; None takes a value away.
        deletes: Delete them.
    """

    type_id: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    deletes: bool = False

    def require_sense(self) -> None:
        """Refuse what wants nothing, or too much."""
        if self.deletes == bool(self.type_id is not None or self.attributes):
            raise Invalid("Say one of: a class, attributes, or both of them; or delete.")


@dataclass(slots=True)
class Plan:
    """What a change comes to, row by row.

    Attributes:
        revision: The image set's revision that it was worked out at.
        total: How many hits there are.
        keys: Rows that change.
        type_ids: The type of each afterwards.
        author_ids: Who drew each, 0 for none.
        attributes: New attributes by annotation.
        before: Hits that change, per type.
        refused: Why others do not, and how many.
        dropped: Values that the new class cannot have, per attribute.
    """

    revision: int
    total: int
    keys: RowKeys
    type_ids: Numbers
    author_ids: Numbers
    attributes: dict[int, dict[str, Any]]
    before: Counter[int]
    refused: Counter[str]
    dropped: Counter[str]

    def to_json(self, session: Session, wanted: Wanted) -> dict[str, Any]:
        """The form that the API answers."""
        after: Counter[int] = Counter() if wanted.deletes else Counter(self.type_ids.tolist())
        known = select(AnnotationType.id, AnnotationType.name).where(AnnotationType.id.in_({*self.before, *after}))
        names = dict(session.execute(known).all())
        return {
            "revision": self.revision,
            "total": self.total,
            "changed": len(self.keys),
            "counts": [
                {"type_id": id_, "name": names[id_], "before": self.before[id_], "after": after[id_]}
                for id_ in sorted(names, key=lambda each: names[each].casefold())
            ],
            "refused": [{"reason": reason, "count": n} for reason, n in self.refused.most_common()],
            "dropped_values": dict(self.dropped),
        }


def plan(asked: Asked, query: str, image_id: int | None, ids: Iterable[int] | None, wanted: Wanted) -> Plan:
    """Find the hits and work out what becomes of each; nothing is changed.

    Args:
        asked: Who asks, and where.
        query: Which hits.
        image_id: Only those of one image.
        ids: Only these of them; None for all.
        wanted: What shall become of them.
    """
    wanted.require_sense()
    search = Search(asked, query, image_id, Clock(SECONDS))
    if not search.is_present:
        raise Invalid("Annotations of the past, and deleted ones, cannot be changed; leave these words out.")
    rows = list(search.rows(MAX_ROWS))
    if len(rows) > MAX_ROWS:
        raise Conflict(f"These are more than {MAX_ROWS:,} annotations; narrow the search.")
    if ids is not None:
        chosen = set(ids)
        rows = [row for row in rows if row.annotation_id in chosen]
    return _Planner(asked, rows, wanted).plan()


def apply(writer: SetWriter, found: Plan, wanted: Wanted, expected_revision: int | None, reason: str) -> int:
    """Do what a plan says, as one revision of the image set, and return its number.

    Raises:
        Conflict: When the image set has changed since the revision that the client has seen.
    """
    if expected_revision is not None and writer.revision != expected_revision:
        raise Conflict("Somebody has changed annotations of this image set since the preview; look at it again.")
    change = SetChange(
        found.keys,
        None if wanted.deletes else found.type_ids,
        {} if wanted.deletes else found.attributes,
        found.author_ids,
        deletes=wanted.deletes,
    )
    return writer.apply(change, "bulk", reason)


class _Planner:
    """Works out what becomes of each hit, for all of them at once where that is possible."""

    def __init__(self, asked: Asked, rows: Sequence[HitRow], wanted: Wanted) -> None:
        self.asked = asked
        self.wanted = wanted
        self.keys = RowKeys.of(rows)
        self.types = np.array([row.type_id for row in rows], np.int64)
        self.authors = np.array([row.author_id for row in rows], np.int64)
        self.shapes = np.array([row.shape for row in rows], np.int64)
        self.rules = TypeRules(asked.session, asked.image_set_id)
        self.refused: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.open = np.ones(len(rows), bool)  # rows that are not refused yet

    def plan(self) -> Plan:
        asked, wanted = self.asked, self.wanted
        revision = _revision(asked.session, asked.image_set_id)
        if not may_edit_any(asked.actor, asked.image_set_id, asked.can):
            self._refuse(self.authors != asked.actor.user_id, _OTHERS)
        image_set = asked.session.get_one(ImageSet, asked.image_set_id)
        for rows, reason in SetReading(asked.session, asked.actor, image_set, asked.can).refused(self.keys):
            self._refuse(rows, reason)
        after = self.types.copy()
        changed: dict[int, dict[str, Any]] = {}
        if not wanted.deletes:
            if wanted.type_id is not None:
                after[:] = self._require_type(wanted.type_id)
            changed = self._attributes(after)
            same = (after == self.types) & ~np.isin(self.keys.annotation_id, list(changed))
            self._refuse(same, _SAME)
        chosen = np.flatnonzero(self.open)
        left = set(self.keys.annotation_id[chosen].tolist())
        return Plan(
            revision,
            len(self.types),
            self.keys.take(chosen),
            after[chosen],
            self.authors[chosen],
            {id_: values for id_, values in changed.items() if id_ in left},
            Counter(self.types[chosen].tolist()),
            self.refused,
            self.dropped,
        )

    def _require_type(self, type_id: int) -> int:
        rule = self.rules.require(type_id)
        rule.require_active()
        for shape in Shape:
            if shape.value not in rule.shapes:
                reason = f"drawn as {shape.value.replace('_', ' ')}, which {rule.name} does not allow"
                self._refuse(self.shapes == shape.number, reason)
        return rule.id

    def _refuse(self, rows: NDArray[np.bool_], reason: str) -> None:
        new = self.open & rows
        if new.any():
            self.refused[reason] += int(new.sum())
            self.open &= ~rows

    def _attributes(self, after: Numbers) -> dict[int, dict[str, Any]]:
        """New attributes of the rows whose attributes change; rows that cannot have them are refused."""
        stored = self._stored()
        changed: dict[int, dict[str, Any]] = {}
        refused: dict[str, list[int]] = {}
        for place in np.flatnonzero(self.open).tolist():
            id_, type_id = int(self.keys.annotation_id[place]), int(after[place])
            has = stored.get(id_, {})
            rule = self.rules.require(type_id)
            try:
                values = self._values(rule, has, is_new_type=type_id != self.types[place])
            except Invalid as error:
                refused.setdefault(error.message.rstrip("."), []).append(place)
                continue
            if values != has:
                changed[id_] = values
        for reason, places in refused.items():
            rows = np.zeros(len(after), bool)
            rows[places] = True
            self._refuse(rows, reason)
        return changed

    def _values(self, rule: TypeRule, has: Mapping[str, Any], *, is_new_type: bool) -> dict[str, Any]:
        values = dict(has)
        if is_new_type:
            values = attributes.kept(rule.attributes, has, rule.name)
            self.dropped.update(name for name in has if name not in values)
            values = attributes.defaults(rule.attributes) | values
        if self.wanted.attributes:
            given = attributes.checked(rule.attributes, self.wanted.attributes, rule.name)
            removed = {name for name, value in self.wanted.attributes.items() if name not in given}
            values = {name: value for name, value in (values | given).items() if name not in removed}
        if is_new_type or self.wanted.attributes:
            attributes.require(rule.attributes, values, rule.name)
        return values

    def _stored(self) -> dict[int, dict[str, Any]]:
        """The attributes that the hits have now."""
        session, dialect = self.asked.session, self.asked.dialect
        ids = self.keys.annotation_id
        found: dict[int, dict[str, Any]] = {}
        for start in range(0, len(ids), _CHUNK):
            table = number_tables.table(dialect, "ids", {"id": ids[start : start + _CHUNK]})
            live = (DETAILS.c.annotation_id.in_(select(table.c.id)), DETAILS.c.valid_to == LIVE)
            found.update(session.execute(select(DETAILS.c.annotation_id, DETAILS.c.attributes).where(*live)).all())
        return found


def listed(session: Session, actor: Actor, image_set_id: int, can: Can, limit: int) -> list[dict[str, Any]]:
    """The newest changes of the whole set: one's own, and for those who manage it everybody's."""
    statement = (
        select(ChangeSet, User.display_name, User.name)
        .outerjoin(User, User.id == ChangeSet.actor_id)
        .where(ChangeSet.image_set_id == image_set_id, ChangeSet.kind.in_(("bulk", "merge")))
        .order_by(ChangeSet.revision.desc())
        .limit(limit)
    )
    may_manage = can(actor, "manage", image_set_id)
    if not may_manage:
        statement = statement.where(ChangeSet.actor_id == actor.user_id)
    return [
        {
            "revision": change.revision,
            "kind": change.kind,
            "reason": change.reason,
            "annotations": change.n_changes,
            "by": None if change.actor_id is None else {"id": change.actor_id, "name": shown or name},
            "at": change.at,
            "undone_by": change.reverted_by,
        }
        for change, shown, name in session.execute(statement)
    ]


def take_back(
    session: Session, actor: Actor, image_set_id: int, revision: int, can: Can, listening: Listening
) -> dict[str, Any]:
    """Undo a change of the whole set where nothing has changed since."""
    writer = SetWriter(session, actor, image_set_id, can, listening)
    target = session.get(ChangeSet, (image_set_id, revision))
    is_ours = target is not None and (target.actor_id == writer.editor_id or writer.may_manage)
    if target is None or target.kind not in KINDS or not is_ours:
        raise NotFound(f"This image set has no change {revision} that you may take back.")
    new, changed, skipped = undo(writer, target)
    return {"revision": new, "changed": changed, "skipped": skipped}


def _revision(session: Session, image_set_id: int) -> int:
    return session.execute(select(ImageSet.revision).where(ImageSet.id == image_set_id)).scalar_one()
