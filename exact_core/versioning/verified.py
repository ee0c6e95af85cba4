"""What was verified at a version's revision: verdicts on shapes and states of images, for its manifest and in sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import VERDICTS, Can, ReadScope, holds
from exact_core.api.context import Actor
from exact_core.review.image_states import TABLE as STATES
from exact_core.review.verdicts import VERDICT_NAMES, counts
from exact_core.storage.models import Version, VersionImage
from exact_core.versioning.access import scope_for_version

STATE, VERDICT = "state", "verification"
_BATCH = 2_000


def states_said(session: Session, scope: ReadScope) -> Iterator[dict[str, Any]]:
    """How far each reader was with the scope's image, in the order of their numbers."""
    row = STATES.c
    said = select(row.reader_id, row.state, row.reason, row.valid_from, row.at)
    own = (row.image_id == scope.image.image_id, *holds(STATES, scope.at))
    for reader, state, reason, revision, at in session.execute(said.where(*own).order_by(row.reader_id)):
        yield {
            "line": STATE,
            "image": scope.image.image_id,
            "reader": reader,
            "state": state,
            "reason": reason,
            "revision": revision,
            "at": _time(at),
        }


def verdicts_said(session: Session, scope: ReadScope) -> Iterator[dict[str, Any]]:
    """Every verdict that the scope shows, also one on a former state; the session is unused until the end."""
    row = VERDICTS.c
    columns = (
        row.annotation_id,
        row.reader_id,
        row.verdict,
        row.state_from,
        row.type_id,
        row.reason,
        row.valid_from,
        row.at,
    )
    said = select(*columns).where(*scope.verdicts()).order_by(row.annotation_id, row.reader_id)
    found = session.execute(said, execution_options={"yield_per": _BATCH})
    for annotation, reader, verdict, state, type_id, reason, revision, at in found:
        yield {
            "line": VERDICT,
            "annotation": annotation,
            "reader": reader,
            "verdict": verdict,
            "state": state,
            "type": type_id,
            "reason": reason,
            "revision": revision,
            "at": _time(at),
        }


def counted(session: Session, actor: Actor, version: Version, can: Can) -> dict[str, int]:
    """How many shapes of a version had each verdict, as far as the actor may know; outdated: only a former state had.

    The cost follows the number of verdicts.
    """
    row = VERDICTS.c
    of_version = select(VersionImage.image_id).where(VersionImage.version_id == version.id)
    judged = select(row.image_id).where(row.image_id.in_(of_version), *holds(VERDICTS, version.revision)).distinct()
    found = dict.fromkeys((*VERDICT_NAMES, "outdated"), 0)
    for image_id in session.scalars(judged).all():
        scope = scope_for_version(session, actor, image_id, version.id, can)
        for name, count in counts(session, scope).items():
            found[name] += count
    return found


def _time(at: Any) -> str:
    return str(at.isoformat()).replace("+00:00", "Z")
