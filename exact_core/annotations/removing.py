"""Removing the annotations of an image that is removed for good, with their whole history."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from exact_core.storage.models import Annotation, AnnotationRevision


def remove_annotations(session: Session, image_id: int) -> None:
    """Delete an image's annotations and their states, which no foreign key ties to it; what refers to them cascades."""
    session.execute(delete(AnnotationRevision).where(AnnotationRevision.image_id == image_id))
    session.execute(delete(Annotation).where(Annotation.image_id == image_id))
