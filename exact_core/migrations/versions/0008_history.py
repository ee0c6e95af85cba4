"""History: change sets name the run they came from, and are found by image, by person and by run.

Revision 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("change_set", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run", sa.String(length=100), nullable=False, server_default=""))
    # What was imported before runs had names can be reverted by this one.
    op.execute("UPDATE change_set SET run = kind || ' ' || revision WHERE kind IN ('import', 'model')")
    with op.batch_alter_table("change_set", schema=None) as batch_op:
        batch_op.alter_column("run", server_default=None)
        batch_op.create_index("ix_change_set_image", ["image_id", "revision"], unique=False)
        batch_op.create_index("ix_change_set_session", ["image_set_id", "actor_id", "revision"], unique=False)
        batch_op.create_index(
            "ix_change_set_run",
            ["image_set_id", "run", "revision"],
            unique=False,
            sqlite_where=sa.text("run <> ''"),
            postgresql_where=sa.text("run <> ''"),
        )


def downgrade() -> None:
    with op.batch_alter_table("change_set", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_change_set_run", sqlite_where=sa.text("run <> ''"), postgresql_where=sa.text("run <> ''")
        )
        batch_op.drop_index("ix_change_set_session")
        batch_op.drop_index("ix_change_set_image")
        batch_op.drop_column("run")
