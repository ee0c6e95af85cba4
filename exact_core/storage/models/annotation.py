"""Annotations: a permanent identity, temporal revisions in spatial order, kept counts, the change log.

The layout is the measured one of the performance study (part B5): a row of ``annotation_revision`` is live while
``valid_to`` is ``LIVE``; every write closes the old row and adds a new one under the image set's next
revision number, so the state at any revision is ``valid_from <= r AND valid_to > r``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from exact_core.storage.models.base import Base, BigKey, Json, UtcDateTime, now

LIVE = 2**31 - 1
"""``valid_to`` of a row that is current."""

EVERY_FRAME = -1
"""Value of ``z``, ``t`` or ``c`` for a shape that belongs to every frame of that axis."""


class Annotation(Base):
    """The permanent identity of a shape; plugins refer to it, undo and edits never delete it.

    No foreign keys, as below; rows go with their image, and what refers to them goes with them.
    """

    __tablename__ = "annotation"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    image_id: Mapped[int] = mapped_column(BigKey)
    uuid: Mapped[str] = mapped_column(String(36))  # chosen by the client that drew it
    author_id: Mapped[int | None] = mapped_column(BigKey)
    claimed_author: Mapped[str] = mapped_column(String(200), default="")  # what an import or a model says
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    __table_args__ = (
        UniqueConstraint("image_id", "uuid"),
        Index("ix_annotation_image", "image_id", "id"),  # lists page in the order of drawing
        {"sqlite_autoincrement": True},  # a number is never given twice: plugins keep it
    )


class AnnotationRevision(Base):
    """One state of one annotation, from a revision to a revision of its image set.

    ``x0 .. y1`` is the bounding box in level-0 pixels, both ends inclusive. ``geometry`` is the packed form of
    ``annotations/geometry.py``. ``tile_key`` is ``level << 48 | row << 24 | column`` of the loose grid in
    ``annotations/spatial.py``. ``changed`` says how a state differs from the one that ended when it began, as
    ``annotations/states.py`` writes it; it is NULL when there is none, or nobody has compared them.

    No foreign keys: checking them costs as much as the row itself (ADR 0006). Rows go with their image, by
    ``annotations/removing.py``; a type that was ever used is found in ``annotation_summary``, whose rows stay at zero.
    """

    __tablename__ = "annotation_revision"

    image_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tile_key: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    annotation_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    valid_from: Mapped[int] = mapped_column(primary_key=True)
    valid_to: Mapped[int] = mapped_column(default=LIVE)
    type_id: Mapped[int] = mapped_column(BigInteger)
    author_id: Mapped[int | None] = mapped_column(BigInteger)  # of the annotation: here for blind reads without a join
    editor_id: Mapped[int | None] = mapped_column(BigInteger)  # of this state
    shape: Mapped[int] = mapped_column(SmallInteger)
    z: Mapped[int] = mapped_column(SmallInteger, default=0)
    t: Mapped[int] = mapped_column(SmallInteger, default=0)
    c: Mapped[int] = mapped_column(SmallInteger, default=EVERY_FRAME)
    x0: Mapped[int]
    y0: Mapped[int]
    x1: Mapped[int]
    y1: Mapped[int]
    geometry: Mapped[bytes] = mapped_column(LargeBinary)
    text: Mapped[str] = mapped_column(default="")
    edited_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    changed: Mapped[int | None] = mapped_column(SmallInteger)

    __table_args__ = (
        # Both hold all that the numbers of a difference need, so that these read no row.
        Index(
            "ix_annotation_revision_from", "image_id", "valid_from", "annotation_id", "type_id", "author_id", "changed"
        ),
        Index(
            "ix_annotation_revision_closed",
            "image_id",
            "valid_to",
            "annotation_id",
            "valid_from",
            "type_id",
            "author_id",
            sqlite_where=sql(f"valid_to < {LIVE}"),
            postgresql_where=sql(f"valid_to < {LIVE}"),
        ),
        Index("ix_annotation_revision_annotation", "annotation_id", "valid_from"),
        {"sqlite_with_rowid": False},
    )


class AnnotationDetail(Base):
    """Free attributes of one state, kept apart so that views never read them."""

    __tablename__ = "annotation_detail"

    annotation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("annotation.id", ondelete="CASCADE"), primary_key=True
    )
    valid_from: Mapped[int] = mapped_column(primary_key=True)
    valid_to: Mapped[int] = mapped_column(default=LIVE)
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class AnnotationSummary(Base):
    """Live shapes per image, frame, type, author and 2048-pixel cell, kept in the writing transaction."""

    __tablename__ = "annotation_summary"

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), primary_key=True)
    z: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    t: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    c: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    type_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # 0 when there is none
    cell: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # row << 24 | column of the box's centre
    n: Mapped[int] = mapped_column(default=0)

    __table_args__ = ({"sqlite_with_rowid": False},)


class ChangeSet(Base):
    """One committed unit of work on the annotations of one image set: the append-only change log."""

    __tablename__ = "change_set"
    __table_args__ = (
        Index("ix_change_set_undo", "image_id", "actor_id", "revision"),
        Index("ix_change_set_image", "image_id", "revision"),
        Index("ix_change_set_session", "image_set_id", "actor_id", "revision"),
        Index(
            "ix_change_set_run",
            "image_set_id",
            "run",
            "revision",
            sqlite_where=sql("run <> ''"),
            postgresql_where=sql("run <> ''"),
        ),
    )

    image_set_id: Mapped[int] = mapped_column(ForeignKey("image_set.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    kind: Mapped[str] = mapped_column(String(12), default="edit")  # see annotations/change_log.py
    reason: Mapped[str] = mapped_column(default="")
    run: Mapped[str] = mapped_column(String(100), default="")  # the model run, import or job that it came from
    n_changes: Mapped[int] = mapped_column(default=0)
    reverts: Mapped[int | None]  # the revision that this undo or redo takes back
    reverted_by: Mapped[int | None]  # the revision that took this one back
    digest: Mapped[str] = mapped_column(String(64), default="")  # running hash of the log, see annotations/digest.py
