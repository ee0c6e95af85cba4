"""Branches of versions, and merging them back.

Revision 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "branch",
        sa.Column("image_set_id", key, autoincrement=False, nullable=False),
        sa.Column("source_set_id", key, nullable=False),
        sa.Column("version_id", key, nullable=False),
        sa.Column("base_source_revision", sa.Integer(), nullable=False),
        sa.Column("base_branch_revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("job_id", key, nullable=True),
        sa.Column("created_by_id", key, nullable=True),
        sa.Column("created_by_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('making', 'ready')", name=op.f("ck_branch_state")),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_branch_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_set_id"], ["image_set.id"], name=op.f("fk_branch_source_set_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_branch_version_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_branch_job_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_branch_created_by_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("image_set_id", name=op.f("pk_branch")),
    )
    with op.batch_alter_table("branch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_branch_source_set_id"), ["source_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_branch_version_id"), ["version_id"], unique=False)

    op.create_table(
        "branch_image",
        sa.Column("image_id", key, autoincrement=False, nullable=False),
        sa.Column("source_image_id", key, nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_branch_image_image_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["source_image_id"], ["image.id"], name=op.f("fk_branch_image_source_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_branch_image")),
    )
    with op.batch_alter_table("branch_image", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_branch_image_source_image_id"), ["source_image_id"], unique=False)

    op.create_table(
        "branch_merge",
        sa.Column("id", key, nullable=False),
        sa.Column("branch_id", key, nullable=False),
        sa.Column("direction", sa.String(length=12), nullable=False),
        sa.Column("source_revision", sa.Integer(), nullable=False),
        sa.Column("branch_revision", sa.Integer(), nullable=False),
        sa.Column("is_written", sa.Boolean(), nullable=False),
        sa.Column("counts", json, nullable=False),
        sa.Column("left_out", json, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor_id", key, nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("direction IN ('into_source', 'from_source')", name=op.f("ck_branch_merge_direction")),
        sa.ForeignKeyConstraint(
            ["branch_id"], ["branch.image_set_id"], name=op.f("fk_branch_merge_branch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["user_account.id"], name=op.f("fk_branch_merge_actor_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_branch_merge")),
    )
    with op.batch_alter_table("branch_merge", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_branch_merge_branch_id"), ["branch_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("branch_merge", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_branch_merge_branch_id"))

    op.drop_table("branch_merge")
    with op.batch_alter_table("branch_image", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_branch_image_source_image_id"))

    op.drop_table("branch_image")
    with op.batch_alter_table("branch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_branch_version_id"))
        batch_op.drop_index(batch_op.f("ix_branch_source_set_id"))

    op.drop_table("branch")
