"""Who did what, as the one who asks may know it: names for the change log, also of accounts that are gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ROWS
from exact_core.storage.models import LIVE, ChangeSet, User

DELETED_USER = "deleted user"
SOMEBODY = "somebody else"
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class People:
    """Names of people; a blind reader knows only their own.

    Attributes:
        names: Of accounts that exist.
        only: The one person whose name may be told; None for everybody's.
    """

    names: dict[int, str]
    only: int | None = None

    def json(self, user_id: int | None) -> dict[str, Any] | None:
        """The person as answers show them; None when nobody did it by hand."""
        if user_id is None:
            return None
        if self.only is not None and user_id != self.only:
            return {"id": None, "name": SOMEBODY}
        return {"id": user_id, "name": self.names.get(user_id, DELETED_USER)}


def people(session: Session, user_ids: Iterable[int | None], only: int | None = None) -> People:
    """The names of these accounts; those that are gone become :data:`DELETED_USER`."""
    wanted = sorted({user_id for user_id in user_ids if user_id is not None})
    names: dict[int, str] = {}
    for start in range(0, len(wanted), _CHUNK):
        part = select(User.id, User.display_name, User.name).where(User.id.in_(wanted[start : start + _CHUNK]))
        names |= {id_: display_name or name for id_, display_name, name in session.execute(part)}
    return People(names, only)


def last_editors(
    session: Session, image_set_id: int, annotation_ids: Iterable[int], only: int | None
) -> dict[int, dict[str, Any] | None]:
    """Who changed each annotation last; for a deleted one, who deleted it."""
    ids = sorted(annotation_ids)
    editors: dict[int, int | None] = {}
    for start in range(0, len(ids), _CHUNK):
        editors |= _last_editors(session, image_set_id, ids[start : start + _CHUNK])
    known = people(session, editors.values(), only)
    return {id_: known.json(editor) for id_, editor in editors.items()}


def _last_editors(session: Session, image_set_id: int, ids: list[int]) -> dict[int, int | None]:
    row = ROWS.c
    ends = (
        select(row.annotation_id, func.max(row.valid_to).label("end"))
        .where(row.annotation_id.in_(ids))
        .group_by(row.annotation_id)
        .subquery()
    )
    deleted = (ChangeSet.image_set_id == image_set_id) & (ChangeSet.revision == row.valid_to)
    who = case((row.valid_to == LIVE, row.editor_id), else_=ChangeSet.actor_id)
    statement = (
        select(row.annotation_id, who)
        .select_from(ends)
        .join(ROWS, (row.annotation_id == ends.c.annotation_id) & (row.valid_to == ends.c.end))
        .outerjoin(ChangeSet, deleted)
    )
    return dict(session.execute(statement).all())
