"""Sessions: what one person did by hand in one image set without a long pause.

Nobody opens or closes a session; it follows from the change log. A person's change sets in an image set, in the order
of revisions and whatever others do between them, belong to one session while each comes less than :data:`PAUSE` after
the one before. Change sets of a run (an import, a model, a job) are no work by hand and belong to none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, takewhile
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session as DbSession

from exact_core.storage.models import ChangeSet

PAUSE = timedelta(minutes=30)
"""A pause this long, or longer, ends a session."""

_BATCH = 500


class Act(NamedTuple):
    """One change set of a person: its revision and when the server wrote it."""

    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class WorkSession:
    """Change sets of one person that belong together."""

    first_revision: int
    last_revision: int
    began_at: datetime
    ended_at: datetime
    n_change_sets: int


def split(acts: Iterable[Act]) -> list[WorkSession]:
    """The sessions of one person in one image set, oldest first.

    Args:
        acts: All of the person's change sets there, in the order of revisions.
    """
    found: list[list[Act]] = []
    for act in acts:
        if found and _is_near(found[-1][-1], act):
            found[-1].append(act)
        else:
            found.append([act])
    return [WorkSession(own[0].revision, own[-1].revision, own[0].at, own[-1].at, len(own)) for own in found]


def sessions_between(
    session: DbSession, image_set_id: int, actor_id: int | None, low: int, high: int
) -> list[WorkSession]:
    """The whole sessions of a person that reach into a range of revisions, both ends inclusive."""
    log = by_hand(image_set_id, actor_id)
    inside = _acts(session, [*log, ChangeSet.revision.between(low, high)], newest_first=False)
    middle = list(inside)
    if not middle:
        return []
    older = _acts(session, [*log, ChangeSet.revision < low], newest_first=True)
    newer = _acts(session, [*log, ChangeSet.revision > high], newest_first=False)
    before = list(_without_pause(middle[0], older))
    after = list(_without_pause(middle[-1], newer))
    return split(chain(reversed(before), middle, after))


def by_hand(image_set_id: int, actor_id: int | None) -> list[ColumnElement[bool]]:
    """Conditions for the change sets that sessions of a person are made of."""
    whose = ChangeSet.actor_id.is_(None) if actor_id is None else ChangeSet.actor_id == actor_id
    return [ChangeSet.image_set_id == image_set_id, whose, ChangeSet.run == ""]


def _is_near(one: Act, other: Act) -> bool:
    return abs(other.at - one.at) < PAUSE


def _without_pause(last: Act, following: Iterable[Act]) -> Iterator[Act]:
    """The acts that follow an act, in either direction, until somebody rested."""
    previous = last

    def goes_on(act: Act) -> bool:
        nonlocal previous
        previous, before = act, previous
        return _is_near(before, act)

    return takewhile(goes_on, following)


def _acts(session: DbSession, conditions: list[ColumnElement[bool]], *, newest_first: bool) -> Iterator[Act]:
    """Change sets one after another; read in parts, as few are needed as a rule."""
    order = ChangeSet.revision.desc() if newest_first else ChangeSet.revision.asc()
    base = select(ChangeSet.revision, ChangeSet.at).where(*conditions).order_by(order).limit(_BATCH)
    last: int | None = None
    while True:
        part = base
        if last is not None:
            part = base.where(ChangeSet.revision < last if newest_first else ChangeSet.revision > last)
        rows = session.execute(part).all()
        yield from (Act(revision, at) for revision, at in rows)
        if len(rows) < _BATCH:
            return
        last = rows[-1][0]
