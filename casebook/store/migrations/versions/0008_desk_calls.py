"""The calls that agents answered, and what became of each: a case, or a word why there is none"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "desk_call",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("extension", sa.String(length=16), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=False),
        sa.Column("disposition", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("case_no", sa.String(length=20), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("call_id", "user_name", name=op.f("pk_desk_call")),
    )
    op.create_index(
        "ix_desk_call_open",
        "desk_call",
        ["user_name"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.add_column("agent_presence", sa.Column("logged_in_at", UtcDateTime(), nullable=True))
