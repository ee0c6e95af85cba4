"""Passes, what was seen of them, proof of coverage, locked regions.

Revision 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "screening_pass",
        sa.Column("id", key, nullable=False),
        sa.Column("image_id", key, nullable=False),
        sa.Column("user_id", key, nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("number", "x0", "y0", "x1", "y1", "width", "height", "step_x", "step_y")
        ),
        sa.Column("field_order", sa.String(length=8), nullable=False),
        sa.Column("chosen", sa.LargeBinary(), nullable=False),
        sa.Column("tissue", sa.LargeBinary(), nullable=True),
        sa.Column("tissue_rows", sa.Integer(), nullable=False),
        sa.Column("tissue_columns", sa.Integer(), nullable=False),
        sa.Column("wishes", sa.JSON(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("carried", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("browsers", sa.JSON(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("finished_at", time, nullable=True),
        _to("screening_pass", "image_id", "image.id", "CASCADE"),
        _to("screening_pass", "user_id", "user_account.id", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening_pass")),
        sa.UniqueConstraint("image_id", "user_id", "number", name=op.f("uq_screening_pass_image_id_user_id_number")),
    )
    op.create_index("ix_screening_pass_user_id", "screening_pass", ["user_id"])
    op.create_table(
        "screening_chunk",
        sa.Column("pass_id", key, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.Column("times", sa.LargeBinary(), nullable=False),
        _to("screening_chunk", "pass_id", "screening_pass.id", "CASCADE"),
        sa.PrimaryKeyConstraint("pass_id", "number", name=op.f("pk_screening_chunk")),
    )
    op.create_table(
        "screening_view",
        sa.Column("image_id", key, nullable=False),
        sa.Column("user_id", key, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("updated_at", time, nullable=False),
        _to("screening_view", "image_id", "image.id", "CASCADE"),
        _to("screening_view", "user_id", "user_account.id", "CASCADE"),
        sa.PrimaryKeyConstraint("image_id", "user_id", "step", name=op.f("pk_screening_view")),
    )
    op.create_index("ix_screening_view_user_id", "screening_view", ["user_id"])
    op.create_table(
        "screening_lock",
        sa.Column("id", key, nullable=False),
        sa.Column("image_id", key, nullable=False),
        sa.Column("user_id", key, nullable=True),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("x0", "y0", "x1", "y1")),
        sa.Column("created_at", time, nullable=False),
        _to("screening_lock", "image_id", "image.id", "CASCADE"),
        _to("screening_lock", "user_id", "user_account.id", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening_lock")),
    )
    op.create_index("ix_screening_lock_image_id", "screening_lock", ["image_id"])
    op.create_index("ix_screening_lock_user_id", "screening_lock", ["user_id"])


def downgrade() -> None:
    for table in ("screening_lock", "screening_view", "screening_chunk", "screening_pass"):
        op.drop_table(table)


def _to(table: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)
