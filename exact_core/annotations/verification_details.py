"""What change sets without shapes did, in words: verdicts, states of images, and what readers were given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import VERDICTS
from exact_core.storage.models import ChangeSet, ImageReview

_VERBS = {"accepted": "Accepted", "rejected": "Rejected", "dubious": "Marked as dubious"}
_STATES = {"to_do": "to do", "in_work": "in work"}


def words_of(session: Session, change_sets: Sequence[ChangeSet]) -> dict[int, list[str]]:
    """What each of these change sets of kind ``verify`` or ``review`` did, by revision."""
    verified = [each for each in change_sets if each.kind == "verify"]
    found: dict[int, list[str]] = defaultdict(list)
    images = {each.image_id for each in verified if each.image_id is not None}
    if images:
        revisions = [each.revision for each in verified]
        row = VERDICTS.c
        counted = (
            select(row.valid_from, row.verdict, func.count())
            .where(row.image_id.in_(images), row.valid_from.in_(revisions))
            .group_by(row.valid_from, row.verdict)
            .order_by(row.valid_from, row.verdict)
        )
        for revision, verdict, n in session.execute(counted):
            found[revision].append(f"{_VERBS[verdict]} {'a shape' if n == 1 else f'{n:,} shapes'}")
        said = select(ImageReview.valid_from, ImageReview.state).where(
            ImageReview.image_id.in_(images), ImageReview.valid_from.in_(revisions)
        )
        for revision, state in session.execute(said):
            found[revision].append(f"Called the image {_STATES.get(state, state)}")
    otherwise = {"verify": "Verified", "review": "Changed how the images are read"}
    return {each.revision: found.get(each.revision) or [otherwise[each.kind]] for each in change_sets}
