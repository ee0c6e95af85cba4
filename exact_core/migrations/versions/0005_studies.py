"""References for readers, studies with tasks, answers and active time, and kept figures of agreement.

Revision 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreement_result",
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_agreement_result_image_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_set_id", "key", name=op.f("pk_agreement_result")),
    )
    op.create_table(
        "gold_reference",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("reader", sa.String(length=240), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("type_ids", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_gold_reference_created_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_gold_reference_image_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold_reference")),
    )
    with op.batch_alter_table("gold_reference", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gold_reference_image_set_id"), ["image_set_id"], unique=False)

    op.create_table(
        "study",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("design", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'running', 'closed')", name=op.f("ck_study_state")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_study_created_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_study_image_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
    )
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_image_set_id"), ["image_set_id"], unique=False)

    op.create_table(
        "gold_image",
        sa.Column("gold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["gold_id"], ["gold_reference.id"], name=op.f("fk_gold_image_gold_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_gold_image_image_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("gold_id", "image_id", name=op.f("pk_gold_image")),
    )
    with op.batch_alter_table("gold_image", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gold_image_image_id"), ["image_id"], unique=False)

    op.create_table(
        "study_answer",
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("question", sa.SmallInteger(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("grade BETWEEN 1 AND 6", name=op.f("ck_study_answer_grade")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_answer_study_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_study_answer_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("study_id", "user_id", "question", name=op.f("pk_study_answer")),
    )
    op.create_table(
        "study_participant",
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_study_participant_study_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_study_participant_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("study_id", "user_id", name=op.f("pk_study_participant")),
    )
    with op.batch_alter_table("study_participant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_participant_user_id"), ["user_id"], unique=False)

    op.create_table(
        "study_task",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("arm", sa.SmallInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("copied", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_study_task_image_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_task_study_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_study_task_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_task")),
        sa.UniqueConstraint("study_id", "user_id", "image_id", name=op.f("uq_study_task_study_id_user_id_image_id")),
        sa.UniqueConstraint("study_id", "user_id", "position", name=op.f("uq_study_task_study_id_user_id_position")),
    )
    with op.batch_alter_table("study_task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_task_image_id"), ["image_id"], unique=False)
        batch_op.create_index("ix_study_task_of_user", ["user_id", "image_id"], unique=False)

    op.create_table(
        "activity",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["study_task.id"], name=op.f("fk_activity_task_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_activity_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    with op.batch_alter_table("activity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_activity_task_id"), ["task_id"], unique=False)
        batch_op.create_index("ix_activity_user", ["user_id", "ended_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("activity", schema=None) as batch_op:
        batch_op.drop_index("ix_activity_user")
        batch_op.drop_index(batch_op.f("ix_activity_task_id"))

    op.drop_table("activity")
    with op.batch_alter_table("study_task", schema=None) as batch_op:
        batch_op.drop_index("ix_study_task_of_user")
        batch_op.drop_index(batch_op.f("ix_study_task_image_id"))

    op.drop_table("study_task")
    with op.batch_alter_table("study_participant", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_study_participant_user_id"))

    op.drop_table("study_participant")
    op.drop_table("study_answer")
    with op.batch_alter_table("gold_image", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gold_image_image_id"))

    op.drop_table("gold_image")
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_study_image_set_id"))

    op.drop_table("study")
    with op.batch_alter_table("gold_reference", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gold_reference_image_set_id"))

    op.drop_table("gold_reference")
    op.drop_table("agreement_result")
