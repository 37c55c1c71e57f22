"""Calls that the line makes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "outbound_call",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("origin_call_id", sa.String(length=64), nullable=False),
        sa.Column("case_no", sa.String(length=20), server_default="", nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tried_at", UtcDateTime(), nullable=True),
        sa.Column("call_sid", sa.String(length=64), nullable=True),
        sa.Column("result", sa.String(length=16), server_default="", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'trying', 'made', 'over')", name=op.f("ck_outbound_call_state")),
        sa.ForeignKeyConstraint(["origin_call_id"], ["call.call_id"], name=op.f("fk_outbound_call_origin_call_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_call")),
        sa.UniqueConstraint("key", name=op.f("uq_outbound_call_key")),
        sa.UniqueConstraint("call_sid", name=op.f("uq_outbound_call_call_sid")),
    )
