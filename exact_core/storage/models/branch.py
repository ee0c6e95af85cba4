"""Branches of versions: image sets of their own, which images they share with where they come from, and merges."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now


class Branch(Base):
    """An image set that was made from a version, to try something out and to merge it back.

    The two revisions say where both sets held the same; what was merged since is in :class:`BranchMerge`.
    """

    __tablename__ = "branch"
    __table_args__ = (CheckConstraint("state IN ('making', 'ready')", name="state"),)

    image_set_id: Mapped[int] = mapped_column(
        ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    source_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="RESTRICT"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="RESTRICT"), index=True)
    base_source_revision: Mapped[int]  # that of the version
    base_branch_revision: Mapped[int] = mapped_column(default=0)  # the one that filled the branch
    state: Mapped[str] = mapped_column(String(10), default="making")
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_by_name: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class BranchImage(Base):
    """An image of a branch, and the one that it shows the pixels of."""

    __tablename__ = "branch_image"

    image_id: Mapped[int] = mapped_column(
        ForeignKey("image.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    source_image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)


class BranchMerge(Base):
    """One merge of a branch with where it comes from; rows are only ever added."""

    __tablename__ = "branch_merge"
    __table_args__ = (CheckConstraint("direction IN ('into_source', 'from_source')", name="direction"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.image_set_id", ondelete="CASCADE"), index=True)
    direction: Mapped[str] = mapped_column(String(12))
    source_revision: Mapped[int]  # of both sets, after it
    branch_revision: Mapped[int]
    is_written: Mapped[bool]  # whether there was anything to write; if so, under the revision of the set merged into
    counts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    left_out: Mapped[list[int]] = mapped_column(Json, default=list)  # images of the branch with changes still to merge
    reason: Mapped[str] = mapped_column(default="")
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor_name: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
