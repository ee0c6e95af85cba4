"""Answers of creates that carried an ``Idempotency-Key``: kept in the creating transaction, given again on a repeat.

The row is claimed at the start of the transaction, so that of two equal requests at the same time the second waits
for the first and then reads its answer. Either both the change and the answer are kept, or neither is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Invalid
from exact_core.storage.models import IdempotencyKey, now

MAX_KEY = 128
_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered."""

    status: int
    body: bytes


class Repeat:
    """One request's key; without a key it does nothing.

    Use it inside the transaction that does the work: ``seen = repeat.claim(session)`` and return the answer when
    there is one; else do the work and ``repeat.keep(session, status, body)``.
    """

    def __init__(self, actor: Actor, key: str | None, *request: str | bytes) -> None:
        if key is not None and not 1 <= len(key) <= MAX_KEY:
            raise Invalid(f"The header Idempotency-Key must have 1 to {MAX_KEY} characters.")
        self._user_id = actor.user_id
        self._key = key if actor.user_id else None  # the system has no account to keep answers for
        self._hash = "" if self._key is None else _hash_of(request)

    def claim(self, session: Session) -> Answer | None:
        """The answer to the same request before; None when this is the first, which now owns the key."""
        if self._key is None:
            return None
        table = IdempotencyKey
        own = (table.user_id == self._user_id, table.key == self._key)
        session.execute(delete(table).where(table.user_id == self._user_id, table.created_at < now() - _KEPT))
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        claim = dialect.insert(table).values(
            user_id=self._user_id, key=self._key, request_hash=self._hash, body=b"", created_at=now()
        )
        claimed = session.execute(claim.on_conflict_do_nothing().returning(table.key)).first()
        if claimed is not None:
            return None
        kept = session.execute(select(table.request_hash, table.status, table.body).where(*own)).one()
        if kept.request_hash != self._hash:
            raise Invalid("This Idempotency-Key was already used for a different request; make a new one per request.")
        return Answer(kept.status or 200, bytes(kept.body))

    def keep(self, session: Session, status: int, body: bytes) -> None:
        """Remember the answer, together with the change that it tells about."""
        if self._key is not None:
            session.execute(
                update(IdempotencyKey)
                .where(IdempotencyKey.user_id == self._user_id, IdempotencyKey.key == self._key)
                .values(status=status, body=body)
            )


def _hash_of(request: Iterable[str | bytes]) -> str:
    digest = hashlib.sha256()
    for part in request:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
