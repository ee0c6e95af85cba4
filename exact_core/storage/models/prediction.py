"""What models found, beside what people drew: runs, their shapes and maps, and what readers decided about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now

_Area = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class PredictionRun(Base):
    """One model on one image, with the settings and the model as they were; what it found is never changed.

    A run that is deleted keeps its row, because decisions about it are kept.
    """

    __tablename__ = "prediction_run"
    __table_args__ = (
        UniqueConstraint("job_id", "image_id"),
        Index("ix_prediction_run_model", "model_uuid"),
        CheckConstraint("state IN ('writing', 'ready', 'deleted')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[int] = mapped_column(BigInteger)  # outlives the job's row
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    model_uuid: Mapped[str] = mapped_column(String(36))
    model_name: Mapped[str] = mapped_column(String(200))
    model_kind: Mapped[str] = mapped_column(String(130))  # "<plugin>.<name>" of its card
    model_sha256: Mapped[str] = mapped_column(String(64), default="")  # empty: built in
    model_version_id: Mapped[int | None] = mapped_column(BigInteger)  # what it was trained on; outlives the version
    params: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    area: Mapped[list[int] | None] = mapped_column(_Area)  # x0, y0, x1, y1 in level-0 pixels; null: all of the image
    labels: Mapped[list[str]] = mapped_column(Json, default=list)
    state: Mapped[str] = mapped_column(String(8), default="writing")
    n_shapes: Mapped[int] = mapped_column(default=0)
    n_skipped: Mapped[int] = mapped_column(default=0)  # outlines that cross themselves and the like
    histogram: Mapped[list[list[int]]] = mapped_column(Json, default=list)  # per label, numbers in 64 steps of score
    shown_to_readers: Mapped[bool] = mapped_column(default=False)  # whether readers who are blind see it too
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PredictionChunk(Base):
    """Shapes of one label, about one size and one neighbourhood, as packed arrays (``predictions/chunks.py``)."""

    __tablename__ = "prediction_chunk"
    __table_args__ = (Index("ix_prediction_chunk_box", "run_id", "x0", "y0", "x1", "y1"),)

    run_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("prediction_run.id", ondelete="CASCADE"), primary_key=True
    )
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # number of its first shape in the run
    n: Mapped[int]
    label: Mapped[int] = mapped_column(SmallInteger)
    x0: Mapped[int]
    y0: Mapped[int]
    x1: Mapped[int]
    y1: Mapped[int]
    histogram: Mapped[bytes] = mapped_column(LargeBinary)  # 64 numbers, uint32
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class PredictionMap(Base):
    """A map of values over a part of the image: a pyramid of tiles in a file (``predictions/maps.py``)."""

    __tablename__ = "prediction_map"
    __table_args__ = (UniqueConstraint("run_id", "name", "label"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("prediction_run.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))  # "probability", "entropy", or the plugin's own
    label: Mapped[int] = mapped_column(SmallInteger, default=-1)  # -1: all together
    width: Mapped[int]
    height: Mapped[int]
    downsample: Mapped[float]  # level-0 pixels per map pixel
    x: Mapped[int] = mapped_column(default=0)
    y: Mapped[int] = mapped_column(default=0)
    path: Mapped[str]  # below the data folder


class PredictionDecision(Base):
    """What a reader decided about one shape of a run: kept as a training signal, also when it is taken back.

    The shape is kept with it, so that it stays one when the run is deleted. An accepted shape counts as decided only
    while its annotation is there: undoing the annotation undoes the decision.
    """

    __tablename__ = "prediction_decision"
    __table_args__ = (
        Index(
            "uq_prediction_decision_current",
            "run_id",
            "number",
            "reader_id",
            unique=True,
            sqlite_where=sql("withdrawn_at IS NULL"),
            postgresql_where=sql("withdrawn_at IS NULL"),
        ),
        CheckConstraint("verdict IN ('accepted', 'edited', 'rejected')", name="verdict"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("prediction_run.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    verdict: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    annotation_id: Mapped[int | None] = mapped_column(BigInteger, index=True)  # no foreign key, as ADR 0006 says
    type_id: Mapped[int | None] = mapped_column(BigInteger)
    label: Mapped[int] = mapped_column(SmallInteger)
    score: Mapped[float]
    uncertainty: Mapped[float | None]
    geometry: Mapped[bytes] = mapped_column(LargeBinary)  # as predicted, packed as annotations are


class PredictionType(Base):
    """Which annotation type somebody last chose for a label of a kind of model in an image set."""

    __tablename__ = "prediction_type"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True)
    model_kind: Mapped[str] = mapped_column(String(130), primary_key=True)
    label: Mapped[str] = mapped_column(String(200), primary_key=True)
    type_id: Mapped[int] = mapped_column(ForeignKey("annotation_type.id", ondelete="CASCADE"))
