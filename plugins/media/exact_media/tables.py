"""What is kept: files by their content, where they are attached, and which versions need them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exact_core.api.tables import core, plugin_base

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase

    class Base(DeclarativeBase):
        """What ``plugin_base`` makes, for who checks types."""

else:
    Base = plugin_base("media")

BigKey = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only when this is INTEGER


class MediaFile(Base):
    """One content, however often it is attached; its bytes lie in the plugin's folder under their hash."""

    __tablename__ = "media_file"
    __table_args__ = (
        UniqueConstraint("sha256"),
        CheckConstraint("kind IN ('sound', 'film', 'picture')", name="kind"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    media_type: Mapped[str] = mapped_column(String(40))  # from its bytes, one of an allow-list
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    duration: Mapped[float | None]  # seconds
    sample_rate: Mapped[int | None]  # Hz
    channels: Mapped[int | None]
    width: Mapped[int | None]  # of a picture, in pixels
    height: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))  # the server's time
    # The same in a form that browsers play, when this one is in none.
    playable_id: Mapped[int | None] = mapped_column(ForeignKey("media_file.id", ondelete="SET NULL"), index=True)


class MediaLink(Base):
    """A file that is attached to an annotation, or to an image when it names no annotation."""

    __tablename__ = "media_link"
    __table_args__ = (Index("ix_media_link_image", "image_id", "annotation_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    # Without ondelete: a file goes only when nothing is attached to it any more.
    file_id: Mapped[int] = mapped_column(ForeignKey("media_file.id"), index=True)
    image_set_id: Mapped[int] = mapped_column(ForeignKey(core.ImageSet.id, ondelete="CASCADE"), index=True)
    image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id, ondelete="CASCADE"))
    annotation_id: Mapped[int | None] = mapped_column(ForeignKey(core.Annotation.id, ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))  # what the file was called: private, as names of slides are
    author_id: Mapped[int | None] = mapped_column(ForeignKey(core.User.id, ondelete="SET NULL"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))  # the server's time

    file: Mapped[MediaFile] = relationship()


class MediaKept(Base):
    """A file that a version of an image set needs, whatever becomes of the annotation that it was attached to."""

    __tablename__ = "media_kept"

    version_id: Mapped[int] = mapped_column(ForeignKey(core.Version.id, ondelete="CASCADE"), primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("media_file.id"), primary_key=True, index=True)
