"""The change log of an image or an image set as people read it: who did what, when, why and where, newest first.

A reader who may not see others' work reads only what they did themselves, to their own shapes; nothing is counted for
them that they may not see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations.change_details import Detail, details_of
from exact_core.annotations.change_log import CHANGES_SHAPES
from exact_core.annotations.people import People, people
from exact_core.annotations.scope import ROWS, Can, begun_at, ended_at, read_scope
from exact_core.annotations.sessions import WorkSession, sessions_between
from exact_core.api.context import Actor
from exact_core.api.errors import NotFound
from exact_core.storage.cursor import read_cursor, write_cursor
from exact_core.storage.models import ChangeSet, Image, ImageSet

MAX_PAGE = 200
_MOST_NAMED = 100  # people and runs offered as filters
_MOST_IDS = 20


@dataclass(frozen=True, slots=True)
class Log:
    """The change log of an image set, or of one image of it, as one actor may read it.

    Attributes:
        image_set_id: The image set.
        image_id: The one image; None for all.
        only: Whose work may be read; None for everybody's.
        revision: The set's present revision.
    """

    image_set_id: int
    image_id: int | None
    only: int | None
    revision: int

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on ``ChangeSet``, outer-joined with ``Image``, for what may be read."""
        if self.image_id is not None:  # without the set, so that the index by image is used
            found: list[ColumnElement[bool]] = [ChangeSet.image_id == self.image_id]
        else:
            live = or_(ChangeSet.image_id.is_(None), Image.deleted_at.is_(None))
            found = [ChangeSet.image_set_id == self.image_set_id, live]
        if self.only is not None:  # of verdicts and assignments nothing, as they tell how far others are
            found += [ChangeSet.actor_id == self.only, ChangeSet.kind.in_(CHANGES_SHAPES), self._touches_own_work()]
        return found

    def _touches_own_work(self) -> ColumnElement[bool]:
        row = ROWS.c
        own = and_(row.image_id == ChangeSet.image_id, row.author_id == self.only)
        return or_(
            exists().where(own, begun_at(ROWS, ChangeSet.revision)).correlate(ChangeSet),
            exists().where(own, ended_at(ROWS, ChangeSet.revision)).correlate(ChangeSet),
        )


def log_of_image(session: Session, actor: Actor, image_id: int, can: Can) -> Log:
    """The log of an image; ``NotFound`` when the actor may not see it."""
    scope = read_scope(session, actor, image_id, can)
    return Log(scope.image.image_set_id, image_id, scope.only_reader, scope.image.revision)


def log_of_set(session: Session, actor: Actor, image_set_id: int, can: Can) -> Log:
    """The log of an image set; ``NotFound`` when the actor may not see it."""
    statement = select(ImageSet.revision).where(ImageSet.id == image_set_id, ImageSet.deleted_at.is_(None))
    revision = session.execute(statement).scalar()
    if revision is None or not can(actor, "view", image_set_id):
        raise NotFound(f"There is no image set {image_set_id} that you may see.")
    return Log(image_set_id, None, None if can(actor, "see_all", image_set_id) else actor.user_id, revision)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which change sets a list shows."""

    actor_ids: Sequence[int] = ()
    kinds: Sequence[str] = ()
    run: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on ``ChangeSet``."""
        found: list[ColumnElement[bool]] = []
        if self.actor_ids:
            found.append(ChangeSet.actor_id.in_(self.actor_ids))
        if self.kinds:
            found.append(ChangeSet.kind.in_(self.kinds))
        if self.run is not None:
            found.append(ChangeSet.run == self.run)
        if self.since is not None:
            found.append(ChangeSet.at >= self.since)
        if self.until is not None:
            found.append(ChangeSet.at < self.until)
        return found


def page(session: Session, log: Log, filters: Filters, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of change sets, newest first, with the sessions that they belong to.

    The first page also names the people and runs that the log can be filtered by.
    """
    conditions = [*log.conditions(), *filters.conditions()]
    if cursor is not None:
        conditions.append(ChangeSet.revision < read_cursor(cursor, int)[0])
    statement = (
        select(ChangeSet, Image.name)
        .outerjoin(Image, Image.id == ChangeSet.image_id)
        .where(*conditions)
        .order_by(ChangeSet.revision.desc())
        .limit(limit + 1)
    )
    found = [(change_set, name or "") for change_set, name in session.execute(statement)]
    more, found = len(found) > limit, found[:limit]
    shown = [change_set for change_set, _ in found]
    details = details_of(session, log.image_set_id, shown, log.only)
    sessions = _sessions(session, log.image_set_id, shown)
    named = people(session, [*(_actor(each, details) for each in shown)], log.only)
    answer = {
        "revision": log.revision,
        "items": [_item(each, name, details[each.revision], named, sessions) for each, name in found],
        "sessions": [_session_json(one, named.json(actor_id)) for actor_id, own in sessions.items() for one in own],
        "next_cursor": write_cursor(found[-1][0].revision) if more else None,
    }
    return answer if cursor is not None else answer | _offers(session, log)


def _actor(change_set: ChangeSet, details: Mapping[int, Detail]) -> int | None:
    """Who did it: the log forgets accounts that are gone, the states that they made do not."""
    return change_set.actor_id if change_set.actor_id is not None else details[change_set.revision].editor_id


def _sessions(session: Session, image_set_id: int, shown: Iterable[ChangeSet]) -> dict[int, list[WorkSession]]:
    """The sessions that these change sets belong to, by person."""
    by_actor: dict[int, list[int]] = defaultdict(list)
    for each in shown:
        if each.actor_id is not None and not each.run:
            by_actor[each.actor_id].append(each.revision)
    found = {}
    for actor_id, revisions in by_actor.items():
        own = sessions_between(session, image_set_id, actor_id, min(revisions), max(revisions))
        kept = [one for one in own if any(one.first_revision <= each <= one.last_revision for each in revisions)]
        found[actor_id] = kept[::-1]
    return found


def _item(
    change_set: ChangeSet,
    image_name: str,
    detail: Detail,
    named: People,
    sessions: Mapping[int, Sequence[WorkSession]],
) -> dict[str, Any]:
    revision = change_set.revision
    own = [] if change_set.run else sessions.get(change_set.actor_id or 0, [])
    first = next((one.first_revision for one in own if one.first_revision <= revision <= one.last_revision), None)
    return {
        "revision": revision,
        "image": {"id": change_set.image_id, "name": image_name} if change_set.image_id else None,
        "at": as_text(change_set.at),
        "kind": change_set.kind,
        "reason": change_set.reason,
        "run": change_set.run,
        "actor": named.json(_actor(change_set, {revision: detail})),
        "what": detail.what,
        "n_changes": detail.n_changes,
        "box": list(detail.box) if detail.box else None,
        "annotation_ids": detail.annotation_ids[:_MOST_IDS] if len(detail.annotation_ids) <= _MOST_IDS else [],
        "reverts": change_set.reverts,
        "is_taken_back": change_set.reverted_by is not None,
        "session": first,
    }


def _session_json(one: WorkSession, actor: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "first_revision": one.first_revision,
        "last_revision": one.last_revision,
        "actor": actor,
        "began_at": as_text(one.began_at),
        "ended_at": as_text(one.ended_at),
        "n_change_sets": one.n_change_sets,
    }


def _offers(session: Session, log: Log) -> dict[str, Any]:
    """People and runs of the log, for filters."""
    joined = (Image, Image.id == ChangeSet.image_id)
    conditions = log.conditions()
    ids = session.scalars(
        select(ChangeSet.actor_id).distinct().outerjoin(*joined).where(*conditions).limit(_MOST_NAMED)
    )
    named = people(session, ids, log.only)
    runs = session.scalars(
        select(ChangeSet.run)
        .outerjoin(*joined)
        .where(*conditions, ChangeSet.run != "")
        .group_by(ChangeSet.run)
        .order_by(ChangeSet.run)
        .limit(_MOST_NAMED)
    )
    told = sorted(named.names.items(), key=lambda pair: pair[1].casefold())
    return {"people": [{"id": id_, "name": name} for id_, name in told], "runs": list(runs)}


def as_text(at: datetime) -> str:
    """A time as answers carry it."""
    return at.isoformat().replace("+00:00", "Z")
