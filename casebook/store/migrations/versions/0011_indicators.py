"""Indexes by which indicators find a period's orders, cases and answers; what verifications found"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

_OUTCOMES = sa.text("type IN ('callback', 'reopen', 'close', 'confirm_close')")


def upgrade() -> None:
    op.create_index("ix_order__dispatched_at", "order_", ["dispatched_at"])
    op.create_index("ix_order__due_at", "order_", ["due_at"])
    op.create_index("ix_order__sign_due_at", "order_", ["sign_due_at"])
    op.create_index("ix_order__ended_at", "order_", ["ended_at"])
    op.create_index("ix_case__registered_at", "case_", ["registered_at"])
    op.create_index("ix_event_outcome", "event", ["at"], sqlite_where=_OUTCOMES, postgresql_where=_OUTCOMES)
    op.create_table(
        "verification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("first_finding", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
    )
