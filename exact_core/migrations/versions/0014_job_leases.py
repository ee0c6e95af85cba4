"""Jobs have a content key, a lease, a priority and limits; workers have rows.

Revision 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'queued'")
_LIVING_KEY = sa.text("key IS NOT NULL AND state IN ('queued', 'running', 'done')")
_TIME = sa.DateTime(timezone=True)
_ZERO, _FALSE = sa.text("0"), sa.text("false")


def upgrade() -> None:
    for column in (
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("rank", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("gpu", sa.Boolean(), server_default=_FALSE, nullable=False),
        sa.Column("memory_mib", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("seconds", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("wait_until", _TIME, nullable=True),
        sa.Column("lease_until", _TIME, nullable=True),
    ):
        op.add_column("job", column)
    op.create_index("ix_job_waiting", "job", ["rank", "id"], sqlite_where=_WAITING, postgresql_where=_WAITING)
    op.create_index("uq_job_key", "job", ["key"], unique=True, sqlite_where=_LIVING_KEY, postgresql_where=_LIVING_KEY)
    op.create_table(
        "job_worker",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("machine", sa.String(length=100), nullable=False),
        sa.Column("engine", sa.String(length=20), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("gpu", sa.Boolean(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_job_worker"),
    )
    op.create_index("ix_job_worker_seen_at", "job_worker", ["seen_at"])


def downgrade() -> None:
    op.drop_table("job_worker")
    op.drop_index("uq_job_key", table_name="job")
    op.drop_index("ix_job_waiting", table_name="job")
    for name in ("lease_until", "wait_until", "seconds", "memory_mib", "gpu", "rank", "key"):
        op.drop_column("job", name)
