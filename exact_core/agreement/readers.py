"""Who read: authors, and for imported work those whom the file names.

A reader has a key that stands in addresses and in the database: ``user:17`` for an author, ``claimed:Participant 3``
for somebody whom an import or a model named, ``nobody`` for what the system made without naming anybody. What a study
copied for a participant names its source, but belongs to the participant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.errors import Invalid
from exact_core.storage.models import User

NOBODY = "nobody"
_USER, _CLAIMED = "user:", "claimed:"
_PREPARED = "Prepared for study "
MAX_KEY = 240


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody whose marks are compared."""

    key: str
    name: str
    annotations: int = 0
    images: int = 0

    @property
    def is_claimed(self) -> bool:
        """Whether only a file or a model says that they drew it."""
        return self.key.startswith(_CLAIMED)


@dataclass(slots=True)
class ReaderKeys:
    """Numbers for readers while rows are read: author and claimed author to the key's place in ``keys``."""

    keys: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _seen: dict[tuple[int, str], int] = field(default_factory=dict)

    def number(self, author_id: int, claimed: str) -> int:
        """The number of who drew something; ``author_id`` is 0 when there is none."""
        known = self._seen.get((author_id, claimed))
        if known is None:
            key = key_of(author_id, claimed)
            known = self._seen[author_id, claimed] = self._numbers.setdefault(key, len(self._numbers))
            if known == len(self.keys):
                self.keys.append(key)
        return known


def key_of(author_id: int | None, claimed: str) -> str:
    """The key of whoever an annotation belongs to."""
    if claimed and not claimed.startswith(_PREPARED):
        return _CLAIMED + claimed
    return f"{_USER}{author_id}" if author_id else NOBODY


def user_of(key: str) -> int | None:
    """The account behind a key, if there is one."""
    number = key.removeprefix(_USER)
    return int(number) if key.startswith(_USER) and number.isdecimal() and number.isascii() else None


def claimed_of(key: str) -> str:
    """The name that a file gave, or nothing."""
    return key.removeprefix(_CLAIMED) if key.startswith(_CLAIMED) else ""


def checked_keys(keys: Iterable[str]) -> tuple[str, ...]:
    """Keys as they were sent, each once; ``Invalid`` for what is none."""
    found = tuple(dict.fromkeys(keys))
    for key in found:
        is_known = key == NOBODY or claimed_of(key) or (user_of(key) or 0) > 0
        if not is_known or len(key) > MAX_KEY or "\x00" in key:
            raise Invalid(f"{key[:60]!r} is no reader; write user:<number> or claimed:<name>.")
    return found


def names_of(session: Session, keys: Iterable[str]) -> Mapping[str, str]:
    """What people read for each key."""
    keys = list(keys)
    users = {user_id: key for key in keys if (user_id := user_of(key)) is not None}
    wanted = [user_id for user_id in users if user_id < 2**63]
    rows = session.execute(select(User.id, User.display_name, User.name).where(User.id.in_(wanted)))
    names = {users[id_]: display_name or name for id_, display_name, name in rows}
    return {key: names.get(key) or claimed_of(key) or ("Nobody" if key == NOBODY else key) for key in keys}


def prepared_label(study_id: int, source: str) -> str:
    """The claimed author of what a study copies for its participants; it stays theirs when the study is deleted."""
    return f"{_PREPARED}{study_id}: {source}"[:200]
