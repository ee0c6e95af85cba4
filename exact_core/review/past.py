"""How far an image was in a version."""

from __future__ import annotations

from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.scope import ReadScope, holds
from exact_core.api.context import Actor
from exact_core.auth.schemas import PersonOut
from exact_core.review.image_states import TABLE, ImageState, own_state
from exact_core.review.schemas import ImageReviewOut, ReaderStateOut
from exact_core.storage.models import User, VersionImage
from exact_core.versioning.access import names_in


def review_of(session: Session, actor: Actor, scope: ReadScope, version_id: int) -> ImageReviewOut:
    """The state of the scope's image in a version that the actor may open, and who was how far, for who sees all."""
    own = cast("ImageState", own_state(session, scope.image.image_id, actor.user_id, scope.at))
    if not scope.sees_all:
        return ImageReviewOut(state=own, own_state=own, is_changed_since=False, items=[], readers=[])
    kept = session.get_one(VersionImage, (version_id, scope.image.image_id)).review_state
    return ImageReviewOut(
        state=cast("ImageState | None", kept or None),
        own_state=own,
        is_changed_since=False,
        items=[],
        readers=_readers(session, scope, version_id),
    )


def _readers(session: Session, scope: ReadScope, version_id: int) -> list[ReaderStateOut]:
    row, called = TABLE.c, names_in(session, version_id).people
    said = select(row.state, row.reason, row.at, User).join(User, User.id == row.reader_id)
    said = said.where(row.image_id == scope.image.image_id, *holds(TABLE, scope.at))
    found = []
    for state, reason, at, user in session.execute(said.order_by(row.valid_from.desc(), row.reader_id)):
        reader = PersonOut.of(user)
        reader = reader.model_copy(update={"display_name": called.get(user.id, reader.display_name)})
        found.append(ReaderStateOut(reader=reader, state=state, reason=reason, at=at))
    return found
