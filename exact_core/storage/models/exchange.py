"""Imports and exports of annotation files, and templates that users wrote for exports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class AnnotationImport(Base):
    """A file of annotations from its upload to its undo.

    States: ``reading`` (a job looks at the file), ``ready`` (the preview can be looked at), ``storing``, ``done``,
    ``undoing``, ``undone``, ``failed``. Annotations and the state ``done`` are written in one transaction.
    """

    __tablename__ = "annotation_import"
    __table_args__ = (
        CheckConstraint(
            "state IN ('reading', 'ready', 'storing', 'done', 'undoing', 'undone', 'failed')", name="state"
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)  # None: many
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="reading")
    message: Mapped[str] = mapped_column(default="")  # why it failed
    file_name: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    folder: Mapped[str] = mapped_column(String(100))  # of the file and what was read, relative to the data folder
    asked_format: Mapped[str] = mapped_column(String(80), default="")  # empty: to be found out
    content: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # what reading found out
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # those of the preview, then of the import
    preview: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AnnotationExport(Base):
    """A file of annotations that somebody asked for; only they can fetch it."""

    __tablename__ = "annotation_export"
    __table_args__ = (CheckConstraint("state IN ('writing', 'done', 'failed')", name="state"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="writing")
    message: Mapped[str] = mapped_column(default="")
    wanted: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # format, version, images, filters, template
    report: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    file_name: Mapped[str] = mapped_column(String(255), default="")
    media_type: Mapped[str] = mapped_column(String(100), default="")
    path: Mapped[str] = mapped_column(String(150), default="")  # relative to the data folder
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class ExportTemplate(Base):
    """A format of a user's own: text around and for each annotation, with placeholders. Of a product or a set."""

    __tablename__ = "export_template"
    __table_args__ = (CheckConstraint("(product_id IS NULL) <> (image_set_id IS NULL)", name="one_owner"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), index=True)
    image_set_id: Mapped[int | None] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="")
    extension: Mapped[str] = mapped_column(String(20), default=".txt")
    scope: Mapped[str] = mapped_column(String(6), default="set")  # one file per "image", or for the whole "set"
    escape: Mapped[str] = mapped_column(String(6), default="none")  # none, json, csv, xml
    header: Mapped[str] = mapped_column(default="")
    image_header: Mapped[str] = mapped_column(default="")
    body: Mapped[str] = mapped_column(default="")
    separator: Mapped[str] = mapped_column(default="")
    image_footer: Mapped[str] = mapped_column(default="")
    footer: Mapped[str] = mapped_column(default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
