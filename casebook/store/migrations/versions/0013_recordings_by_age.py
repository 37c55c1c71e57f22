"""Recordings whose sound was deleted by age"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recording", sa.Column("erased_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_recording_created_at",
        "recording",
        ["created_at"],
        sqlite_where=sa.text("erased_at IS NULL"),
        postgresql_where=sa.text("erased_at IS NULL"),
    )
