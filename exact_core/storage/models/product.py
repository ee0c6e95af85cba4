"""Annotation templates: products group annotation types and are used by image sets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class Product(Base):
    """A named group of annotation types, owned by a team, used by many image sets."""

    __tablename__ = "product"
    __table_args__ = (UniqueConstraint("team_id", "name"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    types: Mapped[list[AnnotationType]] = relationship(
        back_populates="product", cascade="all, delete-orphan", order_by="AnnotationType.sort_order"
    )


class AnnotationType(Base):
    """What a label means and how it is drawn; a type in use is retired, not deleted."""

    __tablename__ = "annotation_type"
    __table_args__ = (
        UniqueConstraint("product_id", "name"),
        CheckConstraint("default_unit IN ('um', 'px')", name="default_unit"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(default="")
    shapes: Mapped[list[str]] = mapped_column(Json)  # allowed shapes, the first is the one drawn by default
    color: Mapped[str] = mapped_column(String(7), default="#e6194b")  # #rrggbb
    sort_order: Mapped[int] = mapped_column(default=0)
    key: Mapped[str | None] = mapped_column(String(1))  # 1-9; empty means by position
    default_width: Mapped[float | None]
    default_height: Mapped[float | None]
    default_unit: Mapped[str] = mapped_column(String(2), default="um")
    attributes: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # see products/schemas.py
    example_path: Mapped[str] = mapped_column(default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    # The label tree: of the same product, without cycles; a species lies below its genus.
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("annotation_type.id", ondelete="SET NULL"), index=True)
    external_id: Mapped[str] = mapped_column(String(100), default="")  # "NCBI:txid9606", "SNOMED:75540009"
    rank: Mapped[str] = mapped_column(String(40), default="")  # "species", "genus", "family"
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("annotation_type.id", ondelete="SET NULL"))
    product: Mapped[Product] = relationship(back_populates="types")


class AnnotationTypeHistory(Base):
    """One change of an annotation type: what was said of it before and after; its old names are found by them."""

    __tablename__ = "annotation_type_history"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    type_id: Mapped[int] = mapped_column(ForeignKey("annotation_type.id", ondelete="CASCADE"), index=True)
    action: Mapped[str] = mapped_column(String(12))  # changed, merged
    before: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # what changed, as it was
    after: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # the same, as it is since
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    reason: Mapped[str] = mapped_column(default="")


class ImageSetProduct(Base):
    """A product that an image set uses."""

    __tablename__ = "image_set_product"

    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="RESTRICT"), primary_key=True, index=True)
