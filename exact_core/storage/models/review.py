"""Verification, states of images, who reads what, decisions between readers, and the log of audited acts.

Verdicts and states are temporal like ``annotation_revision``: a row holds from a revision of the image set
(``valid_from``) to another one (``valid_to``, ``LIVE`` while it is current), so that a version freezes them too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.annotation import LIVE
from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class AnnotationVerification(Base):
    """What one reader says of one state of an annotation; a later change of the shape makes it outdated, not lost."""

    __tablename__ = "annotation_verification"
    __table_args__ = (
        Index("ix_annotation_verification_image", "image_id", "valid_to"),
        Index("ix_annotation_verification_reader", "reader_id", "image_id", "valid_from"),
        CheckConstraint("verdict IN ('accepted', 'rejected', 'dubious')", name="verdict"),
        {"sqlite_with_rowid": False},
    )

    annotation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("annotation.id", ondelete="CASCADE"), primary_key=True
    )
    reader_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="RESTRICT"), primary_key=True)
    valid_from: Mapped[int] = mapped_column(primary_key=True)
    valid_to: Mapped[int] = mapped_column(default=LIVE)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    verdict: Mapped[str] = mapped_column(String(10))
    state_from: Mapped[int]  # ``valid_from`` of the state that was judged
    # What the reader says it is, where a relabelling would show others their opinion.
    type_id: Mapped[int | None] = mapped_column(ForeignKey("annotation_type.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class ImageReview(Base):
    """How far one reader is with one image."""

    __tablename__ = "image_review"
    __table_args__ = (
        CheckConstraint("state IN ('to_do', 'in_work', 'done', 'reviewed', 'dubious')", name="state"),
        {"sqlite_with_rowid": False},
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="RESTRICT"), primary_key=True)
    valid_from: Mapped[int] = mapped_column(primary_key=True)
    valid_to: Mapped[int] = mapped_column(default=LIVE)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class ReviewItem(Base):
    """Something that readers are given: an image, a region of it (level-0 pixels, both ends inclusive), a shape.

    ``open`` until all its readers are done; then ``complete`` where nothing is compared, ``agreed`` or ``disagreed``
    by the stop rule of the set; ``decided`` by an adjudicator.
    """

    __tablename__ = "review_item"
    __table_args__ = (
        UniqueConstraint("image_id", "key"),
        Index("ix_review_item_state", "image_set_id", "state", "id"),
        CheckConstraint("kind IN ('image', 'region', 'annotation')", name="kind"),
        CheckConstraint("state IN ('open', 'complete', 'agreed', 'disagreed', 'decided')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    key: Mapped[str] = mapped_column(String(100))  # what it is within the image: the same is not given twice
    annotation_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("annotation.id", ondelete="CASCADE"), index=True
    )
    x0: Mapped[int | None]
    y0: Mapped[int | None]
    x1: Mapped[int | None]
    y1: Mapped[int | None]
    z: Mapped[int | None] = mapped_column(SmallInteger)
    t: Mapped[int | None] = mapped_column(SmallInteger)
    c: Mapped[int | None] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(String(10), default="open")
    outcome: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # what the stop rule found
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Assignment(Base):
    """An item that one reader is to read; ``position`` is its place in the reader's own order."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("item_id", "reader_id"),
        Index("ix_assignment_queue", "image_set_id", "reader_id", "state", "position"),
        Index("ix_assignment_image", "image_id", "reader_id"),
        CheckConstraint("role IN ('reader', 'adjudicator')", name="role"),
        CheckConstraint("state IN ('open', 'in_work', 'done', 'withdrawn')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("review_item.id", ondelete="CASCADE"))
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    annotation_id: Mapped[int | None] = mapped_column(BigInteger)  # of the item: here for reads without a join
    reader_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="RESTRICT"))
    role: Mapped[str] = mapped_column(String(12), default="reader")
    round: Mapped[int] = mapped_column(SmallInteger, default=1)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str] = mapped_column(String(10), default="open")
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    assigned_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    assigned_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Adjudication(Base):
    """A decision about an item on which its readers did not agree."""

    __tablename__ = "adjudication"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("review_item.id", ondelete="CASCADE"), index=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    decision: Mapped[str] = mapped_column(String(12))  # reader, both, neither, each, edit
    kept_reader_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    reason: Mapped[str]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    revision: Mapped[int]  # of the image set, that holds the verdicts which follow


class AuditEvent(Base):
    """Somebody did something that others must be able to see later; rows are only ever added."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_set", "image_set_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="RESTRICT"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    action: Mapped[str] = mapped_column(String(40))
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    reason: Mapped[str] = mapped_column(default="")
