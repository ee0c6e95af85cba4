"""Images, their tags and pins, unfinished uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class Image(Base):
    """One picture of any size: a slide, a photo, a stack.

    ``name`` is the pseudonym that everybody sees; ``private_name`` is what the file was called and needs
    its own right. Sizes are level-0 pixels; ``mpp_x``, ``mpp_y`` are micrometres per level-0 pixel.
    """

    __tablename__ = "image"
    __table_args__ = (
        Index("ix_image_set_position", "image_set_id", "position", "id"),
        Index("ix_image_set_checksum", "image_set_id", "checksum"),
        UniqueConstraint("image_set_id", "name"),
        CheckConstraint("status IN ('probing', 'converting', 'ready', 'unreadable')", name="status"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    private_name: Mapped[str] = mapped_column(String(255), default="")
    position: Mapped[int] = mapped_column(default=0)
    description: Mapped[str] = mapped_column(default="")

    status: Mapped[str] = mapped_column(String(12), default="probing", index=True)
    status_reason: Mapped[str] = mapped_column(default="")

    file_path: Mapped[str]  # main file: relative to the data folder, or absolute when used in place
    is_external: Mapped[bool] = mapped_column(default=False)  # used in place: never written, never deleted
    pyramid_path: Mapped[str] = mapped_column(default="")  # made by conversion, relative to the data folder
    tile_index_path: Mapped[str] = mapped_column(default="")  # validated byte ranges, see tiles/tile_index.py
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    checksum: Mapped[str] = mapped_column(String(64), default="")  # sha256 of the file, or of a folder's sorted files
    content_version: Mapped[str] = mapped_column(String(16), default="")  # changes when the pixels do; in tile ETags

    source_driver: Mapped[str] = mapped_column(String(64), default="")
    vendor: Mapped[str] = mapped_column(String(64), default="")
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    size_z: Mapped[int] = mapped_column(default=1)
    size_t: Mapped[int] = mapped_column(default=1)
    size_c: Mapped[int] = mapped_column(default=1)
    frames: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # labels, spacing, channel names and colours
    levels: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    mpp_x: Mapped[float | None]
    mpp_y: Mapped[float | None]
    objective_power: Mapped[float | None]
    has_associated: Mapped[list[str]] = mapped_column(Json, default=list)  # "label", "macro", ...: right needed

    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    purged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # files gone for good; the row is for versions


class ImageTag(Base):
    """A tag on an image."""

    __tablename__ = "image_tag"

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True)


class ImagePin(Base):
    """An image that a user keeps on top of its set."""

    __tablename__ = "image_pin"

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)


class Upload(Base):
    """A file on its way in; bytes go to ``uploads/<key>`` and survive a broken connection."""

    __tablename__ = "upload"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    group_key: Mapped[str] = mapped_column(String(64), default="")  # files of one folder (MRXS, DICOM) share it
    relative_path: Mapped[str] = mapped_column(default="")
    name: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    received_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # safely on disk
    outcome: Mapped[str] = mapped_column(String(12), default="")  # "added", "duplicate", "ignored"; empty until then
    image_id: Mapped[int | None] = mapped_column(ForeignKey("image.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
