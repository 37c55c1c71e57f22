"""The whole handling of a case: working days, orders, citizens, posts, attachments, anchors"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = (
    "DRAFT REGISTERED TRIAGE CONSULT DISPATCHED HANDLING SUSPENDED FED_BACK CALLBACK REWORK ANSWERED TRANSFERRED"
    " NOT_ACCEPTED MERGED CLOSED WITHDRAWN ARCHIVED DISCARDED"
).split()
_ROLES = (
    "admin reviewer agent shift_leader operator dispatcher supervisor callback liaison deputy leader bureau"
).split()


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default="")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime(), nullable=True)


def _one_of(column: str, values: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def upgrade() -> None:
    _calendar()
    _citizen()
    _case()
    _order()
    _people()
    _attachment_and_anchor()


def _calendar() -> None:
    op.create_table(
        "calendar_year",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_year")),
    )
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("is_workday", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_day")),
    )


def _citizen() -> None:
    op.create_table(
        "citizen",
        sa.Column("id", _ID, nullable=False),
        sa.Column("phone_enc", sa.LargeBinary(), nullable=True),
        sa.Column("phone_hmac", sa.String(length=64), nullable=False),
        sa.Column("phone_masked", sa.String(length=16), nullable=False),
        sa.Column("name_enc", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _moment("erased_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_citizen")),
        sa.UniqueConstraint("phone_hmac", name=op.f("uq_citizen_phone_hmac")),
    )


def _case() -> None:
    columns: list[sa.Column[Any]] = [
        _text("matter", 64),
        _text("region", 32),
        _text("place", 200),
        _text("reference", 64),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lng", sa.Float(), nullable=True),
        _moment("occurred_at"),
        _flag("urgent"),
        _flag("secret"),
        _flag("anonymous"),
        sa.Column("citizen_id", _ID, nullable=True),
        _text("about_unit", 32),
        _text("commitment", 500),
        _moment("due_at"),
        _moment("first_due_at"),
        _moment("triage_due_at"),
        _text("lead_unit", 32),
        sa.Column("answer", sa.Text(), nullable=False, server_default=""),
        _text("refusal", 32),
        _text("refusal_by", 64),
        _text("returns", 400),
        _text("supervision", 20),
        _moment("supervision_due_at"),
        _text("instructed_by", 64),
        _count("attempts"),
        _text("attempt_days", 200),
        _flag("reached"),
        _text("solved", 8),
        sa.Column("satisfied", sa.Integer(), nullable=True),
        sa.Column("satisfied_hotline", sa.Integer(), nullable=True),
        _text("closing_by", 64),
        _count("reopened"),
        _text("outcome", 32),
        _moment("closed_at"),
        _moment("archived_at"),
        _text("master_no", 20),
        _text("merged_from", 16),
    ]
    # SQLite changes a constraint by copying the table; foreign keys are checked again at the end of the upgrade.
    with op.batch_alter_table("case_") as table:
        table.drop_constraint(op.f("ck_case__state"), type_="check")
        for column in columns:
            table.add_column(column)
        table.create_foreign_key(op.f("fk_case__citizen_id"), "citizen", ["citizen_id"], ["id"])
        table.create_check_constraint(op.f("ck_case__state"), _one_of("state", _STATES))
        table.create_check_constraint(op.f("ck_case__master"), "master_no <> case_no")
    op.create_index("ix_event_at", "event", ["at", "type"])
    op.create_index("ix_case__citizen_id", "case_", ["citizen_id", "registered_at"])
    op.create_index("ix_case__matter", "case_", ["matter", "region", "registered_at"])
    merged = sa.text("master_no <> ''")
    op.create_index("ix_case__master_no", "case_", ["master_no"], sqlite_where=merged, postgresql_where=merged)


def _order() -> None:
    op.create_table(
        "order_",
        sa.Column("id", _ID, nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        _text("basis", 200),
        _text("rule", 32),
        _text("calendar_version", 16),
        _text("dispatched_by", 64),
        sa.Column("dispatched_at", UtcDateTime(), nullable=False),
        sa.Column("sign_due_at", UtcDateTime(), nullable=False),
        _moment("signed_at"),
        _flag("signed_late"),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("first_due_at", UtcDateTime(), nullable=False),
        _flag("final"),
        _text("return_code", 32),
        _moment("returned_at"),
        _count("extension_wd"),
        _flag("extension_signed"),
        _count("extensions"),
        _moment("suspended_at"),
        _moment("resume_at"),
        _count("suspensions"),
        _count("contacts"),
        _flag("contact_granted"),
        _flag("feedback_pending"),
        _moment("fed_back_at"),
        _flag("late"),
        _count("defects"),
        _count("urgings"),
        _count("unanswered"),
        _moment("urged_at"),
        _text("result", 16),
        _moment("ended_at"),
        sa.CheckConstraint("role IN ('lead', 'co')", name=op.f("ck_order__role")),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_order__case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_")),
        sa.UniqueConstraint("case_id", "seq", name=op.f("uq_order__case_id")),
    )
    lead, opened = sa.text("role = 'lead' AND ended_at IS NULL"), sa.text("ended_at IS NULL")
    op.create_index("uq_order__open_lead", "order_", ["case_id"], unique=True, sqlite_where=lead, postgresql_where=lead)
    op.create_index("ix_order__open", "order_", ["unit", "due_at"], sqlite_where=opened, postgresql_where=opened)
    op.create_index("ix_order__unit", "order_", ["unit", "dispatched_at"])


def _people() -> None:
    with op.batch_alter_table("user_") as table:
        table.drop_constraint(op.f("ck_user__role"), type_="check")
        table.add_column(_text("unit", 32))
        table.create_check_constraint(op.f("ck_user__role"), _one_of("role", _ROLES))
    op.create_table(
        "unit_post",
        sa.Column("id", _ID, nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("from_at", UtcDateTime(), nullable=False),
        _moment("to_at"),
        sa.CheckConstraint("kind IN ('chief', 'deputy', 'liaison')", name=op.f("ck_unit_post_kind")),
        sa.ForeignKeyConstraint(["user_id"], ["user_.id"], name=op.f("fk_unit_post_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_post")),
    )
    active = sa.text("kind = 'liaison' AND to_at IS NULL")
    op.create_index(
        "uq_unit_post_liaison", "unit_post", ["unit"], unique=True, sqlite_where=active, postgresql_where=active
    )


def _attachment_and_anchor() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", _ID, nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_attachment_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index(op.f("ix_attachment_case_id"), "attachment", ["case_id"])
    op.create_table(
        "anchor",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_anchor")),
    )
    for table in ("access_log", "anchor"):
        _only_added_to(table)


def _only_added_to(table: str) -> None:
    """Who looked at a number, and what a day's record was, is never changed."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
