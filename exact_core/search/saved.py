"""Searches that people keep under a name: their own, and those that are shared with the image set."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.annotations.scope import Can
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, NotFound
from exact_core.search.parser import parse
from exact_core.storage.models import SavedSearch, User

MAX_KEPT = 500
"""Most searches that one person keeps in one image set."""


class SavedSearches:
    """The kept searches of one image set, as one actor sees them.

    In a blind image set readers share nothing, and who shared a search is not told: both would say who else works
    there and on what.
    """

    def __init__(self, session: Session, actor: Actor, image_set_id: int, can: Can) -> None:
        self._session = session
        self._actor = actor
        self._image_set_id = image_set_id
        self._sees_all = can(actor, "see_all", image_set_id)
        self._may_manage = can(actor, "manage", image_set_id)

    def listed(self) -> list[dict[str, Any]]:
        """One's own searches and the shared ones, by name."""
        statement = (
            select(SavedSearch, User.display_name, User.name)
            .join(User, User.id == SavedSearch.owner_id)
            .where(SavedSearch.image_set_id == self._image_set_id)
            .where(or_(SavedSearch.owner_id == self._actor.user_id, SavedSearch.is_shared))
            .order_by(SavedSearch.name, SavedSearch.id)
        )
        return [self._to_json(saved, shown or name) for saved, shown, name in self._session.execute(statement)]

    def create(self, name: str, query: str, is_shared: bool) -> dict[str, Any]:
        """Keep a search; one that means nothing is refused."""
        parse(query)
        self._require_may_share(is_shared)
        own = (SavedSearch.image_set_id == self._image_set_id, SavedSearch.owner_id == self._actor.user_id)
        if len(self._session.scalars(select(SavedSearch.id).where(*own).limit(MAX_KEPT)).all()) >= MAX_KEPT:
            raise Conflict(f"You keep {MAX_KEPT} searches here already; delete some first.")
        saved = SavedSearch(
            image_set_id=self._image_set_id, owner_id=self._actor.user_id, name=name, query=query, is_shared=is_shared
        )
        self._session.add(saved)
        self._flush(name)
        return self._to_json(saved, self._actor.display_name or self._actor.name)

    def change(self, search_id: int, name: str | None, query: str | None, is_shared: bool | None) -> dict[str, Any]:
        """Rename a search of one's own, change its query, share it or not."""
        saved = self._find(search_id)
        if saved.owner_id != self._actor.user_id:
            raise Forbidden("Only its owner can change a saved search.")
        if query is not None:
            parse(query)
            saved.query = query
        if is_shared is not None:
            self._require_may_share(is_shared)
            saved.is_shared = is_shared
        saved.name = name or saved.name
        self._flush(saved.name)
        return self._to_json(saved, self._actor.display_name or self._actor.name)

    def delete(self, search_id: int) -> None:
        """Delete a search of one's own; who manages the image set can delete shared ones."""
        saved = self._find(search_id)
        if saved.owner_id != self._actor.user_id and not self._may_manage:
            raise Forbidden("Only its owner, and who manages the image set, can delete a saved search.")
        self._session.delete(saved)
        self._session.flush()

    def _find(self, search_id: int) -> SavedSearch:
        saved = self._session.get(SavedSearch, search_id)
        is_here = saved is not None and saved.image_set_id == self._image_set_id
        if saved is None or not is_here or not (saved.is_shared or saved.owner_id == self._actor.user_id):
            raise NotFound(f"There is no saved search {search_id} that you may see.")
        return saved

    def _require_may_share(self, is_shared: bool) -> None:
        if is_shared and not self._sees_all:
            raise Forbidden("Readers of a blind image set share nothing; those who manage it can.")

    def _flush(self, name: str) -> None:
        try:
            self._session.flush()
        except IntegrityError:
            raise Conflict(f"You already have a saved search named {name!r} here.") from None

    def _to_json(self, saved: SavedSearch, owner: str) -> dict[str, Any]:
        is_own = saved.owner_id == self._actor.user_id
        return {
            "id": saved.id,
            "name": saved.name,
            "query": saved.query,
            "is_shared": saved.is_shared,
            "is_own": is_own,
            "may_delete": is_own or self._may_manage,
            "owner": {"id": saved.owner_id, "name": owner} if is_own or self._sees_all else None,
            "updated_at": saved.updated_at,
        }
