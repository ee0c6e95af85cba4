"""Imports and exports of annotation files, and users' own export templates.

Revision 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export_template",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("extension", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=6), nullable=False),
        sa.Column("escape", sa.String(length=6), nullable=False),
        sa.Column("header", sa.String(), nullable=False),
        sa.Column("image_header", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("separator", sa.String(), nullable=False),
        sa.Column("image_footer", sa.String(), nullable=False),
        sa.Column("footer", sa.String(), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(product_id IS NULL) <> (image_set_id IS NULL)", name=op.f("ck_export_template_one_owner")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_export_template_created_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_export_template_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_export_template_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_template")),
    )
    with op.batch_alter_table("export_template", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_export_template_image_set_id"), ["image_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_export_template_product_id"), ["product_id"], unique=False)

    op.create_table(
        "annotation_export",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("wanted", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("report", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=150), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('writing', 'done', 'failed')", name=op.f("ck_annotation_export_state")),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_annotation_export_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_annotation_export_job_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_annotation_export_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation_export")),
    )
    with op.batch_alter_table("annotation_export", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_annotation_export_image_set_id"), ["image_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_annotation_export_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "annotation_import",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("folder", sa.String(length=100), nullable=False),
        sa.Column("asked_format", sa.String(length=80), nullable=False),
        sa.Column("content", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("options", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("preview", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("result", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('reading', 'ready', 'storing', 'done', 'undoing', 'undone', 'failed')",
            name=op.f("ck_annotation_import_state"),
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_annotation_import_image_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_annotation_import_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_annotation_import_job_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_annotation_import_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation_import")),
    )
    with op.batch_alter_table("annotation_import", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_annotation_import_image_id"), ["image_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_annotation_import_image_set_id"), ["image_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_annotation_import_owner_id"), ["owner_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("annotation_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_annotation_import_owner_id"))
        batch_op.drop_index(batch_op.f("ix_annotation_import_image_set_id"))
        batch_op.drop_index(batch_op.f("ix_annotation_import_image_id"))

    op.drop_table("annotation_import")
    with op.batch_alter_table("annotation_export", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_annotation_export_owner_id"))
        batch_op.drop_index(batch_op.f("ix_annotation_export_image_set_id"))

    op.drop_table("annotation_export")
    with op.batch_alter_table("export_template", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_export_template_product_id"))
        batch_op.drop_index(batch_op.f("ix_export_template_image_set_id"))

    op.drop_table("export_template")
