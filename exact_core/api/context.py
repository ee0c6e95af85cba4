"""Who acts, and what a plugin may reach outside of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

ALL_SCOPES = frozenset({"read", "write", "admin"})
"""What a browser session may do; a token can have fewer."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated person, or the system itself, on whose behalf something happens.

    Attributes:
        user_id: The account; 0 for the system.
        name: Login name.
        display_name: What others read.
        is_admin: Whether every right is granted.
        scopes: ``read``, ``write``, ``admin``; a browser session has all.
        via: How the actor was recognised.
    """

    user_id: int
    name: str
    display_name: str = ""
    is_admin: bool = False
    scopes: frozenset[str] = field(default=ALL_SCOPES)
    via: Literal["session", "token", "system"] = "session"

    @classmethod
    def system(cls) -> Actor:
        """The platform itself: background work that nobody asked for by hand."""
        return cls(0, "system", "EXACT", is_admin=True, via="system")


class JobContext(Protocol):
    """What a running job is given."""

    @property
    def job_id(self) -> int:
        """The job."""

    @property
    def image_set_id(self) -> int | None:
        """The image set it works on, if any."""

    @property
    def image_id(self) -> int | None:
        """The image it works on, if any."""

    @property
    def owner_id(self) -> int | None:
        """Who started it."""

    @property
    def params(self) -> Mapping[str, object]:
        """Its parameters, plain JSON values."""

    def report(self, progress: float, message: str = "") -> None:
        """Say how far it is, 0 to 1; also ends a job whose cancelling was asked for, by raising."""

    def read(self) -> AbstractContextManager[Session]:
        """Open a session that only reads."""

    def write(self) -> AbstractContextManager[Session]:
        """Open a session that commits when the block ends well."""


@dataclass(frozen=True, slots=True)
class PluginContext:
    """What a plugin may reach outside of a request; handed to ``exact_startup``.

    Attributes:
        name: The plugin.
        files: A folder of its own below the data folder; make it before the first use.
        logger: Logs under the plugin's name.
        now: The server's time.
        settings_for: Its validated settings in an image set.
        read: Opens a session that only reads.
        write: Opens a session that commits when the block ends well.
        enqueue: ``enqueue(session, job_type, image_set_id=..., image_id=..., params=...)`` adds one of its own jobs
            in the caller's transaction and returns the job's id.
    """

    name: str
    files: Path
    logger: Logger
    now: Callable[[], datetime]
    settings_for: Callable[[int], BaseModel | None]
    read: Callable[[], AbstractContextManager[Session]]
    write: Callable[[], AbstractContextManager[Session]]
    enqueue: Callable[..., int]
