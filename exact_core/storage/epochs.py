"""Counters that tell every server process that something it keeps in memory has changed."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exact_core.storage.database import EPOCHS_RAISED
from exact_core.storage.models import Epoch

EpochName = Literal["access", "activation", "images"]


def raise_epoch(session: Session, name: EpochName) -> None:
    """Raise a counter in the transaction of the change it stands for.

    ``access``: users, sessions, tokens, teams, members, image sets. ``activation``: plugins of image sets.
    ``images``: where the files of an image are, its status, its set, its deletion, and that of a version which has it.
    """
    changed = session.execute(update(Epoch).where(Epoch.name == name).values(value=Epoch.value + 1))
    if not changed.rowcount:  # type: ignore[attr-defined]
        session.add(Epoch(name=name, value=1))
        session.flush()
    session.info[EPOCHS_RAISED] = True


def read_epochs(session: Session) -> dict[str, int]:
    """Every counter with its value; a counter that was never raised is absent."""
    return {row.name: row.value for row in session.execute(select(Epoch.name, Epoch.value))}
