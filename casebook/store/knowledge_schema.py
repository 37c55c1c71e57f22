"""Tables of the knowledge base (kb_), of suggestions (suggestion_) and of the public pages (public_)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from casebook.store.schema import UtcDateTime, metadata

_Id = BigInteger().with_variant(Integer, "sqlite")

kb_entry = Table(
    "kb_entry",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("matter", String(32), nullable=False),
    Column("owner_unit", String(64), nullable=False),
    Column("review_due", Date, nullable=False, index=True),
    Column("published_n", Integer),
    Column("latest_n", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name="state"),
)

kb_version = Table(
    "kb_version",
    metadata,
    Column("entry_id", ForeignKey("kb_entry.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("keywords", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("on_the_spot", Boolean, nullable=False),
    Column("author", String(64), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
)

kb_history = Table(
    "kb_history",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("entry_id", ForeignKey("kb_entry.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("what", String(16), nullable=False),
    Column("n", Integer),
    Column("note", Text, nullable=False),
    Column("idempotency_key", String(200), unique=True),
)

kb_term = Table(
    "kb_term",
    metadata,
    Column("term", String(40), primary_key=True),
    Column("entry_id", ForeignKey("kb_entry.id"), primary_key=True),
    Column("weight", Float, nullable=False),
    # One tree, in the order of the terms: a search reads it from end to end.
    sqlite_with_rowid=False,
)
Index("ix_kb_term_entry_id", kb_term.c.entry_id)

kb_use = Table(
    "kb_use",
    metadata,
    Column("entry_id", ForeignKey("kb_entry.id"), primary_key=True),
    Column("case_no", String(20), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("used_at", UtcDateTime, nullable=False),
    # Whether the caller said that it answers the question; nothing where nobody asked.
    Column("useful", Boolean),
)

kb_gap = Table(
    "kb_gap",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("question", Text, nullable=False),
    Column("matter", String(32), nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("entry_id", ForeignKey("kb_entry.id")),
    Column("closed_by", String(64)),
    Column("closed_at", UtcDateTime),
    Column("reason", Text),
    CheckConstraint("state IN ('open', 'filled', 'dismissed')", name="state"),
)

kb_gap_question = Table(
    "kb_gap_question",
    metadata,
    Column("gap_id", ForeignKey("kb_gap.id"), primary_key=True),
    # The case in which it was asked, or the request that noted it: asked twice in one, it counts once.
    Column("reference", String(100), primary_key=True),
    Column("actor", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

suggestion_decision = Table(
    "suggestion_decision",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("case_id", ForeignKey("case_.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("offered", Text, nullable=False),
    Column("chosen", Text, nullable=False),
    # Where the choice stood among the offers, from 1; nothing for one that was not offered.
    Column("rank", Integer),
    Column("model", String(64), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("idempotency_key", String(200), nullable=False),
    CheckConstraint("kind IN ('matter', 'region', 'unit', 'duplicate')", name="kind"),
    UniqueConstraint("idempotency_key", "kind"),
)

public_lock = Table(
    "public_lock",
    metadata,
    # A digest of the case number or of the address: neither is kept here.
    Column("key", String(64), primary_key=True),
    # Wrong codes since the last lock, and how often it was locked.
    Column("failures", Integer, nullable=False),
    Column("locks", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=False, index=True),
    Column("locked_until", UtcDateTime),
)
