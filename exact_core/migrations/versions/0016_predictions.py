"""What models found beside annotations: runs, their shapes and maps, and decisions about them.

Revision 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "prediction_run",
        sa.Column("id", key, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("image_set_id", key, nullable=False),
        sa.Column("image_id", key, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_by_id", key, nullable=True),
        sa.Column("model_uuid", sa.String(length=36), nullable=False),
        sa.Column("model_name", sa.String(length=200), nullable=False),
        sa.Column("model_kind", sa.String(length=130), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=True),
        sa.Column("params", json, nullable=False),
        sa.Column("area", json, nullable=True),
        sa.Column("labels", json, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("n_shapes", sa.Integer(), nullable=False),
        sa.Column("n_skipped", sa.Integer(), nullable=False),
        sa.Column("histogram", json, nullable=False),
        sa.Column("shown_to_readers", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("ready_at", moment, nullable=True),
        sa.Column("deleted_at", moment, nullable=True),
        sa.CheckConstraint("state IN ('writing', 'ready', 'deleted')", name=op.f("ck_prediction_run_state")),
        sa.ForeignKeyConstraint(
            ["asked_by_id"], ["user_account.id"], name=op.f("fk_prediction_run_asked_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_prediction_run_image_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_prediction_run_image_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction_run")),
        sa.UniqueConstraint("job_id", "image_id", name=op.f("uq_prediction_run_job_id_image_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_prediction_run_uuid")),
    )
    with op.batch_alter_table("prediction_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_prediction_run_image_id"), ["image_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_prediction_run_image_set_id"), ["image_set_id"], unique=False)
        batch_op.create_index("ix_prediction_run_model", ["model_uuid"], unique=False)

    op.create_table(
        "prediction_type",
        sa.Column("user_id", key, nullable=False),
        sa.Column("image_set_id", key, nullable=False),
        sa.Column("model_kind", sa.String(length=130), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("type_id", key, nullable=False),
        sa.ForeignKeyConstraint(
            ["image_set_id"], ["image_set.id"], name=op.f("fk_prediction_type_image_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["type_id"], ["annotation_type.id"], name=op.f("fk_prediction_type_type_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_prediction_type_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "image_set_id", "model_kind", "label", name=op.f("pk_prediction_type")),
    )
    op.create_table(
        "prediction_chunk",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("label", sa.SmallInteger(), nullable=False),
        sa.Column("x0", sa.Integer(), nullable=False),
        sa.Column("y0", sa.Integer(), nullable=False),
        sa.Column("x1", sa.Integer(), nullable=False),
        sa.Column("y1", sa.Integer(), nullable=False),
        sa.Column("histogram", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["prediction_run.id"], name=op.f("fk_prediction_chunk_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "first", name=op.f("pk_prediction_chunk")),
    )
    with op.batch_alter_table("prediction_chunk", schema=None) as batch_op:
        batch_op.create_index("ix_prediction_chunk_box", ["run_id", "x0", "y0", "x1", "y1"], unique=False)

    op.create_table(
        "prediction_decision",
        sa.Column("id", key, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reader_id", key, nullable=True),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("withdrawn_at", moment, nullable=True),
        sa.Column("annotation_id", sa.BigInteger(), nullable=True),
        sa.Column("type_id", sa.BigInteger(), nullable=True),
        sa.Column("label", sa.SmallInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("uncertainty", sa.Double(), nullable=True),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('accepted', 'edited', 'rejected')", name=op.f("ck_prediction_decision_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["user_account.id"], name=op.f("fk_prediction_decision_reader_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["prediction_run.id"], name=op.f("fk_prediction_decision_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction_decision")),
    )
    with op.batch_alter_table("prediction_decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_prediction_decision_annotation_id"), ["annotation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_prediction_decision_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            "uq_prediction_decision_current",
            ["run_id", "number", "reader_id"],
            unique=True,
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        )

    op.create_table(
        "prediction_map",
        sa.Column("id", key, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("label", sa.SmallInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("downsample", sa.Double(), nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["prediction_run.id"], name=op.f("fk_prediction_map_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction_map")),
        sa.UniqueConstraint("run_id", "name", "label", name=op.f("uq_prediction_map_run_id_name_label")),
    )


def downgrade() -> None:
    for table in ("prediction_map", "prediction_decision", "prediction_chunk", "prediction_type", "prediction_run"):
        op.drop_table(table)
