"""Files, where they are attached, and which versions need them.

Revision 0001, the first one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "media_file",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("sample_rate", sa.Integer(), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("playable_id", _BIG, nullable=True),
        sa.CheckConstraint("kind IN ('sound', 'film', 'picture')", name=op.f("ck_media_file_kind")),
        sa.ForeignKeyConstraint(
            ["playable_id"], ["media_file.id"], name=op.f("fk_media_file_playable_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_file")),
        sa.UniqueConstraint("sha256", name=op.f("uq_media_file_sha256")),
    )
    op.create_index("ix_media_file_playable_id", "media_file", ["playable_id"])
    op.create_table(
        "media_link",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("file_id", _BIG, nullable=False),
        sa.Column("image_set_id", _BIG, nullable=False),
        sa.Column("image_id", _BIG, nullable=False),
        sa.Column("annotation_id", _BIG, nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("author_id", _BIG, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["media_file.id"], name=op.f("fk_media_link_file_id")),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_media_link_{column}"), ondelete=how)
            for column, table, how in (
                ("image_set_id", "image_set", "CASCADE"),
                ("image_id", "image", "CASCADE"),
                ("annotation_id", "annotation", "CASCADE"),
                ("author_id", "user_account", "SET NULL"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_link")),
    )
    op.create_index("ix_media_link_image", "media_link", ["image_id", "annotation_id"])
    for column in ("file_id", "image_set_id", "annotation_id", "author_id"):
        op.create_index(f"ix_media_link_{column}", "media_link", [column])
    op.create_table(
        "media_kept",
        sa.Column("version_id", _BIG, nullable=False),
        sa.Column("file_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["media_file.id"], name=op.f("fk_media_kept_file_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_media_kept_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "file_id", name=op.f("pk_media_kept")),
    )
    op.create_index("ix_media_kept_file_id", "media_kept", ["file_id"])


def downgrade() -> None:
    op.drop_table("media_kept")
    op.drop_table("media_link")
    op.drop_table("media_file")
