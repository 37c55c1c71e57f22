"""The units invited to a consultation, so that they can read the case while it lasts"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_", sa.Column("consulted", sa.String(400), nullable=False, server_default=""))
