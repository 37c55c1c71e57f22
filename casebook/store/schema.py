"""The tables. Names that SQL uses itself end in an underscore. All times are aware and kept in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
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
    and_,
    false,
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
_Id = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str, length: int) -> Column[str]:
    return Column(name, String(length), nullable=False, server_default="")


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def _count(name: str) -> Column[int]:
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
    Column("id", _Id, primary_key=True),
    Column("call_id", ForeignKey("call.call_id"), nullable=False, index=True),
    Column("path", String(200), nullable=False, unique=True),
    Column("seq", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("speech_ms", Integer),
    Column("sha256", String(64), nullable=False),
    Column("kept", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

transcript = Table(
    "transcript",
    metadata,
    Column("id", _Id, primary_key=True),
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
    Column("id", _Id, primary_key=True),
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
    _text("matter", 64),
    _text("region", 32),
    _text("place", 200),
    _text("reference", 64),
    Column("lat", Float),
    Column("lng", Float),
    Column("occurred_at", UtcDateTime),
    _flag("urgent"),
    _flag("secret"),
    _flag("anonymous"),
    Column("citizen_id", ForeignKey("citizen.id")),
    _text("about_unit", 32),
    _text("commitment", 500),
    Column("due_at", UtcDateTime),
    Column("first_due_at", UtcDateTime),
    Column("triage_due_at", UtcDateTime),
    _text("lead_unit", 32),
    Column("answer", Text, nullable=False, server_default=""),
    _text("refusal", 32),
    _text("refusal_by", 64),
    _text("returns", 400),
    _text("supervision", 20),
    Column("supervision_due_at", UtcDateTime),
    _text("instructed_by", 64),
    _count("attempts"),
    _text("attempt_days", 200),
    _flag("reached"),
    _text("solved", 8),
    Column("satisfied", Integer),
    Column("satisfied_hotline", Integer),
    _text("closing_by", 64),
    _count("reopened"),
    _text("outcome", 32),
    Column("closed_at", UtcDateTime),
    Column("archived_at", UtcDateTime),
    _text("master_no", 20),
    _text("merged_from", 16),
    CheckConstraint(f"state IN ({', '.join(repr(one) for one in STATES)})", name="state"),
    CheckConstraint("master_no <> case_no", name="master"),
)
Index("ix_case__state", case_.c.state, case_.c.id)
Index("ix_case__citizen_id", case_.c.citizen_id, case_.c.registered_at)
Index("ix_case__matter", case_.c.matter, case_.c.region, case_.c.registered_at)
Index(
    "ix_case__master_no",
    case_.c.master_no,
    sqlite_where=case_.c.master_no != "",
    postgresql_where=case_.c.master_no != "",
)

order_ = Table(
    "order_",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("case_id", ForeignKey("case_.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("unit", String(32), nullable=False),
    Column("role", String(8), nullable=False),
    _text("basis", 200),
    _text("rule", 32),
    _text("calendar_version", 16),
    _text("dispatched_by", 64),
    Column("dispatched_at", UtcDateTime, nullable=False),
    Column("sign_due_at", UtcDateTime, nullable=False),
    Column("signed_at", UtcDateTime),
    _flag("signed_late"),
    Column("due_at", UtcDateTime, nullable=False),
    Column("first_due_at", UtcDateTime, nullable=False),
    _flag("final"),
    _text("return_code", 32),
    Column("returned_at", UtcDateTime),
    _count("extension_wd"),
    _flag("extension_signed"),
    _count("extensions"),
    Column("suspended_at", UtcDateTime),
    Column("resume_at", UtcDateTime),
    _count("suspensions"),
    _count("contacts"),
    _flag("contact_granted"),
    _flag("feedback_pending"),
    Column("fed_back_at", UtcDateTime),
    _flag("late"),
    _count("defects"),
    _count("urgings"),
    _count("unanswered"),
    Column("urged_at", UtcDateTime),
    _text("result", 16),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("case_id", "seq"),
    CheckConstraint("role IN ('lead', 'co')", name="role"),
)
_IS_OPEN = order_.c.ended_at.is_(None)
_IS_OPEN_LEAD = and_(order_.c.role == "lead", _IS_OPEN)
Index("uq_order__open_lead", order_.c.case_id, unique=True, sqlite_where=_IS_OPEN_LEAD, postgresql_where=_IS_OPEN_LEAD)
# A unit's work list, and whatever is due.
Index("ix_order__open", order_.c.unit, order_.c.due_at, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
Index("ix_order__unit", order_.c.unit, order_.c.dispatched_at)

citizen = Table(
    "citizen",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("phone_enc", LargeBinary),
    Column("phone_hmac", String(64), nullable=False, unique=True),
    Column("phone_masked", String(16), nullable=False),
    Column("name_enc", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    Column("erased_at", UtcDateTime),
)

attachment = Table(
    "attachment",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("case_id", ForeignKey("case_.id"), nullable=False, index=True),
    Column("file_name", String(200), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
)

# Who holds which post in a unit, and held it before.
unit_post = Table(
    "unit_post",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("unit", String(32), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("user_id", ForeignKey("user_.id"), nullable=False),
    Column("from_at", UtcDateTime, nullable=False),
    Column("to_at", UtcDateTime),
    CheckConstraint("kind IN ('chief', 'deputy', 'liaison')", name="kind"),
)
_IS_LIAISON = and_(unit_post.c.kind == "liaison", unit_post.c.to_at.is_(None))
Index("uq_unit_post_liaison", unit_post.c.unit, unique=True, sqlite_where=_IS_LIAISON, postgresql_where=_IS_LIAISON)

# A digest over the day's events of every case: printed in the bulletin, it holds the record to what it was.
anchor = Table(
    "anchor",
    metadata,
    Column("day", Date, primary_key=True),
    Column("events", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", _Id, primary_key=True),
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

alert = Table(
    "alert",
    metadata,
    Column("id", _Id, primary_key=True),
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
    Column("id", _Id, primary_key=True),
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
    Column("id", _Id, primary_key=True),
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
    Column("id", _Id, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("display_name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcDateTime),
    _text("unit", 32),
    CheckConstraint(f"role IN ({', '.join(repr(one) for one in STAFF)})", name="role"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", ForeignKey("user_.id"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

outbound_call = Table(
    "outbound_call",
    metadata,
    Column("id", _Id, primary_key=True),
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
    Column("id", _Id, primary_key=True),
    Column("actor", String(64), nullable=False),
    Column("case_no", String(20), nullable=False),
    Column("what", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

calendar_year = Table(
    "calendar_year",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False),
    # Until the State Council's notice of the year's make-up days is in.
    Column("provisional", Boolean, nullable=False),
    Column("source", String(200), nullable=False),
)

# Only the days that are not what their weekday says.
calendar_day = Table(
    "calendar_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("is_workday", Boolean, nullable=False),
    Column("name", String(64), nullable=False),
)
