"""Models: what is known of each, and its files. Deleting one leaves its row, so that predictions still name it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now

_HAS_FILES = text("sha256 <> ''")


class Model(Base):
    """A model of a team, or a built-in one, which has neither team nor files.

    What it was trained on is named twice: by keys while those rows are there, and by the names they had.
    """

    __tablename__ = "model"
    __table_args__ = (
        UniqueConstraint("uuid"),
        Index(
            "ix_model_content", "team_id", "sha256", unique=True, sqlite_where=_HAS_FILES, postgresql_where=_HAS_FILES
        ),
        Index("ix_model_image_set", "image_set_id"),
        Index("ix_model_version", "version_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"))
    image_set_id: Mapped[int | None] = mapped_column(ForeignKey("image_set.id", ondelete="SET NULL"))
    image_set_name: Mapped[str] = mapped_column(String(200), default="")
    version_id: Mapped[int | None] = mapped_column(ForeignKey("version.id", ondelete="SET NULL"))
    version_name: Mapped[str] = mapped_column(String(230), default="")
    parent_uuid: Mapped[str] = mapped_column(String(36), default="")  # of this instance or of another one

    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(130))
    labels: Mapped[list[str]] = mapped_column(Json, default=list)
    sha256: Mapped[str] = mapped_column(String(64), default="")  # of the list of its files; empty for a built-in one
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    card: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, deferred=True)  # lists do without
    card_text: Mapped[str] = mapped_column(default="", deferred=True)
    figures: Mapped[list[list[Any]]] = mapped_column(Json, default=list)  # of the card: name, value, low, high
    notes: Mapped[str] = mapped_column(default="")
    is_pinned: Mapped[bool] = mapped_column(default=False)

    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_by_name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_by_name: Mapped[str] = mapped_column(String(200), default="")
    deleted_reason: Mapped[str] = mapped_column(default="")
    purged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # since then its files are gone


class ModelFile(Base):
    """One file of a model; the row stays with the model's."""

    __tablename__ = "model_file"

    model_id: Mapped[int] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
