"""What change sets without shapes did, in words: verdicts, states of images, and what readers were given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import VERDICTS
from exact_core.storage.models import ChangeSet, ImageReview

_VERBS = {"accepted": "Accepted", "rejected": "Rejected", "dubious": "Marked as dubious"}
_STATES = {"to_do": "to do", "in_work": "in work"}


def words_of(session: Session, change_sets: Sequence[ChangeSet]) -> dict[int, list[str]]:
    """What each of these change sets of kind ``verify`` or ``review`` did, by revision."""
    verified = [each for each in change_sets if each.kind == "verify"]
    found: dict[int, list[str]] = defaultdict(list)
    if verified:
        row, log, state_of = VERDICTS.c, ChangeSet, ImageReview
        revisions = [each.revision for each in verified]
        own = (log.image_set_id == verified[0].image_set_id, log.revision.in_(revisions))
        # By who gave them, image and revision: an index finds the verdicts of these change sets and no others.
        same = and_(row.reader_id == log.actor_id, row.image_id == log.image_id, row.valid_from == log.revision)
        counted = (
            select(log.revision, row.verdict, func.count())
            .join(VERDICTS, same)
            .where(*own)
            .group_by(log.revision, row.verdict)
            .order_by(log.revision, row.verdict)
        )
        for revision, verdict, n in session.execute(counted):
            found[revision].append(f"{_VERBS[verdict]} {'a shape' if n == 1 else f'{n:,} shapes'}")
        said = (
            select(log.revision, state_of.state)
            .join(state_of, and_(state_of.image_id == log.image_id, state_of.valid_from == log.revision))
            .where(*own)
        )
        for revision, state in session.execute(said):
            found[revision].append(f"Called the image {_STATES.get(state, state)}")
    otherwise = {"verify": "Verified", "review": "Changed how the images are read"}
    return {each.revision: found.get(each.revision) or [otherwise[each.kind]] for each in change_sets}
