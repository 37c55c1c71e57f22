"""The tables of the casework beside the case itself: orders, citizens, posts, attachments, anchors, working days."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    and_,
)

from casebook.store.schema import ID, UtcDateTime, count_column, flag_column, metadata, text_column

order_ = Table(
    "order_",
    metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ForeignKey("case_.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("unit", String(32), nullable=False),
    Column("role", String(8), nullable=False),
    text_column("basis", 200),
    text_column("rule", 32),
    text_column("calendar_version", 16),
    text_column("dispatched_by", 64),
    Column("dispatched_at", UtcDateTime, nullable=False),
    Column("sign_due_at", UtcDateTime, nullable=False),
    Column("signed_at", UtcDateTime),
    flag_column("signed_late"),
    Column("due_at", UtcDateTime, nullable=False),
    Column("first_due_at", UtcDateTime, nullable=False),
    flag_column("final"),
    text_column("return_code", 32),
    Column("returned_at", UtcDateTime),
    count_column("extension_wd"),
    flag_column("extension_signed"),
    count_column("extensions"),
    Column("suspended_at", UtcDateTime),
    Column("resume_at", UtcDateTime),
    count_column("suspensions"),
    count_column("contacts"),
    flag_column("contact_granted"),
    flag_column("feedback_pending"),
    Column("fed_back_at", UtcDateTime),
    flag_column("late"),
    count_column("defects"),
    count_column("urgings"),
    count_column("unanswered"),
    Column("urged_at", UtcDateTime),
    text_column("result", 16),
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
# What indicators find a period's orders by.
for _moment in (order_.c.dispatched_at, order_.c.due_at, order_.c.sign_due_at, order_.c.ended_at):
    Index(f"ix_order__{_moment.name}", _moment)

citizen = Table(
    "citizen",
    metadata,
    Column("id", ID, primary_key=True),
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
    Column("id", ID, primary_key=True),
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
    Column("id", ID, primary_key=True),
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
