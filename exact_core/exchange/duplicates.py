"""Shapes that an image has already: known by their uuid; left, updated or told, as was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.loading import load
from exact_core.annotations.states import Known
from exact_core.exchange.sinks import Sink
from exact_core.storage.models import Annotation

_AT_ONCE = 900  # SQLite takes a limited number of parameters


@dataclass(slots=True)
class Duplicates:
    """What is known of the uuids of some shapes.

    Attributes:
        known: Annotations of the image that the actor may see, by uuid.
        taken: Uuids of the image that the actor may not know of, and those that come twice among the shapes: such
            shapes get another uuid, silently where it is hidden.
    """

    known: dict[str, Known] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


def look_up(sink: Sink, uuids: Sequence[str | None]) -> Duplicates:
    """Which of the uuids the image has."""
    wanted = {uuid for uuid in uuids if uuid is not None}
    found = Duplicates()
    there = _existing(sink.session, sink.facts.image_id, wanted)
    if not there:
        return found
    for known in load(sink.session, sink.facts.image_id, uuids=there):
        if sink.scope.shows(known.author_id):
            found.known[known.uuid] = known
        else:
            found.taken.add(known.uuid)
    return found


def _existing(session: Session, image_id: int, uuids: Iterable[str]) -> list[str]:
    wanted = sorted(uuids)
    found: list[str] = []
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        statement: Any = select(Annotation.uuid).where(Annotation.image_id == image_id, Annotation.uuid.in_(part))
        found += session.scalars(statement)
    return found
