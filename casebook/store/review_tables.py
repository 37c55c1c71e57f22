"""Tables of the review of voicemails: who holds which one, and what reviewers corrected."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text

from casebook.store.schema import ID, UtcDateTime, metadata

review_claim = Table(
    "review_claim",
    metadata,
    # One row a voicemail: whoever holds it until then.
    Column("case_id", ForeignKey("case_.id"), primary_key=True),
    Column("reviewer", String(64), nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False),
)

transcript_correction = Table(
    "transcript_correction",
    metadata,
    # Rows are only added: each keeps what the machine had written when a person corrected it.
    Column("id", ID, primary_key=True),
    Column("recording_id", ForeignKey("recording.id"), nullable=False, index=True),
    Column("engine", String(32), nullable=False),
    Column("model", String(100), nullable=False),
    Column("heard", Text, nullable=False),
    Column("repaired", Text, nullable=False),
    Column("corrected", Text, nullable=False),
    Column("corrected_by", String(64), nullable=False),
    Column("corrected_at", UtcDateTime, nullable=False),
    Column("idempotency_key", String(200), nullable=False, unique=True),
)
