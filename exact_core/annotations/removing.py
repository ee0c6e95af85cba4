"""Removing the annotations of an image that is removed for good, with their whole history."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from exact_core.storage.models import AnnotationRevision


def remove_states(session: Session, image_id: int) -> None:
    """Delete the states of an image's annotations, which no foreign key ties to it; the rest cascades."""
    session.execute(delete(AnnotationRevision).where(AnnotationRevision.image_id == image_id))
