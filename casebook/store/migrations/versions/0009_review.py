"""Who holds a voicemail while reviewing it, and the transcripts that reviewers corrected"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "review_claim",
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("reviewer", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_review_claim_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_review_claim")),
    )
    op.create_index(op.f("ix_review_claim_reviewer"), "review_claim", ["reviewer"])
    op.create_table(
        "transcript_correction",
        sa.Column("id", _ID, nullable=False),
        sa.Column("recording_id", _ID, nullable=False),
        sa.Column("engine", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("heard", "repaired", "corrected")),
        sa.Column("corrected_by", sa.String(length=64), nullable=False),
        sa.Column("corrected_at", UtcDateTime(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_transcript_correction_recording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transcript_correction")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_transcript_correction_idempotency_key")),
    )
    op.create_index(op.f("ix_transcript_correction_recording_id"), "transcript_correction", ["recording_id"])
