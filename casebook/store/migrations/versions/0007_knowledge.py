"""Knowledge base, suggestions and what people decided about them, locks of the public query"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, length: int | None = None, *, null: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length=length) if length else sa.Text(), nullable=null)


def upgrade() -> None:
    _knowledge()
    _gaps()
    _suggestions()
    op.create_table(
        "public_lock",
        _text("key", 64),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locks", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_public_lock")),
    )
    op.create_index(op.f("ix_public_lock_last_at"), "public_lock", ["last_at"])
    for statement in _KEEP_VERSIONS[op.get_bind().dialect.name]:
        op.execute(statement)


def _knowledge() -> None:
    op.create_table(
        "kb_entry",
        sa.Column("id", _ID, nullable=False),
        _text("state", 16),
        _text("matter", 32),
        _text("owner_unit", 64),
        sa.Column("review_due", sa.Date(), nullable=False),
        sa.Column("published_n", sa.Integer(), nullable=True),
        sa.Column("latest_n", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name=op.f("ck_kb_entry_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_entry")),
    )
    op.create_index(op.f("ix_kb_entry_review_due"), "kb_entry", ["review_due"])
    op.create_table(
        "kb_version",
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        *(_text(name) for name in ("title", "answer", "keywords", "basis")),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("on_the_spot", sa.Boolean(), nullable=False),
        _text("author", 64),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["kb_entry.id"], name=op.f("fk_kb_version_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "n", name=op.f("pk_kb_version")),
    )
    op.create_table(
        "kb_history",
        sa.Column("id", _ID, nullable=False),
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        _text("actor", 64),
        _text("what", 16),
        sa.Column("n", sa.Integer(), nullable=True),
        _text("note"),
        _text("idempotency_key", 200, null=True),
        sa.ForeignKeyConstraint(["entry_id"], ["kb_entry.id"], name=op.f("fk_kb_history_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_history")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_kb_history_idempotency_key")),
    )
    op.create_index(op.f("ix_kb_history_entry_id"), "kb_history", ["entry_id"])
    op.create_table(
        "kb_term",
        _text("term", 40),
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["kb_entry.id"], name=op.f("fk_kb_term_entry_id")),
        sa.PrimaryKeyConstraint("term", "entry_id", name=op.f("pk_kb_term")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_kb_term_entry_id", "kb_term", ["entry_id"])
    op.create_table(
        "kb_use",
        sa.Column("entry_id", _ID, nullable=False),
        _text("case_no", 20),
        sa.Column("n", sa.Integer(), nullable=False),
        _text("actor", 64),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.Column("useful", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["kb_entry.id"], name=op.f("fk_kb_use_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "case_no", name=op.f("pk_kb_use")),
    )


def _gaps() -> None:
    op.create_table(
        "kb_gap",
        sa.Column("id", _ID, nullable=False),
        _text("key", 64),
        _text("question"),
        _text("matter", 32),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        _text("state", 16),
        sa.Column("entry_id", _ID, nullable=True),
        _text("closed_by", 64, null=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        _text("reason", null=True),
        sa.CheckConstraint("state IN ('open', 'filled', 'dismissed')", name=op.f("ck_kb_gap_state")),
        sa.ForeignKeyConstraint(["entry_id"], ["kb_entry.id"], name=op.f("fk_kb_gap_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_gap")),
        sa.UniqueConstraint("key", name=op.f("uq_kb_gap_key")),
    )
    op.create_index(op.f("ix_kb_gap_state"), "kb_gap", ["state"])
    op.create_table(
        "kb_gap_question",
        sa.Column("gap_id", _ID, nullable=False),
        _text("reference", 100),
        _text("actor", 64),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["gap_id"], ["kb_gap.id"], name=op.f("fk_kb_gap_question_gap_id")),
        sa.PrimaryKeyConstraint("gap_id", "reference", name=op.f("pk_kb_gap_question")),
    )


def _suggestions() -> None:
    op.create_table(
        "suggestion_decision",
        sa.Column("id", _ID, nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        _text("kind", 16),
        _text("offered"),
        _text("chosen"),
        sa.Column("rank", sa.Integer(), nullable=True),
        _text("model", 64),
        _text("actor", 64),
        sa.Column("at", UtcDateTime(), nullable=False),
        _text("idempotency_key", 200),
        sa.CheckConstraint(
            "kind IN ('matter', 'region', 'unit', 'duplicate')", name=op.f("ck_suggestion_decision_kind")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_suggestion_decision_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion_decision")),
        sa.UniqueConstraint("idempotency_key", "kind", name=op.f("uq_suggestion_decision_idempotency_key")),
    )
    op.create_index(op.f("ix_suggestion_decision_case_id"), "suggestion_decision", ["case_id"])


# A version that was read to a caller can be shown later as it was.
_KEEP_VERSIONS = {
    "sqlite": [
        f"CREATE TRIGGER kb_version_no_{what.lower()} BEFORE {what} ON kb_version"
        " BEGIN SELECT RAISE(ABORT, 'a version of an entry never changes'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION kb_version_is_kept() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'a version of an entry never changes'; END $$",
        "CREATE TRIGGER kb_version_is_kept BEFORE UPDATE OR DELETE ON kb_version"
        " FOR EACH ROW EXECUTE FUNCTION kb_version_is_kept()",
    ],
}
