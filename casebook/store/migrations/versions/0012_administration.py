"""Administration: accounts that can be disabled, whence sessions come, and the versions of the city's files"""

import sqlalchemy as sa
from alembic import op

from casebook.store.schema import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("user_", sa.Column("extension", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("user_", sa.Column("must_change", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("user_", sa.Column("disabled_at", UtcDateTime(), nullable=True))
    op.add_column("user_", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("web_session", sa.Column("opened_at", UtcDateTime(), nullable=True))
    op.add_column("web_session", sa.Column("address", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("web_session", sa.Column("browser", sa.String(length=200), nullable=False, server_default=""))
    op.create_table(
        "account_event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_event")),
    )
    op.create_table(
        "settings_version",
        sa.Column("id", _ID, nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings_version")),
        sa.UniqueConstraint("file", "n", name=op.f("uq_settings_version_file")),
    )
