"""Tables of screening: passes, what was seen of them, proof of coverage, locked regions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.api.tables import core, plugin_base

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase as Base
else:
    Base = plugin_base("screening")

METADATA = Base.metadata
BigKey = BigInteger().with_variant(Integer(), "sqlite")


def now() -> datetime:
    """The server's time."""
    return datetime.now(UTC)


class ScreeningPass(Base):
    """One time that somebody goes through an image, field by field.

    The grid is kept as its parameters in level-0 pixels, the fields that belong to it as compressed bits: neither ever
    changes, so that a person comes back to exactly what they left.
    """

    __tablename__ = "screening_pass"
    __table_args__ = (
        UniqueConstraint("image_id", "user_id", "number"),
        Index("ix_screening_pass_user_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id, ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey(core.User.id, ondelete="CASCADE"))
    number: Mapped[int]  # from 1, per person and image; the highest one goes on
    x0: Mapped[int]  # bounds of the region
    y0: Mapped[int]
    x1: Mapped[int]
    y1: Mapped[int]
    width: Mapped[int]  # of a field
    height: Mapped[int]
    step_x: Mapped[int]
    step_y: Mapped[int]
    field_order: Mapped[str] = mapped_column(String(8))
    chosen: Mapped[bytes] = mapped_column(LargeBinary)  # which fields belong to it, see seen.py: pack
    tissue: Mapped[bytes | None] = mapped_column(LargeBinary)  # the mask that chose them, packed; None: not asked
    tissue_rows: Mapped[int] = mapped_column(default=0)
    tissue_columns: Mapped[int] = mapped_column(default=0)
    wishes: Mapped[dict[str, Any]] = mapped_column(JSON)  # what was asked for: unit, sizes, region, magnification
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    carried: Mapped[int] = mapped_column(default=0)  # of those, how many an earlier pass had shown
    position: Mapped[int]
    seconds: Mapped[float] = mapped_column(default=0.0)
    revision: Mapped[int] = mapped_column(default=0)  # raised by every change
    browsers: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)  # the last request of each that was taken
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ScreeningChunk(Base):
    """1024 fields of a pass: which were seen, and for how long each was shown; see seen.py."""

    __tablename__ = "screening_chunk"

    pass_id: Mapped[int] = mapped_column(ForeignKey(ScreeningPass.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    bits: Mapped[bytes] = mapped_column(LargeBinary)
    times: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class ScreeningView(Base):
    """What was really on somebody's screen at one magnification; see coverage.py."""

    __tablename__ = "screening_view"
    __table_args__ = (Index("ix_screening_view_user_id", "user_id"),)

    image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id, ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(core.User.id, ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cells: Mapped[bytes] = mapped_column(LargeBinary)
    seconds: Mapped[float] = mapped_column(default=0.0)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class ScreeningLock(Base):
    """A region of an image in which annotations may not be changed."""

    __tablename__ = "screening_lock"
    __table_args__ = (
        Index("ix_screening_lock_image_id", "image_id"),
        Index("ix_screening_lock_user_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey(core.Image.id, ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey(core.User.id, ondelete="SET NULL"))
    user_name: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(500))
    points: Mapped[list[list[float]]] = mapped_column(JSON)  # corners, in level-0 pixels
    x0: Mapped[int]  # their bounding box
    y0: Mapped[int]
    x1: Mapped[int]
    y1: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
