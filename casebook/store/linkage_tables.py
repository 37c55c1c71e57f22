"""Tables of the linkage: what other platforms sent, and which cases they are told of."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from casebook.store.schema import UtcDateTime, metadata
from casebook.store.telephone_tables import Id

linkage_message = Table(
    "linkage_message",
    metadata,
    Column("id", Id, primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(64), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("number_enc", LargeBinary),
    Column("number_hmac", String(64)),
    Column("number_masked", String(16), nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("handled_at", UtcDateTime),
    Column("handled_by", String(64)),
    Column("note", Text),
    Column("case_no", String(20)),
    UniqueConstraint("platform", "message_id"),
)
Index(
    "ix_linkage_message_open",
    linkage_message.c.id,
    sqlite_where=linkage_message.c.handled_at.is_(None),
    postgresql_where=linkage_message.c.handled_at.is_(None),
)

linkage_case = Table(
    "linkage_case",
    metadata,
    Column("id", Id, primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("case_id", ForeignKey("case_.id"), nullable=False, index=True),
    # Up to which event of the case's history the platform has been told, or need not be.
    Column("told_seq", Integer, nullable=False),
    UniqueConstraint("platform", "reference"),
)
