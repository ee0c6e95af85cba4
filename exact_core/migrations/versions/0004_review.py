"""Verification, states of images, assignments, decisions, audited acts, and the settings of modes.

Revision 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("details", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["user_account.id"], name=op.f("fk_audit_event_actor_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_audit_event_image_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("ix_audit_event_set", ["image_set_id", "id"], unique=False)

    op.create_table(
        "image_review",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reader_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("valid_from", sa.Integer(), nullable=False),
        sa.Column("valid_to", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('to_do', 'in_work', 'done', 'reviewed', 'dubious')", name=op.f("ck_image_review_state")
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_image_review_image_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["user_account.id"], name=op.f("fk_image_review_reader_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("image_id", "reader_id", "valid_from", name=op.f("pk_image_review")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "annotation_verification",
        sa.Column("annotation_id", sa.BigInteger(), nullable=False),
        sa.Column("reader_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("valid_from", sa.Integer(), nullable=False),
        sa.Column("valid_to", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("state_from", sa.Integer(), nullable=False),
        sa.Column("type_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('accepted', 'rejected', 'dubious')", name=op.f("ck_annotation_verification_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["annotation_id"],
            ["annotation.id"],
            name=op.f("fk_annotation_verification_annotation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_annotation_verification_image_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["user_account.id"], name=op.f("fk_annotation_verification_reader_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["type_id"], ["annotation_type.id"], name=op.f("fk_annotation_verification_type_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("annotation_id", "reader_id", "valid_from", name=op.f("pk_annotation_verification")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("annotation_verification", schema=None) as batch_op:
        batch_op.create_index("ix_annotation_verification_image", ["image_id", "valid_to"], unique=False)
        batch_op.create_index("ix_annotation_verification_reader", ["reader_id", "image_id"], unique=False)

    op.create_table(
        "review_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("annotation_id", sa.BigInteger(), nullable=True),
        sa.Column("x0", sa.Integer(), nullable=True),
        sa.Column("y0", sa.Integer(), nullable=True),
        sa.Column("x1", sa.Integer(), nullable=True),
        sa.Column("y1", sa.Integer(), nullable=True),
        sa.Column("z", sa.SmallInteger(), nullable=True),
        sa.Column("t", sa.SmallInteger(), nullable=True),
        sa.Column("c", sa.SmallInteger(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('image', 'region', 'annotation')", name=op.f("ck_review_item_kind")),
        sa.CheckConstraint(
            "state IN ('open', 'complete', 'agreed', 'disagreed', 'decided')", name=op.f("ck_review_item_state")
        ),
        sa.ForeignKeyConstraint(
            ["annotation_id"], ["annotation.id"], name=op.f("fk_review_item_annotation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_review_item_image_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_review_item_image_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_item")),
        sa.UniqueConstraint("image_id", "key", name=op.f("uq_review_item_image_id_key")),
    )
    with op.batch_alter_table("review_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_review_item_annotation_id"), ["annotation_id"], unique=False)
        batch_op.create_index("ix_review_item_state", ["image_set_id", "state", "id"], unique=False)

    op.create_table(
        "adjudication",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decision", sa.String(length=12), nullable=False),
        sa.Column("kept_reader_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("details", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["user_account.id"], name=op.f("fk_adjudication_decided_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_adjudication_image_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_adjudication_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["review_item.id"], name=op.f("fk_adjudication_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["kept_reader_id"], ["user_account.id"], name=op.f("fk_adjudication_kept_reader_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudication")),
    )
    with op.batch_alter_table("adjudication", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_adjudication_image_set_id"), ["image_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_adjudication_item_id"), ["item_id"], unique=False)

    op.create_table(
        "assignment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("annotation_id", sa.BigInteger(), nullable=True),
        sa.Column("reader_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('reader', 'adjudicator')", name=op.f("ck_assignment_role")),
        sa.CheckConstraint("state IN ('open', 'in_work', 'done', 'withdrawn')", name=op.f("ck_assignment_state")),
        sa.ForeignKeyConstraint(
            ["assigned_by_id"], ["user_account.id"], name=op.f("fk_assignment_assigned_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_assignment_image_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_assignment_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["review_item.id"], name=op.f("fk_assignment_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["user_account.id"], name=op.f("fk_assignment_reader_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("item_id", "reader_id", name=op.f("uq_assignment_item_id_reader_id")),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index("ix_assignment_image", ["image_id", "reader_id"], unique=False)
        batch_op.create_index("ix_assignment_queue", ["image_set_id", "reader_id", "state", "position"], unique=False)

    with op.batch_alter_table("image_set", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "mode_settings",
                sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
                server_default=sa.text("'{}'"),
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("unblinded_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("image_set", schema=None) as batch_op:
        batch_op.drop_column("unblinded_at")
        batch_op.drop_column("mode_settings")

    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.drop_index("ix_assignment_queue")
        batch_op.drop_index("ix_assignment_image")

    op.drop_table("assignment")
    with op.batch_alter_table("adjudication", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_adjudication_item_id"))
        batch_op.drop_index(batch_op.f("ix_adjudication_image_set_id"))

    op.drop_table("adjudication")
    with op.batch_alter_table("review_item", schema=None) as batch_op:
        batch_op.drop_index("ix_review_item_state")
        batch_op.drop_index(batch_op.f("ix_review_item_annotation_id"))

    op.drop_table("review_item")
    with op.batch_alter_table("annotation_verification", schema=None) as batch_op:
        batch_op.drop_index("ix_annotation_verification_reader")
        batch_op.drop_index("ix_annotation_verification_image")

    op.drop_table("annotation_verification")
    op.drop_table("image_review")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_event_set")

    op.drop_table("audit_event")
