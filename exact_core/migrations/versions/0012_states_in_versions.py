"""Versions keep the state of each image; verdicts of a change set are found by an index.

Revision 0012. Of versions that are older nothing was kept: their images have no state. Their manifests lack what was
verified, and are asked for again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("version_image", schema=None) as batch_op:
        batch_op.add_column(sa.Column("review_state", sa.String(length=10), nullable=False, server_default=""))
    with op.batch_alter_table("version_image", schema=None) as batch_op:
        batch_op.alter_column("review_state", server_default=None)
    with op.batch_alter_table("annotation_verification", schema=None) as batch_op:
        batch_op.drop_index("ix_annotation_verification_reader")
        batch_op.create_index(
            "ix_annotation_verification_reader", ["reader_id", "image_id", "valid_from"], unique=False
        )
    op.execute(
        "UPDATE version SET manifest_state = 'failed', manifest_reason ="
        " 'It was written before verifications were a part of it; have it written again.'"
        " WHERE manifest_state = 'ready'"
    )


def downgrade() -> None:
    with op.batch_alter_table("annotation_verification", schema=None) as batch_op:
        batch_op.drop_index("ix_annotation_verification_reader")
        batch_op.create_index("ix_annotation_verification_reader", ["reader_id", "image_id"], unique=False)
    with op.batch_alter_table("version_image", schema=None) as batch_op:
        batch_op.drop_column("review_state")
