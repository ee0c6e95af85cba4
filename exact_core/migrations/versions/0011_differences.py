"""States remember how they differ from the one before; indexes answer differences alone, and find the last state.

Revision 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "annotation_revision"
_CLOSED = sa.text("valid_to < 2147483647")
_BEFORE = (["image_id", "valid_from"], ["image_id", "valid_to"], ["annotation_id"])
_AFTER = (
    ["image_id", "valid_from", "annotation_id", "type_id", "author_id", "changed"],
    ["image_id", "valid_to", "annotation_id", "valid_from", "type_id", "author_id"],
    ["annotation_id", "valid_from"],
)


def upgrade() -> None:
    # Not in a batch, which would copy all rows: a column without a default is added at once.
    op.add_column(_TABLE, sa.Column("changed", sa.SmallInteger(), nullable=True))
    _index(*_AFTER)


def downgrade() -> None:
    _index(*_BEFORE)
    op.drop_column(_TABLE, "changed")


def _index(begun: list[str], ended: list[str], annotation: list[str]) -> None:
    """Make the indexes of states again, with these columns."""
    for name in ("from", "closed", "annotation"):
        op.drop_index(f"ix_annotation_revision_{name}", table_name=_TABLE)
    op.create_index("ix_annotation_revision_from", _TABLE, begun)
    op.create_index("ix_annotation_revision_closed", _TABLE, ended, sqlite_where=_CLOSED, postgresql_where=_CLOSED)
    op.create_index("ix_annotation_revision_annotation", _TABLE, annotation)
