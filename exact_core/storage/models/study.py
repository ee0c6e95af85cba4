"""References that readers are compared with, studies with their tasks and answers, and how long people were at work."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class GoldReference(Base):
    """Annotations of one reader, as of a revision, that others are compared with on some images.

    Who is compared must not learn which images these are: only who manages the set reads these tables.
    """

    __tablename__ = "gold_reference"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    reader: Mapped[str] = mapped_column(String(240))  # key of agreement/readers.py
    revision: Mapped[int]
    type_ids: Mapped[list[int]] = mapped_column(Json, default=list)  # empty: every type
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # since then readers may see their own figures


class GoldImage(Base):
    """An image of a reference."""

    __tablename__ = "gold_image"

    gold_id: Mapped[int] = mapped_column(ForeignKey("gold_reference.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True, index=True)


class Study(Base):
    """A reader study over the images of a set.

    ``design`` holds what was chosen (arms, images, order, survey); it is fixed once the study runs. ``revision`` is
    that of the set when it began: prepared annotations are copied from that state, so that all get the same.
    """

    __tablename__ = "study"
    __table_args__ = (CheckConstraint("state IN ('draft', 'running', 'closed')", name="state"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(String(12), default="draft")
    seed: Mapped[int] = mapped_column(BigInteger)
    design: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    revision: Mapped[int | None]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StudyParticipant(Base):
    """Somebody who reads for a study."""

    __tablename__ = "study_participant"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    position: Mapped[int] = mapped_column(SmallInteger)  # decides the sequence of arms


class StudyTask(Base):
    """One image that one participant reads in one arm; made when the study starts."""

    __tablename__ = "study_task"
    __table_args__ = (
        UniqueConstraint("study_id", "user_id", "image_id"),
        UniqueConstraint("study_id", "user_id", "position"),
        Index("ix_study_task_of_user", "user_id", "image_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]  # 0 comes first
    arm: Mapped[int] = mapped_column(SmallInteger)  # index in the design's arms
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    copied: Mapped[int] = mapped_column(default=0)  # annotations that were prepared for this task


class StudyAnswer(Base):
    """One participant's grade, 1 (very good) to 6 (insufficient), for one question at the end."""

    __tablename__ = "study_answer"
    __table_args__ = (CheckConstraint("grade BETWEEN 1 AND 6", name="grade"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    question: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    grade: Mapped[int] = mapped_column(SmallInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Activity(Base):
    """A stretch of uninterrupted work of a participant on the image of a task, by the server's clock."""

    __tablename__ = "activity"
    __table_args__ = (Index("ix_activity_user", "user_id", "ended_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("study_task.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float] = mapped_column(default=0.0)  # active ones, at most those between the two times


class AgreementResult(Base):
    """Figures that took long to make, of the state at a revision; ``body`` is compressed JSON."""

    __tablename__ = "agreement_result"

    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the question
    revision: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
