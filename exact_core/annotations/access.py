"""Rights as a transaction sees them: for changes and for jobs; hot reading paths ask the access snapshot instead."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from exact_core.annotations.scope import Can
from exact_core.api.context import Actor
from exact_core.auth.rights import Rights, Standing, judge, no_plugin_rights


def rights_in(session: Session, standings: Mapping[tuple[int, int], Standing] | None = None) -> Can:
    """Whether an actor has a right in an image set, asked of the database, once for each actor and set.

    Make a new one where rights may have changed since: after waiting for a lock, or after changing them.
    ``standings`` are those that the same transaction has read already, by account and image set.
    """
    rights = Rights(session)
    known = dict(standings or {})

    def can(actor: Actor, right: str, image_set_id: int) -> bool:
        key = actor.user_id, image_set_id
        if key not in known:
            known[key] = rights.standing(*key)
        facts, grant = known[key]
        return judge(actor, right, facts, grant, no_plugin_rights).allowed

    return can
