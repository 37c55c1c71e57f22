"""Transfers that never drop a citizen: attempts, call-backs, who is there, what was done at the desk"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("state IN ('open', 'claimed')")


def upgrade() -> None:
    _call_leg()
    _callback_task()
    _staff()
    _desk()


def _call_leg() -> None:
    op.create_table(
        "call_leg",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("begun_by", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=16), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "kind IN ('line', 'queue', 'agent', 'consult', 'conference')", name=op.f("ck_call_leg_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_leg")),
        sa.UniqueConstraint("key", name=op.f("uq_call_leg_key")),
    )
    op.create_index("ix_call_leg_call_id", "call_leg", ["call_id"])
    op.create_index("ix_call_leg_started_at", "call_leg", ["started_at"])


def _callback_task() -> None:
    op.create_table(
        "callback_task",
        sa.Column("id", _ID, nullable=False),
        sa.Column("ani_hmac", sa.String(length=64), nullable=False),
        sa.Column("ani_masked", sa.String(length=16), nullable=False),
        sa.Column("last_call_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'claimed', 'done', 'given_up', 'reached')", name=op.f("ck_callback_task_state")
        ),
        sa.CheckConstraint("reason IN ('requested', 'missed', 'abandoned')", name=op.f("ck_callback_task_reason")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_task")),
    )
    op.create_index(
        "ix_callback_task_open",
        "callback_task",
        ["ani_hmac"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _staff() -> None:
    op.create_table(
        "agent_presence",
        sa.Column("extension", sa.String(length=16), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('ready', 'paused', 'wrapup', 'out')", name=op.f("ck_agent_presence_state")),
        sa.PrimaryKeyConstraint("extension", name=op.f("pk_agent_presence")),
    )
    op.create_table(
        "shift_override",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("agent", sa.String(length=16), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('on', 'off', 'night', 'day')", name=op.f("ck_shift_override_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_override")),
    )
    op.create_index("ix_shift_override_ends_at", "shift_override", ["ends_at"])


def _desk() -> None:
    op.create_table(
        "desk_action",
        sa.Column("id", _ID, nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_action")),
    )
    op.create_index("ix_desk_action_call_id", "desk_action", ["call_id"])
    op.create_table(
        "conversation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint("path", name=op.f("uq_conversation_path")),
    )
    op.create_index("ix_conversation_call_id", "conversation", ["call_id"])
