"""Versions, their images, artefacts, and the running hash of the change log.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=230), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("creator_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("creator_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("manifest_state", sa.String(length=10), nullable=False),
        sa.Column("manifest_reason", sa.String(), nullable=False),
        sa.Column("manifest_digest", sa.String(length=64), nullable=False),
        sa.Column("manifest_signature", sa.String(length=64), nullable=False),
        sa.Column("manifest_path", sa.String(), nullable=False),
        sa.Column("manifest_bytes", sa.BigInteger(), nullable=False),
        sa.Column("annotation_count", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by_name", sa.String(length=200), nullable=False),
        sa.Column("deleted_reason", sa.String(), nullable=False),
        sa.CheckConstraint("manifest_state IN ('pending', 'ready', 'failed')", name=op.f("ck_version_manifest_state")),
        sa.ForeignKeyConstraint(
            ["creator_id"], ["user_account.id"], name=op.f("fk_version_creator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_version_image_set_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("image_set_id", "name", name=op.f("uq_version_image_set_id_name")),
    )
    op.create_table(
        "version_artefact",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_by_name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('metrics', 'model', 'prediction', 'file')", name=op.f("ck_version_artefact_kind")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_version_artefact_created_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_version_artefact_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version_artefact")),
    )
    op.create_index(op.f("ix_version_artefact_version_id"), "version_artefact", ["version_id"])
    op.create_table(
        "version_content",
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_version_content_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "part", name=op.f("pk_version_content")),
    )
    op.create_table(
        "version_image",
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_z", sa.Integer(), nullable=False),
        sa.Column("size_t", sa.Integer(), nullable=False),
        sa.Column("size_c", sa.Integer(), nullable=False),
        sa.Column("mpp_x", sa.Double(), nullable=True),
        sa.Column("mpp_y", sa.Double(), nullable=True),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("content_version", sa.String(length=16), nullable=False),
        sa.Column("has_private_name", sa.Boolean(), nullable=False),
        sa.Column("has_label_picture", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_version_image_image_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_version_image_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "image_id", name=op.f("pk_version_image")),
    )
    op.create_index(op.f("ix_version_image_image"), "version_image", ["image_id"])
    op.add_column("change_set", sa.Column("digest", sa.String(length=64), server_default="", nullable=False))
    op.add_column("image", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("image", "purged_at")
    op.drop_column("change_set", "digest")
    op.drop_index(op.f("ix_version_image_image"), "version_image")
    op.drop_table("version_image")
    op.drop_table("version_content")
    op.drop_index(op.f("ix_version_artefact_version_id"), "version_artefact")
    op.drop_table("version_artefact")
    op.drop_table("version")
