"""Trainings: which kind of model was made from which version, with what, how it went, and how good it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class TrainingRun(Base):
    """One training. What it was made from is written down in words too, so that it outlives splits and jobs."""

    __tablename__ = "training_run"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(100))  # full name of the ModelCard
    name: Mapped[str] = mapped_column(String(200))  # what the model is called
    classes: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # each with ``label`` and ``type_ids``
    split_id: Mapped[int | None] = mapped_column(ForeignKey("version_split.id", ondelete="SET NULL"))
    split_name: Mapped[str] = mapped_column(String(200))
    split_digest: Mapped[str] = mapped_column(String(64))
    settings: Mapped[dict[str, Any]] = mapped_column(Json)  # complete: defaults are written out
    model_uuid: Mapped[str] = mapped_column(String(36), default="")  # empty until the model is kept
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_by_name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class TrainingPoint(Base):
    """One figure at one step of a training."""

    __tablename__ = "training_point"

    run_id: Mapped[int] = mapped_column(ForeignKey("training_run.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[float | None]  # empty where it was not finite


class TrainingEvaluation(Base):
    """What the model of a training says of one part of its split."""

    __tablename__ = "training_evaluation"
    __table_args__ = (CheckConstraint("part IN ('validation', 'test')", name="part"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("training_run.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[str] = mapped_column(String(10), primary_key=True)
    figures: Mapped[dict[str, Any]] = mapped_column(Json)
    samples_id: Mapped[int | None] = mapped_column(ForeignKey("version_artefact.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
