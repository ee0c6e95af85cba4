"""Models and their files.

Revision 0015.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "model",
        sa.Column("id", key, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("team_id", key, nullable=True),
        sa.Column("image_set_id", key, nullable=True),
        sa.Column("image_set_name", sa.String(length=200), nullable=False),
        sa.Column("version_id", key, nullable=True),
        sa.Column("version_name", sa.String(length=230), nullable=False),
        sa.Column("parent_uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=130), nullable=False),
        sa.Column("labels", json, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("card", json, nullable=False),
        sa.Column("card_text", sa.String(), nullable=False),
        sa.Column("figures", json, nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), nullable=False),
        sa.Column("created_by_id", key, nullable=True),
        sa.Column("created_by_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by_name", sa.String(length=200), nullable=False),
        sa.Column("deleted_reason", sa.String(), nullable=False),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_model_team_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_model_image_set_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_model_version_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_model_created_by_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("uuid", name=op.f("uq_model_uuid")),
    )
    has_files = sa.text("sha256 <> ''")
    op.create_index(
        "ix_model_content",
        "model",
        ["team_id", "sha256"],
        unique=True,
        sqlite_where=has_files,
        postgresql_where=has_files,
    )
    op.create_index("ix_model_image_set", "model", ["image_set_id"])
    op.create_index("ix_model_version", "model", ["version_id"])
    op.create_table(
        "model_file",
        sa.Column("model_id", key, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_model_file_model_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("model_id", "name", name=op.f("pk_model_file")),
    )


def downgrade() -> None:
    op.drop_table("model_file")
    op.drop_table("model")
