"""The tables. Names that SQL uses itself end in an underscore. All times are aware and kept in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeEngine

from casebook.roles import STAFF
from casebook.states import STATES


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment: timestamptz on PostgreSQL, ISO text of fixed width (so that it sorts) on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
ID = BigInteger().with_variant(Integer, "sqlite")


def text_column(name: str, length: int) -> Column[str]:
    """A text that is empty where nothing is said."""
    return Column(name, String(length), nullable=False, server_default="")


def flag_column(name: str) -> Column[bool]:
    """Yes or no; no where nothing is said."""
    return Column(name, Boolean, nullable=False, server_default=false())


def count_column(name: str) -> Column[int]:
    """A number that begins at 0."""
    return Column(name, Integer, nullable=False, server_default="0")


flow_revision = Table(
    "flow_revision",
    metadata,
    Column("rev", String(64), primary_key=True),
    Column("source", Text, nullable=False),
)

call = Table(
    "call",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("carrier", String(16), nullable=False),
    Column("ani_enc", LargeBinary),
    Column("ani_hmac", String(64), index=True),
    Column("ani_masked", String(16), nullable=False),
    Column("dnis", String(32), nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("talk_s", Integer),
    Column("outcome", String(16), nullable=False, default=""),
    # The trunk over which it came: another platform's, where that has one of its own.
    Column("origin", String(32), nullable=False, server_default=""),
)

call_session = Table(
    "call_session",
    metadata,
    Column("call_id", ForeignKey("call.call_id"), primary_key=True),
    Column("flow_rev", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("verbs", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)
Index(
    # On a column that never changes: an index of `updated_at` would be written at every key press.
    "ix_call_session_open",
    call_session.c.call_id,
    sqlite_where=call_session.c.ended_at.is_(None),
    postgresql_where=call_session.c.ended_at.is_(None),
)

call_journal = Table(
    "call_journal",
    metadata,
    Column("call_id", ForeignKey("call.call_id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("event", Text, nullable=False),
    # One tree instead of a table and an index: half the pages that a key press writes.
    sqlite_with_rowid=False,
)

recording = Table(
    "recording",
    metadata,
    Column("id", ID, primary_key=True),
    Column("call_id", ForeignKey("call.call_id"), nullable=False, index=True),
    Column("path", String(200), nullable=False, unique=True),
    Column("seq", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("speech_ms", Integer),
    Column("sha256", String(64), nullable=False),
    Column("kept", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When its sound was deleted, by age.
    Column("erased_at", UtcDateTime),
)
HAS_SOUND = text("erased_at IS NULL")
Index(
    "ix_recording_created_at",
    recording.c.created_at,
    recording.c.id,
    sqlite_where=HAS_SOUND,
    postgresql_where=HAS_SOUND,
)

transcript = Table(
    "transcript",
    metadata,
    Column("id", ID, primary_key=True),
    Column("recording_id", ForeignKey("recording.id"), nullable=False),
    Column("engine", String(32), nullable=False),
    Column("model", String(100), nullable=False),
    Column("text", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("confidence", Float),
    Column("error", Text),
    # What the recogniser heard, before anything was mended.
    Column("heard", Text, nullable=False, server_default=""),
    Column("suggestions", Text, nullable=False, server_default="[]"),
    Column("quality", Text, nullable=False, server_default="{}"),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("recording_id", "engine"),
)

case_ = Table(
    "case_",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_no", String(20), nullable=False, unique=True),
    Column("channel", String(16), nullable=False),
    Column("call_id", ForeignKey("call.call_id"), unique=True),
    Column("recording_id", ForeignKey("recording.id")),
    Column("state", String(16), nullable=False),
    Column("demand", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("query_code_enc", LargeBinary, nullable=False),
    Column("query_code_hmac", String(64), nullable=False),
    Column("received_at", UtcDateTime, nullable=False, index=True),
    Column("clock_started_at", UtcDateTime),
    Column("registered_at", UtcDateTime),
    Column("registered_by", String(64)),
    Column("discarded_at", UtcDateTime),
    Column("discard_reason", Text),
    Column("version", Integer, nullable=False),
    # What the handling adds (casebook.handling.record says what each is).
    text_column("matter", 64),
    text_column("region", 32),
    text_column("place", 200),
    text_column("reference", 64),
    Column("lat", Float),
    Column("lng", Float),
    Column("occurred_at", UtcDateTime),
    flag_column("urgent"),
    flag_column("secret"),
    flag_column("anonymous"),
    Column("citizen_id", ForeignKey("citizen.id")),
    text_column("about_unit", 32),
    text_column("commitment", 500),
    Column("due_at", UtcDateTime),
    Column("first_due_at", UtcDateTime),
    Column("triage_due_at", UtcDateTime),
    text_column("lead_unit", 32),
    Column("answer", Text, nullable=False, server_default=""),
    text_column("refusal", 32),
    text_column("refusal_by", 64),
    text_column("returns", 400),
    text_column("consulted", 400),
    text_column("supervision", 20),
    Column("supervision_due_at", UtcDateTime),
    text_column("instructed_by", 64),
    count_column("attempts"),
    text_column("attempt_days", 200),
    flag_column("reached"),
    text_column("solved", 8),
    Column("satisfied", Integer),
    Column("satisfied_hotline", Integer),
    text_column("closing_by", 64),
    count_column("reopened"),
    text_column("outcome", 32),
    Column("closed_at", UtcDateTime),
    Column("archived_at", UtcDateTime),
    text_column("master_no", 20),
    text_column("merged_from", 16),
    CheckConstraint(f"state IN ({', '.join(repr(one) for one in STATES)})", name="state"),
    CheckConstraint("master_no <> case_no", name="master"),
)
Index("ix_case__state", case_.c.state, case_.c.id)
Index("ix_case__citizen_id", case_.c.citizen_id, case_.c.registered_at)
Index("ix_case__registered_at", case_.c.registered_at)
Index("ix_case__matter", case_.c.matter, case_.c.region, case_.c.registered_at)
Index(
    "ix_case__master_no",
    case_.c.master_no,
    sqlite_where=case_.c.master_no != "",
    postgresql_where=case_.c.master_no != "",
)

event = Table(
    "event",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ForeignKey("case_.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("payload", Text, nullable=False),
    Column("idempotency_key", String(200), unique=True),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("case_id", "seq"),
)
Index("ix_event_at", event.c.at, event.c.type)
_IS_OUTCOME = text("type IN ('callback', 'reopen', 'close', 'confirm_close')")
Index("ix_event_outcome", event.c.at, sqlite_where=_IS_OUTCOME, postgresql_where=_IS_OUTCOME)

alert = Table(
    "alert",
    metadata,
    Column("id", ID, primary_key=True),
    Column("recording_id", ForeignKey("recording.id"), nullable=False),
    Column("case_id", ForeignKey("case_.id"), index=True),
    Column("category", String(32), nullable=False),
    Column("name", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("phrase", String(64), nullable=False),
    Column("quote", Text, nullable=False),
    Column("found_by", String(16), nullable=False),
    Column("score", Float, nullable=False),
    Column("start_ms", Integer, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", String(64)),
    Column("note", Text),
    UniqueConstraint("recording_id", "category"),
)
Index(
    "ix_alert_open",
    alert.c.id,
    sqlite_where=alert.c.acknowledged_at.is_(None),
    postgresql_where=alert.c.acknowledged_at.is_(None),
)

notice = Table(
    "notice",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key", String(100), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("audience", String(64), nullable=False),
    Column("case_no", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime),
    Column("read_by", String(64)),
)

case_counter = Table(
    "case_counter",
    metadata,
    Column("day", String(8), primary_key=True),
    Column("n", Integer, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("key", String(100), nullable=False, unique=True),
    Column("payload", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("lease_owner", String(120)),
    Column("lease_until", UtcDateTime),
    Column("last_error", Text),
    Column("done_at", UtcDateTime),
    CheckConstraint("state IN ('waiting', 'leased', 'done', 'dead')", name="state"),
)
Index(
    "ix_outbox_open",
    outbox.c.run_at,
    sqlite_where=outbox.c.state.in_(("waiting", "leased")),
    postgresql_where=outbox.c.state.in_(("waiting", "leased")),
)

user_ = Table(
    "user_",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("display_name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcDateTime),
    text_column("unit", 32),
    text_column("extension", 16),
    # The password was made by an administrator: it opens nothing but its own change.
    flag_column("must_change"),
    Column("disabled_at", UtcDateTime),
    # Counts changes, so that two administrators do not overwrite each other.
    Column("version", Integer, nullable=False, server_default="1"),
    CheckConstraint(f"role IN ({', '.join(repr(one) for one in STAFF)})", name="role"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", ForeignKey("user_.id"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("opened_at", UtcDateTime),
    # Whence, so that a person knows their own sessions: address and browser.
    text_column("address", 64),
    text_column("browser", 200),
)

# What administrators did to accounts, posts and calendar years.
account_event = Table(
    "account_event",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("user_name", String(64), nullable=False),
    Column("what", String(16), nullable=False),
    Column("detail", String(200), nullable=False),
)

# The texts that the city's files had, one after another.
settings_version = Table(
    "settings_version",
    metadata,
    Column("id", ID, primary_key=True),
    Column("file", String(64), nullable=False),
    Column("n", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("note", String(200), nullable=False),
    # Two who save the same file at once: one of them is told.
    UniqueConstraint("file", "n"),
)

outbound_call = Table(
    "outbound_call",
    metadata,
    Column("id", ID, primary_key=True),
    # One call for one reason: whoever asks twice gets the same row.
    Column("key", String(100), nullable=False, unique=True),
    Column("purpose", String(16), nullable=False),
    # The call whose number is called, and the case that it is about.
    Column("origin_call_id", ForeignKey("call.call_id"), nullable=False),
    Column("case_no", String(20), nullable=False, server_default=""),
    Column("state", String(8), nullable=False),
    Column("tried_at", UtcDateTime),
    # The call that was made; its record is that of any call.
    Column("call_sid", String(64), unique=True),
    Column("result", String(16), nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("state IN ('waiting', 'trying', 'made', 'over')", name="state"),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", ID, primary_key=True),
    Column("actor", String(64), nullable=False),
    Column("case_no", String(20), nullable=False),
    Column("what", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# What `hotline db verify` found, each time.
verification = Table(
    "verification",
    metadata,
    Column("id", ID, primary_key=True),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("cases", Integer, nullable=False),
    Column("findings", Integer, nullable=False),
    text_column("first_finding", 200),
)
