"""The telephone service: visits to queues, agents' times, figures of each half hour, the linkage, calls' origins"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("call", sa.Column("origin", sa.String(length=32), nullable=False, server_default=""))
    op.create_table(
        "queue_visit",
        sa.Column("id", _ID, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("wait_s", sa.Integer(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("agent", sa.String(length=80), nullable=False),
        sa.Column("talk_s", sa.Integer(), nullable=True),
        sa.Column("acw_s", sa.Integer(), nullable=True),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_visit")),
        sa.UniqueConstraint("call_id", "queue", "entered_at", name=op.f("uq_queue_visit_call_id")),
    )
    op.create_index(op.f("ix_queue_visit_entered_at"), "queue_visit", ["entered_at"])
    op.create_index("ix_queue_visit_agent", "queue_visit", ["agent", "id"])
    op.create_index(
        "ix_queue_visit_open",
        "queue_visit",
        ["id"],
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "agent_time",
        sa.Column("id", _ID, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("agent", sa.String(length=80), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_time")),
        sa.UniqueConstraint("agent", "queue", "kind", "began_at", name=op.f("uq_agent_time_agent")),
    )
    op.create_index("ix_agent_time_ended_at", "agent_time", ["ended_at"])
    op.create_table(
        "telephone_interval",
        sa.Column("id", _ID, nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("definition_version", sa.Integer(), nullable=False),
        sa.Column("cut_off", UtcDateTime(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telephone_interval")),
    )
    op.create_index("ix_telephone_interval_began_at", "telephone_interval", ["began_at", "queue"])
    op.create_table(
        "reading_position",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("file", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_reading_position")),
    )
    _linkage()


def _linkage() -> None:
    op.create_table(
        "linkage_message",
        sa.Column("id", _ID, nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("number_enc", sa.LargeBinary(), nullable=True),
        sa.Column("number_hmac", sa.String(length=64), nullable=True),
        sa.Column("number_masked", sa.String(length=16), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.Column("handled_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("case_no", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_linkage_message")),
        sa.UniqueConstraint("platform", "message_id", name=op.f("uq_linkage_message_platform")),
    )
    op.create_index(
        "ix_linkage_message_open",
        "linkage_message",
        ["id"],
        sqlite_where=sa.text("handled_at IS NULL"),
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "linkage_case",
        sa.Column("id", _ID, nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("told_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_linkage_case_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_linkage_case")),
        sa.UniqueConstraint("platform", "reference", name=op.f("uq_linkage_case_platform")),
    )
    op.create_index(op.f("ix_linkage_case_case_id"), "linkage_case", ["case_id"])
