"""Tables of the call router: attempts to reach somebody, call-backs, who is there, what was done at the desk."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from casebook.store.schema import HAS_SOUND, UtcDateTime, metadata

_Id = BigInteger().with_variant(Integer, "sqlite")

# No foreign key to the call: the desk may act on a call that the dialplan answered alone, whose row comes later.
call_leg = Table(
    "call_leg",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", String(100), nullable=False, unique=True),
    Column("call_id", String(64), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("target", String(32), nullable=False),
    Column("number", String(32), nullable=False),
    Column("begun_by", String(64), nullable=False),
    Column("agent", String(16), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(16), nullable=False),
    CheckConstraint("kind IN ('line', 'queue', 'agent', 'consult', 'conference')", name="kind"),
)

CALLBACK_STATES = ("open", "claimed")
CALLBACK_OPEN = text("state IN ('open', 'claimed')")
callback_task = Table(
    "callback_task",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("ani_hmac", String(64), nullable=False),
    Column("ani_masked", String(16), nullable=False),
    # The number itself is in the row of that call, encrypted.
    Column("last_call_id", String(64), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("calls", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("claimed_by", String(64)),
    Column("note", Text, nullable=False),
    CheckConstraint("state IN ('open', 'claimed', 'done', 'given_up', 'reached')", name="state"),
    CheckConstraint("reason IN ('requested', 'missed', 'abandoned')", name="reason"),
)
Index(
    "ix_callback_task_open",
    callback_task.c.ani_hmac,
    unique=True,
    sqlite_where=CALLBACK_OPEN,
    postgresql_where=CALLBACK_OPEN,
)

agent_presence = Table(
    "agent_presence",
    metadata,
    Column("extension", String(16), primary_key=True),
    Column("user_name", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    # When whoever sits there logged in; `since` moves with every state.
    Column("logged_in_at", UtcDateTime),
    CheckConstraint("state IN ('ready', 'paused', 'wrapup', 'out')", name="state"),
)

shift_override = Table(
    "shift_override",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("agent", String(16), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False, index=True),
    Column("made_by", String(64), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    CheckConstraint("kind IN ('on', 'off', 'night', 'day')", name="kind"),
)

desk_action = Table(
    "desk_action",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("call_id", String(64), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("result", String(64), nullable=False),
)

conversation = Table(
    "conversation",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("call_id", String(64), nullable=False, index=True),
    Column("path", String(200), nullable=False, unique=True),
    Column("duration_ms", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When its sound was deleted, by age.
    Column("erased_at", UtcDateTime),
)
Index(
    "ix_conversation_created_at",
    conversation.c.created_at,
    conversation.c.id,
    sqlite_where=HAS_SOUND,
    postgresql_where=HAS_SOUND,
)

# An agent's share of a call: what came of it. Several cases may come of one call; the first one is kept here.
DESK_CALL_OPEN = text("closed_at IS NULL")
desk_call = Table(
    "desk_call",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("user_name", String(64), primary_key=True),
    Column("extension", String(16), nullable=False),
    Column("answered_at", UtcDateTime, nullable=False),
    Column("disposition", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("case_no", String(20)),
    Column("closed_at", UtcDateTime),
)
Index(
    "ix_desk_call_open",
    desk_call.c.user_name,
    sqlite_where=DESK_CALL_OPEN,
    postgresql_where=DESK_CALL_OPEN,
)
