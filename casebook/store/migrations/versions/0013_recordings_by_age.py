"""Voicemails and conversations whose sound was deleted by age"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("recording", "conversation"):
        op.add_column(table, sa.Column("erased_at", UtcDateTime(), nullable=True))
        op.create_index(
            f"ix_{table}_created_at",
            table,
            ["created_at", "id"],
            sqlite_where=sa.text("erased_at IS NULL"),
            postgresql_where=sa.text("erased_at IS NULL"),
        )
