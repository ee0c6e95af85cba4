"""Versions of image sets: a name for a revision, what was frozen with it, what was attached, and what grew out of it.

Annotations are not copied: a version reads them as they were at its revision. Rows that a version needs cannot go:
its image set and its images are held by foreign keys that restrict.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class Version(Base):
    """A named revision of an image set. Deleting it leaves this row, which says who did it and why."""

    __tablename__ = "version"
    __table_args__ = (
        UniqueConstraint("image_set_id", "name"),
        CheckConstraint("manifest_state IN ('pending', 'ready', 'failed')", name="manifest_state"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(230))  # 200, and room for the mark of a deleted one
    description: Mapped[str] = mapped_column(default="")
    revision: Mapped[int]
    content_digest: Mapped[str] = mapped_column(String(64))  # of the change log up to here and of what is frozen
    creator_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    creator_name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    manifest_state: Mapped[str] = mapped_column(String(10), default="pending")
    manifest_reason: Mapped[str] = mapped_column(default="")  # why it failed
    manifest_digest: Mapped[str] = mapped_column(String(64), default="")  # sha256 of its lines, unpacked
    manifest_signature: Mapped[str] = mapped_column(String(64), default="")
    manifest_path: Mapped[str] = mapped_column(default="")
    manifest_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    annotation_count: Mapped[int | None] = mapped_column(BigInteger)  # known once the manifest is made

    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_by_name: Mapped[str] = mapped_column(String(200), default="")
    deleted_reason: Mapped[str] = mapped_column(default="")


class VersionContent(Base):
    """What was frozen beside images and annotations, as compressed JSON: see ``versioning/freezing.py``."""

    __tablename__ = "version_content"

    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[str] = mapped_column(String(16), primary_key=True)  # "content" when made; "people" by the manifest job
    body: Mapped[bytes] = mapped_column(LargeBinary)


class VersionImage(Base):
    """An image as it was in a version; while there is one, the image's row and annotations stay."""

    __tablename__ = "version_image"
    __table_args__ = (Index("ix_version_image_image", "image_id"),)

    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="RESTRICT"), primary_key=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(12))
    width: Mapped[int]
    height: Mapped[int]
    size_z: Mapped[int]
    size_t: Mapped[int]
    size_c: Mapped[int]
    mpp_x: Mapped[float | None]
    mpp_y: Mapped[float | None]
    checksum: Mapped[str] = mapped_column(String(64))
    content_version: Mapped[str] = mapped_column(String(16))
    has_private_name: Mapped[bool]
    has_label_picture: Mapped[bool]
    review_state: Mapped[str] = mapped_column(String(10), default="")  # as who sees all saw it; "" in old versions


class VersionArtefact(Base):
    """A file that belongs to a version: figures, a model, predictions."""

    __tablename__ = "version_artefact"
    __table_args__ = (CheckConstraint("kind IN ('metrics', 'model', 'prediction', 'file')", name="kind"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    path: Mapped[str]
    plugin: Mapped[str] = mapped_column(String(64), default="")  # which plugin gave it, when the version was made
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_by_name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class VersionSplit(Base):
    """The images of a version, dealt out to parts once and for all."""

    __tablename__ = "version_split"
    __table_args__ = (UniqueConstraint("version_id", "name"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    group_by: Mapped[str] = mapped_column(String(64))  # the kind of tag that keeps images together; "" for none
    seed: Mapped[str] = mapped_column(String(64))  # empty when the parts were given
    parts: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # in their order, each with ``name`` and ``image_ids``
    digest: Mapped[str] = mapped_column(String(64))  # of the version's content and the parts
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_by_name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
