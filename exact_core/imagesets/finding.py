"""Finding an image set by the name that people type in commands."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.errors import Conflict, NotFound
from exact_core.auth.accounts import folded
from exact_core.storage.models import ImageSet, Team


def find_by_name(session: Session, name: str, team_name: str = "") -> ImageSet:
    """The image set of that name; the team is needed where several have one.

    Raises:
        NotFound: When there is none.
        Conflict: When there are several.
    """
    query = select(ImageSet).where(ImageSet.name == name.strip(), ImageSet.deleted_at.is_(None))
    if team_name:
        query = query.join(Team, Team.id == ImageSet.team_id).where(Team.folded_name == folded(team_name.strip()))
    found = session.scalars(query.limit(2)).all()
    if not found:
        where = f" of the team {team_name!r}" if team_name else ""
        raise NotFound(f"There is no image set {name!r}{where}.")
    if len(found) > 1:
        raise Conflict(f"Several teams have an image set named {name!r}; name the team with --team.")
    return found[0]
