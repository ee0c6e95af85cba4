"""Who somebody is and what they may see, answered from memory for hot paths such as tiles.

Every process keeps the rights of the whole instance, small beside the pictures, and compares a counter in the
database twice a second; sessions, tokens and images are looked up when first asked for and forgotten with the next
change. When the database cannot be asked for two seconds nobody is let through: a revoked right must not live on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.contributions import Role
from exact_core.api.errors import NotFound, Unavailable
from exact_core.auth.access_state import AccessState, ImageAccess, load_image, load_state
from exact_core.auth.credentials import Credential, find_session, find_token
from exact_core.auth.keys import bearer_token, is_signed, session_key
from exact_core.auth.rights import Right, judge
from exact_core.storage.database import Database
from exact_core.storage.epochs import read_epochs
from exact_core.storage.models import AccessToken, LoginSession, now

if TYPE_CHECKING:
    from exact_core.kernel import Kernel
    from exact_core.settings import Settings

__all__ = ["AccessSnapshot", "ImageAccess"]

POLL_SECONDS = 0.4
REFUSE_AFTER_SECONDS = 2.0
_PATIENCE_SECONDS = 0.5
_RECHECK_SECONDS = 60.0
"""A session or token is looked up again after this time, which also notes that it is in use."""
_LONGEST_HEADER = 8192

_log = logging.getLogger(__name__)


class AccessSnapshot:
    """Answers from memory; thread-safe. Other processes' changes are seen within half a second, own ones at once."""

    def __init__(self, database: Database, settings: Settings, kernel: Kernel) -> None:
        self._database = database
        self._secret = settings.secret
        self._data = settings.data_dir.resolve()
        self._index = kernel.index
        self._state: AccessState | None = None
        self._valid_until = 0.0
        self._checked_at = float("-inf")
        self._own_changes = 0
        self._is_unreachable = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._in_use: dict[tuple[str, int], datetime] = {}
        database.on_epoch(self._changed_here)

    def start(self) -> None:
        """Follow changes in the background until :meth:`stop`."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._follow, name="access-snapshot", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following; answers are then checked against the database when half a second old."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.note_use()

    def authenticate(self, cookie_header: str | None, authorization: str | None = None) -> Actor | None:
        """Who makes a request with these headers; None for nobody."""
        state = self._current()
        headers = cookie_header if authorization is None else (cookie_header, authorization)
        known = state.actors.get(headers)
        if known is not None and monotonic() < known[1]:
            return known[0]
        credential = self._find(cookie_header, authorization)
        if credential is None:
            return None
        if len(cookie_header or "") + len(authorization or "") < _LONGEST_HEADER:
            left = (credential.expires_at - now()).total_seconds() if credential.expires_at else _RECHECK_SECONDS
            state.actors.put(headers, (credential.actor, monotonic() + min(left, _RECHECK_SECONDS)))
        return credential.actor

    def image(self, actor: Actor, image_id: int) -> ImageAccess:
        """What is needed to serve an image that the actor may view; else ``NotFound``."""
        state = self._current()
        image = state.images.get(image_id)
        if image is None:
            with self._asking() as session:
                image = load_image(session, image_id, self._data)
            if image is not None:
                state.images.put(image_id, image)
        if image is None or not self.can(actor, Right.VIEW, image.image_set_id):
            raise NotFound(f"There is no image {image_id} that you may see.")
        return image

    def can(self, actor: Actor, right: Right | str, image_set_id: int) -> bool:
        """Whether the actor has a right, of the core or of a plugin, in an image set."""
        state = self._current()
        question = (actor.user_id, actor.is_admin, actor.via, actor.scopes, right, image_set_id)
        answer = state.answers.get(question)
        if answer is None:
            if image_set_id not in state.sets:  # made a moment ago by another process?
                state = self._refresh()
            facts = state.sets.get(image_set_id)
            grant = None if facts is None or actor.is_admin else state.grant(actor.user_id, facts)
            answer = judge(actor, right, facts, grant, self.roles_of).allowed
            state.answers.put(question, answer)
        return answer

    def roles_of(self, permission: str) -> tuple[Role, ...] | None:
        """The roles that have a plugin's permission; None when no running plugin brought it."""
        found = self._index.permission(permission)
        return None if found is None else found.granted_to

    def note_use(self) -> None:
        """Write down when sessions and tokens were last used; best effort."""
        in_use, self._in_use = self._in_use, {}
        if not in_use:
            return
        try:
            with self._database.write() as session:
                for (kind, key), at in in_use.items():
                    if kind == "session":
                        session.execute(update(LoginSession).where(LoginSession.id == key).values(last_seen_at=at))
                    else:
                        session.execute(update(AccessToken).where(AccessToken.id == key).values(last_used_at=at))
        except (Unavailable, SQLAlchemyError) as error:
            _log.warning("The last use of %d sessions was not written down: %s", len(in_use), error)

    def _find(self, cookie_header: str | None, authorization: str | None) -> Credential | None:
        token, key = bearer_token(authorization), session_key(cookie_header)
        if token is None and (key is None or not is_signed(self._secret, key)):
            return None
        with self._asking() as session:
            found = find_session(session, key or "") if token is None else find_token(session, token)
        if found is not None:
            self._in_use[("session" if token is None else "token", found.id)] = now()
        return found

    def _current(self) -> AccessState:
        state = self._state
        if state is not None and monotonic() < self._valid_until:
            return state
        if self._thread is not None and state is not None and self._valid_until > 0:
            # Either the database is away, or the background thread is late on a busy machine: wait a little for it.
            is_free = not self._is_unreachable and self._lock.acquire(timeout=_PATIENCE_SECONDS)
            if not is_free:
                raise Unavailable("The database has not answered for two seconds; try again in a moment.")
            self._lock.release()
        return self._refresh()

    def _refresh(self) -> AccessState:
        with self._lock:
            started, changes, state = monotonic(), self._own_changes, self._state
            try:
                with self._asking() as session:
                    epochs = read_epochs(session)
                    if state is None or epochs.get("access") != state.access_epoch:
                        state = load_state(session, epochs)
                    elif epochs.get("images") != state.images_epoch:
                        state = state.without_images(epochs.get("images"))
            except Unavailable:
                if state is None or started - self._checked_at > REFUSE_AFTER_SECONDS or changes:
                    raise
                return state
            self._state, self._checked_at = state, started
            if changes == self._own_changes:
                self._own_changes = 0
                lasts = REFUSE_AFTER_SECONDS if self._thread is not None else POLL_SECONDS
                self._valid_until = started + lasts
            return state

    def _changed_here(self) -> None:
        self._own_changes += 1
        self._valid_until = 0.0

    def _follow(self) -> None:
        wrote_at = monotonic()
        while True:
            try:
                self._refresh()
                self._is_unreachable = False
            except (Unavailable, SQLAlchemyError) as error:
                self._is_unreachable = True
                _log.warning("Rights cannot be checked for changes: %s", error)
            if monotonic() - wrote_at > _RECHECK_SECONDS:
                wrote_at = monotonic()
                self.note_use()
            if self._stop.wait(POLL_SECONDS):
                return

    @contextmanager
    def _asking(self) -> Iterator[Session]:
        with self._database.read() as session:
            yield session
