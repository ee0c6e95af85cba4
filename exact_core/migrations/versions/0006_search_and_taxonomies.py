"""Label trees and the history of annotation types, and saved searches.

Revision 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("annotation_type", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", _BIG, nullable=True))
        batch_op.add_column(sa.Column("external_id", sa.String(length=100), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("rank", sa.String(length=40), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("merged_into_id", _BIG, nullable=True))
        batch_op.create_index(batch_op.f("ix_annotation_type_parent_id"), ["parent_id"], unique=False)
        for column in ("parent_id", "merged_into_id"):
            batch_op.create_foreign_key(
                batch_op.f(f"fk_annotation_type_{column}"), "annotation_type", [column], ["id"], ondelete="SET NULL"
            )
    op.create_table(
        "annotation_type_history",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("type_id", _BIG, nullable=False),
        sa.Column("action", sa.String(length=12), nullable=False),
        sa.Column("before", _JSON, nullable=False),
        sa.Column("after", _JSON, nullable=False),
        sa.Column("actor_id", _BIG, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"],
            ["user_account.id"],
            name=op.f("fk_annotation_type_history_actor_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["type_id"],
            ["annotation_type.id"],
            name=op.f("fk_annotation_type_history_type_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation_type_history")),
    )
    with op.batch_alter_table("annotation_type_history", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_annotation_type_history_type_id"), ["type_id"], unique=False)
    op.create_table(
        "saved_search",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("image_set_id", _BIG, nullable=False),
        sa.Column("owner_id", _BIG, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_saved_search_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_saved_search_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_search")),
        sa.UniqueConstraint(
            "image_set_id", "owner_id", "name", name=op.f("uq_saved_search_image_set_id_owner_id_name")
        ),
    )
    with op.batch_alter_table("saved_search", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_saved_search_owner_id"), ["owner_id"], unique=False)


def downgrade() -> None:
    op.drop_table("saved_search")
    op.drop_table("annotation_type_history")
    with op.batch_alter_table("annotation_type", schema=None) as batch_op:
        for column in ("parent_id", "merged_into_id"):
            batch_op.drop_constraint(batch_op.f(f"fk_annotation_type_{column}"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_annotation_type_parent_id"))
        for column in ("merged_into_id", "rank", "external_id", "parent_id"):
            batch_op.drop_column(column)
