"""Identities of annotations have no foreign keys, which took a third of the time of adding them (ADR 0006).

Revision 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLE = "annotation"
_KEYS = (("image_id", "image", "CASCADE"), ("author_id", "user_account", "SET NULL"))


def upgrade() -> None:
    given = _last_number()
    with op.batch_alter_table(_TABLE, schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        for column, _, _ in _KEYS:
            batch_op.drop_constraint(_name(column), type_="foreignkey")
    _go_on_after(given)


def downgrade() -> None:
    given = _last_number()
    with op.batch_alter_table(_TABLE, schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        for column, target, ondelete in _KEYS:
            batch_op.create_foreign_key(_name(column), target, [column], ["id"], ondelete=ondelete)
    _go_on_after(given)


def _name(column: str) -> str:
    return f"fk_{_TABLE}_{column}"


def _last_number() -> int | None:
    """The greatest number that was ever given, on SQLite, which forgets it with the table."""
    if op.get_bind().dialect.name != "sqlite":
        return None
    return (
        op.get_bind().execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": _TABLE}).scalar()
    )


def _go_on_after(number: int | None) -> None:
    """No number is given twice: plugins keep them."""
    if number is not None:
        values = {"name": _TABLE, "number": number}
        op.get_bind().execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
        op.get_bind().execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), values)
